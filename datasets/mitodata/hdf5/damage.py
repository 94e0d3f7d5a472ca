"""What is wrong with an HDF5 file that cannot be opened or read, in one line that names it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.layout import FORMAT_NAME

DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What h5py raises, and what follows, where a file is damaged or something else lies under a name of ours."""

MAKE_AGAIN = "copy or render it again"
"""What to do with a damaged file."""

_SIGNATURES = {
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"II+\x00": "a BigTIFF",
    b"BM": "a BMP",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip-compressed",
    b"%PDF": "a PDF",
    b"\x93NUMPY": "a NumPy array",
}


@contextmanager
def one_line(path: Path, hint: str = "", kind: str = FORMAT_NAME) -> Iterator[None]:
    """Read HDF5 in this block: turn what damage raises into one line, and name the file in every error.

    Args:
        path: the file.
        hint: what to add when it is damaged.
        kind: of file.

    Raises:
        DataError: for whatever is raised in the block.
    """
    try:
        yield
    except DataError as error:
        if str(error).startswith(str(path)):
            raise
        raise DataError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise DataError(f"{path}: damaged {kind} file ({first_line(error)}){hint}") from error
    except MemoryError as error:
        raise DataError(f"{path}: does not fit into memory ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    """Return the first line of what a library says; some say pages, others nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def brief(value: object) -> str:
    """Write an attribute in one short line, for errors."""
    return " ".join(str(value.tolist() if isinstance(value, np.ndarray) else value).split())[:60]


def why_not_opened(error: Exception, path: Path) -> str:
    """Say why a file that is HDF5 cannot be opened: not every reason is damage."""
    text = str(error)
    if isinstance(error, BlockingIOError):
        return "is locked: another program has it open for writing; close it there, or copy the file"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        return f"cannot be read: {os.strerror(error.errno)}"
    if "already open for write" in text:
        return (
            "is being written, or was not closed by the program that wrote it; close it there, or if nothing writes it "
            "any more: h5clear -s FILE"
        )
    if "truncated" in text:
        return f"truncated HDF5 (ends after {path.stat().st_size} bytes); {MAKE_AGAIN}"
    return f"damaged HDF5 ({first_line(error)})"


def what_instead(start: bytes) -> str:
    """Say what a file is that is not HDF5, by its first eight bytes."""
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return f"is {name}, not HDF5"
    return "is not HDF5" if start else "is an empty file"
