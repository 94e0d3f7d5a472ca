"""Many images: means, spread, and the images that have no foreground to find."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from mitoseg.metrics.counts import ConfusionCounts, scores

CONVENTION = (
    "Means and standard deviations are over the images whose truth has foreground; there, IoU, Dice, precision and "
    "recall are 0 where nothing is predicted. Images without foreground in the truth count in the pooled values only, "
    "as do the false positives in them. Pixels marked 255 in the truth are left out. Undefined values are null or '-'."
)


@dataclass(frozen=True)
class Summary:
    """One metric over several images.

    Attributes:
        mean: mean over the images that have foreground; nan without any.
        std: standard deviation over them (of the sample, n - 1; 0 for one image); nan without any.
        pooled: the metric of all pixels of all images together; nan if it is not defined for them.
    """

    mean: float
    std: float
    pooled: float


@dataclass(frozen=True)
class Presence:
    """How many images have foreground.

    Attributes:
        images: all of them.
        with_foreground: those whose truth has foreground.
        falsely_found: those whose truth has none, and where some was predicted.
    """

    images: int
    with_foreground: int
    falsely_found: int

    @property
    def note(self) -> str:
        """One sentence about the images without foreground; empty if there are none."""
        without = self.images - self.with_foreground
        if not without:
            return ""
        return (
            f"{without} of {self.images} images have no foreground in the truth and are left out of the means; "
            f"something was found in {self.falsely_found} of them."
        )


def caption(counts: ConfusionCounts) -> str:
    """What to write under a picture: the IoU, or that there is nothing to find."""
    if counts.has_foreground:
        return f"IoU {scores(counts).iou:.3f}"
    return f"no foreground in the truth, {counts.false_positive or 'no'} px found"


def presence(counts: Sequence[ConfusionCounts]) -> Presence:
    """Count images with and without foreground."""
    falsely_found = sum(not image.has_foreground and image.false_positive > 0 for image in counts)
    return Presence(len(counts), sum(image.has_foreground for image in counts), falsely_found)


def summary(values: Sequence[float], pooled: float) -> Summary:
    """The `Summary` of one metric's values over images; nan stands for an image where it is not defined."""
    defined = [value for value in values if not isnan(value)]
    if not defined:
        return Summary(nan, nan, pooled)
    return Summary(float(np.mean(defined)), float(np.std(defined, ddof=1)) if len(defined) > 1 else 0.0, pooled)
