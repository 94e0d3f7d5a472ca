"""What of the tissue is predicted as foreground, compartment by compartment: what a network takes for mitochondria."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE
from mitoseg.metrics.blocks import require_same_shape
from mitoseg.metrics.counts import ratio, require_binary


@dataclass(frozen=True, eq=False)
class CompartmentCounts:
    """Voxels of each compartment, those of images add up.

    Attributes:
        voxels: (256,) int64, by the value in the map of compartments.
        predicted: (256,) int64, those of them that are predicted as foreground.
        false: (256,) int64, those of them that are so and are none.
    """

    voxels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    false: NDArray[np.int64]

    def __add__(self, other: "CompartmentCounts") -> "CompartmentCounts":
        return CompartmentCounts(self.voxels + other.voxels, self.predicted + other.predicted, self.false + other.false)


@dataclass(frozen=True)
class CompartmentShare:
    """What was predicted of one compartment.

    Attributes:
        voxels: how many it has.
        predicted: share of them that is predicted as foreground, 0-1.
        of_false_positives: share of all false positives that lies in it, 0-1; nan if there are none.
    """

    voxels: int
    predicted: float
    of_false_positives: float


def count_compartments(
    prediction: NDArray[np.bool_], truth: NDArray[np.integer], compartment: NDArray[np.uint8]
) -> CompartmentCounts:
    """Count the voxels of each compartment, and what of them is predicted.

    Args:
        prediction: any shape, foreground.
        truth: the same shape: 0, 1, 255 = ignore; ignored voxels count nowhere.
        compartment: the same shape.

    Raises:
        DataError: shapes differ, or truth holds other values.
    """
    require_same_shape(prediction, truth)
    require_same_shape(prediction, compartment)
    positive, _ = require_binary(truth)
    known = truth != IGNORE
    voxels, predicted, false = (
        np.bincount(compartment[where], minlength=256)
        for where in (known, known & prediction, known & prediction & ~positive)
    )
    return CompartmentCounts(voxels, predicted, false)


def compartment_shares(counts: CompartmentCounts, names: Mapping[int, str]) -> dict[str, CompartmentShare]:
    """By name of the compartment, those with most false positives first; those without voxels are left out."""
    false = int(counts.false.sum())
    order = sorted(names, key=lambda value: (-int(counts.false[value]), value))
    return {
        names[value]: CompartmentShare(
            int(counts.voxels[value]),
            ratio(int(counts.predicted[value]), int(counts.voxels[value]), nan),
            ratio(int(counts.false[value]), false, nan),
        )
        for value in order
        if counts.voxels[value]
    }
