"""Masks of any kind of file as 0, 1 and 255."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels
from mitodata.readers.inputs import read_pixels
from mitodata.readers.source import Shown
from mitodata.sample import IGNORE

_LOSSY = frozenset({".jpg", ".jpeg"})
_LARGEST_INDEX = 63  # 8-bit maxima from 2 to here are numbers of classes or instances, not a faint mask


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask file as (Y, X) uint8 of 0 and 1; `binarise` says how.

    Raises:
        DataError: it is missing, damaged, not an image, holds several, or numbers instead of a mask.
    """
    return binarise(read_pixels(path, Shown.COLOURS), path)


def binarise(array: Pixels, where: Path) -> NDArray[np.uint8]:
    """Convert the pixels of a mask to 0 and 1.

    Masks of 0 and 1 stay as they are; else foreground is what exceeds half of the largest value, because mask files
    hold stray grey pixels. Of colours the brightest channel counts. In a JPEG, foreground is what exceeds 127.

    Args:
        array: (Y, X) or (Y, X, 3) of any numeric type.
        where: the file; named in errors.

    Raises:
        DataError: the values look like numbers of classes or instances or like fractions, are negative, not finite or
            complex.
    """
    _check_numbers(array, where)
    values = array.max(axis=-1) if array.ndim == 3 else array
    threshold = 127.0 if where.suffix.lower() in _LOSSY else _threshold(values, where)
    return np.asarray(values > threshold, dtype=np.uint8)


def _threshold(values: Pixels, where: Path) -> float:
    top, bottom = float(values.max()), float(values.min())
    if bottom < 0 or 0 < top < 1:
        raise DataError(f"{where}: values from {bottom:g} to {top:g}; expected a mask of 0/1 or 0/255")
    whole = values.dtype.kind in "bui"
    wide = whole and values.dtype.itemsize > 1
    if 1 < top <= _LARGEST_INDEX or (wide and top > 1 and top not in (255, np.iinfo(values.dtype).max)):
        raise DataError(
            f"{where}: values up to {top:g} look like numbers of classes or instances; expected a mask of 0/1 or 0/255"
        )
    return 0.0 if whole and top <= 1 else max(top, 1.0) / 2


def _check_numbers(array: Pixels, where: object) -> None:
    if array.dtype.kind not in "buif":
        raise DataError(f"{where}: holds pixels of type {array.dtype}; expected real numbers")
    with np.errstate(over="ignore"):  # a float of 128 bits may exceed those of 64
        finite = array.dtype.kind != "f" or np.isfinite(array.astype(np.float64, copy=False)).all()
    if not finite:
        raise DataError(f"{where}: holds values that are not finite numbers (NaN or infinite); expected finite ones")


def mark_ignored(mask: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Set a mask to 255 (ignore) where no truth is known."""
    return np.where(ignored, np.uint8(IGNORE), mask)
