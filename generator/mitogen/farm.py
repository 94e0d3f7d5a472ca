"""Many samples: local processes render shards, which are put together in order into one file.

The file does not depend on the number of workers, nor on whether the run was stopped and continued: an image depends
only on the recipe, the seed, its index and the shape. Shards lie in `PATH.parts/` under their final name only once they
are whole, and go when the file is complete. Memory does not grow with the number of images.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import islice, pairwise
from multiprocessing.synchronize import Event
from pathlib import Path
from types import TracebackType
from typing import Literal

from tqdm import tqdm

from mitodata.errors import DataError, MitoError
from mitodata.sample import Sample
from mitodata.store import write_dataset
from mitogen.job import Job, RenderError, is_first, spell
from mitogen.shards import Shards

_SECONDS_BETWEEN_LINES = 10.0
# Enough that nobody waits for a slow shard, few enough that memory and the queue stay small.
_SHARDS_AHEAD = 4
_ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "NUMBA")
}


def render_dataset(
    job: Job,
    path: Path,
    images: int | Sequence[int],
    workers: int | Literal["auto"] = "auto",
    *,
    overwrite: bool = False,
    progress: bool = True,
) -> None:
    """Render images into one file; run it again with the same arguments to continue after a stop.

    Scripts that call this need the usual `if __name__ == "__main__":` guard, because workers are fresh interpreters.

    Args:
        job: what to render: recipe, seed, shape.
        path: the HDF5 file to write; shards lie in `PATH.parts/` beside it until it is complete.
        images: how many, from number 0 on, >= 1; or the numbers of the images, ascending.
        workers: number of processes, or "auto" for one a core; each works with one thread.
        overwrite: replace an existing file, and drop shards of a different job.
        progress: show a bar, or lines where stderr is no terminal.

    Raises:
        DataError: `path` exists, or its shards come from other settings, and `overwrite` is off.
        RenderError: the arguments are impossible, an image failed, a worker died or the disk is full.
        OSError: the folder for the shards cannot be made.
        KeyboardInterrupt: stopped by Ctrl-C; its message says what is kept.
    """
    images = range(images) if isinstance(images, int) else images
    if len(images) < 1 or (workers != "auto" and workers < 1):
        raise RenderError(f"{len(images)} images, workers {workers}: expected 1 or more")
    if images[0] < 0 or not all(low < high for low, high in pairwise(images)):
        raise RenderError("numbers of images: expected none below 0, each above the one before it")
    path = Path(path)
    if path.is_dir() or (path.exists() and not overwrite):
        raise DataError(f"{path}: exists already; choose another name" + ("" if path.is_dir() else " or overwrite it"))
    shards = Shards(path.with_name(path.name + ".parts"), images, job.shape)
    only = {} if is_first(images) else {"only": spell(images)}
    shards.claim({"fingerprint": job.fingerprint(), "seed": job.seed, "shape": list(job.shape), **only}, overwrite)
    try:
        with (
            _Progress(shards.images_done(), len(images), progress) as bar,
            closing(_in_order(job, shards, _worker_count(workers), bar)) as samples,
        ):
            write_dataset(path, samples, job.provenance(images), overwrite=overwrite)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {shards.state()}") from None
    except BrokenProcessPool as error:
        raise RenderError(f"a worker was killed, perhaps for want of memory; {shards.state()}") from error
    except DataError as error:  # a shard or the file could not be written
        raise RenderError(f"{error}; {shards.state()}") from error
    shutil.rmtree(shards.folder)


def _in_order(job: Job, shards: Shards, workers: int, bar: "_Progress") -> Generator[Sample, None, None]:
    """Yield every image in order, while workers render the shards that are missing, only so many ahead of it."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    missing = shards.missing()
    ahead: dict[range, Future[None]] = {}
    with (
        _environment(_ONE_THREAD),
        ProcessPoolExecutor(workers, mp_context=context, initializer=_enter_worker, initargs=(job, stop)) as pool,
    ):
        try:
            for places in shards.ranges():
                for later in islice(missing, _SHARDS_AHEAD * workers - len(ahead)):
                    with _interrupt_blocked():
                        ahead[later] = pool.submit(_render_shard, shards.path(later), shards.at(later))
                if places in ahead:
                    ahead.pop(places).result()
                    bar.advance(len(places))
                yield from shards.read(places)
        except BaseException:
            stop.set()  # workers look at it before every image, so that leaving does not wait for whole shards
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Worker:
    """What a worker process was told when it started."""

    job: Job
    stop: Event


class _Stopped(MitoError):
    """The parent does not want the rest of this shard."""


def _enter_worker(job: Job, stop: Event) -> None:
    _Worker.job, _Worker.stop = job, stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the parent was killed: a worker of a pool would otherwise wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render_shard(path: Path, images: Sequence[int]) -> None:
    job = _Worker.job
    write_dataset(path, job.samples(_until_stopped(images)), job.provenance(images), overwrite=True)


def _until_stopped(indices: Iterable[int]) -> Iterator[int]:
    for index in indices:
        if _Worker.stop.is_set():
            raise _Stopped
        yield index


def _worker_count(workers: int | Literal["auto"]) -> int:
    if workers != "auto":
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for processes started inside, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Keep Ctrl-C from processes started inside, for life: the terminal sends it to all, and the parent decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Progress:
    """A bar in a terminal, else a line from time to time."""

    def __init__(self, done: int, total: int, visible: bool) -> None:
        self._bar = tqdm(total=total, initial=done, unit="image", disable=not (visible and sys.stderr.isatty()))
        self._lines = visible and not sys.stderr.isatty()
        self._done, self._total, self._first = done, total, done
        self._start = self._last = time.monotonic()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def advance(self, images: int) -> None:
        """Count images that are done."""
        self._done += images
        self._bar.update(images)
        now = time.monotonic()
        if self._lines and (now - self._last > _SECONDS_BETWEEN_LINES or self._done == self._total):
            rate = (self._done - self._first) / max(now - self._start, 1e-9)
            print(f"rendered {self._done} of {self._total} images, {rate:.1f} a second", file=sys.stderr)
            self._last = now
