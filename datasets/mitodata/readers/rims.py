"""Constant rims: the frame of one grey level that registration, rotation and stitching leave around the tissue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.axes import Pixels

_SHARE = 8
"""A rim touches an edge of the image along at least this share (1 / 8) of it."""

_LEAST_PX = 8
"""Smaller sections have no rim."""

_RAGGED_PX = 2.0
"""Second difference of the border of a rim, median over its rows, beyond which it is the background of objects."""


@dataclass(frozen=True, eq=False)
class RowEnds:
    """How far the first and the last grey level of each row go on unchanged.

    Attributes:
        width: px of a row.
        first: grey level that each row begins with, (Y,).
        left: px that it goes on, 1 to `width`, (Y,).
        last: grey level that each row ends with, (Y,).
        right: px that it goes on, 1 to `width`, (Y,).
    """

    width: int
    first: Pixels
    left: NDArray[np.intp]
    last: Pixels
    right: NDArray[np.intp]

    @classmethod
    def of(cls, rows: Pixels) -> "RowEnds":
        """Look at whole rows, (Y, X)."""
        return cls(rows.shape[1], rows[:, 0], _run(rows), rows[:, -1], _run(rows[:, ::-1]))

    @classmethod
    def join(cls, parts: "list[RowEnds]") -> "RowEnds":
        """Put the rows of a section together that were looked at in parts."""
        names = ("first", "left", "last", "right")
        return cls(parts[0].width, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, eq=False)
class Rim:
    """The rim of a section.

    Attributes:
        width: px of a row.
        left: px of it that each row begins with, (Y,).
        right: px of it that each row ends with, (Y,); 0 where the whole row is rim.
        levels: the grey levels of the rim and their numbers of px.
    """

    width: int
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    levels: tuple[tuple[float, int], ...]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the rim is, (Y, X)."""
        x = np.arange(self.width)
        return (x < self.left[:, np.newaxis]) | (x >= self.width - self.right[:, np.newaxis])


def find_rim(section: Pixels) -> NDArray[np.bool_]:
    """Find the constant rim of a section, of any grey level and depth of bits.

    The rim consists of the pixels that rows begin and end with as long as the grey level does not change, where that
    goes on along at least an eighth of an edge of the image and the border is smooth. Straight and turned frames are
    found, not the dark background of bright objects. A section of one grey level is all rim.

    Args:
        section: (Y, X) of any real type.

    Returns:
        (Y, X) bool.
    """
    return rim_of(RowEnds.of(section)).mask


def rim_of(ends: RowEnds) -> Rim:
    """Find the rim of a section by the ends of its rows; see `find_rim`."""
    left = np.where(_accepted(ends.first, ends.left, ends.width), ends.left, 0)
    right = np.where(_accepted(ends.last, ends.right, ends.width), ends.right, 0)
    right[left == ends.width] = 0
    levels: dict[float, int] = {}
    for values, lengths in ((ends.first, left), (ends.last, right)):
        for value in np.unique(values[lengths > 0]):
            levels[value.item()] = levels.get(value.item(), 0) + int(lengths[values == value].sum())
    return Rim(ends.width, left, right, tuple(levels.items()))


def _run(rows: Pixels) -> NDArray[np.intp]:
    """How many px each row (Y, X) goes on with its first grey level."""
    changed = rows != rows[:, :1]
    return np.asarray(np.where(changed.any(axis=1), changed.argmax(axis=1), rows.shape[1]))


def _accepted(values: Pixels, lengths: NDArray[np.intp], width: int) -> NDArray[np.bool_]:
    """Which rows end in a rim: those in a run of rows of one grey level that touches enough of an edge."""
    accepted = np.zeros(len(values), np.bool_)
    if min(len(values), width) < _LEAST_PX:
        return accepted
    tall, wide = (max(_LEAST_PX, side // _SHARE) for side in (len(values), width))
    breaks = np.flatnonzero(values[1:] != values[:-1]) + 1
    for start, stop in zip((0, *breaks), (*breaks, len(values)), strict=True):
        lengths_here = lengths[start:stop]
        at_edge = (lengths_here[0] if start == 0 else 0, lengths_here[-1] if stop == len(values) else 0)
        touches = stop - start >= tall or max(at_edge) >= wide
        accepted[start:stop] = touches and _smooth(lengths_here[lengths_here < width])
    return accepted


def _smooth(lengths: NDArray[np.intp]) -> bool:
    """Whether a border is straight or bent, not ragged."""
    return len(lengths) < 3 or float(np.median(np.abs(np.diff(lengths, 2)))) <= _RAGGED_PX
