"""The distinct values of a section of an annotation: how much there is of each, and where."""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from mitodata.importers.annotations.choice import Range, within
from mitodata.importers.annotations.numbers import Kind, Numbers
from mitodata.readers.axes import Pixels

WHITE = 255

_EDGE_PX = 2
"""Both sides of an edge lie within this many px of a pixel at it."""

_FEW = 2**16
"""Whole numbers below this are counted without sorting."""

FAINT = 3
"""A mask of 0 and 1 that JPEG has changed holds no larger numbers."""

_BLOCK_PX = 8
"""JPEG compresses blocks of this edge one by one."""

NEAR_END = 31
"""8-bit values this close to 0 and to 255 may be these, changed by a lossy compression."""


@dataclass(frozen=True, eq=False)
class Table:
    """The distinct values of one section, or of several, in ascending order, (K,) each.

    Attributes:
        numbers: what they are values of; without pixels.
        values: int64 or float64.
        pixels: how many have it.
        regions: how many regions of neighbours (8) they form; 0 for the value 0.
        solid: whether it fills a square of 3 x 3 px somewhere, as smooth edges and noise do not.
        astray: how many of the pixels of a value that is not solid lie at no edge between a lower and a higher solid
            one.
        sections: how many have it.
        as_ends: the table with 8-bit values close to 0 taken for 0, close to 255 for 255, as before a lossy
            compression; None if there are none.
        edges: of 8-bit values up to `FAINT`, how many neighbours (4) differ.
        at_blocks: how many of these lie on both sides of the border between two blocks of 8 x 8 px.
        file: what the section is one of several of; None for a file of one section, or of several tables.
    """

    numbers: Numbers
    values: Pixels
    pixels: NDArray[np.int64]
    regions: NDArray[np.int64]
    solid: NDArray[np.bool_]
    astray: NDArray[np.int64]
    sections: NDArray[np.int64]
    as_ends: "Table | None" = None
    edges: int = 0
    at_blocks: int = 0
    file: Path | None = None

    @property
    def bits(self) -> bool:
        """Whether pixels are single bits."""
        return bool(self.numbers.values.dtype.kind == "b")

    @property
    def largest(self) -> int | None:
        """The largest value that the type of pixels holds; None if that is no integer."""
        dtype = self.numbers.values.dtype
        return int(np.iinfo(dtype).max) if dtype.kind in "ui" else None

    @property
    def objects(self) -> Pixels:
        """The values that are not 0."""
        objects: Pixels = self.values[self.values != 0]
        return objects


def tabulate(numbers: Numbers) -> Table:
    """Survey a section."""
    table = _count(numbers)
    eight_bits = numbers.values.dtype == np.uint8 and numbers.kind in (Kind.LEVEL, Kind.GREY)
    if eight_bits and (numbers.lossy or len(table.values) > 2):
        table = replace(table, as_ends=_count(_take_ends(numbers)))
    if eight_bits and 0 < table.values[-1] <= FAINT:
        edges, at_blocks = _edges(numbers.values)
        table = replace(table, edges=edges, at_blocks=at_blocks)
    return table


