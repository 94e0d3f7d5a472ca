"""A Dask cluster renders the bytes that this machine renders, and what is wrong with one is said in a line."""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mitodata.cluster import workers as cluster
from mitodata.cluster.event_log import event_log
from mitodata.cluster.shard import Shard
from mitodata.cluster.versions import CODE, difference
from mitodata.cluster.workers import ClusterError, ClusterWorkers, wait_for
from mitodata.hdf5.dataset import Dataset
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.batches import NOTE
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job, RenderError
from mitogen.rendering.versions import versions

distributed = pytest.importorskip("distributed", reason="Dask is optional")

STANDIN = Path(__file__).parents[1] / "standin"
SHAPE = (1, 256, 256)  # 8 images a batch
N = 20


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(STANDIN)
    import standin

    return standin


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster in this process, with as little as makes one."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address


def render(path: Path, workers: int | str, standin: ModuleType, renderer: str = "quick") -> Path:
    job = Job(Recipe(), 3, SHAPE, renderer=getattr(standin, renderer))
    render_dataset(job, path, N, workers, progress=False)
    return path


@pytest.mark.usefixtures("no_processes")
def test_a_cluster_renders_the_same_bytes(
    tmp_path: Path, address: str, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # workers have a working folder of their own
    here, there = render(Path("here.h5"), 1, standin), render(Path("there.h5"), address, standin)
    assert there.read_bytes() == here.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.h5", "there.h5"]
    render_dataset(Job(Recipe(), 3, SHAPE, renderer=standin.quick), Path("s.h5"), N, address, shard=Shard(2, 2))
    with Dataset("s.h5") as shard, Dataset("here.h5") as whole:
        assert [sample.raw.tobytes() for sample in shard] == [whole[number].raw.tobytes() for number in range(10, N)]


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_log_says_who_rendered_what_and_changes_no_byte(
    elsewhere: bool, tmp_path: Path, address: str, standin: ModuleType
) -> None:
    workers = address if elsewhere else 1
    with event_log(str(tmp_path / "log.jsonl"), "render"):
        logged = render(tmp_path / "a.h5", workers, standin)
    assert logged.read_bytes() == render(tmp_path / "b.h5", workers, standin).read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    batches = [line for line in lines if line["event"] == "batch"]
    assert [line["images"] for line in batches] == ["0:8", "8:16", "16:20"]
    assert {line["by"]["host"] for line in batches} == {socket.gethostname()}
    assert {line["by"]["pid"] for line in batches} == {os.getpid()}  # of a cluster within this process
    progress = [line for line in lines if line["event"] == "progress"]
    assert [progress[place]["done"] for place in (0, -1)] == [0, N]


def test_a_failing_image_is_named(tmp_path: Path, address: str, standin: ModuleType) -> None:
    with pytest.raises(RenderError, match=r"^image 5: ValueError: no room for a nucleus; to make it again alone"):
        render(tmp_path / "a.h5", address, standin, "failing")


def test_a_worker_of_another_version_is_refused_by_name(
    tmp_path: Path, address: str, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{"mitogen-em": "0.0.1", CODE: "0"}, versions()]  # what is expected; what the worker has
    with (
        ClusterWorkers(1, address, iter(said).__next__) as workers,
        pytest.raises(ClusterError, match=r"^worker inproc://.* on .* has mitogen-em .* instead of 0\.0\.1") as got,
    ):
        workers.submit(max, 2).result()
    assert "\n" not in str(got.value)


def test_a_worker_without_the_folder_says_so(
    tmp_path: Path, address: str, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "VISIBLE_S", 0.1)
    monkeypatch.setattr("mitogen.rendering.parallel.NOTE", "elsewhere.json")
    with pytest.raises(ClusterError, match=r"^worker .*elsewhere\.json: not seen on .* 0 of 20 images are kept"):
        render(tmp_path / "a.h5", address, standin)


def test_a_file_that_is_seen_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = tmp_path / NOTE
    threading.Timer(0.1, late.touch).start()
    wait_for(late)
    monkeypatch.setattr(cluster, "VISIBLE_S", 0.05)
    with pytest.raises(ClusterError, match="expected the same folder under the same path on every machine"):
        wait_for(tmp_path / "never")


def test_a_cluster_without_workers_says_that_it_waits(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "_SILENT_S", 0.01)
    with ClusterWorkers(1, address, versions) as workers:
        monkeypatch.setattr(workers._client, "nthreads", dict)
        later: Future[int] = Future()
        threading.Timer(0.1, later.set_result, [7]).start()
        assert workers.result(later) == 7
    assert f"{address}: has no workers; waiting for some\n" in capsys.readouterr().err


def test_a_worker_that_falls_silent_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a clock of ours: that of the scheduler is years behind."""
    monkeypatch.setattr(cluster, "_SILENT_S", 0.01)
    monkeypatch.setattr(cluster, "_DEAF_S", 0.05)
    ticks = count(0.0)
    with ClusterWorkers(1, address, versions) as workers:

        def info() -> dict[str, dict[str, dict[str, float]]]:
            return {"workers": {"tcp://a:1": {"last_seen": 7.0}, "tcp://b:2": {"last_seen": next(ticks)}}}

        monkeypatch.setattr(workers._client, "scheduler_info", info)
        later: Future[int] = Future()
        threading.Timer(0.3, later.set_result, [7]).start()
        assert workers.result(later) == 7
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{address}: worker tcp://a:1 has given no sign of life for ")
    assert not [line for line in said if "tcp://b:2" in line]


def rename_late(monkeypatch: pytest.MonkeyPatch, late: Callable[[Path], bool]) -> None:
    """Let the new name of some files appear a while after they were renamed, as NFS does on other machines."""
    replace = Path.replace

    def replace_late(self: Path, target: Path) -> Path:
        if not late(target):
            return replace(self, target)
        hidden = replace(self, target.with_name(f".{target.name}.unseen"))
        threading.Timer(0.2, replace, [hidden, target]).start()
        return target

    monkeypatch.setattr(Path, "replace", replace_late)


@pytest.mark.usefixtures("no_processes")
def test_batches_that_are_seen_late_change_no_byte(
    tmp_path: Path, address: str, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = render(tmp_path / "whole.h5", 1, standin).read_bytes()
    rename_late(monkeypatch, lambda target: target.parent.name == "a.h5.parts" and target.suffix == ".h5")
    assert render(tmp_path / "a.h5", address, standin).read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "whole.h5"]


@pytest.mark.usefixtures("no_processes")
def test_a_full_disk_on_a_worker_is_one_line_and_the_same_call_goes_on(
    tmp_path: Path, address: str, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = render(tmp_path / "whole.h5", 1, standin).read_bytes()
    room, sync = iter(range(1)), os.fsync

    def sync_until_full(handle: int) -> None:
        if threading.current_thread() is not threading.main_thread() and next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", sync_until_full)
    with pytest.raises(ClusterError, match=r"^worker .* on .*: No space left on device; .* images are kept in") as got:
        render(tmp_path / "a.h5", address, standin)
    assert "\n" not in str(got.value)
    assert not (tmp_path / "a.h5").exists()
    for half in (tmp_path / "a.h5.parts").glob("[0-9]*.h5"):
        with Dataset(half) as batch:
            assert len(batch) in (4, 8)
    monkeypatch.setattr(os, "fsync", sync)
    assert render(tmp_path / "a.h5", address, standin).read_bytes() == whole


def test_a_cluster_that_does_not_answer(tmp_path: Path, standin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.2)
    with pytest.raises(ClusterError, match=r"--scheduler tcp://127\.0\.0\.1:1: no answer; expected the address"):
        render(tmp_path / "a.h5", "tcp://127.0.0.1:1", standin)


def test_a_scheduler_that_goes_away_is_one_line(
    tmp_path: Path, standin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_SILENT_S", 0.1)
    monkeypatch.setattr(cluster, "_ANSWER_S", 1.0)
    parts = tmp_path / "a.h5.parts"
    local = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
    )

    def close_soon() -> None:
        while not list(parts.glob("[0-9]*.h5")):
            time.sleep(0.01)
        local.close()

    closing = threading.Thread(target=close_soon, daemon=True)
    closing.start()
    with pytest.raises(ClusterError, match=r"the scheduler is gone, .* of 20 images are kept in .*continues$") as got:
        render(tmp_path / "a.h5", local.scheduler_address, standin, "slow")
    closing.join()
    assert "\n" not in str(got.value)


def test_what_goes_wrong_with_a_cluster_is_one_line(address: str) -> None:
    with ClusterWorkers(None, address, versions) as workers:
        for error, said in (
            (distributed.scheduler.KilledWorker("a", None, 3), "killed again and again at the same work"),
            (CancelledError(), "the scheduler is gone"),
            (distributed.comm.CommClosedError("in <TCP>"), "the scheduler is gone"),
            (
                ModuleNotFoundError("No module named 'mitogen'"),
                r"cannot run this program \(ModuleNotFoundError: No mod",
            ),
            (RuntimeError("Error during deserialization of the task graph. This"), "same version of mitogen-em"),
        ):
            with pytest.raises(ClusterError, match=said):
                raise workers._explained(error)
        ours = RuntimeError("out of memory")
        assert workers._explained(ours) is ours


def test_a_call_that_fails_while_its_result_is_fetched_ends(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker is gone before the result is here, and so are all that do the work again."""

    async def gone(*args: Any, **kwargs: Any) -> None:
        raise distributed.scheduler.KilledWorker("a", None, 3)

    with ClusterWorkers(1, address, versions) as workers:
        monkeypatch.setattr(workers._client, "_gather", gone)
        with pytest.raises(ClusterError, match="killed again and again at the same work"):
            workers.submit(max, 2).result(timeout=20)


def test_machines_differ_in_the_first_package_that_differs() -> None:
    ours = versions()
    assert not difference(ours, ours)
    assert difference({**ours, "numpy": "1.0"}, ours) == f"numpy 1.0 instead of {ours['numpy']}"
    assert difference({**ours, CODE: "0"}, ours) == f"mitogen-em (code) 0 instead of {ours[CODE]}"
    assert difference({}, ours) == f"mitogen-em none instead of {ours['mitogen-em']}"


@pytest.mark.slow
@pytest.mark.usefixtures("no_processes")
def test_killed_workers_cost_nothing_but_time(tmp_path: Path, standin: ModuleType) -> None:
    whole = render(tmp_path / "whole.h5", 1, standin).read_bytes()
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as local:
        rendering = threading.Thread(
            target=render, args=(tmp_path / "a.h5", local.scheduler_address, standin, "slow"), daemon=True
        )
        rendering.start()
        killed = 0
        while rendering.is_alive() and killed < 2:
            time.sleep(0.3)
            pids = [nanny.pid for nanny in local.workers.values() if nanny.pid]
            if pids:
                os.kill(pids[killed % len(pids)], 9)
                killed += 1
        rendering.join(120)
    assert killed == 2
    assert (tmp_path / "a.h5").read_bytes() == whole
