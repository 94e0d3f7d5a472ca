"""Instances with scores: average precision as COCO defines it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError
from mitoseg.metrics.matching import IOU_THRESHOLDS
from mitoseg.metrics.overlaps import OverlapCounts, pair_overlaps

RECALL_LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class Detections:
    """Predicted instances by score, right or wrong at each of `IOU_THRESHOLDS`; those of images add up.

    Attributes:
        score: (P,) float64.
        right: (T, P) bool, whether the instance has a partner at the threshold.
        true: number of true instances.
    """

    score: NDArray[np.float64]
    right: NDArray[np.bool_]
    true: int

    def __add__(self, other: "Detections") -> "Detections":
        return Detections(
            np.concatenate([self.score, other.score]),
            np.concatenate([self.right, other.right], axis=1),
            self.true + other.true,
        )


@dataclass(frozen=True)
class DetectionScores:
    """COCO-style average precision.

    Attributes:
        ap: mean over `IOU_THRESHOLDS`, 0-1.
        ap50: at an IoU of .5, 0-1.
        ap75: at an IoU of .75, 0-1.
        by_threshold: at each of `IOU_THRESHOLDS`.
    """

    ap: float
    ap50: float
    ap75: float
    by_threshold: tuple[float, ...]


def rank_detections(overlaps: OverlapCounts, score: Mapping[int, float]) -> Detections:
    """Match predicted instances in the order of their scores, as COCO does.

    The best scored instance takes the true one with which its IoU is largest, if that reaches the threshold; the next
    one chooses among those that are left. Equal scores go by id.

    Args:
        overlaps: from `count_overlaps`.
        score: by id of the predicted instance, higher is surer; ids that occur nowhere are passed over.

    Raises:
        DataError: an instance has no score, or one that is not finite.
    """
    ids = list(overlaps.prediction_voxels)
    missing = [number for number in ids if not np.isfinite(score.get(number, np.nan))]
    if missing:
        raise DataError(f"instance {missing[0]} has no finite score; expected one for each of {len(ids)} instances")
    pairs = pair_overlaps(overlaps)
    partners: dict[int, list[tuple[float, int]]] = {}
    for truth, prediction, iou in zip(pairs.truth.tolist(), pairs.prediction.tolist(), pairs.iou.tolist(), strict=True):
        partners.setdefault(prediction, []).append((-iou, truth))
    ids.sort(key=lambda number: -score[number])
    right = np.zeros((len(IOU_THRESHOLDS), len(ids)), bool)
    for row, threshold in zip(right, IOU_THRESHOLDS, strict=True):
        taken: set[int] = set()
        for place, number in enumerate(ids):
            for negative, truth in sorted(partners.get(number, ())):
                if -negative >= threshold and truth not in taken:
                    taken.add(truth)
                    row[place] = True
                    break
    return Detections(np.array([score[number] for number in ids], np.float64), right, len(overlaps.truth_voxels))


def detection_scores(detections: Detections) -> DetectionScores:
    """Average precision, averaged over 101 levels of recall.

    At each level the best precision at that recall or above counts (Lin et al., ECCV 2014). Without true instances it
    is 1 if nothing is predicted, else 0. Unlike COCO there is no limit of 100 instances an image, and no size classes.
    """
    order = np.argsort(-detections.score, kind="stable")
    by_threshold = tuple(_average_precision(row[order], detections.true) for row in detections.right)
    places = dict(zip(IOU_THRESHOLDS, by_threshold, strict=True))
    return DetectionScores(float(np.mean(by_threshold)), places[0.5], places[0.75], by_threshold)


def _average_precision(right: NDArray[np.bool_], true: int) -> float:
    if not true:
        return 0.0 if len(right) else 1.0
    found = np.cumsum(right)
    precision = found / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(found / true, RECALL_LEVELS, side="left")
    return float(np.append(best_from_here, 0.0)[place].mean())
