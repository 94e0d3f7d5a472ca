"""Masks of any kind of file as 0, 1 and 255."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import Choice
from mitodata.importers.annotations.meaning import judge
from mitodata.importers.annotations.numbers import LOSSY, Kind, Numbers, numbers_of, read_numbers
from mitodata.importers.annotations.survey import WHITE, tabulate
from mitodata.readers.axes import Pixels
from mitodata.sample import IGNORE


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask file as (Y, X) uint8 of 0 and 1; `binarise` says how.

    Raises:
        DataError: it is missing, damaged, not an image, holds several, or numbers instead of a mask.
    """
    return _binarise(read_numbers(path), path)


def binarise(array: Pixels, where: Path) -> NDArray[np.uint8]:
    """Convert the pixels of a mask to 0 and 1.

    A mask has two values, of which 0 is background. Grey values between them count as foreground above half of the
    larger one, if they lie at edges or are a few stray pixels.

    Args:
        array: (Y, X) or (Y, X, 3) of any numeric type.
        where: the file; named in errors.

    Raises:
        DataError: there are more values, as of classes, instances or fractions, or they are negative, not finite or
            complex.
    """
    return _binarise(numbers_of(array, where, lossy=where.suffix.lower() in LOSSY), where)


def mark_ignored(mask: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Set a mask to 255 (ignore) where no truth is known."""
    return np.where(ignored, np.uint8(IGNORE), mask)


def _binarise(numbers: Numbers, where: Path) -> NDArray[np.uint8]:
    if _is_plain(numbers):  # as nearly all masks are: not worth a survey
        return (numbers.values > 0).astype(np.uint8)
    meaning = judge([tabulate(numbers)], Choice(offered=False), where)
    if meaning.instances:
        raise DataError(
            f"{where}: values up to {meaning.largest} are numbers of instances; expected a mask of 0 and 255"
        )
    return meaning.mask(numbers)


def _is_plain(numbers: Numbers) -> bool:
    """Whether there is only black, and white or 1, in 8 bits without loss."""
    if numbers.values.dtype != np.uint8 or numbers.lossy or numbers.kind not in (Kind.LEVEL, Kind.GREY):
        return False
    used = np.flatnonzero(np.bincount(numbers.values.ravel())).tolist()
    return used[0] == 0 and used[1:] in ([], [1], [WHITE])
