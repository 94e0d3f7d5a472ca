"""What is kept of a scored image: counts that add up over images, what follows from them, and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mitoseg.metrics import (
    BoundaryF1,
    BoundaryScores,
    ConfusionCounts,
    Detections,
    InstanceCounts,
    InstanceScores,
    OutlineCounts,
    PartitionScores,
    ProbabilityCounts,
    RankScores,
    Scores,
    boundary_f1,
    instance_scores,
    rank_scores,
    scores,
)


@dataclass(frozen=True, eq=False)
class Counts:
    """What of an image adds up over images, and what follows from it; or the sums over several images.

    Attributes:
        pixels: by truth and prediction.
        outline: pixels of outlines.
        probabilities: histograms.
        objects: matched and unmatched objects, by IoU threshold.
    """

    pixels: ConfusionCounts
    outline: OutlineCounts
    probabilities: ProbabilityCounts
    objects: Mapping[float, InstanceCounts]

    @cached_property
    def scores(self) -> Scores:
        """Metrics of pixels."""
        return scores(self.pixels)

    @cached_property
    def boundary(self) -> BoundaryF1:
        """Agreement of outlines."""
        return boundary_f1(self.outline)

    @cached_property
    def ranks(self) -> RankScores:
        """How well probabilities sort foreground from background."""
        return rank_scores(self.probabilities)

    @cached_property
    def half(self) -> InstanceScores:
        """Metrics of objects that are matched at an IoU of .5."""
        return instance_scores(self.objects[0.5])

    @cached_property
    def strict(self) -> InstanceScores:
        """The same at .75."""
        return instance_scores(self.objects[0.75])


@dataclass(frozen=True, eq=False)
class Single:
    """What of one image does not add up: distances of outlines, ranked objects, split and merge errors."""

    boundary: BoundaryScores
    detections: Detections
    partition: PartitionScores
