"""Metrics as pure functions: counts of pixels in, named results out.

Convention for images without foreground: a ratio of nothing to nothing is 1 where truth and prediction are both empty
(the prediction is perfect) and 0 where only one of them is. So an image without mitochondria scores 1 on everything
if nothing is found in it, and an IoU, Dice, precision and recall of 0 as soon as one pixel is. Pixels that the truth
marks with 255 (ignore) are left out of everything. An image where everything is ignored counts as empty.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError

CONVENTION = (
    "Per-image means. Where truth and prediction are both empty, every metric is 1; where only one of them is, "
    "IoU, Dice, precision and recall are 0. Pixels marked 255 in the truth are left out."
)


@dataclass(frozen=True)
class Confusion:
    """Numbers of pixels by truth and prediction; confusions of several images can be added."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )


@dataclass(frozen=True)
class Scores:
    """What is reported for an image, all of foreground against background.

    Attributes:
        iou: intersection over union of the foreground, 0-1.
        dice: Dice coefficient (F1 of pixels), 0-1.
        precision: share of the predicted foreground that is foreground, 0-1.
        recall: share of the foreground that is predicted, 0-1.
        accuracy: share of the pixels that are right, 0-1.
        kappa: Cohen's kappa, agreement beyond chance, -1 to 1.
    """

    iou: float
    dice: float
    precision: float
    recall: float
    accuracy: float
    kappa: float


@dataclass(frozen=True)
class Summary:
    """One metric over several images.

    Attributes:
        mean: mean over images.
        std: standard deviation over images (of the sample, n - 1; 0 for one image).
        pooled: the metric of all pixels of all images together.
    """

    mean: float
    std: float
    pooled: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predicted probabilities binned by value, to compare with how often they come true; can be added.

    Attributes:
        count: (B,) int64, pixels in a bin; bin b holds probabilities from b / B to (b + 1) / B.
        confidence: (B,) float64, sum of the probabilities.
        positive: (B,) int64, foreground pixels.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    positive: NDArray[np.int64]

    def __add__(self, other: "Reliability") -> "Reliability":
        return Reliability(self.count + other.count, self.confidence + other.confidence, self.positive + other.positive)


def confusion(prediction: NDArray[np.bool_], truth: NDArray[np.uint8]) -> Confusion:
    """Count pixels.

    Args:
        prediction: any shape, bool, True is foreground.
        truth: the same shape, uint8: 0, 1, or 255 to leave the pixel out.

    Raises:
        DataError: the shapes differ.
    """
    _same_shape(prediction, truth)
    known = truth != IGNORE
    positive = truth == 1
    true_positive = int(np.count_nonzero(prediction & positive))
    false_positive = int(np.count_nonzero(prediction & known)) - true_positive
    false_negative = int(np.count_nonzero(positive)) - true_positive
    true_negative = int(np.count_nonzero(known)) - true_positive - false_positive - false_negative
    return Confusion(true_positive, false_positive, false_negative, true_negative)


def scores(counts: Confusion) -> Scores:
    """All metrics of `counts`, with the convention for empty images above."""
    tp, fp, fn, tn = counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
    total = tp + fp + fn + tn
    empty = 1.0 if tp + fp + fn == 0 else 0.0
    # Cohen (1960): kappa = (observed - chance) / (1 - chance), multiplied out so that it stays exact in integers.
    # Chance agreement is 1 only where truth and prediction are both all foreground or both all background.
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    certain = total * total - chance
    return Scores(
        iou=_ratio(tp, tp + fp + fn, empty),
        dice=_ratio(2 * tp, 2 * tp + fp + fn, empty),
        precision=_ratio(tp, tp + fp, empty),
        recall=_ratio(tp, tp + fn, empty),
        accuracy=_ratio(tp + tn, total, 1.0),
        kappa=_ratio(total * (tp + tn) - chance, certain, 1.0),
    )


def reliability(probability: NDArray[np.float32], truth: NDArray[np.uint8], bins: int = 15) -> Reliability:
    """Bin probabilities in [0, 1] (any shape, float) against `truth` as in `confusion`.

    Raises:
        DataError: the shapes differ.
    """
    _same_shape(probability, truth)
    known = truth != IGNORE
    values = probability[known].astype(np.float64)
    index = np.minimum((values * bins).astype(np.int64), bins - 1)
    return Reliability(
        np.bincount(index, minlength=bins),
        np.bincount(index, weights=values, minlength=bins).astype(np.float64),
        np.bincount(index[truth[known] == 1], minlength=bins),
    )


def calibration_error(binned: Reliability) -> float:
    """Expected calibration error, 0-1: mean over pixels of |mean probability - share of foreground| of their bin.

    Naeini et al., AAAI 2015, with bins of equal width over the probability of the foreground; 0 without pixels.
    """
    total = int(binned.count.sum())
    return float(np.abs(binned.confidence - binned.positive).sum() / total) if total else 0.0


def summarise(counts: Sequence[Confusion]) -> dict[str, Summary]:
    """Summarise the metrics of several images, by name.

    Raises:
        DataError: there are none.
    """
    if not counts:
        raise DataError("no images to score; expected at least one")
    rows = [asdict(scores(image)) for image in counts]
    pooled = asdict(scores(sum(counts[1:], counts[0])))
    return {field.name: summary([row[field.name] for row in rows], pooled[field.name]) for field in fields(Scores)}


def summary(values: Sequence[float], pooled: float) -> Summary:
    """The `Summary` of one metric's values over images, at least one."""
    return Summary(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, pooled)


def _ratio(part: int, whole: int, otherwise: float) -> float:
    return part / whole if whole else otherwise


def _same_shape(prediction: NDArray[np.generic], truth: NDArray[np.uint8]) -> None:
    if prediction.shape != truth.shape:
        raise DataError(f"prediction of shape {prediction.shape} against truth of shape {truth.shape}; expected equal")
