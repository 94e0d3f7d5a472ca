"""Which part of an image is worked on: all of it, this section, what is in view, or inside a rectangle."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mitodata import DataError
from mitodata.readers.axes import Part

LEAST_PX = 16
"""Edge of a region, at least."""


def region(
    name: str, shape: tuple[int, int, int], corners: ArrayLike | None = None, section: int | None = None
) -> Part:
    """A part of an image.

    Args:
        name: of the image.
        shape: (z, y, x) of it.
        corners: (N, 2), y and x of points on its grid, in px, around which the smallest rectangle is taken, cut off at
            the edges; None for all.
        section: take this one alone; None for all.

    Raises:
        DataError: the rectangle lies outside of the image, or is smaller than `LEAST_PX`.
    """
    z, y, x = shape
    depth = slice(0, z) if section is None else slice(min(max(section, 0), z - 1), min(max(section, 0), z - 1) + 1)
    if corners is None:
        return depth, slice(0, y), slice(0, x)
    points = np.atleast_2d(np.asarray(corners, float))
    first, last = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int) + 1
    pieces = [slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(first, last, (y, x), strict=True)]
    least = min(LEAST_PX, y, x)
    if any(piece.stop - piece.start < least for piece in pieces):
        got = " x ".join(str(max(piece.stop - piece.start, 0)) for piece in pieces)
        raise DataError(
            f"{name}: {got} px of it lie in the region; expected at least {least} x {least}: choose another region"
        )
    return depth, pieces[0], pieces[1]


def full(part: Part, shape: Sequence[int]) -> bool:
    """Whether a part is all of an image."""
    return all((piece.start, piece.stop) == (0, length) for piece, length in zip(part, shape, strict=True))
