"""One grey scale for images of other types than uint8, whoever reads them: from percentiles of tissue to 0 and 255.

docs/decisions/0012-one-grey-scale.md says why.
"""

from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels
from mitodata.readers.rims import RowEnds, rim_of

Levels = tuple[float, float]
"""Grey levels that become 0 and 255."""

PERCENTILES = (0.1, 99.9)
"""Of the pixels of tissue: few hot or dead ones must not squeeze the grey levels of the rest."""

_LEAST_FILL, _MOST_FILL, _FILL_PX = 1e-3, (0.5, 0.9), 1024
"""Share of the pixels that a fill has, at least, and at most if it is dark and if it is bright; the fewest pixels of an
image that may have one. More of an image is the dark background of bright objects, or bright resin."""

_GAP = 0.1
"""How far a fill is from all other grey levels, as share of their range, at least."""

_MODERATE = (1e-290, 1e290)  # differences and ratios of such numbers stay finite
_DIGIT_BITS = 16

Rows = tuple[int, Pixels]
"""The number of a section, and whole rows of it, (Y, X); its rows come from the top down."""

Reading = Callable[[], Iterable[Rows]]
"""Goes through all rows of all sections, each time it is called."""


def luminance(image: Pixels) -> Pixels:
    """Weigh red, green and blue as ITU-R BT.601 does; (..., 3 or 4) to (...), of the same type; 1 or 2 is grey."""
    if image.shape[-1] < 3:
        return image[..., 0]
    weighted = image[..., :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.asarray(weighted.round() if image.dtype.kind in "bui" else weighted, image.dtype)


def to_grey(image: Pixels, where: object) -> NDArray[np.uint8]:
    """Convert the pixels of one image, alone, to grey levels.

    Args:
        image: (Y, X) or (Y, X, 3) of any numeric type.
        where: named in errors.

    Returns:
        (Y, X) uint8.

    Raises:
        DataError: there are values that are not finite, or complex.
    """
    if image.dtype.kind not in "buif":
        raise DataError(f"{where}: holds pixels of type {image.dtype}; expected real numbers")
    grey = luminance(image) if image.ndim == 3 else image
    return stretch(
        grey, None if grey.dtype == np.uint8 else measure_levels(lambda: [(0, grey)], len(grey), grey.dtype, where)
    )


def stretch(grey: Pixels, levels: Levels | None) -> NDArray[np.uint8]:
    """Bring grey levels of any shape and real type to 0 to 255; None leaves them as they are."""
    if levels is None:
        return grey.astype(np.uint8, copy=False)
    low, high = levels
    # Float32 cannot hold every grey level of float64, and float64 not every difference of its own.
    values, largest = grey.astype(np.float64), max(abs(low), abs(high))
    if largest and not _MODERATE[0] < largest < _MODERATE[1]:
        with np.errstate(over="ignore"):
            values, low, high = values / largest, low / largest, high / largest
    if high - low < _MODERATE[0]:
        return np.zeros(grey.shape, np.uint8)
    values = (values.clip(low, high) - low) * (255 / (high - low))
    return values.round().astype(np.uint8)


def measure_levels(read: Reading, height: int, dtype: np.dtype[Any], where: object) -> Levels:
    """Measure the percentiles `PERCENTILES` of an image or a volume, without its constant rims and its fill.

    A fill is what programs write where a mosaic has no tile, or what saturated resin looks like: one grey level, apart
    from all others. It is black or white then, and the others have all levels between.

    They are exact: grey levels that exist. Memory is that of some rows, whatever the size: the grey levels are searched
    16 bits at a time, the highest first, and the image is read once for each.

    Args:
        read: goes through the image.
        height: px of a section.
        dtype: of the pixels; real.
        where: named in errors.

    Raises:
        DataError: there are values that are not finite.
    """
    if dtype == np.bool_:
        return 0.0, 1.0
    order = _Order(dtype)
    counts, left_out = _count_first(read, height, order, where)
    total = int(counts.sum())
    found = _percentiles(read, order, counts, left_out)
    for side in (0, 1):
        level, number = found[side]
        if total < _FILL_PX or not _LEAST_FILL * total <= number <= _MOST_FILL[side] * total:
            continue
        fewer, more = counts.copy(), left_out | {level: left_out.get(level, 0) + number}
        fewer[order.digit(order.keys(np.array([level])), 0)] -= number
        others = _percentiles(read, order, fewer, more)
        (low, _), (high, _) = others
        if 0 < _GAP * (high - low) < (level - high if side else low - level):
            found, counts, left_out = others, fewer, more
    return found[0][0], found[1][0]


def _percentiles(
    read: Reading, order: "_Order", counts: NDArray[np.int64], left_out: Mapping[float, int]
) -> list[tuple[float, int]]:
    """The percentiles `PERCENTILES`, and how many pixels have each of these grey levels.

    Args:
        read: goes through the image.
        order: of its grey levels.
        counts: of their first digits.
        left_out: grey levels and numbers of pixels that are not in `counts`.
    """
    total = int(counts.sum())
    found = [_place(counts, max(1, ceil(share / 100 * total))) for share in PERCENTILES]
    for digit in range(1, order.digits):
        tables = {prefix: np.zeros(2**_DIGIT_BITS, np.int64) for prefix, _, _ in found}
        for _, rows in read():
            keys = order.keys(rows)
            for prefix, table in tables.items():
                table += _histogram(order.digit(keys[order.prefix(keys, digit) == prefix], digit))
        for level, number in left_out.items():
            key = order.keys(np.array([level]))
            prefix = int(order.prefix(key, digit)[0])
            if prefix in tables:
                tables[prefix][order.digit(key, digit)] -= number
        found = [
            ((prefix << _DIGIT_BITS) | further, left, number)
            for prefix, rank, _ in found
            for further, left, number in [_place(tables[prefix], rank)]
        ]
    return [(order.level(key), number) for key, _, number in found]


class _Order:
    """Grey levels as whole numbers of the same order, in digits of 16 bits."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        small, wide = dtype.itemsize == 1, dtype.itemsize > 8
        self._dtype = np.dtype(np.int16 if small else np.float64 if wide else dtype.newbyteorder("="))
        self._bits = 8 * self._dtype.itemsize
        self._unsigned = np.dtype(f"u{self._dtype.itemsize}")
        self._sign = self._unsigned.type(1 << (self._bits - 1))
        self.digits = self._bits // _DIGIT_BITS

    def keys(self, levels: Pixels) -> Pixels:
        """The numbers of grey levels of any shape."""
        bits = np.ascontiguousarray(levels, self._dtype).view(self._unsigned)
        if self._dtype.kind == "u":
            return bits
        if self._dtype.kind == "i":
            return np.asarray(bits ^ self._sign)
        return np.where(bits & self._sign, ~bits, bits ^ self._sign)

    def level(self, key: int) -> float:
        """The grey level of a number."""
        bits = np.array([key], self._unsigned)
        if self._dtype.kind == "i" or (self._dtype.kind == "f" and key >> (self._bits - 1)):
            bits ^= self._sign
        elif self._dtype.kind == "f":
            bits = ~bits
        return float(bits.view(self._dtype)[0])

    def digit(self, keys: Pixels, number: int) -> Pixels:
        """A digit of numbers, 0 the highest."""
        behind = self._bits - _DIGIT_BITS * (number + 1)
        shifted = keys >> self._unsigned.type(behind) if behind else keys
        return np.asarray(shifted.astype(np.uint16, copy=False))  # drops the digits before

    def prefix(self, keys: Pixels, number: int) -> Pixels:
        """All digits of numbers before one that is not the first."""
        return np.asarray(keys >> self._unsigned.type(self._bits - _DIGIT_BITS * number))


def _count_first(
    read: Reading, height: int, order: _Order, where: object
) -> tuple[NDArray[np.int64], dict[float, int]]:
    """Count the first digits of all grey levels that are not of a rim, and the pixels of rims by their grey level."""
    counts = np.zeros(2**_DIGIT_BITS, np.int64)
    rims: dict[float, int] = {}
    open_sections: dict[int, list[RowEnds]] = {}
    for section, rows in read():
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise DataError(f"{where}: holds values that are not finite (NaN or infinite); expected grey levels")
        counts += _histogram(order.digit(order.keys(rows), 0))
        parts = open_sections.setdefault(section, [])
        parts.append(RowEnds.of(rows))
        if sum(len(part.first) for part in parts) >= height:
            for level, number in rim_of(RowEnds.join(open_sections.pop(section))).levels:
                rims[level] = rims.get(level, 0) + number
    tissue = counts.copy()
    for level, number in rims.items():
        tissue[order.digit(order.keys(np.array([level])), 0)] -= number
    return (tissue, rims) if tissue.any() else (counts, {})


def _histogram(digits: Pixels) -> NDArray[np.int64]:
    return np.bincount(digits.ravel(), minlength=2**_DIGIT_BITS)


def _place(counts: NDArray[np.int64], rank: int) -> tuple[int, int, int]:
    """Where the pixel of a rank (the lowest is 1) is counted, its rank there, and how many are counted there."""
    below = np.cumsum(counts)
    place = int(np.searchsorted(below, rank))
    return place, rank - int(below[place] - counts[place]), int(counts[place])
