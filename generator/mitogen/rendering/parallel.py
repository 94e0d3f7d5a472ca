"""Batches of a dataset, rendered by worker processes here or by those of a cluster, and read back in order.

Only a few batches are rendered ahead of the one that is read, so memory and the queue stay small. A worker writes a
batch under a name of its own and renames it when it is whole; `mitogen.rendering.batches` says where batches lie.
"""

import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from secrets import token_hex

from mitodata.cluster.event_log import emit
from mitodata.cluster.progress import Progress
from mitodata.cluster.versions import machine
from mitodata.cluster.workers import ClusterError, ClusterWorkers, here, wait_for
from mitodata.errors import DataError
from mitodata.hdf5.dataset import write_dataset
from mitodata.sample import Sample
from mitogen.rendering.batches import NOTE, Batches
from mitogen.rendering.job import Job, spell
from mitogen.rendering.process_pool import Workers, go_on
from mitogen.rendering.versions import versions

# Enough that nobody waits for a slow batch, few enough that memory and the queue stay small.
_BATCHES_AHEAD = 4


def render_in_order(job: Job, batches: Batches, workers: int | str, bar: Progress) -> Generator[Sample, None, None]:
    """Yield every image in order, while workers render the missing batches, only a few ahead of it.

    Args:
        job: what to render.
        batches: where its batches lie; those that are there are not rendered again.
        workers: as of `mitogen.rendering.dataset.render_dataset`.
        bar: advances when a batch is there.

    Raises:
        RenderError: an image failed.
        BrokenProcessPool: a worker was killed.
        ClusterError: there is no such cluster, it is gone, or it runs another version.
        DataError: a batch cannot be written or read.
    """
    missing = batches.missing()
    ahead: dict[range, Future[Made]] = {}
    with _pool(job, workers) as pool:
        elsewhere = isinstance(pool, ClusterWorkers)
        render_batch = _render_batch_elsewhere if elsewhere else _render_batch
        for places in batches.ranges():
            for later in islice(missing, _BATCHES_AHEAD * pool.count - len(ahead)):
                ahead[later] = pool.submit(render_batch, batches.path(later).absolute(), batches.at(later))
            if places in ahead:
                made = pool.result(ahead.pop(places))
                if elsewhere:
                    wait_for(batches.path(places))
                emit("batch", images=spell(batches.at(places)), by=asdict(made))
                bar.advance(len(places))
            yield from batches.read(places)


def _pool(job: Job, workers: int | str) -> "Workers[Job] | ClusterWorkers[Job]":
    if isinstance(workers, int) or workers == "auto":
        return Workers(job, "auto" if workers == "auto" else int(workers))
    return ClusterWorkers(job, workers, versions)


@dataclass(frozen=True)
class Made:
    """Who rendered a batch; for the log, since bytes depend on none of it.

    Attributes:
        host: name of the machine.
        pid: number of the process.
        seconds: wall time.
    """

    host: str
    pid: int
    seconds: float


def _render_batch(job: Job, path: Path, images: Sequence[int]) -> Made:
    began = time.monotonic()
    write_dataset(path, job.samples(_while_wanted(images)), job.provenance(images), overwrite=True)
    return Made(machine(), os.getpid(), round(time.monotonic() - began, 3))


def _render_batch_elsewhere(job: Job, path: Path, images: Sequence[int]) -> Made:
    """Render a batch on a worker of a cluster: one that was given up for lost may still be writing the same batch."""
    try:
        wait_for(path.parent / NOTE)
        draft = path.with_name(f"{path.name}.{token_hex(4)}")
        made = _render_batch(job, draft, images)
        draft.replace(path)
    except (ClusterError, DataError, OSError) as error:
        raise ClusterError(f"{here()}: {error}") from error
    return made


def _while_wanted(indices: Iterable[int]) -> Iterator[int]:
    for index in indices:
        go_on()
        yield index
