"""Instances, matched one to one: how many were found, and how well."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mitodata import DataError
from mitoseg.metrics.counts import ratio
from mitoseg.metrics.overlaps import OverlapCounts, PairOverlaps, pair_overlaps

IOU_THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""The usual series, .50 to .95."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of a true and a predicted instance; each occurs at most once.

    Attributes:
        truth: (M,) int64, ids.
        prediction: (M,) int64, ids.
        iou: (M,) float64, at least the threshold.
        missed: (FN,) int64, ids of the truth without a partner.
        false: (FP,) int64, ids of the prediction without a partner.
    """

    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]
    iou: NDArray[np.float64]
    missed: NDArray[np.int64]
    false: NDArray[np.int64]

    @property
    def counts(self) -> "InstanceCounts":
        """What scores are made of."""
        return InstanceCounts(len(self.truth), len(self.false), len(self.missed), float(self.iou.sum()))


@dataclass(frozen=True)
class InstanceCounts:
    """Numbers of instances, and the sum of the IoU of matched pairs; those of images add up."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: "InstanceCounts") -> "InstanceCounts":
        return InstanceCounts(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))


@dataclass(frozen=True)
class InstanceScores:
    """How well instances were found at one IoU threshold.

    Attributes:
        accuracy: TP / (TP + FP + FN), 0-1; called average precision by the Data Science Bowl and StarDist.
        precision: share of the predicted instances that are matched, 0-1.
        recall: share of the true instances that are matched, 0-1.
        f1: 2 TP / (2 TP + FP + FN), 0-1; the recognition quality of panoptic quality.
        panoptic_quality: f1 times mean_matched_iou, 0-1.
        mean_matched_iou: mean IoU of the matched pairs, 0-1 (segmentation quality).
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    panoptic_quality: float
    mean_matched_iou: float


def match_instances(overlaps: OverlapCounts, threshold: float = 0.5) -> Matches:
    """Match instances one to one so that as many pairs as possible reach an IoU of `threshold`.

    Among the matchings with most pairs, the one with the largest sum of IoU is taken (Kuhn, 1955; the rule of
    StarDist). Above .5 there is only one (Kirillov et al., CVPR 2019).

    Args:
        overlaps: from `count_overlaps`.
        threshold: above 0, up to 1; a pair that reaches it exactly counts.

    Raises:
        DataError: the threshold is out of range.
    """
    return _match(overlaps, pair_overlaps(overlaps), threshold)


def instance_scores(counts: InstanceCounts) -> InstanceScores:
    """All metrics of `counts`; all are 1 where there is no instance in truth and prediction, 0 without any match."""
    tp, fp, fn = counts.true_positive, counts.false_positive, counts.false_negative
    empty = 1.0 if tp + fp + fn == 0 else 0.0
    return InstanceScores(
        accuracy=ratio(tp, tp + fp + fn, empty),
        precision=ratio(tp, tp + fp, empty),
        recall=ratio(tp, tp + fn, empty),
        f1=ratio(2 * tp, 2 * tp + fp + fn, empty),
        panoptic_quality=ratio(2 * counts.iou_sum, 2 * tp + fp + fn, empty),
        mean_matched_iou=ratio(counts.iou_sum, tp, empty),
    )


def instance_counts(
    overlaps: OverlapCounts, thresholds: Sequence[float] = IOU_THRESHOLDS
) -> dict[float, InstanceCounts]:
    """Counts of matched and unmatched instances by IoU threshold."""
    pairs = pair_overlaps(overlaps)
    return {threshold: _match(overlaps, pairs, threshold).counts for threshold in thresholds}


def _match(overlaps: OverlapCounts, pairs: PairOverlaps, threshold: float) -> Matches:
    if not 0 < threshold <= 1:
        raise DataError(f"IoU threshold {threshold}; expected above 0, up to 1")
    candidate = np.flatnonzero(pairs.iou >= threshold)
    truth, prediction, iou = pairs.truth[candidate], pairs.prediction[candidate], pairs.iou[candidate]
    chosen = _assign(truth, prediction, iou)
    truth, prediction, iou = truth[chosen], prediction[chosen], iou[chosen]
    return Matches(
        truth,
        prediction,
        iou,
        np.setdiff1d(list(overlaps.truth_voxels), truth).astype(np.int64),
        np.setdiff1d(list(overlaps.prediction_voxels), prediction).astype(np.int64),
    )


def _assign(truth: NDArray[np.int64], prediction: NDArray[np.int64], iou: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose pairs so that none shares an instance: most pairs, then largest sum of IoU. Returns their places.

    Only instances that are linked by pairs compete, so each connected group is solved by itself; a matrix of all
    instances of a volume would not fit into memory.
    """
    if not len(iou):
        return np.empty(0, np.int64)
    _, row = np.unique(truth, return_inverse=True)
    _, column = np.unique(prediction, return_inverse=True)
    rows, columns = int(row.max()) + 1, int(column.max()) + 1
    links = coo_array((np.ones(len(row)), (row, column + rows)), shape=(rows + columns,) * 2)
    _, group = connected_components(links, directed=False)
    of_pair = group[row]
    size = np.bincount(of_pair)
    chosen = [np.flatnonzero(size[of_pair] == 1)]
    order = np.argsort(of_pair, kind="stable")
    ends = np.cumsum(size)
    for number in np.flatnonzero(size > 1):
        places = order[ends[number] - size[number] : ends[number]]
        r_ids, r = np.unique(row[places], return_inverse=True)
        c_ids, c = np.unique(column[places], return_inverse=True)
        gain = np.zeros((len(r_ids), len(c_ids)))
        # A pair more is worth more than all IoU of the group together.
        gain[r, c] = 2 * min(gain.shape) + iou[places]
        best = np.zeros(gain.shape, bool)
        best[linear_sum_assignment(gain, maximize=True)] = True
        chosen.append(places[best[r, c]])
    return np.sort(np.concatenate(chosen))
