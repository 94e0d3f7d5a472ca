"""A volume on the grid of the network along all three axes, and what was found there brought back to its own grid.

A volume of 5 nm seen by a network of 10 nm has every other slice twice. Brought to 10 nm once, it has an eighth of the
voxels: slices across any axis are read as they are, and there are half as many of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mitodata import VoxelSize
from mitoseg.inference.resampling import Axis, Span, resample_section
from mitoseg.io.blocks import Part, strips
from mitoseg.io.scratch import Store, StoredArray

CHUNK_ROWS = 256
"""Rows of maps that are written together, as they are stored."""

CUBE_DEPTH = 8
"""Sections of what was found that are read together, as they are stored."""

Sections = Callable[[int], NDArray[np.float32]]
"""A section by its place in z, (Y, X) or (C, Y, X)."""


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
        z, y, x = self.axes
        columns = x.from_stored((0, x.working))[1]
        working = store.array("working", self.shape, np.float32, cubes=True)
        height = next(strips((z.stored, y.stored, x.stored), packed))[1].stop
        step = max(1, height * y.working // y.stored)
        for first in range(0, y.working, step):
            last = min(first + step, y.working)
            span, rows = y.from_stored((first, last))
            slabs = _Slabs(read, z.stored, packed[0], (slice(*span), slice(0, x.stored)))

            def section(place: int, slabs: "_Slabs" = slabs, rows: csr_array = rows) -> NDArray[np.float32]:
                return resample_section(slabs[place], rows, columns)

            for place, mean in _along(z.working, lambda place: z.from_stored((place, place + 1)), section):
                working[place, first:last] = mean
        return working

    def take_back(self, found: StoredArray, maps: StoredArray) -> None:
        """Write what was `found` on the working grid, (C, Z, Y, X), into `maps` on the stored one, strip by strip."""
        z, y, x = self.axes
        columns = x.to_stored((0, x.stored))

        def weights(place: int) -> tuple[Span, csr_array]:
            return z.needed((place, place + 1)), z.to_stored((place, place + 1))

        for _, strip, _ in strips((1, y.stored, x.stored), (1, CHUNK_ROWS)):
            span, rows = y.needed((strip.start, strip.stop)), y.to_stored((strip.start, strip.stop))
            part = (slice(*span), slice(0, x.working))
            slabs = _Slabs(lambda part: found[(slice(None), *part)], z.working, CUBE_DEPTH, part)

            def section(place: int, slabs: "_Slabs" = slabs, rows: csr_array = rows) -> NDArray[np.float32]:
                return np.stack([resample_section(each, rows, columns) for each in slabs[place]])

            for place, mean in _along(z.stored, weights, section):
                maps[:, place, strip] = mean.clip(0, 1)


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
    length: int, weights: Callable[[int], tuple[Span, csr_array]], section: Sections
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Weighted means of neighbouring sections, each of which is made once; places rise from 0 on."""
    kept: dict[int, NDArray[np.float32]] = {}
    for place in range(length):
        (start, stop), shares = weights(place)
        kept = {number: kept[number] if number in kept else section(number) for number in range(start, stop)}
        mean = np.zeros_like(kept[start])
        for number, share in zip(range(start, stop), shares.toarray()[0], strict=True):
            mean += kept[number] * share
        yield place, mean
