"""Slices that were predicted one by one, made to agree with their neighbours."""

from collections.abc import Iterator
from math import ceil, exp

import numpy as np
from numpy.typing import NDArray

REACH = 2.0
"""Standard deviations of the Gaussian beyond which neighbours do not count."""


def neighbours(sigma: float) -> int:
    """Slices on either side that count for a slice; `sigma` in slices."""
    return ceil(REACH * sigma)


def smooth_slices(
    found: Iterator[tuple[int, NDArray[np.float32]]], sigma: float
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Give every slice the Gaussian mean over itself and its neighbours, those that there are.

    Args:
        found: the slices in order, from 0 on: their place, and their maps (C, Y, X) float32.
        sigma: of the Gaussian, in slices.

    Yields:
        The same places, and maps of the same shape. At most 2 * `neighbours` + 1 slices are held.
    """
    reach = neighbours(sigma)
    held: dict[int, NDArray[np.float32]] = {}
    place = -1
    for place, maps in found:
        held[place] = maps
        if place >= reach:
            yield place - reach, _mean(held, place - reach, sigma)
            held.pop(place - 2 * reach, None)
    for last in range(max(place + 1 - reach, 0), place + 1):
        yield last, _mean(held, last, sigma)


def _mean(held: dict[int, NDArray[np.float32]], middle: int, sigma: float) -> NDArray[np.float32]:
    reach = neighbours(sigma)
    near = [place for place in range(middle - reach, middle + reach + 1) if place in held]
    weights = [exp(-0.5 * ((place - middle) / sigma) ** 2) for place in near]
    mean = np.zeros_like(held[middle])
    for place, weight in zip(near, weights, strict=True):
        mean += held[place] * np.float32(weight / sum(weights))
    return mean