def join(tables: list[Table]) -> Table:
    """Put the tables of sections together; values of one table may come in any order, and more than once."""
    every = np.concatenate([table.values for table in tables])
    distinct, index = np.unique(every, return_inverse=True)

    def total(counts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        summed = np.zeros(len(distinct), np.int64)
        np.add.at(summed, index, np.concatenate(counts))
        return summed

    solid = total([table.solid.astype(np.int64) for table in tables]) > 0
    astray = total([table.astray for table in tables])
    return Table(
        tables[0].numbers,
        distinct,
        total([table.pixels for table in tables]),
        total([table.regions for table in tables]),
        solid,
        np.where(solid, 0, astray),
        total([table.sections for table in tables]),
        as_ends=tables[0].as_ends if len(tables) == 1 else None,
        edges=sum(table.edges for table in tables),
        at_blocks=sum(table.at_blocks for table in tables),
        file=tables[0].file if len(tables) == 1 else None,
    )


def drop(table: Table, ranges: tuple[Range, ...]) -> Table:
    """Leave out the values of some ranges."""
    kept = ~within(table.values, ranges)
    names = ("values", "pixels", "regions", "solid", "astray", "sections")
    return replace(table, **{name: getattr(table, name)[kept] for name in names})


def _count(numbers: Numbers) -> Table:
    values, index = _distinct(numbers.values)
    solid, astray = _places(index, len(values))
    return Table(
        replace(numbers, values=numbers.values[:0]),
        values,
        np.bincount(index.ravel(), minlength=len(values)),
        _regions(index, len(values), zero=int(np.searchsorted(values, 0)) if 0 in values else None),
        solid,
        astray,
        np.ones(len(values), np.int64),
    )


def _edges(image: Pixels) -> tuple[int, int]:
    """How many neighbours (4) in an image (Y, X) differ, and how many of these at the borders of blocks."""
    rows = (image[1:] != image[:-1]).sum(axis=1)
    columns = (image[:, 1:] != image[:, :-1]).sum(axis=0)
    at_blocks = sum(int(along[_BLOCK_PX - 1 :: _BLOCK_PX].sum()) for along in (rows, columns))
    return int(rows.sum() + columns.sum()), at_blocks


def _take_ends(numbers: Numbers) -> Numbers:
    values = numbers.values
    near = np.where(values <= NEAR_END, np.uint8(0), np.where(values >= WHITE - NEAR_END, np.uint8(WHITE), values))
    return replace(numbers, values=near)


def _wide(values: Pixels) -> Pixels:
    """Values as int64, or as float64 where they are not whole."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    values = values.astype(np.float64)
    whole = (values == np.round(values)).all() and np.abs(values).max(initial=0) < 2**53
    return values.astype(np.int64) if whole else values


def _distinct(image: Pixels) -> tuple[Pixels, NDArray[np.int32]]:
    """The distinct values of an image (Y, X) in ascending order, and the place of each pixel's value among them."""
    whole = image if image.dtype.kind in "bu" and image.dtype.itemsize < 3 else _wide(image)
    if whole.dtype.kind != "f" and whole.min() >= 0 and whole.max() < _FEW:
        values = np.flatnonzero(np.bincount(whole.ravel()))
        places = np.zeros(_FEW, np.int32)
        places[values] = np.arange(len(values))
        return values, places[whole.view(np.uint8) if whole.dtype.kind == "b" else whole]
    values, index = np.unique(whole, return_inverse=True)
    return values, index.reshape(image.shape).astype(np.int32)


def _regions(index: NDArray[np.int32], count: int, zero: int | None) -> NDArray[np.int64]:
    """Number of regions of each value; `index` (Y, X) says which, `zero` which is background."""
    if count == 2 and zero == 0:
        return np.array([0, ndimage.label(index, np.ones((3, 3)))[1]], np.int64)
    regions = label(index, background=-1 if zero is None else zero, connectivity=2)
    value_of = np.zeros(int(regions.max()) + 1, np.int64)
    value_of[regions.ravel()] = index.ravel()
    counted = np.bincount(value_of[1:], minlength=count)
    return np.asarray(counted)


def _squares(index: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where a value fills the 3 x 3 px around it, (Y - 2, X - 2)."""
    rows = (index[:, 1:-1] == index[:, :-2]) & (index[:, 1:-1] == index[:, 2:])
    middle = index[1:-1, 1:-1]
    equal = (middle == index[:-2, 1:-1]) & (middle == index[2:, 1:-1])
    return np.asarray(rows[1:-1] & rows[:-2] & rows[2:] & equal)


def _places(index: NDArray[np.int32], count: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which values are solid, and how many pixels of the others lie at no edge; see `Table`."""
    middle = index[1:-1, 1:-1]
    solid = np.bincount(middle[_squares(index)], minlength=count) > 0
    if solid.all():
        return solid, np.zeros(count, np.int64)
    firm = solid[index]
    rows, columns = np.nonzero(~firm)
    here = index[rows, columns]
    below, above = np.full(len(here), count), np.full(len(here), -1)
    reach = range(-_EDGE_PX, _EDGE_PX + 1)
    for y, x in product(reach, reach):
        near = (rows + y).clip(0, index.shape[0] - 1), (columns + x).clip(0, index.shape[1] - 1)
        known, value = firm[near], index[near]
        below = np.where(known, np.minimum(below, value), below)
        above = np.where(known, np.maximum(above, value), above)
    astray = here[(below >= here) | (here >= above)]
    return solid, np.bincount(astray, minlength=count)
