"""What a network sees in place of a rim: tissue, mirrored at its border.

A border that ends in a flat area looks like nothing that a network has learned, and what it has found beside it is
lost far into the tissue. Mirrored tissue costs nothing: on five public images a frame of 120 px around 480 px of tissue
took .20 of the IoU with a flat area, .02 with a mirror.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.rims import Rim
from mitoseg.io.blocks import strips

LONG = 0.5
"""Rows with less tissue than this share of the most that a row has are too short to be mirrored: other rows are."""

JPEG_BLOCK_PX = 8
"""So far a rim reaches into tissue where JPEG has smeared it."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Places:
    """Pixels of a rim, and where the tissue is that stands for them; (N,) each.

    Attributes:
        rows: counted from the first row of the part.
        columns: counted from the first column of the part.
        from_rows: in the section.
        from_columns: in the section.
    """

    rows: Indices
    columns: Indices
    from_rows: Indices
    from_columns: Indices


class Mirror:
    """The rim of a section that is not all rim; if it is smeared, with the blocks at its border."""

    def __init__(self, given: Rim) -> None:
        wide = given.widened(JPEG_BLOCK_PX) if given.smeared else given
        self._rim = rim = given if (wide.left == wide.width).all() else wide
        tissue = (rim.width - rim.left - rim.right).astype(np.intp)
        long = np.flatnonzero(tissue >= LONG * tissue.max())
        first, last = long[0], long[-1]
        wanted = first + _mirrored(np.arange(len(tissue)) - first, np.asarray(last - first + 1))
        after = np.searchsorted(long, wanted).clip(max=len(long) - 1)
        before = (after - 1).clip(min=0)
        nearer = np.abs(long[before] - wanted) < np.abs(long[after] - wanted)
        self._rows = np.where(nearer, long[before], long[after])
        self._start, self._length = rim.left[self._rows].astype(np.intp), tissue[self._rows]

    def places(self, rows: slice, columns: slice) -> Iterator[Places]:
        """Say what stands for the rim in a part of the section, some rows at a time."""
        for _, strip, _ in strips((1, rows.stop - rows.start, columns.stop - columns.start)):
            part = slice(rows.start + strip.start, rows.start + strip.stop)
            y, x = np.nonzero(self._rim.cover(part, columns))
            start, length = self._start[part][y], self._length[part][y]
            across = start + _mirrored(x + columns.start - start, length)
            yield Places(y + strip.start, x, self._rows[part][y], across)

    def reach(self, rows: slice, columns: slice) -> tuple[slice, slice] | None:
        """The smallest part of the section that all of this comes from; None where there is no rim."""
        ends: list[tuple[int, int, int, int]] = [
            (
                int(each.from_rows.min()),
                int(each.from_rows.max()),
                int(each.from_columns.min()),
                int(each.from_columns.max()),
            )
            for each in self.places(rows, columns)
            if len(each.rows)
        ]
        if not ends:
            return None
        top, bottom, left, right = (list(side) for side in zip(*ends, strict=True))
        return slice(min(top), max(bottom) + 1), slice(min(left), max(right) + 1)


def _mirrored(places: Indices, length: Indices) -> Indices:
    """Bring indices that lie outside of [0, length) into it, again and again where that is short."""
    within = places % (2 * length)
    return np.asarray(np.where(within < length, within, 2 * length - 1 - within))
