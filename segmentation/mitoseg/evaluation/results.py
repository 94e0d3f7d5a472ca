"""What is known of scored images: of one, and of all of a file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, reduce
from math import isnan
from operator import add
from pathlib import Path

import numpy as np

from mitodata.hdf5.dataset import Provenance
from mitoseg.evaluation.aggregate import Measured, measure
from mitoseg.evaluation.counts import Counts, Single
from mitoseg.evaluation.metric_table import read_metrics
from mitoseg.evaluation.objects import ObjectResult
from mitoseg.inference.decoding import Decoding
from mitoseg.io.panels import Panel
from mitoseg.metrics import (
    CONVENTION,
    BoundaryScores,
    CompartmentCounts,
    CompartmentShare,
    ConfusionCounts,
    ErrorCounts,
    PossibleIou,
    Presence,
    ProbabilityCounts,
    compartment_shares,
    possible_iou,
    presence,
)
from mitoseg.metrics.curves import mean_iou


@dataclass(frozen=True)
class Place:
    """Where an image is in its file: the number of its sample, and z; None for a whole volume."""

    sample: int
    z: int | None = None


@dataclass(frozen=True, eq=False)
class ImageResult:
    """One scored image.

    Attributes:
        place: where it is in its file.
        name: its name in the file.
        counts: pixels by truth and prediction.
        probabilities: histograms of its probabilities.
        boundary: distances between outlines, in nm.
        errors: its wrong pixels by what they are part of.
        objects: its objects and what was found of them.
        decoding: how its maps were read.
        compartments: what of its compartments was predicted; None where the file does not name them.
    """

    place: Place
    name: str
    counts: ConfusionCounts
    probabilities: ProbabilityCounts
    boundary: BoundaryScores
    errors: ErrorCounts
    objects: ObjectResult
    decoding: Decoding
    compartments: CompartmentCounts | None = None

    @property
    def threshold(self) -> float:
        """Probability from which on its pixels can be foreground."""
        return self.decoding.threshold

    @cached_property
    def summed(self) -> Counts:
        """What of it adds up over images."""
        return Counts(self.counts, self.boundary.counts, self.probabilities, self.objects.counts)

    @cached_property
    def values(self) -> dict[str, float]:
        """All its metrics, by name as in `metric_table.METRICS`; nan where one is not defined."""
        return read_metrics(self.summed, Single(self.boundary, self.objects.detections, self.objects.partition))


@dataclass(frozen=True, eq=False)
class DatasetResult:
    """All scored images of one file.

    Attributes:
        name: how the report calls it.
        path: the file.
        images: one result an image, in order; at least one.
        available: images in the file; more than `images` if only every few are scored.
        volumes: whether an image is a whole volume; else it is a section.
        panels: pictures of the worst, median and best images, worst first.
        provenance: where the images come from.
        decoding: what counts as foreground, in sections of any thickness.
        axes: slices across which axes of its volumes were looked at and averaged.
        tta: how many looks at each slice were averaged.
    """

    name: str
    path: Path
    images: list[ImageResult]
    available: int
    volumes: bool
    panels: list[Panel]
    provenance: Provenance
    decoding: Decoding
    axes: str = "z"
    tta: int = 1

    @property
    def synthetic(self) -> bool:
        """Whether the images were rendered."""
        return bool(self.provenance.recipe)

    @property
    def threshold(self) -> float:
        """Probability from which on a pixel can be foreground; the middle one where it differs between images."""
        return self.thresholds[len(self.thresholds) // 2]

    @cached_property
    def thresholds(self) -> list[float]:
        """That of each image, lowest first: it depends on the thickness of sections."""
        return sorted(image.threshold for image in self.images)

    @property
    def threshold_text(self) -> str:
        """The threshold, or between which ones those of the images are."""
        low, high = self.thresholds[0], self.thresholds[-1]
        return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"

    @property
    def views(self) -> str:
        """Of what predictions are the mean; empty where each section was looked at once."""
        if self.axes == "z":
            return f"mean of {self.tta} looks at each section" if self.tta > 1 else ""
        looks = f", {self.tta} looks at each" if self.tta > 1 else ""
        return f"mean of the predictions of slices across {', '.join(self.axes)}{looks}"

    @property
    def presence(self) -> Presence:
        """How many of the images have foreground."""
        return presence([image.counts for image in self.images])

    @cached_property
    def probabilities(self) -> ProbabilityCounts:
        """Histograms of the probabilities of all images together."""
        return reduce(add, (image.probabilities for image in self.images))

    @cached_property
    def errors(self) -> ErrorCounts:
        """The wrong pixels of all images together, by what they are part of."""
        return reduce(add, (image.errors for image in self.images))

    @property
    def possible(self) -> PossibleIou:
        """The IoU of all pixels together if all errors of one kind were gone."""
        return possible_iou(reduce(add, (image.counts for image in self.images)), self.errors)

    @cached_property
    def compartments(self) -> dict[str, CompartmentShare]:
        """What of each compartment was predicted, those with most false positives first; empty if none is named."""
        counted = [image.compartments for image in self.images if image.compartments is not None]
        return compartment_shares(reduce(add, counted), self.provenance.classes) if counted else {}

    @cached_property
    def measured(self) -> dict[str, Measured]:
        """Every metric over all images: mean, standard deviation, pooled value, intervals; by name."""
        return measure([image.values for image in self.images], [image.summed for image in self.images])

    def threshold_curve(self) -> dict[str, float]:
        """Mean foreground IoU by threshold: what calibration costs. For reading; nothing is chosen by it."""
        counted = [image.probabilities for image in self.images]
        return {f"{percent / 100:.2f}": mean_iou(counted, percent / 100) for percent in range(1, 100)}

    def ranked(self) -> list[ImageResult]:
        """The images by foreground IoU, worst first; those without foreground last."""
        return sorted(self.images, key=lambda image: np.nan_to_num(image.values["iou"], nan=2.0))


def as_json(results: Sequence[DatasetResult]) -> dict[str, dict[str, object]]:
    """The content of `metrics.json`: dataset -> metric -> mean, std, pooled, intervals; counts and conventions beside.

    What is not defined is None.
    """
    return {
        result.name: {
            **{name: defined(asdict(value)) for name, value in result.measured.items()},
            "iou_by_threshold": defined(result.threshold_curve()),
            "errors_px": asdict(result.errors),
            "pooled_iou_if": asdict(result.possible),
            "compartments": {name: defined(asdict(share)) for name, share in result.compartments.items()},
            "images": len(result.images),
            "images_with_foreground": result.presence.with_foreground,
            "images_falsely_found": result.presence.falsely_found,
            "sections_in_file": result.available,
            "unit": "volume" if result.volumes else "section",
            "synthetic": result.synthetic,
            "threshold": result.threshold,
            "thresholds": [result.thresholds[0], result.thresholds[-1]],
            "peak": result.decoding.peak,
            "axes": result.axes,
            "tta": result.tta,
            "convention": CONVENTION,
        }
        for result in results
    }


def defined(value: object) -> object:
    """Plain values for JSON, which has no nan: None where there is one."""
    if isinstance(value, dict):
        return {name: defined(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [defined(part) for part in value]
    return None if isinstance(value, float) and isnan(value) else value
