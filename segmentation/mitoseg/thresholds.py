"""From probabilities to a mask: the threshold with the best mean foreground IoU."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE
from mitoseg.metrics import Confusion, scores

STEPS = 100
"""Thresholds tried are 1/STEPS, 2/STEPS, ... below 1."""

PLATEAU = 0.001
"""IoUs closer than this to the best count as equally good; the middle of their thresholds is taken."""


@dataclass(frozen=True, eq=False)
class ProbabilityCounts:
    """Histograms of the probabilities of one image.

    Attributes:
        background: (STEPS,) int64, background pixels by probability.
        foreground: (STEPS,) int64, foreground pixels by probability.
    """

    background: NDArray[np.int64]
    foreground: NDArray[np.int64]

    def confusion(self, threshold: float) -> Confusion:
        """Counts of pixels if foreground is where the probability is at least `threshold`, a multiple of 1/STEPS."""
        first = round(threshold * STEPS)
        return Confusion(
            int(self.foreground[first:].sum()),
            int(self.background[first:].sum()),
            int(self.foreground[:first].sum()),
            int(self.background[:first].sum()),
        )


def count_probabilities(probability: NDArray[np.float32], truth: NDArray[np.uint8]) -> ProbabilityCounts:
    """Histogram probabilities, any shape, by `truth` of the same shape (0, 1, 255 = ignore)."""
    known = truth != IGNORE
    index = np.minimum((probability[known] * np.float32(STEPS)).astype(np.int64), STEPS - 1)
    positive = truth[known] == 1
    return ProbabilityCounts(
        np.bincount(index[~positive], minlength=STEPS), np.bincount(index[positive], minlength=STEPS)
    )


def mean_iou(images: list[ProbabilityCounts], threshold: float) -> float:
    """Mean over images of the foreground IoU at `threshold`."""
    return float(np.mean([scores(image.confusion(threshold)).iou for image in images]))


def best_threshold(images: list[ProbabilityCounts]) -> float:
    """The threshold, 0-1, with the highest mean foreground IoU over `images` (at least one)."""
    tried = np.arange(1, STEPS) / STEPS
    reached = np.array([mean_iou(images, float(threshold)) for threshold in tried])
    good = tried[reached >= reached.max() - PLATEAU]
    return float(np.round(np.median(good) * STEPS) / STEPS)
