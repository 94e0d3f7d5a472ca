"""The pixel size of sections that state none: that at which the network finds most, and surely, and of a usual width.

A section is shown to the network as if its pixels were 4, 5.7, 8 ... 32 nm long. At a wrong size the network finds
less and is less sure of it, and what it finds is not as wide as mitochondria are.
benchmarks/scale_estimate.py measures how far off the estimate is, and what that costs.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from math import ceil, exp, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from tqdm import tqdm

from mitodata import DataError, VoxelSize
from mitodata.contrast import spread
from mitodata.readers.inputs import open_images, to_source
from mitodata.readers.source import Found, Source
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.segment_image import SegmentOptions

_log = logging.getLogger("mitoseg")

SIZES_NM = tuple(4.0 * 2 ** (step / 2) for step in range(7))
"""Pixel sizes that are tried: 4 to 32 nm, in half octaves."""

CROPS = 6
CROP_PX = 256
"""Crops that are looked at, of all images together, and their side."""

WORKING_PX = 512
"""Side, on the grid of the network, of what it sees of a crop, at most: of large pixels a few make many of those."""

PLACES = 32
"""Places in an image, at most, among which those for crops are chosen."""

USUAL_WIDTH_NM = 220.0
WIDTH_SPREAD = 0.8
"""Usual width of what is found, and the standard deviation of its logarithm. Large, because pieces may be ragged, and
touching mitochondria are one piece."""

LEAST_FOUND = 0.002
"""Share of the pixels that must be found at some size, or nothing is estimated."""

CERTAINTY_WEIGHT = 2.0
"""How much the logarithm of certainty counts, against those of the share found and of the distribution of widths."""

STEEPNESS = 4.0
"""How much likelier a size is whose score is higher by one: by a factor of exp(4)."""

LIKELY = 0.8
"""Probability of the sizes, together, that are named as likely."""


@dataclass(frozen=True)
class Look:
    """What a network finds where pixels are taken for so long, in all crops together.

    Attributes:
        pixel_nm: the length.
        found: share of the pixels that are foreground.
        certainty: mean probability, of each pixel weighted by itself: 1 where the network says yes or no of all.
        width_nm: width of the foreground: four times the mean distance of its pixels to its edge, as in a ribbon; of
            a disc that is two thirds of the diameter. 0 where there is none.
    """

    pixel_nm: float
    found: float
    certainty: float
    width_nm: float

    @property
    def score(self) -> float:
        """How much speaks for this size."""
        if not self.found:
            return -np.inf
        unusual = log(self.width_nm / USUAL_WIDTH_NM) / WIDTH_SPREAD
        return log(self.found) + CERTAINTY_WEIGHT * log(self.certainty) - unusual**2 / 2


@dataclass(frozen=True)
class Scale:
    """An estimate of a pixel size.

    Attributes:
        pixel_nm: the likeliest.
        low_nm: the smallest that is likely.
        high_nm: the largest that is likely.
    """

    pixel_nm: float
    low_nm: float
    high_nm: float

    @property
    def text(self) -> str:
        """The estimate in words."""
        return f"{self.pixel_nm:.2g} nm ({self.low_nm:.2g} to {self.high_nm:.2g} nm are likely)"


def estimate_scale(model: Model, crops: Sequence[NDArray[np.uint8]]) -> Scale:
    """Estimate the pixel size of crops of sections that all have the same.

    Args:
        model: a 2D network.
        crops: each (Y, X) uint8.

    Raises:
        DataError: nothing is found in them, whatever their pixel size.
    """
    # tqdm shows nothing where there is no terminal (disable=None).
    looks = [look(model, crops, size) for size in tqdm(SIZES_NM, desc="pixel size", disable=None, leave=False)]
    if max(each.found for each in looks) < LEAST_FOUND:
        raise DataError("nothing is found at any of 4 to 32 nm; give the voxel size in nm with --voxel-size Z Y X")
    return choose_scale(looks)


def look(model: Model, crops: Sequence[NDArray[np.uint8]], pixel_nm: float) -> Look:
    """See what is found in crops if their pixels are so long."""
    pixels, found, total, squares, depth = 0, 0, 0.0, 0.0, 0.0
    threshold = model.decoding.at(pixel_nm).threshold
    for crop in crops:
        seen = _middle(crop, int(WORKING_PX * model.config.working_voxel_nm / pixel_nm))
        probability = predict_maps(model, seen[None], (pixel_nm, pixel_nm, pixel_nm))[0, 0]
        mask = probability >= threshold
        pixels, found = pixels + mask.size, found + int(mask.sum())
        total, squares = total + float(probability.sum()), squares + float((probability**2).sum())
        depth += float(ndimage.distance_transform_edt(mask).sum())
    return Look(pixel_nm, found / pixels, squares / max(total, 1e-6), 4 * pixel_nm * depth / max(found, 1))


def choose_scale(looks: Sequence[Look]) -> Scale:
    """Choose the likeliest of the sizes that were looked at, between two of them where both are likely.

    Args:
        looks: at rising sizes; something is found at one of them.
    """
    scores = np.array([each.score for each in looks])
    likely = np.exp(STEEPNESS * (scores - scores.max()))
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
    return Scale(min(max(exp(middle), low_nm), high_nm), low_nm, high_nm)


class PixelSizes:
    """Pixel sizes for the images of a call that state none: one estimate, once, when the first of them is met."""

    def __init__(self, model: Model, images: Sequence[Path], options: SegmentOptions) -> None:
        self._model, self._images, self._options = model, images, options
        self._known: Scale | DataError | None = None

    def estimate(self, found: Found) -> VoxelSize | None:
        """Estimate the voxel size of an image; None where it states its own.

        Raises:
            DataError: nothing can be estimated, or it is a stack, whose z would be unknown.
        """
        if found.array.shape[0] > 1 and not self._options.as_2d and None in found.edges_nm[1:]:
            raise DataError(
                f"{found.path}: carries no voxel size; give it in nm with --voxel-size Z Y X, Z between sections; "
                "or, for sections that are no series, add --as-2d"
            )
        if not self._lacks(found):
            return None
        if self._known is None:
            self._known = self._estimate(found)
        if isinstance(self._known, DataError):
            raise DataError(f"{found.path}: carries no voxel size, and {self._known}")
        size = self._known.pixel_nm
        return (size, size, size)

    def _lacks(self, found: Found) -> bool:
        single = self._options.as_2d or found.array.shape[0] == 1
        return single and None in found.edges_nm[1:] and self._model.config.dimensions == 2

    def _estimate(self, found: Found) -> Scale | DataError:
        """Estimate the size of this image and of others that state none, and say it; or why there is none."""
        places = spread(len(self._images), CROPS)
        together = [crops for place in places if (crops := self._look_into(self._images[place], len(places)))]
        try:
            scale = estimate_scale(self._model, [*chain(*together)] or self._crops(found, CROPS))
        except DataError as error:
            return error
        of = f"{len(together)} images that state none, together" if len(together) > 1 else found.path.name
        _log.warning(
            "pixel size estimated from %s: %s; if that is wrong, give the voxel size in nm with --voxel-size Z Y X",
            of,
            scale.text,
        )
        return scale

    def _look_into(self, path: Path, files: int) -> list[NDArray[np.uint8]]:
        """Crops of the first image in one of so many files; none if it states its size, or cannot be read."""
        with suppress(DataError):
            for found in open_images(path, self._options.dataset):
                return self._crops(found, ceil(CROPS / files)) if self._lacks(found) else []
        return []

    def _crops(self, found: Found, number: int) -> list[NDArray[np.uint8]]:
        source = to_source(found, (1.0, 1.0, 1.0))
        return _crops(source.negative() if self._options.invert == "on" else source, number)


def _crops(source: Source, number: int) -> list[NDArray[np.uint8]]:
    """Some crops of a source, spread over it; those with little contrast are passed over."""
    depth, height, width = source.shape
    sides = [min(CROP_PX, length) for length in (height, width)]
    places = [
        (z, y, x)
        for z in spread(depth, number)
        for y in range(0, height - sides[0] + 1, sides[0])
        for x in range(0, width - sides[1] + 1, sides[1])
    ]
    crops = []
    for place in spread(len(places), PLACES):
        z, y, x = places[place]
        crops.append(source.read((slice(z, z + 1), slice(y, y + sides[0]), slice(x, x + sides[1])))[0])
    contrast = np.array([crop.std() for crop in crops])
    rich = [crop for crop, one in zip(crops, contrast, strict=True) if one >= np.median(contrast) / 2]
    return [rich[place] for place in spread(len(rich), number)]


def _middle(crop: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of a crop, `side` px long at most."""
    y, x = (max(0, (length - side) // 2) for length in crop.shape)
    return crop[y : y + side, x : x + side]
