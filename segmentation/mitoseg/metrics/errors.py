"""What wrong voxels are part of: whole objects, the rim of right ones, or something else.

They call for different work. False objects are look-alikes that the training images lack; the rim is where
annotators and network draw the line; what is left is mostly objects that spread too far or were found in part.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.spatial import KDTree

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import require_same_shape
from mitoseg.metrics.boundaries import Outlines
from mitoseg.metrics.counts import ConfusionCounts, ratio, require_binary

OWN_OBJECT = 0.2
"""A connected piece (by faces) of which less than this share is right is an error of its own."""


@dataclass(frozen=True)
class ErrorCounts:
    """Numbers of wrong voxels, those of images add up.

    Attributes:
        false_objects: false positives in predicted pieces that are hardly foreground (`OWN_OBJECT`).
        false_rim: other false positives, within the tolerance of the true foreground.
        false_rest: all other false positives.
        missed_objects: false negatives in true pieces of which hardly anything is predicted.
        missed_rim: other false negatives, within the tolerance of the predicted foreground.
        missed_rest: all other false negatives.
    """

    false_objects: int = 0
    false_rim: int = 0
    false_rest: int = 0
    missed_objects: int = 0
    missed_rim: int = 0
    missed_rest: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True)
class PossibleIou:
    """Foreground IoU if all errors of one kind were gone, 0-1: how much there is to gain.

    Attributes:
        no_false_objects: without the predicted pieces that are hardly foreground.
        no_missed_objects: with the true pieces of which hardly anything is predicted.
        no_rim: with outlines right wherever they are within the tolerance.
    """

    no_false_objects: float
    no_missed_objects: float
    no_rim: float


def count_errors(
    prediction: NDArray[np.bool_], truth: NDArray[Any], outlines: Outlines, spacing: tuple[float, ...], tolerance: float
) -> ErrorCounts:
    """Sort the wrong voxels of a whole image.

    Args:
        prediction: any shape, bool, True is foreground.
        truth: the same shape: 0, 1, or 255 to leave the voxel out.
        outlines: of these two, from `find_outlines`.
        spacing: edge lengths of a voxel, one an axis; nm, or all 1 for px.
        tolerance: distance up to which a voxel counts as the rim, in the same unit.

    Raises:
        DataError: the shapes differ, the prediction is not bool, or the truth holds other values.
    """
    require_same_shape(prediction, truth)
    if prediction.dtype != np.bool_:
        raise DataError(f"prediction of type {prediction.dtype}; expected bool, such as probability >= threshold")
    known = np.asarray(truth != IGNORE)
    true, found = require_binary(truth)[0], prediction & known
    return ErrorCounts(
        *_sort(found, true, outlines.true, spacing, tolerance),
        *_sort(true, found, outlines.predicted, spacing, tolerance),
    )


def possible_iou(counts: ConfusionCounts, errors: ErrorCounts) -> PossibleIou:
    """What the IoU of `counts` would be without the errors of one kind; 1 where nothing is left to find."""
    tp, fp, fn = counts.true_positive, counts.false_positive, counts.false_negative
    return PossibleIou(
        ratio(tp, tp + fp - errors.false_objects + fn, 1.0),
        ratio(tp + errors.missed_objects, tp + fp + fn, 1.0),
        ratio(tp + errors.missed_rim, tp + fp - errors.false_rim + fn, 1.0),
    )


def _sort(
    these: NDArray[np.bool_],
    those: NDArray[np.bool_],
    outline: NDArray[np.int32],
    spacing: tuple[float, ...],
    tolerance: float,
) -> tuple[int, int, int]:
    """Voxels of `these` that are not in `those`: in pieces of their own, near the `outline` of those, and the rest."""
    pieces = np.empty(these.shape, np.int32)
    label(these, output=pieces)
    voxels = np.bincount(pieces.ravel())
    right = np.bincount(pieces[those], minlength=len(voxels))
    own = right < OWN_OBJECT * voxels
    own[0] = False
    apart = own[pieces]
    objects = int(np.count_nonzero(apart & ~those))
    others = np.argwhere(these & ~those & ~apart) * np.asarray(spacing)
    if not len(others) or not len(outline):
        return objects, 0, len(others)
    distance = KDTree(outline * np.asarray(spacing), leafsize=32).query(others, distance_upper_bound=tolerance * 1.001)[
        0
    ]
    near = int(np.count_nonzero(distance <= tolerance * (1 + 1e-9)))
    return objects, near, len(others) - near
