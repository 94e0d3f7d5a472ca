"""Arrays of any size, read block by block."""

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

from mitodata import DataError

BLOCK_VOXELS = 2**20
"""Voxels that are held at a time; an image of 768 x 1024 is one block. What is computed on them takes some 30 MB."""

Block = tuple[slice, ...]
"""One slice an axis, with start and stop."""


class Volume(Protocol):
    """What is measured: a numpy array, a memory map, an HDF5 or Zarr dataset; only blocks of it are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def __getitem__(self, key: Block, /) -> Any:
        """A block as an array."""


def blocks(shape: tuple[int, ...], voxels: int | None = None) -> Iterator[Block]:
    """Cut an array of `shape` into blocks of at most `voxels` (`BLOCK_VOXELS`) that cover it once, in order."""
    limit = voxels or BLOCK_VOXELS
    if 0 in shape:
        return
    lengths = list(shape)
    for axis in range(len(shape)):
        rest = prod(shape[axis + 1 :])
        lengths[axis] = min(shape[axis], max(1, limit // rest))
        if rest <= limit:
            break
    cuts = [
        [slice(start, min(start + step, end)) for start in range(0, end, step)]
        for step, end in zip(lengths, shape, strict=True)
    ]
    yield from itertools.product(*cuts)


def widen(block: Block, shape: tuple[int, ...]) -> tuple[Block, Block]:
    """Widen a block of an array of `shape` by one voxel on each side, as far as the array goes.

    Returns:
        The wider block, and where the block lies in it.
    """
    wide = tuple(slice(max(0, cut.start - 1), min(end, cut.stop + 1)) for cut, end in zip(block, shape, strict=True))
    inside = tuple(
        slice(cut.start - outer.start, cut.stop - outer.start) for cut, outer in zip(block, wide, strict=True)
    )
    return wide, inside


def require_same_shape(prediction: Volume, truth: Volume) -> None:
    """Refuse arrays that do not lie on the same grid.

    Raises:
        DataError: the shapes differ.
    """
    if tuple(prediction.shape) != tuple(truth.shape):
        raise DataError(
            f"prediction of shape {tuple(prediction.shape)} against truth of shape {tuple(truth.shape)}; expected equal"
        )
