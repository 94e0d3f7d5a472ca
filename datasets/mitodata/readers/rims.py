"""Constant rims: frames of one grey level that registration, rotation and stitching leave, and bars of microscopes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.readers.axes import STRIP_PX, Pixels

_SHARE = 8
"""A rim touches an edge of the image along at least this share (1 / 8) of it."""

_LEAST_PX = 8
"""Smaller sections have no rim."""

_RAGGED_PX = 2.0
"""Second difference of the border of a rim, median over its rows, beyond which it is the background of objects."""

_BANNER = 4
"""Whole rows of one grey level are a rim, such as a bar of a microscope's, if rows that only begin with it are this
many times fewer, however ragged these are."""

_CLEAN = 0.9
"""A bar with text begins with a row of which one grey level has at least this share."""

_FLAT = 0.9
"""Share of the rows of a bar of which one grey level has more than half."""

_BEYOND = 0.2
"""Fewer of the rows beside a bar begin or end with its grey levels; beside an even background more do."""

NEAR_BLACK = 3
"""Up to this grey level of 8 bits a rim need not be even: JPEG and detectors leave traces in black."""

_SMEARED = 0.2
"""Less than this share of a black rim has traces where they come from JPEG, not from a detector."""

_STEPS = 256

_INSIDE = 0.2
"""Share of the pixels between rims from which on their grey level is that of tissue, or of a background."""


@dataclass(frozen=True, eq=False)
class RowEnds:
    """How far the first and the last grey level of each row go on unchanged.

    Attributes:
        width: px of a row.
        first: grey level that each row begins with, (Y,); 0 for all that are nearly black, also in the following.
        left: px that it goes on, 1 to `width`, (Y,).
        last: grey level that each row ends with, (Y,).
        right: px that it goes on, 1 to `width`, (Y,).
        first_inside: px between the two ends that have the first grey level, (Y,).
        last_inside: px between the two ends that have the last grey level, (Y,).
        flat: of each row of which one grey level has more than half, all grey levels and their px; of others none.
        traces: how many px of the two ends that begin with 0 have the grey levels 1, 2, ..., (Y, 2, `NEAR_BLACK`).
    """

    width: int
    first: Pixels
    left: NDArray[np.intp]
    last: Pixels
    right: NDArray[np.intp]
    first_inside: NDArray[np.intp]
    last_inside: NDArray[np.intp]
    flat: tuple[tuple[tuple[float, int], ...], ...]
    traces: NDArray[np.intp]

    @classmethod
    def of(cls, stored: Pixels) -> "RowEnds":
        """Look at whole rows, (Y, X)."""
        rows = _blackened(stored)
        first, last, (height, width) = rows[:, 0], rows[:, -1], rows.shape
        left, right = np.ones(height, np.intp), np.ones(height, np.intp)
        first_inside, last_inside = np.zeros(height, np.intp), np.zeros(height, np.intp)
        # A row that begins and ends otherwise than its neighbours is no rim: in most rows nothing need be counted.
        some = np.flatnonzero(_like_neighbours(first) | _like_neighbours(last))
        (left[some], as_first), (right[some], as_last) = _run(rows[some]), _run(rows[some, ::-1])
        same = (first == last)[some]
        first_inside[some] = as_first - left[some] - same * right[some]
        last_inside[some] = as_last - right[some] - same * left[some]
        flat: list[tuple[tuple[float, int], ...]] = [()] * height
        framed = some[same & (left[some] < width)]
        for row in [*np.flatnonzero(left == width), *framed[_is_flat(rows[framed])]]:
            values, numbers = np.unique(stored[row], return_counts=True)
            flat[row] = tuple(zip(values.tolist(), numbers.tolist(), strict=True))
        traces = _traces(stored, rows, left, right)
        return cls(width, first, left, last, right, first_inside, last_inside, tuple(flat), traces)

    @classmethod
    def join(cls, parts: "list[RowEnds]") -> "RowEnds":
        """Put the rows of a section together that were looked at in parts."""
        names = ("first", "left", "last", "right", "first_inside", "last_inside")
        first, left, last, right, first_inside, last_inside = (
            np.concatenate([getattr(part, name) for part in parts]) for name in names
        )
        flat = tuple(row for part in parts for row in part.flat)
        traces = np.concatenate([part.traces for part in parts])
        return cls(parts[0].width, first, left, last, right, first_inside, last_inside, flat, traces)


@dataclass(frozen=True, eq=False)
class Rim:
    """The rim of a section.

    Attributes:
        width: px of a row.
        left: px of it that each row begins with, (Y,) int32.
        right: px of it that each row ends with, (Y,) int32; 0 where the whole row is rim.
        levels: the grey levels of the rim and their numbers of px.
        smeared: whether it is black with few traces, as JPEG leaves them in the blocks at its border: the pixels beside
            it are mixed with black.
    """

    width: int
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    levels: tuple[tuple[float, int], ...]
    smeared: bool = False

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the rim is, (Y, X)."""
        return self.cover(slice(None), slice(None))

    def cover(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Where the rim is in a part of the section, (Y, X) of the part."""
        x = np.arange(self.width)[columns]
        left, right = self.left[rows, np.newaxis], self.right[rows, np.newaxis]
        return (x < left) | (x >= self.width - right)

    def widened(self, px: int) -> "Rim":
        """The rim and all that lies at most this many px beside it, up and down or along rows."""
        left, right = (ndimage.maximum_filter1d(side, 2 * px + 1, mode="nearest") for side in (self.left, self.right))
        left, right = left + px * (left > 0), right + px * (right > 0)
        whole = left + right >= self.width
        left, right = np.where(whole, self.width, left), np.where(whole, 0, right)
        return Rim(self.width, left.astype(np.int32), right.astype(np.int32), self.levels, self.smeared)

    def covers(self, rows: slice, columns: slice) -> bool:
        """Whether all of a part of the section is rim."""
        first, last = (
            np.maximum(self.left[rows], columns.start),
            np.minimum(self.width - self.right[rows], columns.stop),
        )
        return not bool((first < last).any())

    @property
    def px(self) -> int:
        """How many px it has; 0 if there is none."""
        return int(self.left.sum() + self.right.sum())

    @property
    def inside(self) -> tuple[slice, slice]:
        """The largest rectangle of tissue (rows, columns); empty where all is rim. Of long sides to a 256th."""
        height = len(self.left)
        if not self.px:
            return slice(0, height), slice(0, self.width)
        step = -(-height // _STEPS)
        starts = np.arange(0, height, step)
        left, right = (np.maximum.reduceat(side, starts) for side in (self.left, self.right))
        ends = np.minimum(starts + step, height)
        best, found = 0, (slice(0, 0), slice(0, 0))
        for first, top in enumerate(starts):
            before, after = (np.maximum.accumulate(side[first:]) for side in (left, right))
            areas = (ends[first:] - top) * (self.width - before - after).clip(0)
            last = int(areas.argmax())
            if areas[last] > best:
                best = int(areas[last])
                rows = slice(int(top), int(ends[first + last]))
                found = rows, slice(int(before[last]), int(self.width - after[last]))
        return found


def find_rim(section: Pixels) -> NDArray[np.bool_]:
    """Find the constant rim of a section, of any grey level and depth of bits.

    The rim consists of the pixels that rows begin and end with as long as the grey level does not change, where that
    goes on along at least an eighth of an edge of the image, its border is smooth, and that grey level is rare inside.
    Straight and turned frames are found, not the even background of many objects. A section of one grey level is all
    rim. So is a bar above or below the image, as microscopes write it, with its text.

    Args:
        section: (Y, X) of any real type.

    Returns:
        (Y, X) bool.
    """
    step = max(1, STRIP_PX // section.shape[1])
    return rim_of(RowEnds.join([RowEnds.of(section[top : top + step]) for top in range(0, len(section), step)])).mask


def exchange(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Exchange black and white.

    What is nearly black becomes white: a black rim, which need not be even, stays a rim.

    Args:
        grey: grey levels of any shape.

    Returns:
        The same shape, a copy.
    """
    return np.where(grey <= NEAR_BLACK, np.uint8(255), 255 - grey)


def rim_of(ends: RowEnds) -> Rim:
    """Find the rim of a section by the ends of its rows; see `find_rim`."""
    between = ends.width - ends.left - ends.right
    left = np.where(_accepted(ends.first, ends.left, ends.first_inside / between.clip(1), ends.width), ends.left, 0)
    right = np.where(_accepted(ends.last, ends.right, ends.last_inside / between.clip(1), ends.width), ends.right, 0)
    bar = _bars(ends)
    left[bar], right[bar | (left == ends.width)] = 0, 0
    levels: dict[float, int] = {}
    for row in np.flatnonzero(bar):
        for level, number in ends.flat[row]:
            levels[level] = levels.get(level, 0) + number
    for side, (values, lengths) in enumerate(((ends.first, left), (ends.last, right))):
        for value in np.unique(values[lengths > 0]):
            levels[value.item()] = levels.get(value.item(), 0) + int(lengths[values == value].sum())
        traces = ends.traces[lengths > 0, side].sum(axis=0).tolist()
        for level, number in enumerate(traces, start=1) if any(traces) else ():
            levels[level] = levels.get(level, 0) + number
            levels[0] -= number
    left[bar] = ends.width
    traces = sum(levels.get(level, 0) for level in range(1, NEAR_BLACK + 1)) if ends.first.dtype == np.uint8 else 0
    smeared = 0 < traces < _SMEARED * (traces + levels.get(0, 0))
    return Rim(ends.width, left.astype(np.int32), right.astype(np.int32), tuple(levels.items()), smeared)


def _blackened(rows: Pixels) -> Pixels:
    """Rows (Y, X) of 8 bits whose grey levels up to `NEAR_BLACK` are 0, if they begin or end so; others as they are."""
    if rows.dtype != np.uint8:
        return rows
    dark = (rows[:, [0, -1]] <= NEAR_BLACK).any(axis=1)
    if not dark.any():
        return rows
    black = rows.copy()
    black[dark] = np.where(rows[dark] <= NEAR_BLACK, np.uint8(0), rows[dark])
    return black


def _traces(stored: Pixels, rows: Pixels, left: NDArray[np.intp], right: NDArray[np.intp]) -> NDArray[np.intp]:
    """Count what was not quite black in the ends of rows (Y, X); see `RowEnds`."""
    traces = np.zeros((len(rows), 2, NEAR_BLACK), np.intp)
    changed = np.flatnonzero((stored != rows).any(axis=1)) if stored is not rows else ()
    for row in changed:
        for side, end in enumerate((stored[row, : left[row]], stored[row, len(stored[row]) - right[row] :])):
            if end[0 if side == 0 else -1] <= NEAR_BLACK:
                traces[row, side] = np.bincount(end, minlength=NEAR_BLACK + 1)[1 : NEAR_BLACK + 1]
    return traces


def _is_flat(rows: Pixels) -> NDArray[np.bool_]:
    """Of which rows (Y, X) one grey level has more than half; it is the median then."""
    middle = np.partition(rows, rows.shape[1] // 2, axis=1)[:, [rows.shape[1] // 2]]
    return np.asarray(2 * (rows == middle).sum(axis=1) > rows.shape[1])


def _bars(ends: RowEnds) -> NDArray[np.bool_]:
    """Which rows are those of a bar with text above or below the image, (Y,)."""
    share = np.array([_largest(row, ends.first.dtype == np.uint8) for row in ends.flat]) / ends.width
    bars = np.zeros(len(share), np.bool_)
    if min(len(share), ends.width) < _LEAST_PX:
        return bars
    for side, found, order in ((share, bars, slice(None)), (share[::-1], bars[::-1], slice(None, None, -1))):
        tall = np.arange(1, len(side) // 2 + 1)
        possible = (side[: len(tall)] >= _CLEAN) & (np.cumsum(side[: len(tall)] > 0) >= _FLAT * tall)
        height = int(tall[possible].max(initial=0))
        if height < _LEAST_PX:
            continue
        first, last = ends.first[order], ends.last[order]
        levels = first[:height]
        beyond = np.isin(first[height:], levels) | np.isin(last[height:], levels)
        found[:height] = float(beyond[: 4 * height].mean()) < _BEYOND
    return bars


def _largest(row: tuple[tuple[float, int], ...], eight_bits: bool) -> int:
    """Px of the commonest grey level of a row; of 8 bits, all that are nearly black are one."""
    black = sum(number for level, number in row if level <= NEAR_BLACK) if eight_bits else 0
    return max((number for _, number in row), default=0) if black == 0 else max(black, *(number for _, number in row))


def _like_neighbours(values: Pixels) -> NDArray[np.bool_]:
    """Which rows have the value of one beside them, (Y,); the outermost always do."""
    same = values[1:] == values[:-1]
    like = np.ones(len(values), np.bool_)
    like[1:-1] = same[1:] | same[:-1]
    return like


def _run(rows: Pixels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many px each row (Y, X) goes on with its first grey level, and how many of its px have it at all."""
    changed = rows != rows[:, :1]
    number = changed.sum(axis=1)
    return np.where(number > 0, changed.argmax(axis=1), rows.shape[1]), rows.shape[1] - number


def _accepted(values: Pixels, lengths: NDArray[np.intp], inside: NDArray[np.float64], width: int) -> NDArray[np.bool_]:
    """Which rows end in a rim: those in a run of rows of one grey level that touches enough of an edge.

    Args:
        values: grey levels at the end, (Y,).
        lengths: px that they go on, (Y,).
        inside: share of the px between both ends that have them, (Y,).
        width: px of a row.
    """
    accepted = np.zeros(len(values), np.bool_)
    if min(len(values), width) < _LEAST_PX:
        return accepted
    tall, wide = (max(_LEAST_PX, side // _SHARE) for side in (len(values), width))
    breaks = np.flatnonzero(values[1:] != values[:-1]) + 1
    bounds = np.concatenate([[0], breaks, [len(values)]])
    groups = np.diff(bounds)
    for group in np.flatnonzero((groups >= tall) | (bounds[:-1] == 0) | (bounds[1:] == len(values))):
        start, stop = bounds[group], bounds[group + 1]
        here = lengths[start:stop]
        partial = here < width
        at_edge = (here[0] if start == 0 else 0, here[-1] if stop == len(values) else 0)
        touches = groups[group] >= tall or max(at_edge) >= wide
        rare = not partial.any() or float(inside[start:stop][partial].mean()) < _INSIDE
        banner = ~partial & ((~partial).sum() >= _BANNER * partial.sum())
        accepted[start:stop] = touches and (banner | (rare and _smooth(here[partial])))
    return accepted


def _smooth(lengths: NDArray[np.intp]) -> bool:
    """Whether a border is straight or bent, not ragged."""
    return len(lengths) < 3 or float(np.median(np.abs(np.diff(lengths, 2)))) <= _RAGGED_PX
