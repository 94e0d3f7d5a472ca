"""The folder of finished batches beside a file that is still being rendered; what makes a stopped run go on."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from mitodata.errors import DataError
from mitodata.files import is_draft, write_atomic
from mitodata.hdf5.dataset import Dataset
from mitodata.sample import Sample

# A batch is what a kill can cost, and what workers share out: 8 images of 256 x 256, about half a second's work.
_BATCH_VOXELS = 8 * 256 * 256
NOTE = "job.json"
"""Name of the file that says what the batches of a folder are of."""

_NAME = re.compile(r"(\d{9,})-(\d{9,})\.h5")


@dataclass(frozen=True)
class Batches:
    """The folder of batches.

    Batches are counted by place among the images: file FIRST-END.h5 holds the images at places FIRST to END - 1. Of the
    first n images of a dataset the place is the number, so that a batch also fits a larger n.

    Attributes:
        folder: where they are.
        images: numbers of the images, ascending; a range takes no memory.
        shape: (Z, Y, X) of every image in voxels.
    """

    folder: Path
    images: Sequence[int]
    shape: tuple[int, int, int]

    def claim(self, mine: Mapping[str, object], overwrite: bool) -> None:
        """Make the folder, or check that what lies in it was made with the same settings; drop damaged batches.

        Args:
            mine: the settings, as JSON would give them back.
            overwrite: drop batches of other settings instead of refusing.

        Raises:
            DataError: the folder holds batches of other settings, or something else altogether.
        """
        note = self.folder / NOTE
        if self.folder.exists() and not all(map(is_draft, self.folder.iterdir())):
            try:
                theirs = json.loads(note.read_text())
            except (OSError, ValueError) as error:
                raise DataError(f"{self.folder}: is not a folder of unfinished images; move it away") from error
            if theirs == mine:
                self._drop_damaged()
                return
            if not overwrite:
                raise DataError(
                    f"{self.folder}: holds unfinished images of other settings (recipe, size, seed or version of "
                    "mitogen); delete it or overwrite to start again"
                )
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(note, json.dumps(mine).encode())

    def ranges(self) -> Iterator[range]:
        """Cut the places of the images into batches, the same way for any number of workers."""
        count, step = len(self.images), self._step()
        return (range(first, min(first + step, count)) for first in range(0, count, step))

    def path(self, places: range) -> Path:
        """Name the file of a batch."""
        return self.folder / f"{places.start:09d}-{places.stop:09d}.h5"

    def at(self, places: range) -> Sequence[int]:
        """Return the numbers of the images of a batch."""
        return self.images[places.start : places.stop]

    def missing(self) -> Iterator[range]:
        """Find the batches that are still to be made, in order."""
        return (places for places in self.ranges() if not self.path(places).exists())

    def images_done(self) -> int:
        """Count the images in finished batches."""
        return sum(map(len, self._finished()))

    def read(self, places: range) -> Iterator[Sample]:
        """Read the images of a finished batch, one at a time.

        Raises:
            DataError: it is damaged; it is removed, so that the next run makes it again.
        """
        try:
            with Dataset(self.path(places), cache_bytes=0) as batch:
                yield from batch
        except DataError:
            self.path(places).unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Remove the folder. A worker that is late finds none: it must not hinder the end of the others' work."""
        doomed = self.folder.with_name(f".{self.folder.name}.{token_hex(4)}.partial")
        self.folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _step(self) -> int:
        z, y, x = self.shape
        return max(1, _BATCH_VOXELS // (z * y * x))

    def _finished(self) -> Iterator[range]:
        """Find the batches of these images that are there, in any order."""
        count, step = len(self.images), self._step()
        for file in os.listdir(self.folder) if self.folder.exists() else ():
            if name := _NAME.fullmatch(file):
                places = range(int(name[1]), int(name[2]))
                if places.start % step == 0 and places.stop == min(places.start + step, count):
                    yield places

    def _drop_damaged(self) -> None:
        """Remove batches that cannot be read, as after a power cut: they are made again."""
        for places in list(self._finished()):
            try:
                with Dataset(self.path(places), cache_bytes=0) as batch:
                    whole = len(batch) == len(places) and batch.shape(len(batch) - 1) == self.shape
            except DataError:
                whole = False
            if not whole:
                self.path(places).unlink()

    def state(self) -> str:
        """Say what is kept."""
        return (
            f"{self.images_done()} of {len(self.images)} images are kept in {self.folder}; the same command continues"
        )
