"""A predicted volume that is merged by however many processes: the bytes of one unbroken run, or one line."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from parted import OWN_THRESHOLDS, SIZE, SMALL, content, differences, share
from segmented import results

from mitodata import DataError, RunError, WriteError
from mitodata.export.regions import RegionWriter
from mitoseg.inference.model import Model
from mitoseg.inference.parts import merging, on_cluster
from mitoseg.inference.parts.job import Job
from mitoseg.inference.parts.merging import merge_parts
from mitoseg.inference.parts.on_cluster import segment_on_cluster
from mitoseg.inference.parts.stages import Stage
from mitoseg.inference.parts.work import Work
from mitoseg.inference.segment import segment
from mitoseg.io.journal import JOURNAL

pytestmark = pytest.mark.usefixtures("small_blocks")

FINE = {  # small chunks: a tiny volume has levels, and is written in regions
    "mitodata.export.multiscales.CHUNK": (4, 8, 16),
    "mitodata.export.multiscales.PIECE": (4, 4, 8),
    "mitodata.export.regions.CHUNK": (4, 8, 16),
    "mitodata.export.regions.PIECE": (4, 4, 8),
    "mitodata.export.regions.READ": (16, 16, 32),
    "mitodata.export.regions.REGION": (16, 32, 64),
}


@pytest.fixture(scope="module")
def predicted(model: Model, volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the volume, all of them there."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(name, value)
        return share(model, volume, tmp_path_factory.mktemp("predicted"), axes="zy")


@pytest.fixture
def parts(predicted: Path, tmp_path: Path) -> Path:
    """A copy of the parts."""
    return Path(shutil.copytree(predicted, tmp_path / predicted.name))


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@OWN_THRESHOLDS
def test_two_processes_share_the_work(
    parts: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    both, do, workers = threading.Barrier(2), merging.do_task, set[int]()

    def do_and_tell(work: Work, stage: Stage, number: int) -> None:
        if threading.get_ident() not in workers:
            workers.add(threading.get_ident())
            both.wait(60)
        do(work, stage, number)

    monkeypatch.setattr(merging, "do_task", do_and_tell)
    with ThreadPoolExecutor(2) as pool:
        written = [file for files in pool.map(merge_parts, [parts, parts]) for file in files]
    assert len(workers) == 2
    assert sorted(written) == results(tmp_path)
    assert differences(content(tmp_path), whole) == []
    assert caplog.text.count("another process has written the results") == 1


@OWN_THRESHOLDS
def test_a_process_that_is_late_while_another_writes_ends_well(
    parts: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    late, writing, failed = threading.Event(), threading.Event(), threading.Event()
    do, put, first = merging.do_task, merging.put_in_place, threading.get_ident()

    def do_or_fail(work: Work, stage: Stage, number: int) -> None:
        if threading.get_ident() == first:
            do(work, stage, number)
            return
        late.set()
        assert writing.wait(60)
        failed.set()
        raise WriteError("a chunk: cannot be written: No such file or directory")

    def put_slowly(made: Path, path: Path) -> None:
        writing.set()
        assert failed.wait(60)
        put(made, path)

    monkeypatch.setattr(merging, "do_task", do_or_fail)
    monkeypatch.setattr(merging, "put_in_place", put_slowly)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(merge_parts, parts)
        assert late.wait(60)
        written = merge_parts(parts)
        assert other.result() == []
    assert sorted(written) == results(tmp_path)
    assert differences(content(tmp_path), whole) == []
    assert "another process has written the results" in caplog.text


@OWN_THRESHOLDS
def test_a_process_that_is_overtaken_ends_well(
    parts: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do, calls, job = merging.do_task, list[int](), Job.read(parts)

    def do_last(work: Work, stage: Stage, number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            assert merge_parts(parts)
        do(work, stage, number)

    monkeypatch.setattr(merging, "do_task", do_last)
    assert merge_parts(parts) == []
    assert differences(content(tmp_path), whole) == []
    assert all(path.name[0] != "." for path in tmp_path.iterdir()), "nothing was left"
    assert merge_parts(parts) == [], "nothing is left to do"
    with pytest.raises(RunError, match="is gone; another process is through with it"), job.locked():
        raise AssertionError
    assert not parts.exists(), "a lock makes no folder of parts"
    with pytest.raises(DataError, match="is not a folder of parts"):
        merge_parts(tmp_path / "other.parts")


def test_results_of_another_volume_whose_name_begins_alike_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "cell_2_mask.tif").write_bytes(b"")
    (tmp_path / JOURNAL).write_text(json.dumps({"file": "cell_2_mask.tif"}) + "\n")
    assert merge_parts(tmp_path / "cell_2.parts") == []
    with pytest.raises(DataError, match=r"cell\.parts: is not a folder of parts"):
        merge_parts(tmp_path / "cell.parts")


@OWN_THRESHOLDS
@pytest.mark.parametrize(
    ("owner", "name"), [(RegionWriter, "_put_part"), (merging, "table_text"), (merging, "_remove")]
)
def test_a_merge_that_is_stopped_goes_on(
    owner: object, name: str, parts: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            merge_parts(parts)
    found = content(tmp_path)
    finals = [path.name for path in results(tmp_path) if path != parts]
    assert (name == "_put_part") == (not finals)
    own = {file: found[file] for file in found if file.partition("/")[0] in finals}
    assert all(whole[file] == held for file, held in own.items()), "what has a name is whole"
    done, do = list[str](), merging.do_task

    def tell(work: Work, stage: Stage, number: int) -> None:
        done.append(stage.folder.name)
        do(work, stage, number)

    monkeypatch.setattr(merging, "do_task", tell)
    merge_parts(parts)
    assert set(done) == ({"level-0"} if name == "_put_part" else set()), "what was done is not done again"
    assert differences(content(tmp_path), whole) == []


@OWN_THRESHOLDS
@pytest.mark.parametrize("which", ["measures/0/000.npz", "numbers/0/004.npz", "pieces.zarr/c/0/1/0/0"])
def test_what_is_damaged_on_the_way_is_removed_and_made_again(
    which: str, parts: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(merging, "_place", interrupt)
        with pytest.raises(KeyboardInterrupt):
            merge_parts(parts)
    damaged = parts / "merge" / which
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"damaged,? and (is|was) removed; the same command continues") as caught:
        merge_parts(parts)
    assert "\n" not in str(caught.value)
    merge_parts(parts)
    assert differences(content(tmp_path), whole) == []


@OWN_THRESHOLDS
def test_levels_are_written_region_by_region(
    model: Model, volume: Path, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in FINE.items():
        monkeypatch.setattr(name, value)
    segment(model, volume, tmp_path / "whole", voxel_size_nm=SIZE, format="zarr", axes="zy")
    shutil.rmtree(parts.parent / "found", ignore_errors=True)
    found = Path(shutil.copytree(parts, tmp_path / "found" / parts.name)).parent
    merge_parts(found / parts.name)
    assert any("/labels/instances/3/" in name for name in content(found))
    assert differences(content(found), content(tmp_path / "whole")) == []


def test_workers_of_a_cluster_merge(
    model: Model,
    volume: Path,
    parts: Path,
    whole: dict[str, bytes],
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    do, stages = on_cluster.do_task, set[str]()

    def tell(work: Work, stage: Stage, number: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        stages.add(stage.folder.name)
        do(work, stage, number)

    monkeypatch.setattr(on_cluster, "do_task", tell)
    segment_on_cluster(model, volume, parts.parent, address, voxel_size_nm=SIZE, format="zarr", axes="zy")
    levels = {"levels"} if model.decoding.own_threshold else set()
    assert stages == {"pieces", "links", "measures", "level-0"} | levels
    assert differences(content(tmp_path), whole) == []


@OWN_THRESHOLDS
def test_a_merge_that_has_too_little_memory_says_so(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^memory 100M does not suffice: the program and one task of the merge take"):
        merge_parts(parts, "100M")
    assert results(tmp_path) == [parts]


@OWN_THRESHOLDS
def test_outlines_are_moved_by_one_process(model: Model, volume: Path, tmp_path: Path) -> None:
    moved = model.with_decoding(0.25, 0.0, 16.0)
    segment(moved, volume, tmp_path / "whole", voxel_size_nm=SIZE, axes="z", outputs="mask,instances")
    merge_parts(share(moved, volume, tmp_path / "found", axes="z", outputs="mask,instances", format="tiff"))
    assert differences(content(tmp_path / "found"), content(tmp_path / "whole")) == []
