"""Where a look is worth most: objects, and places without one, in the order in which the model doubts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.readers.axes import Part, strips
from mitoseg_napari.proofreading import Point, Voxels

MISSED = 0.3
"""Probability from which on a place without an object may have been missed."""

SMALLEST_VOXELS = 16
"""A smaller place is no candidate."""

MOST_VOXELS = 2**28
"""In larger volumes only objects are ranked: places without one would take too much memory."""


@dataclass(frozen=True)
class Doubt:
    """An object, or a place that may be one.

    Attributes:
        number: of the object; 0 for a place without one.
        at: a voxel of it: where the model is surest of a place, else the one nearest to the middle of the object.
        bits: mean entropy of the model's yes or no over its voxels: 0 where it is sure, 1 where it tosses a coin.
        box: in which it lies.
    """

    number: int
    at: Point
    bits: float
    box: Part


def entropy_bits(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Entropy of yes or no, in bits (Shannon 1948): 0 for probabilities 0 and 1, 1 for one half."""
    p = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


def rank_doubts(
    labels: NDArray[np.integer], probability: Any, heed: Callable[[], object] = lambda: None
) -> list[Doubt]:
    """Rank objects and places that may have been missed, the most doubtful first.

    Args:
        labels: (Z, Y, X), 0 = background.
        probability: (Z, Y, X) in [0, 1]; an array, or what is read in parts.
        heed: is called between parts; it may raise to stop.
    """
    found = _rank(labels, probability, heed, missed=False)
    if labels.size <= MOST_VOXELS:
        places = np.zeros(labels.shape, bool)
        for part in strips(labels.shape):
            heed()
            places[part] = (np.asarray(probability[part]) >= MISSED) & (labels[part] == 0)
        numbers, _ = ndimage.label(places)
        found += _rank(numbers, probability, heed, missed=True)
    return sorted(found, key=lambda doubt: -doubt.bits)


def rank_apart(labels: NDArray[np.integer], probability: Any, heed: Callable[[], object] = lambda: None) -> list[Doubt]:
    """As `rank_doubts`, of a stack whose sections are images of their own."""
    found: list[Doubt] = []
    for z in range(labels.shape[0]):
        for doubt in rank_doubts(labels[z : z + 1], probability[z : z + 1], heed):
            at, box = (z, *doubt.at[1:]), (slice(z, z + 1), *doubt.box[1:])
            found.append(Doubt(doubt.number, at, doubt.bits, box))
    return sorted(found, key=lambda doubt: -doubt.bits)


def missed_voxels(labels: NDArray[np.integer], probability: Any, doubt: Doubt) -> Voxels:
    """The voxels of a place that may have been missed: what hangs together there."""
    inside = (np.asarray(probability[doubt.box]) >= MISSED) & (labels[doubt.box] == 0)
    numbers, _ = ndimage.label(inside)
    own = numbers[tuple(at - piece.start for at, piece in zip(doubt.at, doubt.box, strict=True))]
    places = np.nonzero((numbers == own) & inside)
    return tuple(axis + piece.start for axis, piece in zip(places, doubt.box, strict=True))


class Queue:
    """Doubts that are gone through, in both directions; those that are settled meanwhile are passed over."""

    def __init__(self, doubts: Sequence[Doubt], number_at: Callable[[Point], int]) -> None:
        """Begin before the first.

        Args:
            doubts: the most doubtful first.
            number_at: the number at a voxel now.
        """
        self._doubts, self._number_at, self._place = list(doubts), number_at, -1

    def __len__(self) -> int:
        return len(self._doubts)

    @property
    def place(self) -> int:
        """Which one is looked at, from 1 on; 0 before the first."""
        return self._place + 1

    @property
    def current(self) -> Doubt | None:
        """The one that is looked at."""
        return self._doubts[self._place] if 0 <= self._place < len(self._doubts) else None

    def move(self, step: int) -> Doubt | None:
        """Go to the next one (1) or back (-1) that is still as it was; None, and no move, if there is none."""
        place = self._place + step
        while 0 <= place < len(self._doubts):
            doubt = self._doubts[place]
            if self._number_at(doubt.at) == doubt.number:
                self._place = place
                return doubt
            place += step
        return None


def _rank(numbers: NDArray[np.integer], probability: Any, heed: Callable[[], object], *, missed: bool) -> list[Doubt]:
    """Mean entropy of numbered things, and where they are."""
    boxes = ndimage.find_objects(numbers)
    count = len(boxes)
    voxels, bits = np.zeros(count + 1), np.zeros(count + 1)
    for part in strips(numbers.shape):
        heed()
        own = numbers[part].ravel().astype(np.intp)
        inside = own > 0
        own = own[inside]
        voxels += np.bincount(own, minlength=count + 1)
        bits += np.bincount(own, entropy_bits(np.asarray(probability[part]).ravel()[inside]), minlength=count + 1)
    found = []
    for number, box in enumerate(boxes, start=1):
        if box is None or (missed and voxels[number] < SMALLEST_VOXELS):
            continue
        inside = numbers[box] == number
        at = _surest(inside, probability[box]) if missed else _middle(inside)
        z, y, x = (piece.start + place for piece, place in zip(box, at, strict=True))
        found.append(Doubt(0 if missed else number, (z, y, x), bits[number] / voxels[number], (box[0], box[1], box[2])))
    return found


def _surest(inside: NDArray[np.bool_], probability: Any) -> Sequence[int]:
    return [int(at) for at in np.unravel_index(np.argmax(np.where(inside, probability, -1.0)), inside.shape)]


def _middle(inside: NDArray[np.bool_]) -> Sequence[int]:
    places = np.argwhere(inside)
    return [int(at) for at in places[((places - places.mean(0)) ** 2).sum(1).argmin()]]
