"""The pixel size of sections that state none: that at which the network is least in doubt.

A section is shown to the network as if its pixels were 4, 5.7, 8 ... 32 nm long. A network that names membranes,
nuclei, myelin and so on is least in doubt of all of them together where they are as large as those that it has learned;
whether there are mitochondria hardly matters. Of one that knows foreground only, little doubt says little. It is asked
at which size it finds most, and surely, and of a usual width.
benchmarks/scale_estimate.py measures how far off the estimate is, and what that costs.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import exp, log

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from mitodata import DataError
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import predict_maps
from mitoseg.networks.onnx_network import OnnxNetwork
from mitoseg.networks.targets import activate

SIZES_NM = tuple(4.0 * 2 ** (step / 2) for step in range(7))
"""Pixel sizes that are tried: 4 to 32 nm, in half octaves."""

WORKING_PX = 512
"""Side, on the grid of the network, of what it sees of a crop, at most: of large pixels a few make many of those."""

USUAL_WIDTH_NM = 220.0
WIDTH_SPREAD = 0.8
"""Usual width of what is found, and the standard deviation of its logarithm. Large, because pieces may be ragged, and
touching mitochondria are one piece."""

LEAST_FOUND = 0.002
"""Share of the pixels that must be found at some size, or nothing is estimated."""

ENTROPY_WEIGHT = 19.8
"""How much likelier a size is, in nats, for each nat less of the mean entropy of classes. Fitted to rendered tissue of
known size (a conditional logit: McFadden, Frontiers in Econometrics, 1974; benchmarks/scale_weights.py)."""

CERTAINTY_WEIGHT = 2.0
"""How much the logarithm of certainty counts, against those of the share found and of the distribution of widths."""

STEEPNESS = 4.0
"""How much likelier a size is whose score is higher by one: by a factor of exp(4)."""

LIKELY = 0.8
"""Probability of the sizes, together, that are named as likely."""


@dataclass(frozen=True)
class Look:
    """What a network finds in crops whose pixels are taken for so long; looks at the same length can be added.

    Attributes:
        pixel_nm: the length.
        pixels: that are looked at.
        marked: of these, in the foreground.
        probability: sum over the pixels.
        squares: sum of the squared probability.
        depth_px: sum over the foreground of the distance to its edge, in pixels.
        entropy: sum, over the pixels of all windows, of the entropy of their classes, in nats.
        classified: how many those are; 0 for a network that names no classes.
    """

    pixel_nm: float
    pixels: int
    marked: int
    probability: float
    squares: float
    depth_px: float
    entropy: float = 0.0
    classified: int = 0

    def __add__(self, other: "Look") -> "Look":
        return Look(
            self.pixel_nm,
            self.pixels + other.pixels,
            self.marked + other.marked,
            self.probability + other.probability,
            self.squares + other.squares,
            self.depth_px + other.depth_px,
            self.entropy + other.entropy,
            self.classified + other.classified,
        )

    @property
    def found(self) -> float:
        """Share of the pixels that are foreground."""
        return self.marked / self.pixels

    @property
    def certainty(self) -> float:
        """Mean probability, of each pixel weighted by itself: 1 where the network says yes or no of all."""
        return self.squares / max(self.probability, 1e-6)

    @property
    def width_nm(self) -> float:
        """Width of the foreground: four times the mean distance of its pixels to its edge, as in a ribbon.

        Of a disc that is two thirds of the diameter. 0 where there is none.
        """
        return 4 * self.pixel_nm * self.depth_px / max(self.marked, 1)

    @property
    def log_likelihood(self) -> float:
        """How likely this size is, up to a constant."""
        if self.classified:
            return -ENTROPY_WEIGHT * self.entropy / self.classified
        return STEEPNESS * self.score

    @property
    def score(self) -> float:
        """How much speaks for this size in what is found; -inf where nothing is."""
        if not self.marked:
            return -np.inf
        unusual = log(self.width_nm / USUAL_WIDTH_NM) / WIDTH_SPREAD
        return log(self.found) + CERTAINTY_WEIGHT * log(self.certainty) - unusual**2 / 2


Looks = tuple[Look, ...]
"""At each of `SIZES_NM`, of the same crops."""


@dataclass(frozen=True)
class Scale:
    """An estimate of a pixel size.

    Attributes:
        pixel_nm: the likeliest, to three digits: what is said can be given as it is.
        low_nm: the smallest that is likely.
        high_nm: the largest that is likely.
    """

    pixel_nm: float
    low_nm: float
    high_nm: float

    @property
    def text(self) -> str:
        """The estimate in words."""
        return f"{self.pixel_nm:g} nm ({self.low_nm:.2g} to {self.high_nm:.2g} nm are likely)"


def estimate_scale(model: Model, crops: Sequence[NDArray[np.uint8]]) -> Scale:
    """Estimate the pixel size of crops of sections that all have the same.

    Args:
        model: a 2D network.
        crops: each (Y, X) uint8.

    Raises:
        DataError: nothing is found in them, whatever their pixel size.
    """
    return choose_scale(look_at_all(model, crops))


def look_at_all(model: Model, crops: Sequence[NDArray[np.uint8]]) -> Looks:
    """See what is found in crops at each of `SIZES_NM`."""
    return tuple(look(model, crops, size) for size in SIZES_NM)


def look(model: Model, crops: Sequence[NDArray[np.uint8]], pixel_nm: float) -> Look:
    """See what is found in crops if their pixels are so long."""
    threshold = model.decoding.threshold
    seen = Look(pixel_nm, 0, 0, 0.0, 0.0, 0.0)
    for crop in crops:
        part = _middle(crop, int(WORKING_PX * model.config.working_voxel_nm / pixel_nm))
        with _classes_heard(model) as heard:
            probability = predict_maps(model, part[None], (pixel_nm, pixel_nm, pixel_nm))[0, 0]
        mask = probability >= threshold
        depth_px = float(ndimage.distance_transform_edt(mask).sum())
        total, squares = float(probability.sum()), float((probability**2).sum())
        seen += Look(pixel_nm, mask.size, int(mask.sum()), total, squares, depth_px, heard.entropy, heard.classified)
    return seen


@dataclass
class _Heard:
    """Entropy of the classes that a network has named, in nats, summed over so many pixels."""

    entropy: float = 0.0
    classified: int = 0

    def __call__(self, network: nn.Module, windows: object, logits: Tensor) -> None:
        """Add what a network says, (B, C, ...)."""
        shares = activate(logits.float(), "compartments")
        self.entropy += float(torch.special.entr(shares).sum())
        self.classified += shares[:, 0].numel()


@contextmanager
def _classes_heard(model: Model) -> Iterator[_Heard]:
    """Hear what a network says inside, of which only foreground is kept elsewhere; nothing if it names no classes."""
    heard = _Heard()
    if model.config.target != "compartments" or isinstance(model.network, OnnxNetwork):
        yield heard
        return
    hook = model.network.register_forward_hook(heard)
    try:
        yield heard
    finally:
        hook.remove()


def is_enough(looks: Sequence[Look]) -> bool:
    """Whether so much is found, at some size, that it says anything."""
    return max(each.found for each in looks) >= LEAST_FOUND


def choose_scale(looks: Sequence[Look]) -> Scale:
    """Choose the likeliest of the sizes that were looked at, between two of them where both are likely.

    Args:
        looks: at rising sizes.

    Raises:
        DataError: nothing is found at any of them.
    """
    if not is_enough(looks):
        raise DataError("nothing is found at any of 4 to 32 nm; give the voxel size in nm with --voxel-size Z Y X")
    logarithms = log_likelihood(looks)
    likely = np.exp(logarithms - logarithms.max())
    likely /= likely.sum()
    sizes = np.log([each.pixel_nm for each in looks])
    best = int(likely.argmax())
    around = slice(max(best - 1, 0), best + 2)
    middle = float(np.average(sizes[around], weights=likely[around]))
    # From the likeliest on, until enough is likely.
    low = high = best
    while likely[low : high + 1].sum() < LIKELY:
        below, above = (likely[low - 1] if low else -1.0), (likely[high + 1] if high + 1 < len(likely) else -1.0)
        low, high = (low - 1, high) if below > above else (low, high + 1)
    # Each size stands for those up to half way to the next.
    half = 2**0.25
    low_nm, high_nm = looks[low].pixel_nm / half, looks[high].pixel_nm * half
    return Scale(float(f"{min(max(exp(middle), low_nm), high_nm):.3g}"), low_nm, high_nm)


def log_likelihood(looks: Sequence[Look]) -> NDArray[np.float64]:
    """How likely each size is, (sizes,), up to a constant."""
    return np.array([each.log_likelihood for each in looks])


def _middle(crop: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of a crop, `side` px long at most."""
    y, x = (max(0, (length - side) // 2) for length in crop.shape)
    return crop[y : y + side, x : x + side]
