"""The folder of finished shards beside a file that is still being rendered; what makes a stopped run go on."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mitodata.errors import DataError
from mitodata.sample import Sample
from mitodata.store import Dataset

# A shard is what a kill can cost, and what workers share out: 8 images of 256 x 256, about half a second's work.
_SHARD_VOXELS = 8 * 256 * 256


@dataclass(frozen=True)
class Shards:
    """The folder of shards: file FIRST-END.h5 holds images FIRST to END - 1, so that it also fits a larger `n`."""

    folder: Path
    n: int
    shape: tuple[int, int, int]

    def claim(self, mine: Mapping[str, object], overwrite: bool) -> None:
        """Make the folder, or check that what lies in it was made with the same settings.

        Args:
            mine: the settings, as JSON would give them back.
            overwrite: drop shards of other settings instead of refusing.

        Raises:
            DataError: the folder holds shards of other settings, or something else altogether.
        """
        note = self.folder / "job.json"
        if self.folder.exists() and any(self.folder.iterdir()):
            try:
                theirs = json.loads(note.read_text())
            except (OSError, ValueError) as error:
                raise DataError(f"{self.folder}: is no folder of unfinished images; move it away") from error
            if theirs == mine:
                return
            if not overwrite:
                raise DataError(
                    f"{self.folder}: holds unfinished images of other settings (recipe, size, seed or version of "
                    "mitogen); delete it or overwrite to start again"
                )
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder.with_name(self.folder.name + ".new")
        draft.write_text(json.dumps(mine))
        draft.replace(note)

    def ranges(self) -> Iterator[range]:
        """Cut the images into shards, the same way for any number of workers."""
        z, y, x = self.shape
        step = max(1, _SHARD_VOXELS // (z * y * x))
        return (range(first, min(first + step, self.n)) for first in range(0, self.n, step))

    def path(self, images: range) -> Path:
        """Name the file of a shard."""
        return self.folder / f"{images.start:09d}-{images.stop:09d}.h5"

    def missing(self) -> Iterator[range]:
        """Find the shards that are still to be made, in order."""
        return (images for images in self.ranges() if not self.path(images).exists())

    def images_done(self) -> int:
        """Count the images in finished shards."""
        return self.n - sum(map(len, self.missing()))

    def read(self, images: range) -> Iterator[Sample]:
        """Read the images of a finished shard, one at a time."""
        with Dataset(self.path(images)) as shard:
            yield from shard

    def state(self) -> str:
        """Say what is kept."""
        return f"{self.images_done()} of {self.n} images are kept in {self.folder}; the same command continues"
