"""From probabilities to a mask: the threshold with the best foreground IoU."""

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
    """The threshold, 0-1, with the highest foreground IoU of the pixels of all `images` (at least one) together.

    Other than in `mean_iou`, images without foreground weigh in, by what is wrongly found in them. They do not count as
    perfect where nothing is found: a weak model would be best at a threshold that finds nothing anywhere.
    """
    tried = np.arange(1, STEPS) / STEPS
    pooled = sum(images[1:], images[0])
    reached = np.array([scores(pooled.confusion(float(threshold))).iou for threshold in tried])
    good = tried[reached >= reached.max() - PLATEAU]
    return float(np.round(np.median(good) * STEPS) / STEPS)
