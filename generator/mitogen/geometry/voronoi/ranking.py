"""The nearest two of many things at each of some pixels, while one thing after the other is looked at.

Pixels lie one after the other in arrays (P,), and each loop touches few of them: then many are done at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled


class NearestTwo(NamedTuple):
    """The nearest two so far.

    Attributes:
        distance: (P,) float32 of the nearest.
        first: (P,) int32 index of the nearest, -1 for none.
        second_distance: (P,) float32 of the next.
        second: (P,) int32 index of the next, -1 for none.
        place: (P,) int32: 1 where what was looked at last is the nearest now, 2 where it is the next, else 0.
    """

    distance: FloatArray
    first: NDArray[np.int32]
    second_distance: FloatArray
    second: NDArray[np.int32]
    place: NDArray[np.int32]


@compiled
def nobody(pixels: int) -> NearestTwo:
    """Memory for this many pixels."""
    distances, indices = np.empty((2, pixels), np.float32), np.empty((3, pixels), np.int32)
    return NearestTwo(distances[0], indices[0], distances[1], indices[1], indices[2])


@compiled
def forget(best: NearestTwo, far: np.float32, size: int) -> None:
    """Begin anew for the first `size` pixels: nothing is nearer than `far`."""
    for p in range(size):
        best.distance[p] = best.second_distance[p] = far
        best.first[p] = best.second[p] = -1


@compiled
def compare(index: int, distance: FloatArray, best: NearestTwo, size: int) -> None:
    """Look at the next thing, whose distance (P,) is that of the earlier ones or less where it shall count."""
    for p in range(size):
        nearer = distance[p] < best.distance[p]
        best.place[p] = 1 if nearer else 2 if distance[p] < best.second_distance[p] else 0
    for p in range(size):
        place = best.place[p]
        best.second[p] = best.first[p] if place == 1 else index if place == 2 else best.second[p]
        best.first[p] = index if place == 1 else best.first[p]
    for p in range(size):
        place, first, second = best.place[p], best.distance[p], best.second_distance[p]
        best.second_distance[p] = first if place == 1 else distance[p] if place == 2 else second
        best.distance[p] = distance[p] if place == 1 else first
