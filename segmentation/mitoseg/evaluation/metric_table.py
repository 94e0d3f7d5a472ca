"""The one table of metrics: what each is called and says, how it is read from counts, and where it is shown.

JSON, CSV, the page, printed tables, charts and studies take names and values from it: a new metric is a new row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan

from mitoseg.evaluation.counts import Counts, Single
from mitoseg.metrics import calibration_error, detection_scores


@dataclass(frozen=True)
class Metric:
    """One metric; exactly one of `value` and `single` says how it is read.

    Attributes:
        title: as tables and charts write it.
        group: heading under which it stands.
        meaning: one line.
        value: reads it from counts of an image, or of all images together.
        single: reads it from what does not add up; there is no value of all images together.
        better: "higher" or "lower".
        digits: after the point.
        column: its short title in narrow tables: those that are printed, over runs, and of the trials of a study; ""
            where it is left out of them.
        bar: whether it is in the bar chart; from 0 to 1, higher is better.
        always: whether it says something of images whose truth has no foreground.
    """

    title: str
    group: str
    meaning: str
    value: Callable[[Counts], float] | None = None
    single: Callable[[Single], float] | None = None
    better: str = "higher"
    digits: int = 3
    column: str = ""
    bar: bool = False
    always: bool = False


PIXELS, OUTLINES, PROBABILITIES, OBJECTS = "Foreground", "Outlines", "Probabilities", "Objects"

METRICS = {
    "iou": Metric(
        "Foreground IoU",
        PIXELS,
        "overlap of predicted and true foreground, over their union",
        lambda counts: counts.scores.iou,
        column="IoU",
        bar=True,
    ),
    "dice": Metric(
        "Dice",
        PIXELS,
        "twice the overlap, over the sum of both; the F1 of pixels",
        lambda counts: counts.scores.dice,
        column="Dice",
        bar=True,
    ),
    "precision": Metric(
        "Precision",
        PIXELS,
        "share of the predicted foreground that is foreground",
        lambda counts: counts.scores.precision,
        column="Precision",
        bar=True,
    ),
    "recall": Metric(
        "Recall",
        PIXELS,
        "share of the foreground that is predicted",
        lambda counts: counts.scores.recall,
        column="Recall",
        bar=True,
    ),
    "specificity": Metric(
        "Specificity",
        PIXELS,
        "share of the background that is left alone",
        lambda counts: counts.scores.specificity,
        always=True,
    ),
    "accuracy": Metric(
        "Accuracy",
        PIXELS,
        "share of all pixels that are right; high for an empty prediction too",
        lambda counts: counts.scores.accuracy,
        column="Accuracy",
        bar=True,
        always=True,
    ),
    "kappa": Metric(
        "Cohen's kappa", PIXELS, "agreement beyond chance", lambda counts: counts.scores.kappa, column="Kappa"
    ),
    "mean_iou": Metric(
        "Mean IoU",
        PIXELS,
        "mean of the IoU of foreground and of background",
        lambda counts: counts.scores.mean_iou,
    ),
    "boundary_f1": Metric(
        "Boundary F1",
        OUTLINES,
        "outlines that agree within 20 nm, at least a voxel",
        lambda counts: counts.boundary.f1,
        column="Boundary F1",
        bar=True,
    ),
    "hausdorff95_nm": Metric(
        "Hausdorff 95, nm",
        OUTLINES,
        "distance of all but the worst 5 % of the outlines",
        single=lambda image: image.boundary.hausdorff95,
        better="lower",
        digits=0,
    ),
    "roc_auc": Metric(
        "ROC AUC",
        PROBABILITIES,
        "chance that foreground has the higher probability",
        lambda counts: counts.ranks.roc_auc,
        always=True,
    ),
    "average_precision": Metric(
        "Average precision",
        PROBABILITIES,
        "mean precision over the steps of recall",
        lambda counts: counts.ranks.average_precision,
        bar=True,
        always=True,
    ),
    "calibration_error": Metric(
        "Calibration error",
        PROBABILITIES,
        "mean difference of probability and share of foreground, 15 bins",
        lambda counts: calibration_error(counts.probabilities),
        better="lower",
        column="Calibration error",
        always=True,
    ),
    "object_precision_50": Metric(
        "Object precision at .5",
        OBJECTS,
        "share of the predicted objects that are matched",
        lambda counts: counts.half.precision,
    ),
    "object_recall_50": Metric(
        "Object recall at .5", OBJECTS, "share of the true objects that are matched", lambda counts: counts.half.recall
    ),
    "object_f1_50": Metric(
        "Object F1 at .5",
        OBJECTS,
        "objects matched one to one with an IoU of at least .5",
        lambda counts: counts.half.f1,
        bar=True,
    ),
    "object_f1_75": Metric("Object F1 at .75", OBJECTS, "the same at .75", lambda counts: counts.strict.f1),
    "object_accuracy_50": Metric(
        "Object accuracy at .5",
        OBJECTS,
        "matched, over matched, false and missed objects",
        lambda counts: counts.half.accuracy,
    ),
    "object_accuracy_75": Metric(
        "Object accuracy at .75", OBJECTS, "the same at .75", lambda counts: counts.strict.accuracy
    ),
    "matched_iou_50": Metric(
        "Matched IoU at .5", OBJECTS, "mean IoU of the matched pairs", lambda counts: counts.half.mean_matched_iou
    ),
    "panoptic_quality_50": Metric(
        "Panoptic quality at .5",
        OBJECTS,
        "object F1 times the mean IoU of matched pairs",
        lambda counts: counts.half.panoptic_quality,
    ),
    "panoptic_quality_75": Metric(
        "Panoptic quality at .75", OBJECTS, "the same at .75", lambda counts: counts.strict.panoptic_quality
    ),
    "object_ap": Metric(
        "Object AP",
        OBJECTS,
        "COCO's average precision, mean over IoU .50, .55, ... .95",
        single=lambda image: detection_scores(image.detections).ap,
    ),
    "voi_split": Metric(
        "VOI split, bits",
        OBJECTS,
        "true objects found in several pieces",
        single=lambda image: image.partition.split,
        better="lower",
    ),
    "voi_merge": Metric(
        "VOI merge, bits",
        OBJECTS,
        "pieces that cover several true objects",
        single=lambda image: image.partition.merge,
        better="lower",
    ),
    "adapted_rand_error": Metric(
        "Adapted Rand error",
        OBJECTS,
        "pairs of voxels that are wrongly together or apart",
        single=lambda image: image.partition.adapted_rand_error,
        better="lower",
    ),
}
"""In the order of the tables."""

HEADLINE = "iou"
"""The metric that comes first everywhere, and that the conditions of a study are compared by."""

COLUMNS = {name: metric.column for name, metric in METRICS.items() if metric.column}
"""Metrics of narrow tables, with their short titles."""

BARS = tuple(name for name, metric in METRICS.items() if metric.bar)
"""Metrics of the bar chart."""


def read_metrics(counts: Counts, single: Single | None = None) -> dict[str, float]:
    """The values of all metrics, by name; nan where one is not defined.

    Args:
        counts: of an image, or of several together.
        single: the rest of what is known of an image; None for several.
    """
    return {name: _read(metric, counts, single) for name, metric in METRICS.items()}


def _read(metric: Metric, counts: Counts, single: Single | None) -> float:
    if not (metric.always or counts.pixels.has_foreground):
        return nan
    if metric.value is not None:
        return metric.value(counts)
    return nan if metric.single is None or single is None else metric.single(single)


def read_means(stored: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """The means of `COLUMNS` from the content of a `metrics.json` for one dataset; nan where one is not defined."""
    means = {name: stored.get(name, {}).get("mean") for name in COLUMNS}
    return {name: nan if mean is None else mean for name, mean in means.items()}
