"""Score a model on labelled files: predict every image, count, forget it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import IGNORE, DataError, Sample
from mitodata.contrast import check_invert
from mitodata.hdf5.dataset import Dataset
from mitodata.readers.rims import find_rim
from mitoseg.config.files import Paths, as_paths
from mitoseg.evaluation.objects import find_objects, profiles, score_objects
from mitoseg.evaluation.predictions import Predictions, read_image
from mitoseg.evaluation.results import DatasetResult, ImageResult, Place
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model, open_model
from mitoseg.inference.orthoplanes import AUTO, Tta, check_axes
from mitoseg.io.image_list import unique_names
from mitoseg.io.panels import Panel
from mitoseg.metrics import (
    caption,
    compare_outlines,
    confusion,
    count_compartments,
    count_errors,
    count_probabilities,
    find_outlines,
    membrane_tolerance,
)

SHOWN = 3
"""Worst, median and best images of a dataset that the report shows, each."""


def evaluate(
    model: Model | Path | str,
    paths: Paths,
    *,
    every: int = 1,
    tta: Tta = AUTO,
    axes: str = AUTO,
    volumes: bool | None = None,
    invert: str = "auto",
) -> list[DatasetResult]:
    """Score a model on labelled files.

        (result,) = mitoseg.evaluate("runs/first", "labelled.h5")
        result.measured["iou"].mean, result.measured["iou"].std, result.measured["iou"].pooled

    Args:
        model: from `mitoseg.load_model`, whose thresholds are used; or what that takes: a run, a name.
        paths: an HDF5 file in the format of `mitodata`, or several.
        every: score only every `every`th image, the first included.
        tta: how many looks are averaged: 1, 2, 4 or 8; "auto" is what `segment` takes by itself.
        axes: some of "zyx": what a 2D network says of the slices of a volume across each of them is averaged; "auto" is
            all three where the volume allows it (`inference.orthoplanes.choose_axes`), "z" each section by itself.
        volumes: whether a volume is one image; else each of its sections is one. None: as the network sees them.
        invert: "auto", "on" or "off": whether the network sees the negatives of a file (`mitodata.contrast`).

    Returns:
        A result for each file: all metrics by name (`measured`; `mitoseg.evaluation.METRICS` says what they are), and
        what is known of every image (`images`).

    Raises:
        DataError: a file is missing, damaged, unlabelled or empty, or has no slices across these axes.
        RunError: there is no such model; these are no axes, or not for this network.
    """
    check_axes(axes)
    check_invert(invert)
    model, files = open_model(model), as_paths(paths)
    whole = model.config.dimensions == 3 if volumes is None else volumes
    for path in files:  # all of them, before minutes are spent on the first
        _open(path).close()
    return [
        _evaluate_file(_Scorer(model, tta, axes, invert), name, path, every, whole)
        for name, path in zip(unique_names(files), files, strict=True)
    ]


def pick_shown(images: Sequence[ImageResult]) -> list[tuple[str, ImageResult]]:
    """Pick the worst, median and best images by IoU, up to `SHOWN` each, worst first; all of them if they are few.

    Images without foreground are shown only where there are no others: they are neither good nor bad by IoU.
    """
    order = sorted(
        [image for image in images if image.counts.has_foreground] or images, key=lambda image: image.summed.scores.iou
    )
    count = len(order)
    if count <= 3 * SHOWN:
        titles = ("worst", "median", "best")
        return [(titles[int(3 * (place + 0.5) / count)], image) for place, image in enumerate(order)]
    middle = (count - SHOWN) // 2
    wanted = (("worst", 0), ("median", middle), ("best", count - SHOWN))
    return [(title, order[place]) for title, first in wanted for place in range(first, first + SHOWN)]


@dataclass(frozen=True, eq=False)
class _Scorer:
    """How images are predicted and scored."""

    model: Model
    tta: Tta
    axes: str
    invert: str

    def score(
        self,
        place: Place,
        name: str,
        sample: Sample,
        maps: NDArray[np.float32],
        pieces: NDArray[np.integer],
        decoding: Decoding,
    ) -> ImageResult:
        """Measure a section, or a volume as a whole."""
        truth, labels = _truth(sample)
        prediction, single = pieces > 0, sample.is_2d
        probability = maps[0]
        found, expected = (prediction[0], truth[0]) if single else (prediction, truth)
        outlines = find_outlines(found, expected)
        spacing_nm = sample.voxel_size_nm[1:] if single else sample.voxel_size_nm
        tolerance_nm = membrane_tolerance(spacing_nm)
        return ImageResult(
            place,
            name,
            confusion(prediction, truth),
            count_probabilities(probability, truth),
            compare_outlines(outlines, spacing_nm, tolerance_nm),
            count_errors(found, expected, outlines, spacing_nm, tolerance_nm),
            score_objects(
                find_objects(maps, pieces, sample.voxel_size_nm, self.model),
                profiles(labels) if single else labels,
                truth,
                probability,
                sample.voxel_size_nm,
            ),
            decoding,
            None if sample.compartment is None else count_compartments(prediction, truth, sample.compartment),
        )

    def draw(
        self,
        title: str,
        image: ImageResult,
        sample: Sample,
        maps: NDArray[np.float32],
        pieces: NDArray[np.integer],
    ) -> list[Panel]:
        """Panels of a section, or of the three middle planes of a volume."""
        truth, labels = _truth(sample)
        text = f"{title}: {image.name}, {caption(image.counts)} at threshold {image.threshold:.2f}"
        apart = self.model.config.target == "instance"
        objects = (labels, find_objects(maps, pieces, sample.voxel_size_nm, self.model)) if apart else ()
        volumes = (sample.raw, truth, maps[0], pieces > 0, *objects)
        panels = []
        for axis, plane in enumerate(("xy",) if sample.is_2d else ("xy", "xz", "yz")):
            raw, mask, probability, found, *ids = (np.take(volume, volume.shape[axis] // 2, axis) for volume in volumes)
            y_nm, x_nm = (edge for at, edge in enumerate(sample.voxel_size_nm) if at != axis)
            score = caption(confusion(found, mask))
            where = "" if sample.is_2d else f"; middle {plane} plane, {score}"
            panel = Panel(raw, mask, probability, found, text + where, (y_nm, x_nm))
            panels.append(replace(panel, objects=(ids[0], ids[1])) if ids else panel)
        return panels


def _evaluate_file(scorer: _Scorer, name: str, path: Path, every: int, volumes: bool) -> DatasetResult:
    with _open(path) as file:
        everything = _places(file, volumes)
        images: list[ImageResult] = []
        panels: list[Panel] = []
        with Predictions(scorer.model, file, tta=scorer.tta, axes=scorer.axes, invert=scorer.invert) as predictions:
            # tqdm shows nothing where there is no terminal (disable=None).
            for place in tqdm(everything[::every], desc=name, disable=None):
                sample = read_image(file, place)
                maps = predictions.of(place, sample)
                found, decoding = predictions.pieces(place, maps)
                images.append(scorer.score(place, _name(file, place), sample, maps, found, decoding))
            for title, image in pick_shown(images):
                sample = read_image(file, image.place)
                maps = predictions.of(image.place, sample)
                panels += scorer.draw(title, image, sample, maps, predictions.pieces(image.place, maps)[0])
        return DatasetResult(
            name,
            path,
            images,
            len(everything),
            volumes,
            panels,
            file.provenance,
            scorer.model.decoding,
            predictions.axes,
            predictions.tta,
        )


def _open(path: Path) -> Dataset:
    # Sections are read in their order, so the blocks of a volume are unpacked once if some stay in memory.
    file = Dataset(path)
    if not len(file):
        raise DataError(f"{path}: holds no images; expected at least one")
    if not file.labelled:
        raise DataError(f"{path}: has no labels; expected a dataset with label and mask")
    return file


def _places(file: Dataset, volumes: bool) -> list[Place]:
    """All images of a file, in order."""
    if volumes:
        return [Place(sample) for sample in range(len(file))]
    return [Place(sample, z) for sample in range(len(file)) for z in range(file.shape(sample)[0])]


def _truth(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | NDArray[np.uint32]]:
    if sample.mask is None or sample.label is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels")
    # Nothing is known of constant rims, also in files that do not say so.
    rims = np.stack([find_rim(section) for section in sample.raw])
    return np.where(rims, np.uint8(IGNORE), sample.mask), sample.label


def _name(file: Dataset, place: Place) -> str:
    name = file.name(place.sample) or f"image {place.sample}"
    return f"{name} z {place.z}" if place.z is not None and file.shape(place.sample)[0] > 1 else name
