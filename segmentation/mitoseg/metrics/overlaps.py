"""Which instances overlap, and by how much: a sparse table that grows block by block."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import Volume, blocks, require_same_shape

LARGEST_ID = 2**32 - 1


@dataclass(frozen=True, eq=False)
class OverlapCounts:
    """Numbers of voxels by pair of instances; those of blocks of one volume add up.

    Attributes:
        truth: (K,) int64, instance of the truth; 0 is background.
        prediction: (K,) int64, instance of the prediction; 0 is background.
        voxels: (K,) int64, voxels that belong to both; each pair occurs once, in ascending order.
    """

    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]
    voxels: NDArray[np.int64]

    def __add__(self, other: "OverlapCounts") -> "OverlapCounts":
        return _merge(
            np.concatenate([self.truth, other.truth]),
            np.concatenate([self.prediction, other.prediction]),
            np.concatenate([self.voxels, other.voxels]),
        )

    @cached_property
    def truth_voxels(self) -> dict[int, int]:
        """Voxels of each instance of the truth, by id in ascending order."""
        return _sizes(self.truth, self.voxels)

    @cached_property
    def prediction_voxels(self) -> dict[int, int]:
        """Voxels of each instance of the prediction, by id in ascending order."""
        return _sizes(self.prediction, self.voxels)


@dataclass(frozen=True, eq=False)
class PairOverlaps:
    """Pairs of instances that share a voxel.

    Attributes:
        truth: (P,) int64, its instance.
        prediction: (P,) int64, its instance.
        iou: (P,) float64, intersection over union, above 0 and up to 1.
    """

    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]
    iou: NDArray[np.float64]


def count_overlaps(prediction: Volume, truth: Volume, mask: Volume | None = None) -> OverlapCounts:
    """Count the voxels of each pair of instances, block by block; memory is that of the table.

    Args:
        prediction: any shape, integers from 0 (background) to 2^32 - 1; ids need not be consecutive.
        truth: the same.
        mask: the same shape; where it is 255 the voxel is left out of both, None to keep all. An instance all of whose
            voxels are left out does not exist.

    Raises:
        DataError: the shapes differ, or ids are no such integers.
    """
    require_same_shape(prediction, truth)
    if mask is not None:
        require_same_shape(mask, truth)
    nothing = np.empty(0, np.int64)
    table = OverlapCounts(nothing, nothing, nothing)
    for block in blocks(truth.shape):
        known = None if mask is None else np.asarray(mask[block]) != IGNORE
        table += _count(np.asarray(prediction[block]), np.asarray(truth[block]), known)
    return table


def pair_overlaps(counts: OverlapCounts) -> PairOverlaps:
    """IoU of all pairs of instances that share a voxel; background is no instance."""
    both = (counts.truth > 0) & (counts.prediction > 0)
    truth, prediction, shared = counts.truth[both], counts.prediction[both], counts.voxels[both]
    of_truth = np.array([counts.truth_voxels[number] for number in truth.tolist()], np.int64)
    of_prediction = np.array([counts.prediction_voxels[number] for number in prediction.tolist()], np.int64)
    return PairOverlaps(truth, prediction, shared / (of_truth + of_prediction - shared))


def _count(prediction: NDArray[Any], truth: NDArray[Any], known: NDArray[np.bool_] | None) -> OverlapCounts:
    for name, labels in (("prediction", prediction), ("truth", truth)):
        if labels.dtype.kind not in "ui":
            raise DataError(f"{name} of type {labels.dtype}; expected integer ids of instances")
    prediction, truth = prediction.ravel(), truth.ravel()
    # Labels are constant over long runs of voxels, so only the ends of runs are sorted: 25 times as fast.
    change = (prediction[1:] != prediction[:-1]) | (truth[1:] != truth[:-1])
    if known is not None:
        known = known.ravel()
        change |= known[1:] != known[:-1]
    start = np.concatenate([[0], np.flatnonzero(change) + 1])
    length = np.diff(np.append(start, truth.size))
    if known is not None:
        start, length = start[known[start]], length[known[start]]
    for name, labels in (("prediction", prediction), ("truth", truth)):
        ids = labels[start]
        if ids.size and (int(ids.min()) < 0 or int(ids.max()) > LARGEST_ID):
            raise DataError(f"{name} holds ids from {ids.min()} to {ids.max()}; expected 0 to {LARGEST_ID}")
    return _merge(truth[start].astype(np.int64), prediction[start].astype(np.int64), length)


def _merge(truth: NDArray[np.int64], prediction: NDArray[np.int64], voxels: NDArray[np.int64]) -> OverlapCounts:
    """Bring each pair to one row."""
    pairs, place = np.unique(truth.astype(np.uint64) << 32 | prediction.astype(np.uint64), return_inverse=True)
    total = np.zeros(len(pairs), np.int64)
    np.add.at(total, place, voxels)
    return OverlapCounts((pairs >> 32).astype(np.int64), (pairs & LARGEST_ID).astype(np.int64), total)


def _sizes(ids: NDArray[np.int64], voxels: NDArray[np.int64]) -> dict[int, int]:
    unique, place = np.unique(ids, return_inverse=True)
    total = np.zeros(len(unique), np.int64)
    np.add.at(total, place, voxels)
    return {number: size for number, size in zip(unique.tolist(), total.tolist(), strict=True) if number}
