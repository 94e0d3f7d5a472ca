"""A volume that is predicted in parts, by however many processes: the bytes of one unbroken run, or one line."""

import csv
import errno
import io
import json
import os
import threading
from dataclasses import replace
from math import pi
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
import zarr
from parted import OWN_THRESHOLDS, SIZE, SMALL, block_files, content, differences, share
from processes import ended, start, wait_until
from program import Program
from segmented import results
from torch import Tensor

from mitodata import DataError, RunError, WriteError
from mitodata.cluster.shard import Shard, ShardError
from mitodata.cluster.workers import ClusterError
from mitoseg.inference.model import Model
from mitoseg.inference.parts.division import Block
from mitoseg.inference.parts.job import NOTE, Job
from mitoseg.inference.parts.merging import merge_parts
from mitoseg.inference.parts.on_cluster import segment_on_cluster
from mitoseg.inference.parts.shards import predict_shard
from mitoseg.inference.parts.work import Work
from mitoseg.inference.segment import segment

pytestmark = pytest.mark.usefixtures("small_blocks")


def test_shards_make_the_bytes_of_one_run(
    model: Model, volume: Path, whole: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for shard in ("3/3", "1/3", "2/3"):
        parts = share(model, volume, tmp_path / "found", shard, axes="zy")
    assert len(block_files(parts)) > 6
    written = merge_parts(parts, 2**31)
    assert differences(content(tmp_path / "found"), whole) == []
    assert sorted(written) == results(tmp_path / "found"), "the parts are gone"
    assert "blocks predicted by " in caplog.text
    assert not segment(model, volume, tmp_path / "found", voxel_size_nm=SIZE, format="zarr", axes="zy")
    assert (
        predict_shard(model, volume, tmp_path / "found", Shard(1, 3), voxel_size_nm=SIZE, axes="zy", format="zarr")
        is None
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"axes": "z", "tta": 4},
        {"axes": "yz", "tta": 2},
        {"axes": "xz", "voxel_size_nm": (9.0, 5.0, 5.0), "invert": "on", "format": "h5"},
    ],
)
def test_shards_make_the_bytes_of_one_run_in_other_ways(
    options: dict[str, object], model: Model, volume: Path, tmp_path: Path
) -> None:
    segment(model, volume, tmp_path / "whole", **{"voxel_size_nm": SIZE, "format": "zarr", **options})
    merge_parts(share(model, volume, tmp_path / "found", **options))
    assert differences(content(tmp_path / "found"), content(tmp_path / "whole")) == []


@OWN_THRESHOLDS
def test_shards_drop_the_specks_that_one_run_drops(model: Model, volume: Path, tmp_path: Path) -> None:
    counts, smallest_nm = [], 0.0
    for _ in range(2):
        strict = replace(model, decoding=replace(model.decoding, smallest_nm=smallest_nm))
        whole, found = (tmp_path / f"{name} {smallest_nm:g}" for name in ("whole", "found"))
        segment(strict, volume, whole, voxel_size_nm=SIZE, format="zarr", axes="z")
        for shard in ("1/2", "2/2"):
            parts = share(strict, volume, found, shard, axes="z")
        merge_parts(parts)
        assert differences(content(found), content(whole)) == []
        table = list(csv.DictReader(io.StringIO(content(whole)["volume_objects.csv"].decode())))
        counts.append(len(table))
        smallest_nm = 1.01 * min(6 * float(row["volume_nm3"]) / pi for row in table) ** (1 / 3)
    assert counts == [2, 1]


