"""Foreground against background: counts of voxels, and what follows from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import Volume, blocks, require_same_shape


@dataclass(frozen=True)
class ConfusionCounts:
    """Numbers of voxels by truth and prediction; those of blocks or images add up."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    def __add__(self, other: "ConfusionCounts") -> "ConfusionCounts":
        return ConfusionCounts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def has_foreground(self) -> bool:
        """Whether any voxel of the truth is foreground."""
        return self.true_positive + self.false_negative > 0


@dataclass(frozen=True)
class Scores:
    """Foreground against background.

    Attributes:
        iou: intersection over union (Jaccard index) of the foreground, 0-1.
        dice: Dice coefficient, the F1 of voxels, 0-1.
        precision: share of the predicted foreground that is foreground, 0-1.
        recall: share of the foreground that is predicted (sensitivity), 0-1.
        specificity: share of the background that is predicted as such, 0-1.
        accuracy: share of the voxels that are right, 0-1.
        kappa: Cohen's kappa, agreement beyond chance, -1 to 1.
        mean_iou: mean of the IoU of foreground and of background, 0-1.
    """

    iou: float
    dice: float
    precision: float
    recall: float
    specificity: float
    accuracy: float
    kappa: float
    mean_iou: float


def confusion(prediction: Volume, truth: Volume) -> ConfusionCounts:
    """Count voxels, block by block.

    Args:
        prediction: any shape, bool, True is foreground.
        truth: the same shape: 0, 1, or 255 to leave the voxel out.

    Raises:
        DataError: the shapes differ, the prediction is not bool, or the truth holds other values.
    """
    require_same_shape(prediction, truth)
    counted = (_count(np.asarray(prediction[block]), np.asarray(truth[block])) for block in blocks(truth.shape))
    return sum(counted, ConfusionCounts())


def scores(counts: ConfusionCounts) -> Scores:
    """All metrics of `counts`.

    A ratio of nothing to nothing is 1 where neither truth nor prediction has foreground (the prediction is perfect),
    and 0 where only one of them has. Specificity without any background is 1. The mean IoU is over those of the two
    classes that occur in truth or prediction. Kappa is 1 where chance agreement is certain.
    """
    tp, fp, fn, tn = counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
    total = tp + fp + fn + tn
    empty = 1.0 if tp + fp + fn == 0 else 0.0
    iou = ratio(tp, tp + fp + fn, empty)
    background_iou = ratio(tn, tn + fp + fn, iou)
    # Cohen (1960): kappa = (observed - chance) / (1 - chance), multiplied out so that it stays exact in integers.
    # Chance agreement is 1 only where truth and prediction are both all foreground or both all background.
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    return Scores(
        iou=iou,
        dice=ratio(2 * tp, 2 * tp + fp + fn, empty),
        precision=ratio(tp, tp + fp, empty),
        recall=ratio(tp, tp + fn, empty),
        specificity=ratio(tn, tn + fp, 1.0),
        accuracy=ratio(tp + tn, total, 1.0),
        kappa=ratio(total * (tp + tn) - chance, total * total - chance, 1.0),
        mean_iou=(iou + background_iou) / 2 if tp + fp + fn else background_iou,
    )


def ratio(part: float, whole: float, otherwise: float) -> float:
    """`part` / `whole`, or `otherwise` where there is no whole."""
    return float(part / whole) if whole else otherwise


def require_binary(truth: NDArray[Any]) -> tuple[NDArray[np.bool_], int]:
    """Where `truth` is foreground, and how many of its voxels are known.

    Raises:
        DataError: it holds other values than 0, 1 and 255.
    """
    positive = np.asarray(truth == 1)
    known = truth.size - int(np.count_nonzero(truth == IGNORE))
    if int(np.count_nonzero(positive)) + int(np.count_nonzero(truth == 0)) != known:
        raise DataError(f"truth holds values up to {truth.max()}; expected 0, 1 and {IGNORE} (ignore)")
    return positive, known


def _count(prediction: NDArray[Any], truth: NDArray[Any]) -> ConfusionCounts:
    if prediction.dtype != np.bool_:
        raise DataError(f"prediction of type {prediction.dtype}; expected bool, such as probability >= threshold")
    positive, known = require_binary(truth)
    predicted = int(np.count_nonzero(prediction & (truth != IGNORE)))
    true_positive = int(np.count_nonzero(prediction & positive))
    false_negative = int(np.count_nonzero(positive)) - true_positive
    false_positive = predicted - true_positive
    return ConfusionCounts(
        true_positive, false_positive, false_negative, known - true_positive - false_positive - false_negative
    )
