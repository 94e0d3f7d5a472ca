"""All thresholds at once: histograms of probabilities, and the curves and areas that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from mitodata import IGNORE, DataError
from mitoseg.metrics.blocks import Volume, blocks, require_same_shape
from mitoseg.metrics.counts import ConfusionCounts, require_binary, scores

BINS = 300
"""Bins of a histogram: whole percents and the edges of the usual 10, 15 or 20 bins of calibration are edges of it."""

STRIP_VOXELS = 2**15
"""Voxels that are sorted into bins at a time: what is computed on them stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ProbabilityCounts:
    """Histograms of predicted probabilities by truth; those of blocks or images add up.

    Bin b holds probabilities from b / B to below (b + 1) / B, the last one also 1.

    Attributes:
        background: (B,) int64, background voxels.
        foreground: (B,) int64, foreground voxels.
        total: (B,) float64, sum of the probabilities of both.
    """

    background: NDArray[np.int64]
    foreground: NDArray[np.int64]
    total: NDArray[np.float64]

    def __add__(self, other: "ProbabilityCounts") -> "ProbabilityCounts":
        if self.bins != other.bins:
            raise DataError(f"histograms of {self.bins} and of {other.bins} bins do not add up; expected equal numbers")
        return ProbabilityCounts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    @property
    def bins(self) -> int:
        """Number of bins, B."""
        return len(self.background)

    @property
    def has_foreground(self) -> bool:
        """Whether any voxel of the truth is foreground."""
        return bool(self.foreground.any())

    def confusion(self, threshold: float) -> ConfusionCounts:
        """Counts of voxels if foreground is where the probability is at least `threshold`.

        Raises:
            DataError: `threshold` is not a multiple of 1 / B between 0 and below 1.
        """
        first = round(threshold * self.bins)
        if not 0 <= first < self.bins or abs(threshold * self.bins - first) > 1e-6:
            raise DataError(f"threshold {threshold}; expected a multiple of 1/{self.bins} from 0 to below 1")
        return ConfusionCounts(
            int(self.foreground[first:].sum()),
            int(self.background[first:].sum()),
            int(self.foreground[:first].sum()),
            int(self.background[:first].sum()),
        )


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Metrics by threshold; recall over `false_positive_rate` is the ROC curve, precision over recall the PR curve.

    Attributes:
        threshold: (B + 1,) float64, 0 to 1 - 1 / B in steps of 1 / B, then infinity (nothing is foreground).
        precision: (B + 1,) float64, 0-1, as in `scores`.
        recall: (B + 1,) float64, 0-1.
        false_positive_rate: (B + 1,) float64, 1 - specificity, 0-1.
        iou: (B + 1,) float64, 0-1.
        dice: (B + 1,) float64, 0-1.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    false_positive_rate: NDArray[np.float64]
    iou: NDArray[np.float64]
    dice: NDArray[np.float64]


@dataclass(frozen=True)
class RankScores:
    """How well probabilities sort foreground from background, whatever the threshold.

    Attributes:
        roc_auc: area under the ROC curve, 0-1: chance that a foreground voxel has the higher probability than a
            background voxel. nan unless both occur.
        roc_auc_error: the area of the probabilities themselves differs at most this much from that of their bins.
        average_precision: mean precision over the steps of recall, 0-1. nan without foreground.
    """

    roc_auc: float
    roc_auc_error: float
    average_precision: float


def count_probabilities(probability: Volume, truth: Volume, bins: int = BINS) -> ProbabilityCounts:
    """Make histograms, block by block.

    Bins are exact for float32: a probability is in bin b or above exactly where `probability >= np.float32(b / bins)`.

    Args:
        probability: any shape, float32 in [0, 1].
        truth: the same shape: 0, 1, or 255 to leave the voxel out.
        bins: number of bins.

    Raises:
        DataError: the shapes differ, or values are out of range.
    """
    require_same_shape(probability, truth)
    nothing = np.zeros(bins, np.int64)
    counted = ProbabilityCounts(nothing, nothing, np.zeros(bins))
    for block in blocks(truth.shape):
        values, expected = np.asarray(probability[block], np.float32).ravel(), np.asarray(truth[block]).ravel()
        for strip in blocks(values.shape, STRIP_VOXELS):
            counted += _count(values[strip], expected[strip], bins)
    return counted


def threshold_curve(counts: ProbabilityCounts) -> ThresholdCurve:
    """Metrics at every edge of a bin, with the convention of `scores` for ratios of nothing to nothing."""
    true_positive, false_positive = _from_above(counts.foreground), _from_above(counts.background)
    predicted = true_positive + false_positive
    positive, negative = int(counts.foreground.sum()), int(counts.background.sum())
    union = positive + false_positive
    return ThresholdCurve(
        threshold=np.append(np.arange(counts.bins) / counts.bins, np.inf),
        precision=_share(true_positive, predicted, 0.0 if positive else 1.0),
        recall=_share(true_positive, np.full_like(predicted, positive), np.where(predicted > 0, 0.0, 1.0)),
        false_positive_rate=_share(false_positive, np.full_like(predicted, negative), 0.0),
        iou=_share(true_positive, union, 1.0),
        dice=_share(2 * true_positive, predicted + positive, 1.0),
    )


