"""Metrics as pure functions with named results.

Each kind of metric is made in two steps: a count that goes through the voxels once, block by block, and adds up over
blocks and images, and a function of the counts. So a volume that lies in a file is measured in little memory, and the
pooled value of many images is the metric of the sum of their counts.

    confusion -> scores                      foreground against background
    count_classes -> class_scores            several classes
    count_probabilities -> rank_scores, threshold_curve, reliability
    find_outlines -> compare_outlines        boundary F1, Hausdorff distance
                  -> count_errors            wrong voxels: whole objects, rims of right ones, the rest
                  -> count_compartments      what of each compartment of rendered tissue is predicted
    count_overlaps -> match_instances, instance_counts -> instance_scores
                   -> rank_detections -> detection_scores
                   -> partition_scores       variation of information, adapted Rand error

Voxels that the truth marks with 255 (ignore) are left out of everything. What a metric is where there is nothing to
measure stands where it is defined, and in `docs/metrics.md`.
"""

from mitoseg.metrics.boundaries import (
    BoundaryF1,
    BoundaryScores,
    OutlineCounts,
    Outlines,
    boundary_f1,
    compare_outlines,
    find_outlines,
    membrane_tolerance,
)
from mitoseg.metrics.classes import (
    ClassCounts,
    ClassScores,
    CompartmentCounts,
    CompartmentShare,
    class_scores,
    compartment_shares,
    count_classes,
    count_compartments,
)
from mitoseg.metrics.counts import ConfusionCounts, Scores, confusion, scores
from mitoseg.metrics.curves import (
    ProbabilityCounts,
    RankScores,
    Reliability,
    ThresholdCurve,
    calibration_error,
    count_probabilities,
    rank_scores,
    reliability,
    threshold_curve,
)
from mitoseg.metrics.detection import Detections, DetectionScores, detection_scores, rank_detections
from mitoseg.metrics.errors import ErrorCounts, PossibleIou, count_errors, possible_iou
from mitoseg.metrics.matching import (
    IOU_THRESHOLDS,
    InstanceCounts,
    InstanceScores,
    Matches,
    instance_counts,
    instance_scores,
    match_instances,
)
from mitoseg.metrics.overlaps import OverlapCounts, PairOverlaps, count_overlaps, pair_overlaps
from mitoseg.metrics.partitions import PartitionScores, partition_scores
from mitoseg.metrics.summaries import (
    CONVENTION,
    Presence,
    Summary,
    caption,
    presence,
    summary,
)

__all__ = [
    "CONVENTION",
    "IOU_THRESHOLDS",
    "BoundaryF1",
    "BoundaryScores",
    "ClassCounts",
    "ClassScores",
    "CompartmentCounts",
    "CompartmentShare",
    "ConfusionCounts",
    "DetectionScores",
    "Detections",
    "ErrorCounts",
    "InstanceCounts",
    "InstanceScores",
    "Matches",
    "OutlineCounts",
    "Outlines",
    "OverlapCounts",
    "PairOverlaps",
    "PartitionScores",
    "PossibleIou",
    "Presence",
    "ProbabilityCounts",
    "RankScores",
    "Reliability",
    "Scores",
    "Summary",
    "ThresholdCurve",
    "boundary_f1",
    "calibration_error",
    "caption",
    "class_scores",
    "compare_outlines",
    "compartment_shares",
    "confusion",
    "count_classes",
    "count_compartments",
    "count_errors",
    "count_overlaps",
    "count_probabilities",
    "detection_scores",
    "find_outlines",
    "instance_counts",
    "instance_scores",
    "match_instances",
    "membrane_tolerance",
    "pair_overlaps",
    "partition_scores",
    "possible_iou",
    "presence",
    "rank_detections",
    "rank_scores",
    "reliability",
    "scores",
    "summary",
    "threshold_curve",
]
