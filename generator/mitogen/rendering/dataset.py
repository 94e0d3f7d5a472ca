"""Many samples: local processes render shards, which are put together in order into one file.

The file does not depend on the number of workers, nor on whether the run was stopped and continued: an image depends
only on the recipe, the seed, its index and the shape. Shards lie in `PATH.parts/` under their final name only once they
are whole, and go when the file is complete. Memory does not grow with the number of images.
"""

import shutil
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

from mitodata.errors import DataError
from mitodata.hdf5.dataset import write_dataset
from mitodata.sample import Sample
from mitogen.rendering.job import Job, RenderError, is_first, spell
from mitogen.rendering.process_pool import Workers, go_on
from mitogen.rendering.progress import Progress
from mitogen.rendering.shards import Shards

# Enough that nobody waits for a slow shard, few enough that memory and the queue stay small.
_SHARDS_AHEAD = 4


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
    _check_numbers(images)
    if workers != "auto" and workers < 1:
        raise RenderError(f"workers {workers}: expected 1 or more")
    path = Path(path)
    if path.exists() and not (overwrite and path.is_file()):
        raise DataError(f"{path}: exists already; choose another name" + (" or overwrite it" * path.is_file()))
    shards = Shards(path.with_name(path.name + ".parts"), images, job.shape)
    only = {} if is_first(images) else {"only": spell(images)}
    shards.claim({"fingerprint": job.fingerprint(), "seed": job.seed, "shape": list(job.shape), **only}, overwrite)
    try:
        with (
            Progress("image" if job.shape[0] == 1 else "volume", len(images), shards.images_done(), progress) as bar,
            closing(_in_order(job, shards, workers, bar)) as samples,
        ):
            write_dataset(path, samples, job.provenance(images), overwrite=overwrite)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {shards.state()}") from None
    except BrokenProcessPool as error:
        raise RenderError(f"a worker was killed, perhaps for want of memory; {shards.state()}") from error
    except DataError as error:  # a shard or the file could not be written
        raise RenderError(f"{error}; {shards.state()}") from error
    shutil.rmtree(shards.folder)


def _check_numbers(images: Sequence[int]) -> None:
    """Refuse numbers of images that do not ascend from 0 or more, or are beyond counting."""
    try:
        count = len(images)
    except OverflowError as error:
        raise RenderError(f"more than {sys.maxsize} images: expected fewer") from error
    if count < 1:
        raise RenderError(f"{count} images: expected 1 or more")
    ascending = images.step > 0 if isinstance(images, range) else all(low < high for low, high in pairwise(images))
    if images[0] < 0 or not ascending:
        raise RenderError("numbers of images: expected none below 0, each above the one before it")


def _in_order(job: Job, shards: Shards, count: int | Literal["auto"], bar: Progress) -> Generator[Sample, None, None]:
    """Yield every image in order, while workers render the shards that are missing, only so many ahead of it."""
    missing = shards.missing()
    ahead: dict[range, Future[None]] = {}
    with Workers(job, count) as workers:
        for places in shards.ranges():
            for later in islice(missing, _SHARDS_AHEAD * workers.count - len(ahead)):
                ahead[later] = workers.submit(_render_shard, shards.path(later), shards.at(later))
            if places in ahead:
                ahead.pop(places).result()
                bar.advance(len(places))
            yield from shards.read(places)


def _render_shard(job: Job, path: Path, images: Sequence[int]) -> None:
    write_dataset(path, job.samples(_while_wanted(images)), job.provenance(images), overwrite=True)


def _while_wanted(indices: Iterable[int]) -> Iterator[int]:
    for index in indices:
        go_on()
        yield index
