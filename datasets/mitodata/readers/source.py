"""One image or volume, wherever it lies: opened without being read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Array, Part, Pixels, strips
from mitodata.readers.damage import readable
from mitodata.readers.grey_levels import Levels, Rows, measure_levels, stretch
from mitodata.readers.rims import exchange
from mitodata.readers.voxel_size import UNKNOWN, Edges
from mitodata.sample import VoxelSize

Image = TypeVar("Image")


class Shown(Enum):
    """What becomes of the pixels of a file.

    Attributes:
        GREY: as they look, colours as their luminance; (Z, Y, X).
        COLOURS: as they look; (Z, Y, X), or (Z, Y, X, 3).
        STORED: as they are stored, whatever they stand for: the numbers of instances or of colours in a table.
    """

    GREY = "grey"
    COLOURS = "colours"
    STORED = "stored"


@dataclass(frozen=True, eq=False)
class StoredImage:
    """What a file holds, before it is known how large a voxel is.

    Attributes:
        path: the file it is in.
        suffix: what to add to the file's name, where the file holds several.
        array: its pixels, (Z, Y, X), or (Z, Y, X, colours) where colours are kept.
        edges_nm: of a voxel, as far as the file says.
        section_nm: thickness of its sections in nm where the file says that apart.
        ours: whether the file is one of ours, whose voxel size was checked when it was written.
        points: where its axes x, y and z point, such as "RAS" (right, anterior, superior), where the file says so.
        corner_nm: where its first voxel lies, (z, y, x), as far as the file says.
    """

    path: Path
    suffix: str
    array: Array
    edges_nm: Edges = UNKNOWN
    section_nm: float | None = None
    ours: bool = False
    points: str = ""
    corner_nm: Edges = UNKNOWN

    def section(self, z: int) -> Pixels:
        """Read one section, (Y, X) or (Y, X, colours).

        Raises:
            DataError: the file is damaged.
        """
        _, y, x = self.array.shape[:3]
        with readable(self.path, where=f"section {z}: " if self.array.shape[0] > 1 else ""):
            found = self.array[slice(z, z + 1), slice(0, y), slice(0, x)]
            return np.asarray(found[0])


@dataclass(frozen=True, eq=False)
class Source:
    """One image or volume.

    Attributes:
        path: the file it is in.
        suffix: what to add to the file's name, where the file holds several.
        array: its grey levels, (Z, Y, X).
        voxel_size_nm: (z, y, x) in nm.
        levels: grey levels that become 0 and 255; None for uint8, which stays as it is.
        section_nm: thickness of its sections in nm where the file says that apart; None: the length of a voxel in z.
    """

    path: Path
    suffix: str
    array: Array
    voxel_size_nm: VoxelSize
    levels: Levels | None = None
    section_nm: float | None = None

    @property
    def thickness_nm(self) -> float:
        """Thickness of its sections in nm."""
        return self.section_nm or self.voxel_size_nm[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        z, y, x = self.array.shape
        return z, y, x

    @property
    def packed(self) -> tuple[int, int]:
        """Sections, and rows of each, that are best read together, because the file packs them together."""
        return packed_together(self.array)

    def read(self, part: Part) -> NDArray[np.uint8]:
        """Read a part as grey levels, (Z, Y, X) uint8.

        Raises:
            DataError: the file is damaged.
        """
        found = self.read_stored(part)
        if self.levels is None:
            return stretch(found, None)
        grey = np.empty(found.shape, np.uint8)
        for strip in strips((found.shape[0], found.shape[1], found.shape[2])):
            grey[strip] = stretch(found[strip], self.levels)
        return grey

    def section(self, z: int) -> "Source":
        """One of its sections as an image of its own, on the grey scale of all."""
        return replace(self, array=_OneSection(self.array, z))

    def negative(self) -> "Source":
        """The same image with black and white exchanged."""
        return Source(self.path, self.suffix, _Negative(self), self.voxel_size_nm, section_nm=self.section_nm)

    def read_stored(self, part: Part) -> Pixels:
        """Read a part as it is stored: (Z, Y, X)."""
        with readable(self.path):
            return np.asarray(self.array[part])


class _OneSection:
    """One section of an array, (1, Y, X)."""

    def __init__(self, array: Array, z: int) -> None:
        self._array, self._z = array, z
        self.shape: tuple[int, ...] = (1, *array.shape[1:])
        self.dtype = array.dtype
        self.chunks = (1, packed_together(array)[1], array.shape[2])

    def __getitem__(self, part: Any) -> Pixels:
        return np.asarray(self._array[(slice(self._z, self._z + 1), *part[1:])])


class _Negative:
    """The grey levels of a source, (Z, Y, X) uint8, with black and white exchanged."""

    dtype = np.dtype(np.uint8)

    def __init__(self, source: Source) -> None:
        self._source = source
        self.shape: tuple[int, ...] = source.shape
        self.chunks = (*source.packed, source.shape[2])

    def __getitem__(self, part: Any) -> NDArray[np.uint8]:
        return exchange(self._source.read(part))


def packed_together(array: Array) -> tuple[int, int]:
    """Sections, and rows of each, that an array (Z, Y, X) packs together."""
    z, y, _ = getattr(array, "chunks", None) or (1, 1, 1)
    return int(z), int(y)


def source_levels(path: Path, array: Array) -> Levels | None:
    """Measure the grey scale of an array (Z, Y, X) of grey levels; None for uint8.

    Raises:
        DataError: the file is damaged, or holds values that are not finite.
    """
    if array.dtype == np.uint8:
        return None
    z, y, x = array.shape

    def read() -> Iterator[Rows]:
        for part in strips((z, y, x), packed_together(array)):
            with readable(path):
                stored = np.asarray(array[part])  # of a section that is packed as a whole, the whole
            for place, section in enumerate(stored, start=part[0].start):
                for _, rows, _ in strips((1, *section.shape)):
                    yield place, section[rows]

    return measure_levels(read, y, np.dtype(array.dtype), path)


def choose_image(
    path: Path,
    found: Sequence[Image],
    dataset: str | None,
    describe: Callable[[Image], object],
    what: str = "images",
    expected: str = "one",
) -> Image:
    """Choose the one image of a file that may hold several.

    Args:
        path: the file.
        found: its images, at least one.
        dataset: number of the one that is meant; None: there is but one.
        describe: says what an image is, for a list of them.
        what: what several images are called.
        expected: what a file should hold.

    Raises:
        DataError: there is no image of this number; or there are several, and none is named.
    """
    listed = ", ".join(f"{number}: {describe(image)}" for number, image in enumerate(found[:4]))
    listed += ", ..." if len(found) > 4 else ""
    if dataset is not None and (len(found) > 1 or dataset.isdecimal()):
        if not dataset.isdecimal() or int(dataset) >= len(found):
            raise DataError(f"{path}: has no image {dataset}; expected the number of one of its images: {listed}")
        return found[int(dataset)]
    if len(found) > 1:
        raise DataError(
            f"{path}: holds {len(found)} {what} ({listed}); expected {expected}; save that one alone, or give its "
            "number: --dataset 0 (import images: --raw 0)"
        )
    return found[0]
