"""Scores of a run on labelled files, image by image, synthetic and real alike."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import DataError, RunError, VoxelSize
from mitoseg.checkpoint import write_atomic
from mitoseg.data import Section, SectionFiles
from mitoseg.images import unique_names
from mitoseg.metrics import (
    CONVENTION,
    Confusion,
    Reliability,
    Scores,
    Summary,
    calibration_error,
    confusion,
    reliability,
    scores,
    summarise,
    summary,
)
from mitoseg.pictures import Panel
from mitoseg.predict import Model, predict_probability
from mitoseg.thresholds import ProbabilityCounts, count_probabilities, mean_iou

SHOWN = 3
"""Worst, median and best images of a dataset that the report shows, each."""


@dataclass(frozen=True, eq=False)
class ImageResult:
    """One scored section.

    Attributes:
        section: where it is in its file.
        name: its name in the file.
        counts: pixels by truth and prediction.
        binned: its probabilities against the truth.
        by_threshold: histograms of its probabilities.
    """

    section: Section
    name: str
    counts: Confusion
    binned: Reliability
    by_threshold: ProbabilityCounts

    @property
    def scores(self) -> Scores:
        """Its metrics."""
        return scores(self.counts)

    @property
    def calibration_error(self) -> float:
        """Its expected calibration error."""
        return calibration_error(self.binned)


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

    def threshold_curve(self) -> dict[str, float]:
        """Mean foreground IoU by threshold: what calibration costs. For reading; nothing is chosen by it."""
        counted = [image.by_threshold for image in self.images]
        return {f"{percent / 100:.2f}": mean_iou(counted, percent / 100) for percent in range(5, 100, 5)}

    def summaries(self) -> dict[str, Summary]:
        """Mean, standard deviation over images and pooled value of each metric, by name."""
        errors = [image.calibration_error for image in self.images]
        pooled = calibration_error(reduce(add, (image.binned for image in self.images)))
        return {
            **summarise([image.counts for image in self.images]),
            "calibration_error": summary(errors, pooled),
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
                raw, truth, probability = _predict(model, files, section, turns)
                images.append(
                    ImageResult(
                        section,
                        _section_name(files, section),
                        confusion(np.asarray(probability >= model.threshold), truth),
                        reliability(probability, truth),
                        count_probabilities(probability, truth),
                    )
                )
            panels = []
            for title, image in pick_shown(images):
                raw, truth, probability = _predict(model, files, image.section, turns)
                caption = f"{title}: {image.name}, IoU {image.scores.iou:.3f} at threshold {model.threshold:.2f}"
                panels.append(Panel(raw, truth, probability, model.threshold, caption))
            results.append(DatasetResult(name, path, images, len(everything), panels))
        finally:
            files.close()
    return results


def pick_shown(images: Sequence[ImageResult]) -> list[tuple[str, ImageResult]]:
    """Pick the worst, median and best images by IoU, up to `SHOWN` each and none twice, worst first."""
    order = sorted(images, key=lambda image: image.scores.iou)
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


def as_json(results: Sequence[DatasetResult], model: Model) -> dict[str, dict[str, object]]:
    """The content of `metrics.json`: dataset -> metric -> mean, std, pooled; with counts and conventions beside."""
    return {
        result.name: {
            **{name: asdict(value) for name, value in result.summaries().items()},
            "iou_by_threshold": result.threshold_curve(),
            "images": len(result.images),
            "sections_in_file": result.sections,
            "threshold": model.threshold,
            "convention": CONVENTION,
        }
        for result in results
    }


def write_tables(report: Path, results: Sequence[DatasetResult], model: Model) -> None:
    """Write `metrics.json` and one `NAME.csv` a dataset, a row an image, into the folder `report`.

    Raises:
        RunError: the folder cannot be made or written.
    """
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{report}: cannot be made: {error.strerror or error}; expected a folder") from error
    write_atomic(report / "metrics.json", (json.dumps(as_json(results, model), indent=2) + "\n").encode())
    metrics = [field.name for field in fields(Scores)]
    pixels = [field.name for field in fields(Confusion)]
    for result in results:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["sample", "z", "name", *metrics, "calibration_error", *pixels])
        for image in result.images:
            values = [f"{value:.6f}" for value in (*asdict(image.scores).values(), image.calibration_error)]
            where = [image.section.sample, image.section.z, image.name]
            writer.writerow([*where, *values, *asdict(image.counts).values()])
        write_atomic(report / f"{result.name}.csv", text.getvalue().encode())


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
