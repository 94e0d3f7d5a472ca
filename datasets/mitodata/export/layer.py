"""A volume that is read in parts: an image, or what was found in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.axes import Part, blocks
from mitodata.sample import VoxelSize

SLAB_VOXELS = 2**21
"""Voxels that are copied at a time, at least a section."""

PART_VOXELS = 2**23
"""Voxels that are copied at a time where parts of sections will do, at least a chunk."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One array on the grid of an image.

    Attributes:
        name: "raw", "mask", "probability", "instances", "label".
        shape: (Z, Y, X).
        dtype: of its values.
        voxel_size_nm: (z, y, x) in nm.
        read: gives a part, of any type that can be converted to `dtype`.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    voxel_size_nm: VoxelSize
    read: Callable[[Part], NDArray[Any]]

    def __getitem__(self, part: Part) -> NDArray[Any]:
        return self.read(part).astype(self.dtype, copy=False)

    def slabs(self) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Whole sections from z = 0 on, some at a time, behind their range of z."""
        step = max(1, SLAB_VOXELS // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], step):
            z = slice(start, min(start + step, self.shape[0]))
            yield z, self[z, slice(0, self.shape[1]), slice(0, self.shape[2])]

    def parts(self, chunks: Sequence[int]) -> Iterator[tuple[Part, NDArray[Any]]]:
        """Parts of whole chunks (z, y, x), z slowest, behind where they lie.

        They have whole rows and sections where that is little: memory does not grow with the size of sections.
        """
        edges = list(chunks)
        for axis in (2, 1, 0):
            while edges[axis] < self.shape[axis] and 2 * prod(edges) <= PART_VOXELS:
                edges[axis] *= 2
        for part in blocks(self.shape, (edges[0], edges[1], edges[2])):
            yield part, self[part]
