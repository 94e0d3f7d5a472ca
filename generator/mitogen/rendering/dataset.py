"""Many samples in one file: what may be asked for, where it goes, and what is kept when something stops it.

`mitogen.rendering.parallel` has workers render batches and hands over their images in order. The file does not depend
on the number of workers, on where they are, nor on whether the run was stopped and continued: an image depends only on
the recipe, the seed, its index and the shape. Batches lie in `PATH.parts/` under their final name only once they are
whole, and go when the file is complete. Memory does not grow with the number of images.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

from mitodata.cluster.progress import Progress
from mitodata.cluster.shard import Shard
from mitodata.cluster.workers import ClusterError
from mitodata.errors import DataError
from mitodata.hdf5.dataset import write_dataset
from mitodata.readers.remote import as_url, is_url
from mitogen.rendering.batches import Batches
from mitogen.rendering.job import Job, RenderError, is_first, spell
from mitogen.rendering.parallel import render_in_order
from mitogen.rendering.shard import shard_provenance


def render_dataset(
    job: Job,
    path: Path,
    images: int | Sequence[int],
    workers: int | str = "auto",
    *,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> None:
    """Render images into one file; run it again with the same arguments to continue after a stop.

    Scripts that call this need the usual `if __name__ == "__main__":` guard, because workers are fresh interpreters.

    Args:
        job: what to render: recipe, seed, shape.
        path: the HDF5 file to write; batches lie in `PATH.parts/` beside it until it is complete.
        images: how many, from number 0 on, >= 1; or the numbers of the images, ascending.
        workers: number of processes, or "auto" for one a core; each works with one thread. Or the address of a Dask
            cluster, such as "tcp://node7:8786", whose workers see the folder of `path` under the same name.
        shard: render only this part of the images, for `mitogen.rendering.merging.merge_shards`.
        overwrite: replace an existing file, and drop batches of a different job.
        progress: show a bar, or lines where stderr is no terminal.

    Raises:
        DataError: `path` exists, or its batches come from other settings, and `overwrite` is off.
        ShardError: there are fewer images than shards.
        RenderError: the arguments are impossible, an image failed, a worker died or the disk is full.
        ClusterError: there is no such cluster, it is gone, or it runs another version.
        OSError: the folder for the batches cannot be made.
        KeyboardInterrupt: stopped by Ctrl-C; its message says what is kept.
    """
    images = range(images) if isinstance(images, int) else images
    _check_numbers(images)
    if isinstance(workers, int) and workers < 1:
        raise RenderError(f"workers {workers}: expected 1 or more")
    provenance = job.provenance(images) if shard is None else shard_provenance(shard, job, images)
    images = images if shard is None else shard.cut(images, "images")
    path = Path(path)
    if is_url(path):
        raise RenderError(f"{as_url(path)}: is a URL; expected a file; `mitogen render -o URL` sends what it writes")
    if path.exists() and not (overwrite and path.is_file()):
        raise DataError(f"{path}: exists already; choose another name" + (" or overwrite it" * path.is_file()))
    batches = Batches(path.with_name(path.name + ".parts"), images, job.shape)
    only = {} if is_first(images) else {"only": spell(images)}
    batches.claim({"fingerprint": job.fingerprint(), "seed": job.seed, "shape": list(job.shape), **only}, overwrite)
    with (
        _told_what_is_kept(batches),
        Progress("image" if job.shape[0] == 1 else "volume", len(images), batches.images_done(), progress) as bar,
        closing(render_in_order(job, batches, workers, bar)) as samples,
    ):
        write_dataset(path, samples, provenance, overwrite=overwrite)
    batches.remove()


@contextmanager
def _told_what_is_kept(batches: Batches) -> Iterator[None]:
    """Whatever stops the rendering in this block says in its message which batches are kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {batches.state()}") from None
    except BrokenProcessPool as error:
        raise RenderError(
            "a worker was killed, perhaps because memory ran out, or because a script lacks "
            f'`if __name__ == "__main__":`; {batches.state()}'
        ) from error
    except ClusterError as error:
        raise ClusterError(f"{error}; {batches.state()}") from error
    except DataError as error:  # a batch or the file could not be written
        raise RenderError(f"{error}; {batches.state()}") from error


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
