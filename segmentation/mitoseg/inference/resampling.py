"""One axis of a volume on two grids: the stored one, and the padded one that the windows of a network lie on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

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
    """Weights that resample an axis, for some indices of the result: what `preprocess.resample` does to all of them.

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
