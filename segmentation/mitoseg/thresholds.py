"""From probabilities to a mask: the threshold and the peak with the best foreground IoU."""

from collections.abc import Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction

from mitoseg.decode import PEAK
from mitoseg.metrics import ProbabilityCounts, count_probabilities, scores

STEPS = 100
"""Thresholds tried are 1/STEPS, 2/STEPS, ... below 1."""

PLATEAU = 0.005
"""IoUs closer than this to the best count as equally good; the middle of their thresholds is taken. The top is flat:
with other images of the same kind (64 of them) the best threshold moves by .05 to .12."""


def mean_iou(images: Sequence[ProbabilityCounts], threshold: float) -> float:
    """Mean foreground IoU at `threshold` over the images that have foreground; nan if none has."""
    reached = [scores(image.confusion(threshold)).iou for image in images if image.has_foreground]
    return float(np.mean(reached)) if reached else nan


def best_threshold(images: Sequence[ProbabilityCounts]) -> float:
    """The threshold, 0-1, with the highest foreground IoU of the pixels of all `images` (at least one) together.

    Other than in `mean_iou`, images without foreground weigh in, by what is wrongly found in them. They do not count as
    perfect where nothing is found: a weak model would be best at a threshold that finds nothing anywhere.
    """
    tried = np.arange(1, STEPS) / STEPS
    pooled = sum(images[1:], images[0])
    reached = np.array([scores(pooled.confusion(float(threshold))).iou for threshold in tried])
    good = tried[reached >= reached.max() - PLATEAU]
    return float(np.round(np.median(good) * STEPS) / STEPS)


def best_rule(
    images: Sequence[ProbabilityCounts],
    probabilities: Sequence[NDArray[np.float32]],
    truths: Sequence[NDArray[np.uint8]],
) -> tuple[float, float, list[ProbabilityCounts]]:
    """The threshold and the peak with the highest foreground IoU of all pixels together.

    The peak is chosen at the threshold that is best without one, then the threshold again: with a peak it can be lower,
    because what a low one finds wrongly is mostly faint all through.

    Args:
        images: counts of all images.
        probabilities: of foreground in the images or in parts of them, (Y, X) in [0, 1].
        truths: the same shapes: 0, 1, 255 = ignore.

    Returns:
        Threshold, peak, and counts of those parts without what does not reach the peak. If no part has foreground, the
        threshold that is best for the images, no peak, and `images`.
    """
    if not any((truth == 1).any() for truth in truths):
        return best_threshold(images), 0.0, list(images)
    peak = best_peak(probabilities, truths, best_threshold(images))
    counts = [
        count_probabilities(reaching(probability, peak), truth)
        for probability, truth in zip(probabilities, truths, strict=True)
    ]
    return best_threshold(counts), peak, counts


def reaching(probability: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    """The highest threshold at which each pixel lies in a piece that reaches `peak`; 0 where there is none.

    At all thresholds at once: the mask at threshold t is where the result is t or more. That is reconstruction by
    dilation (Vincent, IEEE Transactions on Image Processing 1993).

    Args:
        probability: (Y, X) float32 in [0, 1].
        peak: 0-1.

    Returns:
        (Y, X) float32, at most `probability`.
    """
    seeds = np.where(probability >= np.float32(peak), probability, np.float32(0))
    faces = ndimage.generate_binary_structure(2, 1)
    return np.asarray(reconstruction(seeds, probability, footprint=faces), np.float32)


def best_peak(
    probabilities: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.uint8]], threshold: float
) -> float:
    """The probability, up to `PEAK`, that pieces should reach for the highest foreground IoU of all pixels together.

    A network that is sure of nothing yet would lose what is right with what is wrong. On images of the kind that it has
    learnt more than `PEAK` is often best, but on others a network is less sure.

    Args:
        probabilities: of foreground in each image, (Y, X) in [0, 1].
        truths: the same shapes: 0, 1, 255 = ignore.
        threshold: from which on a pixel can be foreground.

    Returns:
        A multiple of 0.1; 0 keeps all pieces. The highest where several are equally good.
    """
    tried = np.round(np.arange(0, PEAK + 0.01, 0.1), 1)
    true, false = np.zeros(len(tried)), np.zeros(len(tried))
    for probability, truth in zip(probabilities, truths, strict=True):
        pieces, count = ndimage.label(probability >= threshold)
        if count == 0:
            continue
        peaks = np.asarray(ndimage.maximum(probability, pieces, np.arange(1, count + 1)))
        kept = peaks[:, None] >= tried
        right, wrong = (np.bincount(pieces[truth == value], minlength=count + 1)[1:] for value in (1, 0))
        true += right @ kept
        false += wrong @ kept
    positive = sum(int((truth == 1).sum()) for truth in truths)
    reached = true / np.maximum(positive + false, 1)
    return float(tried[reached >= reached.max() - PLATEAU].max())
