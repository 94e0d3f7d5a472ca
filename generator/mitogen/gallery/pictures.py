"""One plane of an image as a colour picture: grey, with its instances outlined, or painted by compartment."""

from collections.abc import Mapping
from colorsys import hsv_to_rgb
from dataclasses import replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter

from mitodata.sample import IGNORE, Sample

RGB = tuple[int, int, int]
UNPAINTED = ("extracellular", "cytoplasm")
"""Compartments that stay grey: they are most of a picture, and the ground on which the others stand out."""

_IGNORED = np.array([90, 90, 200], dtype=np.float64)
_STRENGTH = 0.55  # of the paint


def colour(number: int, value: float = 1.0) -> RGB:
    """A colour for a number, by steps of the golden ratio around the colour circle: neighbours never look alike."""
    red, green, blue = (round(255 * channel) for channel in hsv_to_rgb((0.3 + 0.618 * number) % 1, 0.8, value))
    return (red, green, blue)


_OUTLINES = np.array([colour(number) for number in range(64)], dtype=np.uint8)


def grey(plane: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Scale a plane (Y, X) of grey levels to `size` (width, height) in pixels; blends only if the size changes."""
    return Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC).convert("RGB")


def outlined(picture: Image.Image, label: NDArray[np.integer], mask: NDArray[np.uint8]) -> Image.Image:
    """Draw instance outlines, and tint ignored pixels, on a picture of the plane; label and mask are (Y, X).

    The colour of an outline means nothing but "another instance".
    """
    rgb = np.array(picture)
    ids, ignored = _scaled(label, picture.size), _scaled(mask, picture.size) == IGNORE
    rgb[ignored] = (0.6 * rgb[ignored] + 0.4 * _IGNORED).astype(np.uint8)
    edge = (minimum_filter(ids, 3) != maximum_filter(ids, 3)) & (ids > 0)
    rgb[edge] = _OUTLINES[ids[edge] % len(_OUTLINES)]
    return Image.fromarray(rgb)


def painted(picture: Image.Image, compartment: NDArray[np.uint8], classes: Mapping[int, str]) -> Image.Image:
    """Paint every pixel of a picture of the plane by its compartment (Y, X); see `paints`."""
    table, strength = np.zeros((256, 3)), np.zeros(256)
    for number, paint in paints(classes).items():
        table[number], strength[number] = paint, _STRENGTH
    compartments = _scaled(compartment, picture.size)
    share = strength[compartments][..., None]
    return Image.fromarray(np.rint((1 - share) * np.array(picture) + share * table[compartments]).astype(np.uint8))


def paints(classes: Mapping[int, str]) -> dict[int, RGB]:
    """Choose the colour of every compartment that is painted, by its number."""
    return {
        number: colour(number, 1.0 if number % 2 else 0.75)
        for number, name in sorted(classes.items())
        if name not in UNPAINTED
    }


def png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def cut_plane(sample: Sample, axis: int, at: int) -> Sample:
    """Cut a volume across an axis at a voxel: (1, Y, X) across z, (1, Z, X) across y, (1, Y, Z) across x."""
    z, y, x = sample.voxel_size_nm
    order = ((0, 1, 2), (1, 0, 2), (2, 1, 0))[axis]
    window: list[int | slice] = [slice(None)] * 3
    window[axis] = slice(at, at + 1)
    arrays = {
        name: array[tuple(window)].transpose(order)
        for name in ("raw", "label", "mask", "compartment")
        if (array := getattr(sample, name)) is not None
    }
    return replace(sample, **arrays, voxel_size_nm=((z, y, x), (y, z, x), (x, y, z))[axis])


def _scaled(plane: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.int32]:
    """Scale numbers without blending them."""
    return np.asarray(Image.fromarray(plane.astype(np.int32)).resize(size, Image.Resampling.NEAREST))
