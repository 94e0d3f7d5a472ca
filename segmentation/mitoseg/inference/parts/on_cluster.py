"""A volume that the workers of a Dask cluster predict; this process shares the blocks out, and puts them together."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TypeVar, Unpack

from mitodata.cluster.progress import Progress
from mitodata.cluster.workers import ClusterError, ClusterWorkers, here, wait_for
from mitodata.errors import MitoError
from mitoseg.config.files import Paths
from mitoseg.inference.model import Model, open_model
from mitoseg.inference.parts.division import Block
from mitoseg.inference.parts.job import NOTE, Job, versions
from mitoseg.inference.parts.merging import do_stage, do_task, finish
from mitoseg.inference.parts.shards import begin
from mitoseg.inference.parts.stages import Stage, mended
from mitoseg.inference.parts.tasks import Merge
from mitoseg.inference.parts.work import Work, kept
from mitoseg.inference.segment import made
from mitoseg.inference.segment_image import SegmentKeywords, make_options

T = TypeVar("T")

_AHEAD = 4
"""Calls a worker that are submitted ahead: nobody waits for a slow block, and the queue stays small."""

_opening = threading.Lock()


def segment_on_cluster(
    model: Model | Path | str | None,
    paths: Paths,
    folder: Path | str,
    address: str,
    report: Callable[[Path], None] = lambda _: None,
    **keywords: Unpack[SegmentKeywords],
) -> list[Path]:
    """Segment a volume with the workers of a Dask cluster: what `mitoseg.segment` does, byte for byte.

    Workers need the same program, and see the volume, the model and the folder under the same paths. A call that was
    stopped goes on.

    Args:
        model: as of `mitoseg.segment`.
        paths: one volume.
        folder: where the results go.
        address: of the scheduler, such as "tcp://node7:8786".
        report: is told of each file that is written.
        keywords: see `SegmentKeywords`.

    Returns:
        Paths of the results that were written now.

    Raises:
        ClusterError: there is no such cluster, it is gone, or its workers cannot do the work.
        DataError, RunError: as `mitoseg.inference.parts.shards.predict_shard`.
        KeyboardInterrupt: stopped; its message says what is kept.
    """
    options, model, folder = make_options(**keywords), open_model(model), Path(folder)
    with made(folder):
        job = begin(model, paths, folder, options)
        if job is None:
            return []
        work = Work(job, model)
        key = sha256(json.dumps(job.agreed).encode()).hexdigest()
        with kept(work), ClusterWorkers((str(job.folder), key), address, versions) as workers:
            for _ in _share_out(workers, _measure, work.missing_ranges(), work.facts_path):
                pass
            missing = work.missing_blocks()
            done = len(work.blocks) - len(missing)
            with Progress("block", len(work.blocks), done, verb="predicted") as bar:
                for _ in _share_out(workers, _predict, missing, work.path):
                    bar.advance(1)

            def run(stage: Stage) -> Iterator[int]:
                if stage.alone:
                    return do_stage(work, stage)
                tasks = ((stage.folder.name, number) for number in stage.missing())
                return (number for _, number in _share_out(workers, _merge, tasks, lambda task: stage.path(task[1])))

            return finish(work, model, options.memory, overwrite=options.overwrite, report=report, run=run)


_Task = tuple[str, str]
"""Folder of the parts, and a hash of what was agreed."""


def _share_out(
    workers: ClusterWorkers[_Task], call: Callable[[_Task, T], None], things: Iterable[T], path: Callable[[T], Path]
) -> Iterator[T]:
    """Let workers do something with each of many things; give each when its file is seen here."""
    rest = iter(things)
    ahead: deque[tuple[T, Future[None]]] = deque()
    while True:
        for thing in islice(rest, max(0, _AHEAD * workers.count - len(ahead))):
            ahead.append((thing, workers.submit(call, thing)))
        if not ahead:
            return
        thing, future = ahead.popleft()
        workers.result(future)
        wait_for(path(thing))
        yield thing


def _measure(task: _Task, places: range) -> None:
    try:
        _opened(task).measure(places)
    except (MitoError, OSError) as error:
        raise ClusterError(f"{here()}: {error}") from error


def _predict(task: _Task, block: Block) -> None:
    try:
        work = _opened(task)
        for places in work.ranges:
            wait_for(work.facts_path(places))
        work.predict(block)
    except (MitoError, OSError) as error:
        raise ClusterError(f"{here()}: {error}") from error


def _merge(task: _Task, which: tuple[str, int]) -> None:
    name, number = which
    try:
        work, merge = _opened(task), _opened_merge(task)
        with mended(merge.stages):
            do_task(work, next(stage for stage in merge.stages if stage.folder.name == name), number)
    except (MitoError, OSError) as error:
        raise ClusterError(f"{here()}: {error}") from error


def _opened_merge(task: _Task) -> Merge:
    """What is left to do of a volume that is predicted, planned once in a process."""
    with _opening:
        return _plan(*task)


def _opened(task: _Task) -> Work:
    """The work of a task, opened once in a process."""
    with _opening:
        return _open(*task)


@lru_cache(maxsize=1)
def _open(folder: str, key: str) -> Work:
    wait_for(Path(folder) / NOTE)
    job = Job.read(Path(folder))
    return Work(job, job.open_model())


@lru_cache(maxsize=1)
def _plan(folder: str, key: str) -> Merge:
    return Merge(_open(folder, key))
