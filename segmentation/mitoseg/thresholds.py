"""From probabilities to a mask: the threshold with the best mean foreground IoU."""

from collections.abc import Sequence
from math import nan

import numpy as np

from mitoseg.metrics import ProbabilityCounts, scores

STEPS = 100
"""Thresholds tried are 1/STEPS, 2/STEPS, ... below 1."""

PLATEAU = 0.001
"""IoUs closer than this to the best count as equally good; the middle of their thresholds is taken."""


def mean_iou(images: Sequence[ProbabilityCounts], threshold: float) -> float:
    """Mean foreground IoU at `threshold` over the images that have foreground; nan if none has."""
    reached = [scores(image.confusion(threshold)).iou for image in images if image.has_foreground]
    return float(np.mean(reached)) if reached else nan


def best_threshold(images: Sequence[ProbabilityCounts]) -> float:
    """The threshold, 0-1, with the highest mean foreground IoU over `images` (at least one).

    Other than in `mean_iou`, an image without foreground counts here: 1 if nothing is found in it, else 0. Where most
    images are empty, a threshold that finds something in each of them is a bad one.
    """
    tried = np.arange(1, STEPS) / STEPS
    reached = np.array(
        [np.mean([scores(image.confusion(float(threshold))).iou for image in images]) for threshold in tried]
    )
    good = tried[reached >= reached.max() - PLATEAU]
    return float(np.round(np.median(good) * STEPS) / STEPS)
