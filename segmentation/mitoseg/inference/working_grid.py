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
from mitoseg.io.blocks import Part
from mitoseg.io.scratch import Store, StoredArray

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

    def bring(self, read: Callable[[Part], NDArray[np.float32]], store: Store) -> StoredArray:
        """Bring a volume to the working grid.

        Args:
            read: gives parts of the volume, normalised.
            store: holds the result.

        Returns:
            (Z, Y, X) float32, called "working".
        """
        z, y, x = self.axes
        rows, columns = (axis.from_stored((0, axis.working))[1] for axis in (y, x))
        working = store.array("working", self.shape, np.float32, cubes=True)
        whole = (slice(0, y.stored), slice(0, x.stored))

        def section(place: int) -> NDArray[np.float32]:
            return resample_section(read((slice(place, place + 1), *whole))[0], rows, columns)

        for place, mean in _along(z.working, lambda place: z.from_stored((place, place + 1)), section):
            working[place] = mean
        return working

    def take_back(self, found: StoredArray, maps: StoredArray) -> None:
        """Write what was `found` on the working grid, (C, Z, Y, X), into `maps` on the stored one."""
        z, y, x = self.axes
        rows, columns = (axis.to_stored((0, axis.stored)) for axis in (y, x))

        def section(place: int) -> NDArray[np.float32]:
            return np.stack([resample_section(each, rows, columns) for each in found[:, place]])

        def weights(place: int) -> tuple[Span, csr_array]:
            return z.needed((place, place + 1)), z.to_stored((place, place + 1))

        for place, mean in _along(z.stored, weights, section):
            maps[:, place] = mean.clip(0, 1)


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
