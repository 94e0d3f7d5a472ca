"""Whether an image is the negative of what electron microscopes show: its thin lines lighter than what surrounds them.

Membranes are dark lines on lighter ground, whatever the tissue. Some programs save them the other way round.
benchmarks/contrast.py measures how often this is told right.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.errors import DataError
from mitodata.readers.axes import Part
from mitodata.readers.rims import find_rim
from mitodata.sample import VoxelSize

INVERT = ("auto", "on", "off")
"""When the negative of an image is taken: where its contrast is surely inverted, always, or never."""

LINE_NM = 10.0
"""Standard deviation of the Gaussian at whose scale lines are looked for: about the width of a membrane."""

LARGEST_PIXEL_NM = 12.0
"""In larger pixels membranes cannot be seen, and nothing is told."""

LITTLE_UM2 = 8.0
"""Area of tissue that counts as much as not knowing anything. Glands hold pale reticulum and bright halos: a small
image of them may look like a negative, and a large one shows membranes as well."""

SURE = 0.06
"""Contrast beyond which it is told."""

DOUBT = 0.04
"""Balance from which on a user is asked to look."""

LEAST_UM2 = 1.0
"""Area of tissue in which a user is asked. In less, real tiles look like negatives by chance: a fifth of an islet's do
where they have 96 px of 5 nm, and none where they have 256."""

RAGGED_PX = 4
"""The border of a rim may be ragged by this many px, and is light beside black; neither is a line of tissue."""

STRONGEST = 99.5
"""Percentile of the lines at which they are cut off: few very strong ones must not decide."""

SECTIONS = 5
WINDOW_PX = 768
"""Sections of a volume that are looked at, and the side of what is looked at of each."""


@dataclass(frozen=True)
class Contrast:
    """How much darker or lighter lines are than what surrounds them.

    Attributes:
        balance: 1 if all lines are dark, -1 if all are light, 0 if they are equal or cannot be seen.
        area_um2: area of tissue that it was seen in.
    """

    balance: float
    area_um2: float

    @property
    def value(self) -> float:
        """What it is worth: the balance, less of small areas."""
        return self.balance * self.area_um2 / (self.area_um2 + LITTLE_UM2)


UNSEEN = Contrast(0.0, 0.0)
"""Of what has no lines, or none that can be seen."""


def pool(contrasts: Sequence[Contrast]) -> Contrast:
    """The contrast of several images together: the mean balance, weighted by area."""
    area_um2 = sum(each.area_um2 for each in contrasts)
    if not area_um2:
        return UNSEEN
    return Contrast(sum(each.balance * each.area_um2 for each in contrasts) / area_um2, area_um2)


def check_invert(invert: str) -> None:
    """Check that `invert` is one of `INVERT`.

    Raises:
        DataError: it is not.
    """
    if invert not in INVERT:
        raise DataError(f"invert {invert!r}; expected one of {', '.join(INVERT)}")


def is_inverted(contrast: Contrast, usual: Contrast | None = None) -> bool:
    """Whether an image is surely the negative of what it should be.

    Args:
        contrast: of the image, from `measure_contrast`.
        usual: of images that were given together with it, from `pool`; where they are negatives, it is one unless it
            surely is none. None: it is alone.
    """
    return contrast.value < -SURE or (usual is not None and usual.value < -SURE and contrast.value < SURE)


def should_invert(invert: str, contrast: Contrast, usual: Contrast | None, say: Callable[[str], object]) -> bool:
    """Whether the negative of an image is to be taken; a line says so, or asks to look.

    Args:
        invert: one of `INVERT`.
        contrast: of the image; for "auto" only.
        usual: see `is_inverted`.
        say: is told.
    """
    if invert != "auto":
        return invert == "on"
    if is_inverted(contrast, usual):
        why = "membranes lighter than cytoplasm" if contrast.value < -SURE else "a negative, as the images beside it"
        say(f"{why} ({contrast.value:+.2f}): black and white exchanged; if wrong, --invert off")
        return True
    if is_doubtful(contrast):
        say(f"perhaps a negative (membranes lighter than cytoplasm, {contrast.balance:+.2f}): if it is, --invert on")
    return False


def is_doubtful(contrast: Contrast) -> bool:
    """Whether an image that is not surely a negative may be one; none is where little can be seen of it."""
    return contrast.balance < -DOUBT and contrast.area_um2 >= LEAST_UM2


def look_at(
    read: Callable[[Part], NDArray[np.uint8]], shape: tuple[int, int, int], voxel_size_nm: VoxelSize
) -> Contrast:
    """Measure the contrast of an image or a volume in the middle of some sections; see `measure_contrast`.

    Args:
        read: gives parts, (Z, Y, X) uint8.
        shape: (Z, Y, X).
        voxel_size_nm: (z, y, x) in nm.
    """
    depth, *plane = shape
    y, x = _middle((plane[0], plane[1]))
    return measure_contrast((read((slice(z, z + 1), y, x))[0] for z in spread(depth, SECTIONS)), voxel_size_nm)


def spread(count: int, most: int) -> list[int]:
    """Numbers below `count`, at most this many, evenly spaced."""
    number = min(most, count)
    return [(2 * place + 1) * count // (2 * number) for place in range(number)]


def measure_contrast(sections: Iterable[NDArray[np.uint8]], voxel_size_nm: VoxelSize) -> Contrast:
    """Measure whether lines are darker or lighter than what surrounds them.

    The larger eigenvalue of the Hessian, less the absolute smaller one, is how strong a dark line is; with the signs
    changed a light one (Frangi et al., MICCAI 1998, use the same eigenvalues). Both are squared and summed up.

    Args:
        sections: (Y, X) uint8 each, of which the middle is looked at; constant rims do not count.
        voxel_size_nm: (z, y, x) in nm.

    Returns:
        The negative of an image has the same balance with the other sign.
    """
    pixel_nm = sqrt(voxel_size_nm[1] * voxel_size_nm[2])
    if pixel_nm > LARGEST_PIXEL_NM:
        return UNSEEN
    found = [_lines(section[_middle(section.shape)], LINE_NM / pixel_nm) for section in sections]
    dark, light, px = (sum(each) for each in zip(*found, strict=True)) if found else (0.0, 0.0, 0)
    if dark + light == 0:
        return UNSEEN
    return Contrast((dark - light) / (dark + light), px * (pixel_nm / 1000) ** 2)


def _lines(section: NDArray[np.uint8], sigma_px: float) -> tuple[float, float, int]:
    """Sum of the squared strengths of dark and of light lines, and the px that were looked at."""
    smooth = ndimage.gaussian_filter(section.astype(np.float32), sigma_px)
    # Differences add up to nothing on even ground, whatever its grey level; derivatives of a Gaussian do not quite.
    along_y, along_x = (ndimage.correlate1d(smooth, (1.0, -2.0, 1.0), axis) for axis in (0, 1))
    mixed = ndimage.correlate1d(ndimage.correlate1d(smooth, (-0.5, 0.0, 0.5), 0), (-0.5, 0.0, 0.5), 1)
    middle, half = (along_y + along_x) / 2, np.hypot((along_y - along_x) / 2, mixed)
    high, low = middle + half, middle - half
    tissue = ~ndimage.binary_dilation(find_rim(section), iterations=int(3 * sigma_px) + RAGGED_PX)
    if not tissue.any():
        return 0.0, 0.0, 0
    dark, light = ((high - np.abs(low)).clip(0)[tissue], (-low - np.abs(high)).clip(0)[tissue])
    top = float(np.percentile(np.maximum(dark, light), STRONGEST))
    dark_sum, light_sum = (float(np.square(side.clip(max=top)).sum()) for side in (dark, light))
    return dark_sum, light_sum, int(tissue.sum())


def _middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The middle of a section, of at most `WINDOW_PX` px each way."""
    return tuple(slice((side - min(side, WINDOW_PX)) // 2, (side + min(side, WINDOW_PX)) // 2) for side in shape)
