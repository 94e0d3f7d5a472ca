"""Whether masks lie where their images show edges: those that are turned, mirrored or shifted fit elsewhere.

Outlines of the masks are correlated with the strength of edges in the images, for all shifts at once. Of five public
sets the correlation where they belong is up to 33 standard deviations from its mean over all shifts, elsewhere up to 6.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from mitodata.readers.axes import Pixels
from mitodata.sample import IGNORE

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A section and its mask of 0, 1 and 255 (ignore), both (Y, X)."""

SURE = 9.0
"""Standard deviations of the correlation over all shifts from which on it is told where masks fit."""

LESS = 0.5
"""Masks that fit this share of that where they are are in place."""

NEAR_PX = 3
"""So far masks may be drawn beside edges."""

WINDOW_PX = 768
"""The middle of a section, so large, is looked at."""

_LEAST_PX = 100
_EDGE_PX, _SHADE_PX, _MOST = 2.0, 61, 3.0

_TURNS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "": np.asarray,
    "mirrored up and down": np.flipud,
    "mirrored left and right": np.fliplr,
    "turned by 180 degrees": lambda image: image[::-1, ::-1],
    "with rows and columns exchanged": np.transpose,
    "turned by 90 degrees": np.rot90,
    "turned by -90 degrees": lambda image: np.rot90(image, 3),
    "with rows and columns exchanged and turned by 180 degrees": lambda image: image[::-1, ::-1].T,
}


def doubt_alignment(pairs: Sequence[Pair]) -> str:
    """Say how masks would have to be moved to fit their images; an empty string if they fit, or nothing is sure.

    Args:
        pairs: some sections of one size with their masks, in the order of z.
    """
    windows = [_middle(*pair) for pair in pairs]
    outlines = [_outline(mask) for _, mask in windows]
    if not outlines or min(int(outline.sum()) for outline in outlines) < _LEAST_PX:
        return ""
    seen = [fft.rfft2(_edges(raw)) for raw, _ in windows]
    moved = {name: [turn(outline) for outline in outlines] for name, turn in _TURNS.items()}
    if len(pairs) > 1:
        moved["in reverse order"] = outlines[::-1]
    fits = {
        name: _fit(seen, each, windows[0][0].shape)
        for name, each in moved.items()
        if each[0].shape == windows[0][0].shape
    }
    name, best = max(fits.items(), key=lambda item: float(item[1].max()))
    near = np.roll(fits[""], NEAR_PX, (0, 1))[: 2 * NEAR_PX + 1, : 2 * NEAR_PX + 1]
    if best.max() < SURE or near.max() > LESS * best.max():
        return ""
    down, right = (
        int(place if place <= length // 2 else place - length)
        for place, length in zip(np.unravel_index(best.argmax(), best.shape), best.shape, strict=True)
    )
    shift = f"{down:+d} px down and {right:+d} px right" if max(abs(down), abs(right)) > NEAR_PX else ""
    how = " and moved ".join(part for part in (name, shift) if part) if name else f"moved {shift}"
    return (
        f"the masks fit the image better {how} ({best.max():.0f} standard deviations; as they are {near.max():.0f}): "
        "look whether they belong together"
    )


def _middle(raw: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Pair:
    rows, columns = (
        slice((side - min(side, WINDOW_PX)) // 2, (side + min(side, WINDOW_PX)) // 2) for side in raw.shape
    )
    return raw[rows, columns], mask[rows, columns]


def _edges(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Strength of edges, without what is strong everywhere around."""
    strength = ndimage.gaussian_gradient_magnitude(raw.astype(np.float32), _EDGE_PX)
    strength -= ndimage.uniform_filter(strength, _SHADE_PX)
    spread = float(strength.std())
    return np.asarray((strength / (spread or 1.0)).clip(-_MOST, _MOST), np.float32)


def _outline(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The outermost pixels of foreground, but for those at the ends of the image and of what is known."""
    inside = mask == 1
    known = ndimage.binary_erosion(mask != IGNORE, np.ones((3, 3), np.bool_))
    return np.asarray(inside & ~ndimage.binary_erosion(inside) & known, np.float32)


def _fit(
    seen: Sequence[NDArray[np.complex64]], outlines: Sequence[Pixels], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Correlation for all shifts, (Y, X), in standard deviations; of several sections together."""
    total = np.zeros(shape)
    for image, outline in zip(seen, outlines, strict=True):
        found = fft.irfft2(image * np.conj(fft.rfft2(outline)), s=shape)
        total += (found - found.mean()) / (found.std() or 1.0)
    return np.asarray(total / np.sqrt(len(seen)))
