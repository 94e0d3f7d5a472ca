"""Scores of a run on labelled files, image by image, synthetic and real alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import nan
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import DataError, VoxelSize
from mitoseg.data import Section, SectionFiles
from mitoseg.images import unique_names
from mitoseg.metrics import (
    BoundaryScores,
    ConfusionCounts,
    OutlineCounts,
    Presence,
    ProbabilityCounts,
    RankScores,
    Scores,
    Summary,
    boundary_f1,
    calibration_error,
    caption,
    compare_outlines,
    confusion,
    count_probabilities,
    find_outlines,
    membrane_tolerance,
    presence,
    rank_scores,
    scores,
    summarise,
    summary,
)
from mitoseg.pictures import Panel
from mitoseg.predict import Model, predict_probability
from mitoseg.thresholds import mean_iou

SHOWN = 3
"""Worst, median and best images of a dataset that the report shows, each."""


@dataclass(frozen=True, eq=False)
class ImageResult:
    """One scored section.

    Attributes:
        section: where it is in its file.
        name: its name in the file.
        counts: pixels by truth and prediction.
        probabilities: histograms of its probabilities.
        boundary: distances between outlines, in nm.
    """

    section: Section
    name: str
    counts: ConfusionCounts
    probabilities: ProbabilityCounts
    boundary: BoundaryScores

    @property
    def scores(self) -> Scores:
        """Its metrics at the threshold."""
        return scores(self.counts)

    @property
    def further(self) -> dict[str, float]:
        """Its other metrics, by name."""
        ranks = rank_scores(self.probabilities)
        return {
            "boundary_f1": self.boundary.agreement.f1,
            "hausdorff95_nm": self.boundary.hausdorff95,
            "roc_auc": ranks.roc_auc,
            "average_precision": ranks.average_precision,
            "calibration_error": calibration_error(self.probabilities),
        }


@dataclass(frozen=True, eq=False)
class DatasetResult:
    """All scored sections of one file.

    Attributes:
        name: how the report calls it.
        path: the file.
        images: one result a section, in order.
        sections: sections in the file; more than images if only every few are scored.
        panels: pictures of the worst, median and best images, worst first.
    """

    name: str
    path: Path
    images: list[ImageResult]
    sections: int
    panels: list[Panel]

    @property
    def presence(self) -> Presence:
        """How many of the images have foreground."""
        return presence([image.counts for image in self.images])

    def threshold_curve(self) -> dict[str, float]:
        """Mean foreground IoU by threshold: what calibration costs. For reading; nothing is chosen by it."""
        counted = [image.probabilities for image in self.images]
        return {f"{percent / 100:.2f}": mean_iou(counted, percent / 100) for percent in range(5, 100, 5)}

    @property
    def probabilities(self) -> ProbabilityCounts:
        """Histograms of the probabilities of all images together."""
        return reduce(add, (image.probabilities for image in self.images))

    def summaries(self) -> dict[str, Summary]:
        """Mean, standard deviation over images with foreground, and pooled value of each metric, by name."""
        pooled = self.probabilities
        outlines = sum((image.boundary.counts for image in self.images), OutlineCounts())
        ranks: RankScores = rank_scores(pooled)
        further = {
            "boundary_f1": boundary_f1(outlines).f1 if pooled.has_foreground else nan,
            # Percentiles do not add up.
            "hausdorff95_nm": nan,
            "roc_auc": ranks.roc_auc,
            "average_precision": ranks.average_precision,
            "calibration_error": calibration_error(pooled),
        }
        rows = [image.further for image in self.images if image.counts.has_foreground]
        return {
            **summarise([image.counts for image in self.images]),
            **{name: summary([row[name] for row in rows], value) for name, value in further.items()},
        }


def evaluate(
    model: Model,
    paths: Sequence[Path],
    *,
    every: int = 1,
    turns: bool = False,
) -> list[DatasetResult]:
    """Score a model on labelled files; a volume is scored slice by slice, each slice as an image.

    Args:
        model: from `mitoseg.predict.load_model`; its threshold is used.
        paths: HDF5 files in the format of `mitodata`.
        every: score only every `every`th section, the first included.
        turns: average predictions over turns and mirror images.

    Raises:
        DataError: a file is missing, damaged, unlabelled or empty.
    """
    results = []
    for name, path in zip(unique_names(paths), paths, strict=True):
        files = SectionFiles([path])
        try:
            everything = files.sections()
            chosen = everything[::every]
            images = []
            # tqdm shows nothing where there is no terminal (disable=None).
            for section in tqdm(chosen, desc=name, disable=None):
                _, truth, probability = _predict(model, files, section, turns)
                name_of_image, spacing_nm = _section_name(files, section), files.voxel_size_nm(section)[1:]
                images.append(score_section(section, name_of_image, probability, truth, model.threshold, spacing_nm))
            panels = []
            for title, image in pick_shown(images):
                raw, truth, probability = _predict(model, files, image.section, turns)
                text = f"{title}: {image.name}, {caption(image.counts)} at threshold {model.threshold:.2f}"
                panels.append(Panel(raw, truth, probability, model.threshold, text))
            results.append(DatasetResult(name, path, images, len(everything), panels))
        finally:
            files.close()
    return results


def score_section(
    section: Section,
    name: str,
    probability: NDArray[np.float32],
    truth: NDArray[np.uint8],
    threshold: float,
    spacing_nm: tuple[float, float],
) -> ImageResult:
    """Measure one section: probability (Y, X) float32 against truth (Y, X) uint8, pixels of `spacing_nm` (y, x)."""
    prediction = np.asarray(probability >= threshold)
    outlines = find_outlines(prediction, truth)
    return ImageResult(
        section,
        name,
        confusion(prediction, truth),
        count_probabilities(probability, truth),
        compare_outlines(outlines, spacing_nm, membrane_tolerance(spacing_nm)),
    )


def pick_shown(images: Sequence[ImageResult]) -> list[tuple[str, ImageResult]]:
    """Pick the worst, median and best images by IoU, up to `SHOWN` each and none twice, worst first.

    Images without foreground are shown only where there are no others: they are neither good nor bad by IoU.
    """
    order = sorted(
        [image for image in images if image.counts.has_foreground] or images, key=lambda image: image.scores.iou
    )
    count = len(order)
    middle = max(0, count // 2 - SHOWN // 2)
    wanted = (
        ("worst", range(min(SHOWN, count))),
        ("median", range(middle, min(middle + SHOWN, count))),
        ("best", range(max(0, count - SHOWN), count)),
    )
    seen: set[int] = set()
    shown = []
    for title, places in wanted:
        for place in places:
            if place not in seen:
                seen.add(place)
                shown.append((title, order[place]))
    return shown


def _predict(
    model: Model, files: SectionFiles, section: Section, turns: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    raw, truth = files.read(section)
    voxel_size_nm: VoxelSize = files.voxel_size_nm(section)
    try:
        return raw, truth, predict_probability(model, raw[None], voxel_size_nm, turns=turns)[0]
    except DataError as error:
        raise DataError(f"{files.files[section.file].path}: {error}") from error


def _section_name(files: SectionFiles, section: Section) -> str:
    file = files.files[section.file]
    name = file.name(section.sample) or f"image {section.sample}"
    return f"{name} z {section.z}" if file.shape(section.sample)[0] > 1 else name
