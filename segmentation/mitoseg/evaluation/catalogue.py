"""What is measured: every metric of an image with its title, and what it says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        title: as tables and charts write it.
        group: heading under which it stands.
        meaning: one line.
        better: "higher" or "lower".
        digits: after the point.
    """

    title: str
    group: str
    meaning: str
    better: str = "higher"
    digits: int = 3


PIXELS, OUTLINES, PROBABILITIES, OBJECTS = "Foreground", "Outlines", "Probabilities", "Objects"

METRICS = {
    "iou": Metric("Foreground IoU", PIXELS, "overlap of predicted and true foreground, over their union"),
    "dice": Metric("Dice", PIXELS, "twice the overlap, over the sum of both; the F1 of pixels"),
    "precision": Metric("Precision", PIXELS, "share of the predicted foreground that is foreground"),
    "recall": Metric("Recall", PIXELS, "share of the foreground that is predicted"),
    "specificity": Metric("Specificity", PIXELS, "share of the background that is left alone"),
    "accuracy": Metric("Accuracy", PIXELS, "share of all pixels that are right; high for an empty prediction too"),
    "kappa": Metric("Cohen's kappa", PIXELS, "agreement beyond chance"),
    "mean_iou": Metric("Mean IoU", PIXELS, "mean of the IoU of foreground and of background"),
    "boundary_f1": Metric("Boundary F1", OUTLINES, "outlines that agree within 20 nm, at least a voxel"),
    "hausdorff95_nm": Metric(
        "Hausdorff 95, nm", OUTLINES, "distance of all but the worst 5 % of the outlines", "lower", 0
    ),
    "roc_auc": Metric("ROC AUC", PROBABILITIES, "chance that foreground has the higher probability"),
    "average_precision": Metric("Average precision", PROBABILITIES, "mean precision over the steps of recall"),
    "calibration_error": Metric(
        "Calibration error", PROBABILITIES, "mean difference of probability and share of foreground, 15 bins", "lower"
    ),
    "object_precision_50": Metric("Object precision at .5", OBJECTS, "share of the predicted objects that are matched"),
    "object_recall_50": Metric("Object recall at .5", OBJECTS, "share of the true objects that are matched"),
    "object_f1_50": Metric("Object F1 at .5", OBJECTS, "objects matched one to one with an IoU of at least .5"),
    "object_f1_75": Metric("Object F1 at .75", OBJECTS, "the same at .75"),
    "object_accuracy_50": Metric("Object accuracy at .5", OBJECTS, "matched, over matched, false and missed objects"),
    "object_accuracy_75": Metric("Object accuracy at .75", OBJECTS, "the same at .75"),
    "matched_iou_50": Metric("Matched IoU at .5", OBJECTS, "mean IoU of the matched pairs"),
    "panoptic_quality_50": Metric("Panoptic quality at .5", OBJECTS, "object F1 times the mean IoU of matched pairs"),
    "panoptic_quality_75": Metric("Panoptic quality at .75", OBJECTS, "the same at .75"),
    "object_ap": Metric("Object AP", OBJECTS, "COCO's average precision, mean over IoU .50, .55, ... .95"),
    "voi_split": Metric("VOI split, bits", OBJECTS, "true objects found in several pieces", "lower"),
    "voi_merge": Metric("VOI merge, bits", OBJECTS, "pieces that cover several true objects", "lower"),
    "adapted_rand_error": Metric(
        "Adapted Rand error", OBJECTS, "pairs of voxels that are wrongly together or apart", "lower"
    ),
}
"""In the order of the tables."""

ALSO_WITHOUT_FOREGROUND = ("specificity", "accuracy", "roc_auc", "average_precision", "calibration_error")
"""Metrics of an image whose truth has no foreground; some of them are nan there by themselves."""
