"""A picture to look at: a section of an image, with what was found in it outlined."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter
from skimage.transform import downscale_local_mean

from mitoseg.io.blocks import Layer
from mitoseg.io.panels import draw_scale_bar

COLOURS = np.array([(255, 220, 0), (0, 230, 255), (255, 100, 220), (120, 255, 80), (255, 150, 40)], np.uint8)
"""Of outlines, RGB; those that can be seen on every grey."""

THICK_FROM_PX = 1000
"""Longest edge of the picture from which on outlines are two pixels wide, else one."""

LONGEST_PX = 2048
"""Longest edge of the picture; larger sections are shrunk by a whole number."""

BAND_PIXELS = 2**24
"""Pixels of a large section that are read at a time, at least as many rows as become one."""


def draw_overlay(raw: Layer, objects: Layer) -> Image.Image:
    """Draw the middle section with the outlines of its objects, neighbouring numbers in unlike colours.

    Outlines lie within the objects.

    Args:
        raw: the image, uint8.
        objects: what was found, on the same grid; 0 is background.
    """
    _, height, width = raw.shape
    shrink = -(-max(height, width) // LONGEST_PX)
    grey, numbers = _shrunk(raw, objects, shrink)
    picture = np.repeat(grey[..., None], 3, axis=2)
    reach = 3 if max(grey.shape) < THICK_FROM_PX else 5
    edge = (minimum_filter(numbers, reach) != maximum_filter(numbers, reach)) & (numbers > 0)
    picture[edge] = COLOURS[(numbers[edge] - 1) % len(COLOURS)]
    drawn = Image.fromarray(picture)
    draw_scale_bar(drawn, raw.voxel_size_nm[2] * shrink)
    return drawn


def _shrunk(raw: Layer, objects: Layer, shrink: int) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """The middle section and its objects, both (Y, X): means of squares, and the number in the middle of each.

    Rows and columns that do not fill a square are left out. A strip that is narrower than one is as wide as it is.
    """
    depth, height, width = raw.shape
    tall, wide = min(shrink, height), min(shrink, width)
    z, y_stop, x_stop = depth // 2, height - height % tall, width - width % wide
    rows = max(1, BAND_PIXELS // (width * tall)) * tall
    grey: list[NDArray[np.uint8]] = []
    numbers: list[NDArray[np.uint32]] = []
    for start in range(0, y_stop, rows):
        part = (slice(z, z + 1), slice(start, min(start + rows, y_stop)), slice(0, x_stop))
        means = downscale_local_mean(raw[part][0], (tall, wide))
        grey.append(means.round().astype(np.uint8))
        numbers.append(objects[part][0, tall // 2 :: tall, wide // 2 :: wide].astype(np.uint32))
    return np.concatenate(grey), np.concatenate(numbers)