@OWN_THRESHOLDS
def test_shards_and_their_merge_keep_the_precision(
    model: Model, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    full = replace(model, precision="full")
    segment(full, volume, tmp_path / "whole", voxel_size_nm=SIZE, format="zarr", axes="z")
    parts = share(full, volume, tmp_path / "found", "1/2", axes="z")
    assert Job.read(parts).open_model().precision == "full"
    with pytest.raises(DataError, match="precision"):
        share(model, volume, tmp_path / "found", "2/2", axes="z")
    share(full, volume, tmp_path / "found", "2/2", axes="z")
    merge_parts(parts)
    assert differences(content(tmp_path / "found"), content(tmp_path / "whole")) == []


@OWN_THRESHOLDS
def test_deep_grey_levels_are_measured_once_for_all(
    model: Model, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = np.asarray(zarr.open_array(volume, mode="r")[:]).astype(np.uint16) * 100 + 7
    deep = tmp_path / "deep.zarr"
    zarr.create_array(deep, shape=raw.shape, chunks=(4, 32, 32), dtype=raw.dtype, dimension_names="zyx")[:] = raw
    segment(model, deep, tmp_path / "whole", voxel_size_nm=SIZE, format="zarr", axes="z")
    share(model, deep, tmp_path / "found", "1/2")
    monkeypatch.setattr("mitodata.readers.inputs.source_levels", None)
    merge_parts(share(model, deep, tmp_path / "found", "2/2"))
    assert differences(content(tmp_path / "found"), content(tmp_path / "whole")) == []


@OWN_THRESHOLDS
def test_a_share_that_is_stopped_goes_on(
    model: Model, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, left = Work.predict, iter(range(2))

    def stop(work: Work, block: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        predict(work, block)

    monkeypatch.setattr(Work, "predict", stop)
    with pytest.raises(KeyboardInterrupt, match=r"^stopped; 2 of \d+ blocks are kept in .*\.parts; the same command"):
        share(model, volume, tmp_path)
    monkeypatch.undo()
    for name, value in SMALL.items():
        monkeypatch.setattr(name, value)
    first = {path: path.stat().st_mtime_ns for path in block_files(tmp_path / "volume.parts")}
    assert len(first) == 2
    parts = share(model, volume, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert len(block_files(parts)) > 2


@OWN_THRESHOLDS
def test_a_share_works_with_one_thread(
    model: Model, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another number of threads would round differently."""
    predict_windows, threads = Model.predict_windows, set[int]()

    def spy(model: Model, windows: Tensor) -> Tensor:
        threads.add(torch.get_num_threads())
        return predict_windows(model, windows)

    monkeypatch.setattr(Model, "predict_windows", spy)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        share(model, volume, tmp_path, "1/5")
        assert threads == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@OWN_THRESHOLDS
def test_missing_and_damaged_blocks_are_named(model: Model, volume: Path, tmp_path: Path) -> None:
    share(model, volume, tmp_path, "1/3")
    parts = share(model, volume, tmp_path, "3/3")
    with pytest.raises(DataError, match=r"\d+ of \d+ blocks are missing; run --shard 2/3, or wait for"):
        merge_parts(parts)
    share(model, volume, tmp_path, "2/3")
    damaged = block_files(parts)[1]
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"c/0/.*: is missing, or was damaged and is removed; predict it again$"):
        merge_parts(parts)
    assert results(tmp_path) == [parts]
    with pytest.raises(DataError, match=r"1 of \d+ blocks are missing"):
        merge_parts(parts)


@OWN_THRESHOLDS
def test_parts_of_another_model_setting_or_version_are_refused(
    model: Model, volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = share(model, volume, tmp_path, "1/2")
    for changes, problem in (
        ({"tta": 4}, "tta auto, now 4"),
        ({"format": "tiff"}, "format zarr, now tiff"),
        ({"voxel_size_nm": (16.0, 16.0, 16.0)}, "voxel_size_nm "),
    ):
        with pytest.raises(DataError, match=rf"holds parts of other settings \({problem}.*same options") as caught:
            share(model, volume, tmp_path, "2/2", **changes)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"other settings \(threshold "):
        share(model.with_decoding(0.123), volume, tmp_path, "2/2")
    note = json.loads((parts / NOTE).read_text())
    (parts / NOTE).write_text(json.dumps({**note, "versions": {**note["versions"], "numpy": "1.0"}}))
    with pytest.raises(DataError, match=r"begun with numpy 1\.0 instead of"):
        merge_parts(parts)
    with pytest.raises(DataError, match=r"begun with numpy 1\.0 instead of"):
        share(model, volume, tmp_path, "2/2")
    note["agreed"]["model"] = "0" * 16
    (parts / NOTE).write_text(json.dumps(note))
    with pytest.raises(RunError, match=r"is model .*; expected 0000"):
        merge_parts(parts)
    assert share(model, volume, tmp_path, "2/2", overwrite=True) == parts
    assert len(block_files(parts)) >= 1


@OWN_THRESHOLDS
def test_what_is_no_volume_is_refused(model: Model, volume: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="at most as many shards as blocks"):
        share(model, volume, tmp_path / "a", "1/99")
    with pytest.raises(RunError, match="--as-2d"):
        share(model, volume, tmp_path / "b", as_2d=True)
    with pytest.raises(DataError, match="2 images; expected one volume"):
        predict_shard(model, [volume, volume.parent / "volume.zarr"], tmp_path / "c", Shard(1, 1))
    with pytest.raises(DataError, match="is not a folder of parts"):
        merge_parts(tmp_path)
    with pytest.raises(RunError, match="does not suffice: the program and one block take"):
        share(model, volume, tmp_path / "d", memory=2**20)
    assert not any((tmp_path / name).exists() for name in "abcd"), "a call that is mended is not refused"


@OWN_THRESHOLDS
def test_a_volume_that_changed_is_refused(model: Model, volume: Path, tmp_path: Path) -> None:
    parts = share(model, volume, tmp_path)
    note = json.loads((parts / NOTE).read_text())
    note["agreed"]["image"]["modified_ns"] -= 1
    (parts / NOTE).write_text(json.dumps(note))
    with pytest.raises(DataError, match="changed since"):
        merge_parts(parts)


@OWN_THRESHOLDS
def test_a_volume_whose_pixels_changed_is_refused(model: Model, volume: Path, tmp_path: Path) -> None:
    mine = copytree(volume, tmp_path / "volume.zarr")
    parts = share(model, mine, tmp_path / "found", "1/2")
    (tmp_path / "mount").symlink_to(tmp_path, target_is_directory=True)
    assert share(model, tmp_path / "mount" / "volume.zarr", tmp_path / "found", "2/2") == parts, "another path"
    zarr.open_array(mine)[0] = 0
    with pytest.raises(DataError, match=r"holds parts of another image, or of volume\.zarr before it was changed; "):
        share(model, mine, tmp_path / "found", "2/2")
    with pytest.raises(DataError, match="changed since"):
        merge_parts(parts)


@pytest.mark.slow
def test_a_cluster_makes_the_bytes_of_one_run(
    model: Model, volume: Path, whole: dict[str, bytes], address: str, tmp_path: Path
) -> None:
    share(model, volume, tmp_path, "1/5", axes="zy")  # what others did before is not done again
    written = segment_on_cluster(
        model,
        volume,
        tmp_path,
        address,
        voxel_size_nm=SIZE,
        format="zarr",
        axes="zy",
        outputs="mask,probability,instances,overlay",
    )
    assert differences(content(tmp_path), whole) == []
    assert sorted(written) == results(tmp_path)


@OWN_THRESHOLDS
def test_a_worker_that_fails_says_where(
    model: Model, volume: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Work, "predict", fail)
    with pytest.raises(
        ClusterError, match=r"^worker .* No space left on device; 0 of \d+ blocks are kept in "
    ) as caught:
        segment_on_cluster(model, volume, tmp_path, address, voxel_size_nm=SIZE, axes="z")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["one threshold"], indirect=True)  # as the command below sets it
def test_processes_that_are_killed_and_started_again_make_the_bytes_of_one_run(
    run: Path, volume: Path, whole: dict[str, bytes], tmp_path: Path, mitoseg: Program
) -> None:
    found, parts = tmp_path / "found", tmp_path / "found" / "volume.parts"
    call = ["predict", str(volume), "--model", str(run), "-o", str(found), "--voxel-size", "8", "8", "8"]
    call += ["--format", "zarr", "--axes", "zy", "--threshold", "0.25", "--peak", "0", "--shard"]
    first, second = (start([*call, f"{n}/2"], tmp_path / f"{n}", constants=SMALL) for n in (1, 2))
    wait_until(lambda: len(block_files(parts)) > 1)
    first.kill()
    assert ended(second) == 0
    first.join()
    assert "blocks are missing; run --shard 1/2, or wait" in mitoseg.fails("merge", parts)
    assert ended(start([*call, "1/2"], tmp_path / "1", constants=SMALL)) == 0
    assert f"when all are done: mitoseg merge {parts}\n" in (tmp_path / "1" / "stdout.txt").read_text()
    assert mitoseg("merge", parts)[0] == 0
    assert differences(content(found), whole) == []


@pytest.mark.slow
def test_two_jobs_of_one_share_and_clocks_that_differ_change_no_byte(
    model: Model, volume: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second job of a share begins while the first one is at its second block, and overtakes it."""
    predict, calls = Work.predict, []

    def predict_twice(work: Work, block: Block) -> None:
        calls.append(block.number)
        if len(calls) == 2:
            share(model, volume, tmp_path, "1/2", axes="zy")
        predict(work, block)

    monkeypatch.setattr(Work, "predict", predict_twice)
    parts = share(model, volume, tmp_path, "1/2", axes="zy")
    assert calls.count(1) == 2
    for number, path in enumerate(sorted(each for each in parts.rglob("*") if each.is_file())):
        os.utime(path, (0, 0) if number % 2 else (4e9, 4e9))  # written by machines of 1970 and of 2096
    assert share(model, volume, tmp_path, "2/2", axes="zy") == parts
    merge_parts(parts)
    assert differences(content(tmp_path), whole) == []


@pytest.mark.slow
def test_blocks_that_are_seen_late_change_no_byte(
    model: Model, volume: Path, whole: dict[str, bytes], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS shows on one machine late what another one has renamed."""
    replace = Path.replace

    def replace_late(self: Path, target: Path) -> Path:
        if "volume.parts" not in target.parts or threading.current_thread() is threading.main_thread():
            return replace(self, target)
        hidden = replace(self, target.with_name(f".{target.name}.unseen"))
        threading.Timer(0.1, replace, [hidden, target]).start()
        return target

    monkeypatch.setattr(Path, "replace", replace_late)
    segment_on_cluster(model, volume, tmp_path, address, voxel_size_nm=SIZE, format="zarr", axes="zy")
    monkeypatch.setattr(Path, "replace", replace)
    assert differences(content(tmp_path), whole) == []


@OWN_THRESHOLDS
def test_a_full_disk_is_one_line_and_the_same_share_goes_on(
    model: Model, volume: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, sync = iter(range(5)), os.fsync  # for the note, the grey scale, the sections and what describes the arrays

    def sync_until_full(handle: int) -> None:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", sync_until_full)
    for _ in range(3):
        with pytest.raises(WriteError, match=r"cannot be written: No space left on device(; \d+ of \d+ blocks)?"):
            share(model, volume, tmp_path, axes="zy")
        room = iter(range(3))
    left = [path for path in (tmp_path / "volume.parts").rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.endswith(".partial")]
    monkeypatch.setattr(os, "fsync", sync)
    merge_parts(share(model, volume, tmp_path, axes="zy"))
    assert differences(content(tmp_path), whole) == []


def test_shard_and_scheduler_are_one_of_them(mitoseg: Program, volume: Path, tmp_path: Path) -> None:
    for text in ("0/3", "4/3", "x"):
        assert "expected I/N" in mitoseg.fails("predict", volume, "-o", tmp_path / "a", "--shard", text)
    error = mitoseg.fails("predict", volume, "-o", tmp_path / "a", "--shard", "1/2", "--scheduler", "tcp://a:1")
    assert "expected one of them" in error
    assert "is not a folder of parts" in mitoseg.fails("merge", tmp_path)
