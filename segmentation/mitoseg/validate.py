"""How good the weights are on sections that they have not seen, and which threshold is best there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mitoseg.data import Section, SectionFiles, spread
from mitoseg.metrics import calibration_error, caption, confusion, count_probabilities
from mitoseg.pictures import Panel, draw_sheet, png
from mitoseg.predict import Model, predict_probability
from mitoseg.thresholds import best_threshold, mean_iou

PANELS = 6
"""Rows on the sheet of validation predictions."""


@dataclass(frozen=True)
class Validation:
    """Results over the validation sections.

    Attributes:
        threshold: the best one, 0-1.
        iou: mean foreground IoU at it, over the sections that have foreground.
        iou_at_half: mean foreground IoU at .5, likewise.
        calibration_error: expected calibration error of all pixels together.
    """

    threshold: float
    iou: float
    iou_at_half: float
    calibration_error: float


def validate(model: Model, files: SectionFiles, sections: Sequence[Section]) -> Validation:
    """Predict all `sections` (at least one) as `mitoseg predict` would, and choose the threshold on them."""
    images = []
    for section in sections:
        raw, truth = files.read(section)
        voxel_size_nm = files.voxel_size_nm(section)
        probability = predict_probability(model, raw[None], voxel_size_nm)[0]
        images.append(count_probabilities(probability, truth))
    threshold = best_threshold(images)
    return Validation(
        threshold, mean_iou(images, threshold), mean_iou(images, 0.5), calibration_error(sum(images[1:], images[0]))
    )


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
