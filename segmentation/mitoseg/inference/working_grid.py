"""Grids: an axis as it is stored and as a network wants it; a volume on the grid of the network along all three axes.

A volume of 5 nm seen by a network of 10 nm has every other slice twice. Brought to 10 nm once, it has an eighth of the
voxels: slices across any axis are read as they are, and there are half as many of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mitodata import VoxelSize
from mitoseg.io.blocks import Part, strips
from mitoseg.io.scratch import Store, StoredArray

CHUNK_ROWS = 256
"""Rows of maps that are written together, as they are stored."""

CUBE_DEPTH = 8
"""Sections of what was found that are read together, as they are stored."""

Sections = Callable[[int], NDArray[np.float32]]
"""A section by its place in z, (Y, X) or (C, Y, X)."""

MapsPart = tuple[slice, slice, slice, slice]
"""A box of maps: slices in channel, z, y, x without steps."""

Span = tuple[int, int]
"""Indices [start, stop)."""


@dataclass(frozen=True)
class Axis:
    """An axis with its lengths in px.

    Attributes:
        stored: length in the file.
        working: length at the pixel size of the network.
        padded: length with mirrored edges where `working` is shorter than a window; the image stays in the middle.
    """

    stored: int
    working: int
    padded: int

    @classmethod
    def of(cls, stored: int, working: int, window: int) -> "Axis":
        """The axis for windows of a length."""
        return cls(stored, working, max(working, window))

    @property
    def before(self) -> int:
        """Mirrored px in front of the image."""
        return (self.padded - self.working) // 2

    @property
    def plain(self) -> bool:
        """Whether the padded grid is the stored one."""
        return self.stored == self.working == self.padded

    @property
    def resampled(self) -> bool:
        """Whether the two grids differ."""
        return self.stored != self.working

    def needed(self, part: Span) -> Span:
        """Padded indices that `to_stored` reads for the stored indices `part`."""
        columns = to_grid(np.arange(*part), self.working, self.stored)[0]
        return columns[0] + self.before, columns[1] + self.before

    def from_stored(self, part: Span) -> tuple[Span, csr_array]:
        """How to make the padded indices `part`: the stored indices to read, and the weights (part, read)."""
        mirrored = np.pad(np.arange(self.working), (self.before, self.padded - self.working - self.before), "symmetric")
        return to_grid(mirrored[part[0] : part[1]], self.stored, self.working)

    def to_stored(self, part: Span) -> csr_array:
        """Weights (part, needed) that make the stored indices `part` from the padded ones that `needed` names."""
        return to_grid(np.arange(*part), self.working, self.stored)[1]


def to_grid(wanted: NDArray[np.integer], length: int, new_length: int) -> tuple[Span, csr_array]:
    """Weights that resample an axis, for some indices of the result: what `normalisation.resample` does to all of them.

    A triangle filter as wide as the coarser of the two grids, cut off at the ends of the axis.

    Args:
        wanted: (N,) indices on the new grid, in any order.
        length: of the axis.
        new_length: of the axis after resampling.

    Returns:
        Which indices [start, stop) of the axis are read, and weights (N, stop - start) float32 whose rows sum to 1.
    """
    step = length / new_length
    reach = max(step, 1.0)
    centres = (wanted + 0.5) * step
    first = np.clip((centres - reach + 0.5).astype(np.int64), 0, length - 1)
    offsets = np.arange(int(2 * reach) + 2)
    places = first[:, None] + offsets
    weights = (1 - np.abs((places + 0.5 - centres[:, None]) / reach)).clip(0) * (places < length)
    weights /= weights.sum(axis=1, keepdims=True)
    rows, columns = np.nonzero(weights)
    read = places[rows, columns]
    start, stop = int(read.min()), int(read.max()) + 1
    shape = (len(wanted), stop - start)
    return (start, stop), csr_array((weights[rows, columns].astype(np.float32), (rows, read - start)), shape=shape)


def resample_section(section: NDArray[np.float32], rows: csr_array, columns: csr_array) -> NDArray[np.float32]:
    """Resample (Y, X) float32 by the weights of both axes, (Y', Y) and (X', X), to (Y', X')."""
    return np.ascontiguousarray((columns @ np.ascontiguousarray((rows @ section).T)).T)


@dataclass(frozen=True)
class WorkingGrid:
    """The stored grid of a volume and the one on which a 2D network sees it across three axes.

    Attributes:
        axes: z, y, x. Axes whose voxels are longer than the network's pixels stay as they are.
        voxel_size_nm: (z, y, x) on the working grid, nm.
    """

    axes: tuple[Axis, Axis, Axis]
    voxel_size_nm: VoxelSize

    @classmethod
    def of(cls, shape: tuple[int, int, int], voxel_size_nm: VoxelSize, working_nm: float) -> "WorkingGrid":
        """The grids of a volume of `shape` (z, y, x) for a network whose pixels are `working_nm` wide."""
        lengths = [
            max(1, round(length * min(1.0, edge / working_nm)))
            for length, edge in zip(shape, voxel_size_nm, strict=True)
        ]
        z, y, x = (Axis.of(length, wanted, 1) for length, wanted in zip(shape, lengths, strict=True))
        z_nm, y_nm, x_nm = (
            edge * length / wanted for edge, length, wanted in zip(voxel_size_nm, shape, lengths, strict=True)
        )
        return cls((z, y, x), (z_nm, y_nm, x_nm))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) in px."""
        z, y, x = (axis.working for axis in self.axes)
        return z, y, x

    def stored(self, part: Part) -> Part:
        """The part of the volume that a part of the working grid is made of; also the one that is made of it.

        They are one: the filter of `bring` is as wide as that of `take_back`.
        """
        z, y, x = (
            slice(*axis.from_stored((each.start, each.stop))[0]) for axis, each in zip(self.axes, part, strict=True)
        )
        return z, y, x

    def bring(
        self, read: Callable[[Part], NDArray[np.float32]], store: Store, packed: tuple[int, int] = (1, 1)
    ) -> StoredArray:
        """Bring a volume to the working grid, a strip of rows at a time.

        Args:
            read: gives parts of the volume, normalised.
            store: holds the result.
            packed: sections and rows that are read together (see `mitodata.readers.source.Source`).

        Returns:
            (Z, Y, X) float32, called "working".
        """
        z, y, x = self.shape
        working = store.array("working", self.shape, np.float32, cubes=True)
        for place, rows, mean in self._bring(read, (slice(0, z), slice(0, y), slice(0, x)), packed):
            working[place, rows] = mean
        return working

    def bring_part(
        self, read: Callable[[Part], NDArray[np.float32]], part: Part, packed: tuple[int, int] = (1, 1)
    ) -> NDArray[np.float32]:
        """Bring a part of a volume to the working grid, (Z, Y, X) float32: what `bring` makes of it."""
        z, y, x = part
        found = np.empty((z.stop - z.start, y.stop - y.start, x.stop - x.start), np.float32)
        for place, rows, mean in self._bring(read, part, packed):
            found[place - z.start, rows.start - y.start : rows.stop - y.start] = mean
        return found

    def _bring(
        self, read: Callable[[Part], NDArray[np.float32]], part: Part, packed: tuple[int, int]
    ) -> Iterator[tuple[int, slice, NDArray[np.float32]]]:
        """Give a part of the working grid strip by strip: place in z, rows, and what is there (Y, X)."""
        z, y, x = self.axes
        (left, right), columns = x.from_stored((part[2].start, part[2].stop))
        height = next(strips((z.stored, y.stored, right - left), packed))[1].stop
        step = max(1, height * y.working // y.stored)
        for first in range(part[1].start, part[1].stop, step):
            last = min(first + step, part[1].stop)
            span, rows = y.from_stored((first, last))
            slabs = _Slabs(read, z.stored, packed[0], (slice(*span), slice(left, right)))

            def section(place: int, slabs: "_Slabs" = slabs, rows: csr_array = rows) -> NDArray[np.float32]:
                return resample_section(slabs[place], rows, columns)

            places = range(part[0].start, part[0].stop)
            for place, mean in _along(places, lambda place: z.from_stored((place, place + 1)), section):
                yield place, slice(first, last), mean

    def take_back(self, found: Callable[[MapsPart], NDArray[np.float32]], maps: StoredArray) -> None:
        """Write what was `found` on the working grid into `maps`, (C, Z, Y, X) on the stored one, strip by strip.

        Args:
            found: gives parts (C, Z, Y, X).
            maps: get it.
        """
        z, y, x = self.axes
        for _, strip, _ in strips((1, y.stored, x.stored), (1, CHUNK_ROWS)):
            part = (slice(0, z.stored), strip, slice(0, x.stored))
            _, rows, columns = self._needed(part)
            slabs = _Slabs(lambda each: found((slice(None), *each)), z.working, CUBE_DEPTH, (rows, columns))
            for place, mean in self._take_back(slabs.__getitem__, part):
                maps[:, place, strip] = mean

    def take_back_part(self, found: Callable[[Part], NDArray[np.float32]], part: Part) -> NDArray[np.float32]:
        """What `take_back` makes of a part of the stored grid, (C, Z, Y, X).

        Args:
            found: gives parts (C, Z, Y, X) of the working grid; is asked once.
            part: of the stored grid.
        """
        needed = self._needed(part)
        held = found(needed)
        maps = np.empty((len(held), *(each.stop - each.start for each in part)), np.float32)
        for place, mean in self._take_back(lambda place: held[:, place - needed[0].start], part):
            maps[:, place - part[0].start] = mean
        return maps

    def _needed(self, part: Part) -> Part:
        """The part of the working grid that a part of the stored one is made of."""
        z, y, x = (slice(*axis.needed((each.start, each.stop))) for axis, each in zip(self.axes, part, strict=True))
        return z, y, x

    def _take_back(self, held: Sections, part: Part) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Give a part of the stored grid section by section: place in z, and what is there (C, Y, X).

        Args:
            held: gives sections (C, Y, X) of the part of the working grid that is needed, by their place in z.
            part: of the stored grid.
        """
        z, y, x = self.axes
        rows, columns = y.to_stored((part[1].start, part[1].stop)), x.to_stored((part[2].start, part[2].stop))

        def weights(place: int) -> tuple[Span, csr_array]:
            return z.needed((place, place + 1)), z.to_stored((place, place + 1))

        def section(place: int) -> NDArray[np.float32]:
            return np.stack([resample_section(each, rows, columns) for each in held(place)])

        for place, mean in _along(range(part[0].start, part[0].stop), weights, section):
            yield place, mean.clip(0, 1)


class _Slabs:
    """Sections of a part of a volume, (..., Y, X), of which some neighbours are read together."""

    def __init__(
        self, read: Callable[[Part], NDArray[np.float32]], length: int, depth: int, plane: tuple[slice, slice]
    ) -> None:
        """Prepare to read.

        Args:
            read: gives parts (..., Z, Y, X) of the volume.
            length: sections of the volume.
            depth: how many are read together.
            plane: rows and columns.
        """
        self._read, self._length, self._depth, self._plane = read, length, depth, plane
        self._start = 0
        self._slab: NDArray[np.float32] = np.empty((0, 0, 0), np.float32)

    def __getitem__(self, place: int) -> NDArray[np.float32]:
        if not self._start <= place < self._start + self._slab.shape[-3]:
            self._start = place // self._depth * self._depth
            stop = min(self._start + self._depth, self._length)
            self._slab = np.asarray(self._read((slice(self._start, stop), *self._plane)))
        return self._slab[..., place - self._start, :, :]


def _along(
    places: range, weights: Callable[[int], tuple[Span, csr_array]], section: Sections
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Weighted means of neighbouring sections, each of which is made once."""
    kept: dict[int, NDArray[np.float32]] = {}
    for place in places:
        (start, stop), shares = weights(place)
        kept = {number: kept[number] if number in kept else section(number) for number in range(start, stop)}
        mean = np.zeros_like(kept[start])
        for number, share in zip(range(start, stop), shares.toarray()[0], strict=True):
            mean += kept[number] * share
        yield place, mean
