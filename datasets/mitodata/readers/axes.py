"""Arrays of any order of axes, seen as (Z, Y, X), and the parts in which they are read."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError

Pixels = NDArray[Any]
"""Pixels of any numeric type, as a file holds them."""

STRIP_PX = 2**20
"""Pixels that are looked at together where only their grey levels count."""

Part = tuple[slice, slice, slice]
"""A box of a volume: slices in z, y, x without steps."""

_UNNAMED = {2: "yx", 3: "zyx"}
SAYING = "axistags, axis_names, dimension names"
"""How files of arrays say their axes."""

_FEW = 4
"""So many volumes or sections may as well be channels."""

_NARROW_PX, _NARROW_SHARE = 4, 8
_WIDE_PX = 16


class Array(Protocol):
    """What holds pixels: an array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part as an array."""


class Arranged:
    """An array seen as (Z, Y, X), or as (Z, Y, X, colours): its axes in order, others at one place, mirrored if asked.

    Attributes:
        shape: (Z, Y, X).
        chunks: what the array packs together, (Z, Y, X).
        dtype: of the pixels that are shown.
    """

    def __init__(
        self,
        array: Array,
        axes: str,
        *,
        places: Mapping[str, int] | None = None,
        mirrored: Collection[str] = (),
        show: Callable[[Pixels], Pixels] = np.asarray,
    ) -> None:
        """Look at an array.

        Args:
            array: of a dimension a letter of `axes`.
            axes: y and x, and possibly z and s (the samples of a colour); every other letter is held at one place.
            places: of other axes; 0 where it is not said.
            mirrored: letters of axes that run backwards.
            show: turns stored pixels (Z, Y, X[, colours]) into what they show; keeps Z, Y and X.
        """
        self._array, self._axes, self._mirrored, self._show = array, axes, mirrored, show
        self._places = places or {}
        self.shape: tuple[int, int, int] = self._spatial(array.shape)
        self.chunks: tuple[int, int, int] = self._spatial(getattr(array, "chunks", None) or (1,) * len(axes))
        corner = [length if axis == "s" else 1 for axis, length in zip(axes, array.shape, strict=True)]
        order = [index for index, axis in enumerate(axes) if axis in "zyxs"]
        self.dtype: np.dtype[Any] = self._seen(np.zeros([corner[index] for index in order], array.dtype)).dtype

    def __getitem__(self, part: Part) -> Pixels:
        """Read a part, (Z, Y, X) or (Z, Y, X, colours)."""
        wanted: dict[str, int | slice] = {axis: self._places.get(axis, 0) for axis in self._axes}
        wanted |= {axis: self._stored(axis, piece) for axis, piece in zip("zyx", part, strict=True)}
        wanted["s"] = slice(None)
        seen = self._seen(np.asarray(self._array[tuple(wanted[axis] for axis in self._axes)]))
        if not self._mirrored:
            return seen
        return seen[tuple(slice(None, None, -1 if axis in self._mirrored else 1) for axis in "zyx")]

    def _stored(self, axis: str, piece: slice) -> slice:
        """Where a piece of an axis lies in the array."""
        length = self.shape["zyx".index(axis)]
        start, stop, _ = piece.indices(length)
        return slice(length - stop, length - start) if axis in self._mirrored else slice(start, stop)

    def _seen(self, stored: Pixels) -> Pixels:
        """Pixels of the axes z, y, x, s in this order."""
        kept = [axis for axis in self._axes if axis in "zyxs"]
        ordered = stored.transpose([kept.index(axis) for axis in "zyxs" if axis in kept])
        return self._show(ordered if "z" in kept else ordered[np.newaxis])

    def _spatial(self, lengths: tuple[int, ...]) -> tuple[int, int, int]:
        found = dict(zip(self._axes, lengths, strict=True))
        return int(found.get("z", 1)), int(found["y"]), int(found["x"])


def arrange(array: Array, axes: str, where: str, show: Callable[[Pixels], Pixels] = np.asarray) -> Iterator[Arranged]:
    """See an array as one volume or section, or as one for each place on its axis t.

    Args:
        array: of a dimension a letter of `axes`.
        axes: one letter a dimension, such as "tzyxc"; empty where the file does not say.
        where: named in errors.
        show: see `Arranged`.

    Raises:
        DataError: there are several channels, or axes that are not those of images; or the shape looks like that of
            channels behind the axes of an image, and no axes say that it is none.
    """
    if array.dtype.kind not in "buif":
        raise DataError(f"{where}: values of type {array.dtype}; expected numbers, as of grey levels")
    shape = array.shape
    axes = axes or _guess(shape, where)
    expected = f"{where}: shape {shape} with axes {axes}; expected (Y, X) or (Z, Y, X)"
    if len(axes) != len(shape) or len(set(axes)) < len(axes) or not {"y", "x"} <= set(axes):
        raise DataError(expected)
    lengths = dict(zip(axes, shape, strict=True))
    for axis, length in lengths.items():
        if length == 0:
            raise DataError(f"{where}: shape {shape}: is empty; expected (Y, X) or (Z, Y, X)")
        if axis not in "tzyx" and length > 1:
            what = f"{length} channels" if axis in "cs" else f"an axis {axis!r} of {length}"
            raise DataError(f"{expected}, one channel: got {what}; save the one that is meant alone")
    for place in range(lengths.get("t", 1)):
        yield Arranged(array, axes, places={"t": place}, show=show)


def stated_axes(attributes: Mapping[str, Any], dimensions: int, where: str) -> str:
    """Letters of the axes of an array in HDF5 or Zarr, one a dimension; empty if its attributes do not say.

    ilastik writes `axistags`, funlib and gunpowder `axis_names`, xarray `_ARRAY_DIMENSIONS`.

    Args:
        attributes: of the array.
        dimensions: of the array.
        where: named in errors.

    Raises:
        DataError: there are axistags, but not as ilastik writes them.
    """
    tags = attributes.get("axistags")
    if tags is not None:
        try:
            axes = (tags if isinstance(tags, Mapping) else json.loads(tags))["axes"]
            return "".join(str(axis["key"]).lower() for axis in axes)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{where}: axistags are {' '.join(str(tags).split())[:60]}; expected those of ilastik"
            ) from error
    for name in ("axis_names", "_ARRAY_DIMENSIONS"):
        letters = name_letters(attributes.get(name, ()), dimensions)
        if letters:
            return letters
    return ""


def name_letters(names: Any, dimensions: int) -> str:
    """Letters of named axes, such as "czyx" of ["c^", "z", "y", "x"] or of ["channel", "z", "y", "x"].

    Empty where there is no name for each dimension, or y and x are not among them.
    """
    found = np.asarray(() if names is None else names).ravel().tolist()
    words = [name.decode(errors="replace") if isinstance(name, bytes) else name for name in found]
    if len(words) != dimensions or not all(isinstance(word, str) and word for word in words):
        return ""
    letters = "".join(word[0].lower() for word in words)
    spatial = {word.lower().rstrip("^") for word in words}
    return letters if {"y", "x"} <= spatial else ""


def check_width(shape: tuple[int, ...], where: str) -> None:
    """Check that an array whose axes nobody names is not one with channels or sections behind the axes of an image.

    Args:
        shape: of the array.
        where: named in errors.

    Raises:
        DataError: it is much narrower than it is high and deep.
    """
    if len(shape) < 3:
        return
    width, others = shape[-1], min(shape[-3:-1])
    if others >= _WIDE_PX and (width <= _NARROW_PX or width * _NARROW_SHARE <= others):
        raise DataError(
            f"{where}: shape {shape}: {width} px wide, {width} channels or {width} sections? expected (Y, X) or "
            "(Z, Y, X); save one channel alone, put z first, or say the axes in the file "
            f"({SAYING}; ZYX in a TIFF)"
        )


def _guess(shape: tuple[int, ...], where: str) -> str:
    """The axes of an array that does not say."""
    check_width(shape, where)
    few = [length for length in shape[-4:-2] if 1 < length <= _FEW] if len(shape) > 3 else []
    if few and shape[-4] != 1:
        raise DataError(
            f"{where}: shape {shape}: {few[0]} channels, or images of several? expected (Y, X), (Z, Y, X) or "
            f"(N, Z, Y, X); save one channel or volume alone, or say the axes in the file ({SAYING})"
        )
    lead = shape[:-4]
    if any(length != 1 for length in lead) or len(shape) < 2:
        raise DataError(f"{where}: shape {shape}; expected (Y, X), (Z, Y, X) or (N, Z, Y, X)")
    return "abdefghi"[: len(lead)] + _UNNAMED.get(len(shape), "tzyx")


def blocks(shape: tuple[int, ...], edges: tuple[int, ...]) -> Iterator[Part]:
    """Cover a volume with blocks, z slowest."""
    starts = product(*(range(0, length, edge) for length, edge in zip(shape, edges, strict=True)))
    for corner in starts:
        z, y, x = (slice(a, min(a + e, n)) for a, e, n in zip(corner, edges, shape, strict=True))
        yield z, y, x


def count_blocks(shape: tuple[int, ...], edges: tuple[int, ...]) -> int:
    """How many blocks cover a volume."""
    return prod(-(-length // edge) for length, edge in zip(shape, edges, strict=True))


def nth_block(shape: tuple[int, ...], edges: tuple[int, ...], number: int) -> Part:
    """One of `blocks`, by its number from 0 on."""
    corner: list[int] = []
    for length, edge in zip(reversed(shape), reversed(edges), strict=True):
        number, place = divmod(number, -(-length // edge))
        corner.insert(0, place * edge)
    z, y, x = (slice(a, min(a + e, n)) for a, e, n in zip(corner, edges, shape, strict=True))
    return z, y, x


def strips(shape: tuple[int, int, int], packed: tuple[int, int] = (1, 1)) -> Iterator[Part]:
    """Cover a volume (Z, Y, X) with whole rows, about `STRIP_PX` pixels at a time and never less than is packed.

    Args:
        shape: (z, y, x) of the volume, px.
        packed: sections and rows that are read together.
    """
    depth, rows = packed
    number = max(1, STRIP_PX // (shape[2] * depth))
    return blocks(shape, (depth, -(-number // rows) * rows, shape[2]))
