"""Pseudo-labels: what a model marks and is sure of; what it is not sure of is left open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, Sample, VoxelSize
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitoseg.data import Slab
from mitoseg.inference.decoding import PEAK, Decoding, find_pieces

BELOW, ABOVE = 0.07, 0.04
"""How far below and above the threshold a probability says nothing: outlines are uncertain by so much."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What is marked in a part.

    Attributes:
        mask: (Z, Y, X) uint8: 0, 1, and 255 where it is left open.
        pieces: (Z, Y, X) bool, pieces that the model is sure of, up to the threshold: what `mitoseg predict` marks.
    """

    mask: NDArray[np.uint8]
    pieces: NDArray[np.bool_]

    @property
    def found(self) -> float:
        """Share of the voxels that those pieces take up."""
        return float(self.pieces.mean())


def mark(mean: NDArray[np.float32], threshold: float) -> Marks:
    """Mark what is surely foreground and surely background.

    Pieces connected in all directions, through neighbouring sections too, are foreground if they somewhere reach
    `PEAK`; others are left open, not background: a model that is new to a tissue is sure of few of its mitochondria.
    So is a band around the threshold.

    Args:
        mean: (Z, Y, X) float32 in [0, 1], probability of foreground.
        threshold: 0-1.
    """
    peak = max(PEAK, threshold + ABOVE)
    pieces = np.asarray(find_pieces(mean[None], Decoding(threshold, peak=peak))) > 0
    mask = np.where(mean >= threshold - BELOW, np.uint8(IGNORE), np.uint8(0))
    mask[pieces & (mean >= threshold + ABOVE)] = 1
    return Marks(mask, pieces)


def write_marks(path: Path, blocks: Sequence[Sample], masks: Sequence[NDArray[np.uint8]]) -> None:
    """Write parts of the images with their marks to one file of our format, for the next round and to be looked at.

    Raises:
        DataError: it cannot be written.
    """
    marked = (
        Sample(block.raw, block.voxel_size_nm, (mask == 1).astype(np.uint16), mask, name=block.name)
        for block, mask in zip(blocks, masks, strict=True)
    )
    write_dataset(path, marked, Provenance(source="mitoseg adapt: pseudo-labels"), overwrite=True)


def read_masks(path: Path) -> list[NDArray[np.uint8]]:
    """Read the marks of all parts.

    Raises:
        DataError: the file is missing or damaged.
    """
    with Dataset(path) as file:
        return [sample.mask for sample in file if sample.mask is not None]


class MarkedSections:
    """Marked parts as sections in memory, across one or all axes, for `mitoseg.data.Patches`."""

    def __init__(
        self, blocks: Sequence[Sample], masks: Sequence[NDArray[np.uint8]], axes: Sequence[Sequence[int]]
    ) -> None:
        """Take parts with their marks.

        Args:
            blocks: the parts.
            masks: marks of each.
            axes: 0, 1, 2 = z, y, x: across which sections of each part are seen.
        """
        self._samples: list[tuple[NDArray[np.uint8], NDArray[np.uint8], VoxelSize]] = []
        for block, mask, across in zip(blocks, masks, axes, strict=True):
            for axis in across:
                edges = list(block.voxel_size_nm)
                first = edges.pop(axis)
                views = (np.moveaxis(block.raw, axis, 0), np.moveaxis(mask, axis, 0))
                self._samples.append((*views, (first, edges[0], edges[1])))

    def slabs(self) -> list[Slab]:
        """Every part, across each of its axes, with all its sections."""
        return [Slab(0, number, 0, len(raw)) for number, (raw, _, _) in enumerate(self._samples)]

    def shape(self, section: Slab) -> tuple[int, int]:
        """Size (y, x) of a section in px."""
        _, y, x = self._samples[section.sample][0].shape
        return y, x

    def depth(self, section: Slab) -> int:
        """Sections of the part across the axis."""
        return len(self._samples[section.sample][0])

    def voxel_size_nm(self, section: Slab) -> VoxelSize:
        """Voxel size in nm; the axis that sections are across comes first."""
        return self._samples[section.sample][2]

    def classes(self, section: Slab) -> Mapping[int, str]:
        """No compartments are known."""
        return {}

    def path(self, section: Slab) -> Path:
        """A name for messages."""
        return Path("pseudo-labels")

    def read_window(self, section: Slab, window: tuple[slice, slice, slice]) -> Sample:
        """Read a window (z, y, x)."""
        raw, mask, voxel_size_nm = self._samples[section.sample]
        marks = np.ascontiguousarray(mask[window])
        return Sample(np.ascontiguousarray(raw[window]), voxel_size_nm, (marks == 1).astype(np.uint16), marks)

    def close(self) -> None:
        """Nothing is open."""
