"""How good the weights are on sections that they have not seen, and which threshold is best there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, Sample
from mitoseg.data import Section, SectionFiles, spread
from mitoseg.decode import Decoding, foreground_map, tune
from mitoseg.metrics import calibration_error, caption, confusion, count_probabilities
from mitoseg.pictures import Panel, draw_sheet, png
from mitoseg.predict import Model, predict_maps, predict_probability
from mitoseg.thresholds import best_threshold, mean_iou

PANELS = 6
"""Rows on the sheet of validation predictions."""

DECODED = 12
"""Sections, at most, on which the threshold of seeds is chosen: decoding takes longer than predicting."""


@dataclass(frozen=True)
class Validation:
    """Results over the validation sections.

    Attributes:
        decoding: the best thresholds, of foreground and of seeds.
        iou: mean foreground IoU at it, over the sections that have foreground.
        iou_at_half: mean foreground IoU at .5, likewise.
        calibration_error: expected calibration error of all pixels together.
    """

    decoding: Decoding
    iou: float
    iou_at_half: float
    calibration_error: float

    @property
    def threshold(self) -> float:
        """Of foreground, 0-1."""
        return self.decoding.threshold


def validate(model: Model, files: SectionFiles, sections: Sequence[Section]) -> Validation:
    """Predict all `sections` (at least one) as `mitoseg predict` would, and choose the threshold on them."""
    images, maps, labels = [], [], []
    instances = model.config.target == "instance"
    decoded = set(spread(sections, DECODED)) if instances else set()
    for section in sections:
        raw, truth = files.read(section)
        found = predict_maps(model, raw[None], files.voxel_size_nm(section))
        images.append(count_probabilities(foreground_map(found, model.config.target)[0], truth))
        if section in decoded:
            maps.append(found[:, 0])
            window = (slice(section.z, section.z + 1), slice(None), slice(None))
            labels.append(labels_of(files.read_window(section, window)))
    decoding = tune(maps, labels, model.config.target, best_threshold(images))
    threshold = decoding.threshold
    return Validation(
        decoding, mean_iou(images, threshold), mean_iou(images, 0.5), calibration_error(sum(images[1:], images[0]))
    )


def labels_of(sample: Sample) -> NDArray[np.integer]:
    """The instances (Y, X) of a single section that is known to be labelled."""
    if sample.label is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels; expected label and mask")
    return np.asarray(sample.label[0])


def draw_validation(model: Model, files: SectionFiles, sections: Sequence[Section], threshold: float) -> bytes:
    """Draw a sheet of predictions on some of `sections`, as PNG."""
    panels = []
    for section in spread(sections, PANELS):
        raw, truth = files.read(section)
        voxel_size_nm = files.voxel_size_nm(section)
        probability = predict_probability(model, raw[None], voxel_size_nm)[0]
        score = caption(confusion(np.asarray(probability >= threshold), truth))
        text = f"image {section.sample}, z {section.z}: {score} at {threshold:.2f}"
        panels.append(Panel(raw, truth, probability, threshold, text))
    return png(draw_sheet(panels))
