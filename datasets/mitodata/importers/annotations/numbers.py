"""The numbers in one section of an annotation: as they are stored, or as the colours of a palette and of RGB."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels
from mitodata.readers.inputs import open_images
from mitodata.readers.source import Shown, StoredImage

LOSSY = frozenset({".jpg", ".jpeg"})

_JPEG = frozenset({6, 7})
"""What a TIFF calls the compression of JPEG."""

_GREY_SPREAD = 64
"""Channels of a JPEG differ by less than this where it is grey."""

_MOST = 2**32 - 1

_BLUE, _GREEN, _RED = 0, 8, 16


class Kind(Enum):
    """What a number stands for.

    Attributes:
        LEVEL: a grey level, or the number of an object.
        GREY: the grey level of a colour that is grey.
        INDEX: a place in a palette.
        COLOUR: red, green and blue in 24 bits, 0xRRGGBB.
    """

    LEVEL = "level"
    GREY = "grey"
    INDEX = "index"
    COLOUR = "colour"


@dataclass(frozen=True, eq=False)
class Numbers:
    """One section of an annotation.

    Attributes:
        values: (Y, X) bool, integer or floating point.
        kind: what a value stands for.
        lossy: whether the file's compression changes values.
        palette: the colour, 0xRRGGBB, of each index that occurs.
        tinted: whether a lossy compression holds colours; values are those of their brightest channel.
    """

    values: Pixels
    kind: Kind = Kind.LEVEL
    lossy: bool = False
    palette: Mapping[int, int] = field(default_factory=dict)
    tinted: bool = False


def read_numbers(path: Path) -> Numbers:
    """Read a file of one section.

    Raises:
        DataError: it is missing, damaged, not an image, holds several sections, or values that are no numbers.
    """
    stack = NumberStack(path)
    if len(stack) != 1:
        raise DataError(f"{path}: holds {len(stack)} sections; expected a single one")
    return stack.read(0)


class NumberStack:
    """The sections of an annotation file, which stays open: for single sections there is `read_numbers`."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            DataError: it is missing, damaged or not an image.
        """
        self._path = path
        self._shown = next(open_images(path, shown=Shown.COLOURS))

    def __len__(self) -> int:
        return self._shown.array.shape[0]

    @property
    def points(self) -> str:
        """Where the axes of the file point (see `StoredImage`)."""
        return self._shown.points

    @cached_property
    def _stored(self) -> StoredImage:
        return next(open_images(self._path, shown=Shown.STORED))

    @cached_property
    def _first_page(self) -> tuple[str, int]:
        """The program that wrote a TIFF, and how it is compressed; nothing of other files."""
        try:
            with tifffile.TiffFile(self._path) as file:
                return str(file.pages.first.software), int(file.pages.first.compression)
        except tifffile.TiffFileError:
            return "", 0

    @property
    def _bits_as_stored(self) -> bool:
        """Whether True is foreground though it looks black: tifffile writes arrays of bool so."""
        return self._first_page[0].startswith("tifffile")

    @property
    def _lossy(self) -> bool:
        return self._path.suffix.lower() in LOSSY or self._first_page[1] in _JPEG

    def read(self, z: int) -> Numbers:
        """Read section z.

        Raises:
            DataError: the file is damaged, or holds values that are not numbers.
        """
        where = f"{self._path}: section {z}" if len(self) > 1 else str(self._path)
        shown = self._shown.section(z)
        if shown.ndim == 3:
            stored = self._stored.section(z)
            if stored.ndim == 2:
                return _indexed(stored, _codes(shown, where))
        elif shown.dtype.kind == "b" and self._bits_as_stored:
            shown = self._stored.section(z)
        return numbers_of(shown, where, lossy=self._lossy)


def numbers_of(pixels: Pixels, where: object, *, lossy: bool = False) -> Numbers:
    """Take pixels as numbers.

    Args:
        pixels: (Y, X), or (Y, X, 3) for colours, of any real type.
        where: named in errors.
        lossy: whether they come from a compression that changes values: then colours count as their brightest channel.

    Raises:
        DataError: values are complex or not finite, or colours have more than 8 bits a channel and are not grey.
    """
    _check_numbers(pixels, where)
    if pixels.ndim == 2:
        return Numbers(pixels, lossy=lossy)
    if lossy:
        return Numbers(pixels.max(axis=-1), lossy=True, tinted=bool((np.ptp(pixels, axis=-1) > _GREY_SPREAD).any()))
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2]):
        return Numbers(pixels[..., 0], Kind.GREY if pixels.dtype == np.uint8 else Kind.LEVEL)
    return Numbers(_codes(pixels, where), Kind.COLOUR)


def whole_numbers(pixels: Pixels, where: object) -> Pixels:
    """Check that pixels are numbers of instances: whole, of any type, from 0 to 4294967295.

    Args:
        pixels: (Y, X).
        where: named in errors.

    Returns:
        The pixels as integers.

    Raises:
        DataError: they are not.
    """
    numbers = pixels
    if pixels.ndim == 2 and pixels.dtype.kind == "f" and np.isfinite(pixels).all() and (pixels % 1 == 0).all():
        numbers = pixels.astype(np.int64)
    if numbers.ndim != 2 or numbers.dtype.kind not in "ui" or numbers.min() < 0 or numbers.max() > _MOST:
        raise DataError(f"{where}: is not an instance image; expected whole numbers from 0 to {_MOST} in one channel")
    return numbers


def brightest(codes: Pixels) -> Pixels:
    """The brightest channel of colours 0xRRGGBB."""
    channels = [(codes >> shift) & 255 for shift in (_RED, _GREEN, _BLUE)]
    return np.asarray(np.maximum.reduce(channels))


def is_grey(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which colours 0xRRGGBB are grey."""
    return np.asarray(codes == (codes & 255) * 0x010101)


def voc_colours() -> NDArray[np.int64]:
    """The palette of 256 colours that Pascal VOC and labelme give to numbers, 0xRRGGBB, (256,).

    Bits 0, 3 and 6 of the number are the highest three of red; 1, 4 and 7 of green; 2 and 5 of blue.
    """
    numbers, codes = np.arange(256), np.zeros(256, np.int64)
    for bit in range(8):
        shift = (_RED, _GREEN, _BLUE)[bit % 3]
        codes |= ((numbers >> bit) & 1) << (shift + 7 - bit // 3)
    return codes


def _indexed(stored: Pixels, codes: NDArray[np.int64]) -> Numbers:
    used, first = np.unique(stored, return_index=True)
    colours = codes.ravel()[first]
    return Numbers(stored, Kind.INDEX, palette=dict(zip(used.tolist(), colours.tolist(), strict=True)))


def _codes(pixels: Pixels, where: object) -> NDArray[np.int64]:
    if pixels.dtype != np.uint8:
        raise DataError(f"{where}: holds colours of type {pixels.dtype}; expected 8 bits a channel, or grey")
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    return np.asarray((red << _RED) | (green << _GREEN) | (blue << _BLUE))


def _check_numbers(array: NDArray[Any], where: object) -> None:
    if array.dtype.kind not in "buif":
        raise DataError(f"{where}: holds pixels of type {array.dtype}; expected real numbers")
    with np.errstate(over="ignore"):  # a float of 128 bits may exceed those of 64
        finite = array.dtype.kind != "f" or np.isfinite(array.astype(np.float64, copy=False)).all()
    if not finite:
        raise DataError(f"{where}: holds values that are not finite numbers (NaN or infinite); expected finite ones")
