"""Where a model is right and wrong on a rendered image, of which the truth is known to the pixel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from mitodata.sample import IGNORE, Sample
from mitogen.explorer.segmenter import Segmentation
from mitogen.tissue.compartments import class_names

FOUND, WRONG, MISSED = (60, 190, 90), (255, 90, 180), (60, 130, 255)
"""Colours, RGB: rightly found green, wrongly found pink, missed blue; as in the reports of mitoseg."""

NAMED = 3
"""Compartments that are named, of those in which most of the missed or wrongly found pixels lie."""

_LEAST = 0.01  # of these pixels: what holds less is not named
_STRENGTH = 0.45
_SMALLEST_PX = 16  # a smaller profile of a mitochondrion is not counted
_STOPS = (0.0, 0.35, 0.7, 1.0)
_HEAT = np.array([(0, 0, 0), (190, 30, 60), (250, 190, 60), (255, 255, 255)])  # colours of these probabilities

Pixels = NDArray[np.bool_]


def describe_verdict(sample: Sample, found: Segmentation) -> dict[str, Any]:
    """Compare what a model found in a labelled section with the truth.

    Returns:
        `model`; `iou`, `precision` and `recall` of pixels, each None where it has no meaning; `mitochondria`, how many
        profiles there are, and `found`, of how many more than half was found; `missed` and `wrong`: where most of these
        pixels lie, as compartment and share.
    """
    truth, counted = _truth(sample)
    mask = found.mask & counted
    right, wrong, missed = (int(part.sum()) for part in (mask & truth, mask & ~truth, truth & ~mask))
    sizes, covered = (np.bincount(_labels(sample)[part])[1:] for part in (truth, truth & mask))
    large = sizes >= _SMALLEST_PX
    return {
        "model": found.model,
        "iou": _share(right, right + wrong + missed),
        "precision": _share(right, right + wrong),
        "recall": _share(right, right + missed),
        "mitochondria": int(large.sum()),
        "found": int((large[: len(covered)] & (2 * covered > sizes[: len(covered)])).sum()),
        "missed": _where(sample, truth & ~mask),
        "wrong": _where(sample, mask & ~truth),
    }


def paint_errors(sample: Sample, found: Segmentation) -> Image.Image:
    """Paint a labelled section: rightly found, wrongly found and missed pixels in their colours."""
    truth, counted = _truth(sample)
    mask = found.mask & counted
    picture = np.repeat(sample.raw[0][..., None], 3, axis=2).astype(np.float32)
    for where, colour in ((mask & truth, FOUND), (mask & ~truth, WRONG), (truth & ~mask, MISSED)):
        picture[where] = (1 - _STRENGTH) * picture[where] + _STRENGTH * np.array(colour, np.float32)
    return Image.fromarray(picture.astype(np.uint8))


def paint_probability(sample: Sample, found: Segmentation) -> Image.Image:
    """Colour probabilities: black for 0 over red and yellow to white for 1, the true outlines in green."""
    probability = found.probability.astype(np.float32)
    picture = np.stack([np.interp(probability, _STOPS, channel) for channel in _HEAT.T], -1)
    labels = _labels(sample)
    edge = (minimum_filter(labels, 3) != maximum_filter(labels, 3)) & (labels > 0)
    picture[edge] = FOUND
    return Image.fromarray(picture.astype(np.uint8))


def _truth(sample: Sample) -> tuple[Pixels, Pixels]:
    """Which pixels of a section are foreground, and which count."""
    assert sample.mask is not None
    return sample.mask[0] == 1, sample.mask[0] != IGNORE


def _labels(sample: Sample) -> NDArray[np.integer]:
    assert sample.label is not None
    labels: NDArray[np.integer] = sample.label[0]
    return labels


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _where(sample: Sample, pixels: Pixels) -> list[tuple[str, float]]:
    """The compartments in which most of some pixels lie, each with its share of them."""
    if sample.compartment is None or not pixels.any():
        return []
    shares = np.bincount(sample.compartment[0][pixels]) / np.count_nonzero(pixels)
    names, most = class_names(), np.argsort(-shares)[:NAMED]
    return [(names[int(number)], float(shares[number])) for number in most if shares[number] >= _LEAST]