def rank_scores(counts: ProbabilityCounts) -> RankScores:
    """Areas under the curves, exact for the binned probabilities.

    The area under the ROC curve by trapezoids counts pairs within a bin as half right, so the area of the
    probabilities themselves lies within `roc_auc_error`. Average precision is the sum of precision times the step in
    recall, not interpolated, as in scikit-learn (Davis and Goadrich, ICML 2006, on why not by trapezoids).
    """
    true_positive, false_positive = _from_above(counts.foreground), _from_above(counts.background)
    positive, negative = int(counts.foreground.sum()), int(counts.background.sum())
    if not positive:
        return RankScores(float("nan"), float("nan"), float("nan"))
    precision = _share(true_positive, true_positive + false_positive, 0.0)
    average_precision = float((precision[:-1] * counts.foreground).sum() / positive)
    if not negative:
        return RankScores(float("nan"), float("nan"), average_precision)
    pairs = positive * negative
    area = float(-trapezoid(true_positive, false_positive) / pairs)
    undecided = float((counts.foreground.astype(np.float64) * counts.background).sum() / pairs)
    return RankScores(area, undecided / 2, average_precision)


@cache
def _edges(bins: int) -> NDArray[np.float32]:
    return np.append((np.arange(bins) / bins).astype(np.float32), np.float32(np.inf))


def _count(probability: NDArray[np.float32], truth: NDArray[Any], bins: int) -> ProbabilityCounts:
    positive, known = require_binary(truth)
    where = slice(None) if known == truth.size else truth != IGNORE
    values, positive = probability[where], positive[where]
    if known and not (values.min() >= 0 and values.max() <= 1):
        raise DataError(f"probabilities from {values.min()} to {values.max()}; expected 0 to 1")
    index = (values * np.float32(bins)).astype(np.intp)
    np.minimum(index, bins - 1, out=index)
    # The product is rounded: what lies within a rounding of an edge may have come to the wrong side of it.
    edges = _edges(bins)
    index -= values < edges[index]
    index += values >= edges[index + 1]
    total = np.bincount(index, weights=values, minlength=bins).astype(np.float64)
    index += bins * positive
    both = np.bincount(index, minlength=2 * bins)
    return ProbabilityCounts(both[:bins], both[bins:], total)


def _from_above(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """Voxels at or above each edge; none above the last."""
    return np.append(histogram[::-1].cumsum()[::-1], 0)


def _share(
    part: NDArray[np.int64], whole: NDArray[np.int64], otherwise: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), otherwise)


CALIBRATION_BINS = 15
"""The usual number of bins (Guo et al., ICML 2017)."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: what was predicted, and what came true.

    Attributes:
        voxels: (B,) int64, in each bin of probability; bins are equally wide.
        predicted: (B,) float64, mean probability in the bin; nan where it is empty.
        observed: (B,) float64, share of foreground in the bin; nan where it is empty.
        error: expected calibration error, 0-1.
        largest_error: largest difference between the two in a bin, 0-1.
    """

    voxels: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    error: float
    largest_error: float


def reliability(counts: ProbabilityCounts, bins: int = CALIBRATION_BINS) -> Reliability:
    """Compare probabilities with what came true.

    The expected calibration error is the mean over voxels of |mean probability - share of foreground| of their bin
    (Naeini et al., AAAI 2015, for two classes: bins over the probability of the foreground). Without voxels it is 0.

    Raises:
        DataError: `bins` does not divide the bins of `counts`.
    """
    if bins < 1 or counts.bins % bins:
        raise DataError(f"{bins} bins from a histogram of {counts.bins}; expected a divisor of {counts.bins}")
    foreground = counts.foreground.reshape(bins, -1).sum(axis=1)
    voxels = foreground + counts.background.reshape(bins, -1).sum(axis=1)
    total = counts.total.reshape(bins, -1).sum(axis=1)
    difference = np.abs(total - foreground)
    filled = voxels > 0
    nothing = np.full(bins, np.nan)
    return Reliability(
        voxels,
        np.divide(total, voxels, out=nothing.copy(), where=filled),
        np.divide(foreground, voxels, out=nothing.copy(), where=filled),
        error=float(difference.sum() / voxels.sum()) if filled.any() else 0.0,
        largest_error=float((difference[filled] / voxels[filled]).max()) if filled.any() else 0.0,
    )


def calibration_error(counts: ProbabilityCounts, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error, 0-1; see `reliability`."""
    return reliability(counts, bins).error


def mean_iou(images: Sequence[ProbabilityCounts], thresholds: float | Sequence[float]) -> float:
    """Mean foreground IoU at a threshold, or at one for each image, over those with foreground; nan if none has."""
    each = np.broadcast_to(thresholds, len(images))
    reached = [
        scores(image.confusion(float(at))).iou for image, at in zip(images, each, strict=True) if image.has_foreground
    ]
    return float(np.mean(reached)) if reached else nan
