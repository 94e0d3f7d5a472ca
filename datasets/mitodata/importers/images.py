"""Image files of any kind as grey images and masks."""

import logging
import re
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mitodata.errors import DataError
from mitodata.importers.photometric import apply_photometric, check_photometric
from mitodata.sample import IGNORE

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
Pixels = NDArray[Any]
"""Pixels of any numeric type, as a file holds them."""

_TIFF = frozenset({".tif", ".tiff"})
_LOSSY = frozenset({".jpg", ".jpeg"})
_NEVER_INVERTED = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_MODERATE = (1e-290, 1e290)  # differences and ratios of such numbers stay finite
_CLIP_PERCENTILES = (0.1, 99.9)  # a few hot or dead pixels must not squeeze the grey levels of the rest
_LARGEST_INDEX = 63  # 8-bit maxima from 2 to here are numbers of classes or instances, not a faint mask


def image_files(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """List the image files of a folder, 2 before 10; hidden files are left out.

    Raises:
        DataError: the folder is missing, unreadable, or holds no such file.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.name[0] != "."]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}; expected a folder of images") from error
    if not files:
        raise DataError(f"{folder}: holds no image; expected {', '.join(sorted(suffixes))}")
    return sorted(files, key=numeric_key)


def numeric_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a file name in which numbers count as numbers."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", path.name))


def last_number(path: Path) -> int:
    """Return the last number in the name of a file, such as 7 for mask0007.png.

    Raises:
        DataError: there is none.
    """
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise DataError(f"{path}: has no number in its name; expected the number of its section")
    return int(numbers[-1])


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read an image file as (Y, X) uint8; `to_grey` says how other pixel types are converted.

    Raises:
        DataError: it is missing, damaged, not an image, or holds several.
    """
    return to_grey(read_array(path), path)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask file as (Y, X) uint8 of 0 and 1; `binarise` says how.

    Raises:
        DataError: it is missing, damaged, not an image, holds several, or numbers instead of a mask.
    """
    return binarise(read_array(path), path)


def read_array(path: Path, *, numbers: bool = False) -> Pixels:
    """Read an image file in the type it has: (Y, X), or (Y, X, 3) for colour; transparency is dropped.

    Args:
        path: the file.
        numbers: whether the pixels of a TIFF count and not the grey or colour they stand for, as with instances.

    Raises:
        DataError: it is missing, damaged, not an image, or holds several.
    """
    try:
        with _silent_decoders():
            array = _decode(path, numbers)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is not an image, or damaged") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: has more than 178 million pixels; save it as TIFF or cut it into tiles") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what decoders raise for damage
        raise DataError(f"{path}: cannot be read ({str(error).partition(chr(10))[0]})") from error
    if array.ndim == 3 and array.shape[-1] in (2, 4):
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[-1] == 3):
        raise DataError(f"{path}: has shape {array.shape}; expected a single grey or colour image")
    return array


def _decode(path: Path, numbers: bool) -> Pixels:
    if path.suffix.lower() in _TIFF:
        try:
            return _decode_tiff(path, numbers)
        except (ValueError, IndexError, tifffile.TiffFileError):  # of no page, or another format than its name says
            pass
    return _decode_picture(path)[0]


def _decode_tiff(path: Path, numbers: bool) -> Pixels:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        if not numbers:
            check_photometric(series.keyframe)
        try:
            pixels = np.asarray(series.asarray())
        except ValueError:  # a compression (LZW) that only Pillow knows, which inverts what has up to 8 bits
            pixels, mode = _decode_picture(path)
            numbers = numbers or mode not in _NEVER_INVERTED
        return pixels if numbers else apply_photometric(pixels, series.keyframe)


def _decode_picture(path: Path) -> tuple[Pixels, str]:
    with Image.open(path) as image:
        plain = image.mode in ("1", "L", "LA", "RGB", "RGBA", "I", "F") or image.mode.startswith("I;16")
        return np.asarray(image if plain else image.convert("RGB")), image.mode


@contextmanager
def _silent_decoders() -> Iterator[None]:
    """Keep complaints about damage off the screen: what makes a file unreadable is raised as well."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's
            yield
    finally:
        logger.disabled = before


def to_grey(array: Pixels, where: object) -> NDArray[np.uint8]:
    """Convert pixels to (Y, X) uint8.

    Colour becomes luminance (ITU-R 601). 8-bit grey stays as it is, 1-bit becomes 0 and 255, and any other type is
    stretched linearly so that the 0.1st and 99.9th percentile of the image become 0 and 255.

    Args:
        array: (Y, X) or (Y, X, 3) of any numeric type.
        where: named in errors.

    Raises:
        DataError: there are values that are not finite, or complex.
    """
    _check_numbers(array, where)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.ndim == 3:
        luminance = np.tensordot(array.astype(np.float64), (0.299, 0.587, 0.114), axes=(-1, 0))
        array = np.rint(luminance).astype(array.dtype) if array.dtype.kind in "ui" else luminance
    if array.dtype == np.uint8:
        return np.asarray(array, dtype=np.uint8)
    values = array.astype(np.float64)
    largest = float(np.abs(values).max())
    if largest and not _MODERATE[0] < largest < _MODERATE[1]:
        values /= largest
    low, high = np.percentile(values, _CLIP_PERCENTILES)
    flat = high - low < _MODERATE[0]
    scaled = np.zeros_like(values) if flat else (values.clip(low, high) - low) * (255 / (high - low))
    grey: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return grey


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


class TiffStack:
    """A TIFF of one page a section, read page by page."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            DataError: it is missing, damaged or no TIFF.
        """
        self.path = path
        try:
            with _silent_decoders():
                self._file = tifffile.TiffFile(path)
                weakref.finalize(self, self._file.close)
                self._pages = [page for page in self._file.series[0].pages if page is not None]
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        except (tifffile.TiffFileError, IndexError, ValueError) as error:
            raise DataError(f"{path}: is not a TIFF, or damaged ({error})") from error

    def __len__(self) -> int:
        return len(self._pages)

    def __getitem__(self, z: int) -> Pixels:
        """Read section `z` as (Y, X) or (Y, X, colours).

        Raises:
            DataError: the page is missing, damaged, or neither grey nor colour.
        """
        try:
            with _silent_decoders():
                pixels = np.asarray(self._pages[z].asarray())
        except Exception as error:  # decoders of many kinds, each with exceptions of its own
            raise DataError(f"{self.path}: page {z} cannot be read ({str(error).partition(chr(10))[0]})") from error
        return apply_photometric(pixels, self._pages[z])
