"""Opening a file that may be missing, cut off, or something else altogether."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.heaps import stuck_heap
from mitodata.hdf5.layout import FORMAT_NAME, SCHEMA_VERSION
from mitodata.locks import has_no_locks, known_without_locks

CHUNK_CACHE_BYTES = 64 * 2**20  # a layer of blocks of a volume stays in memory while its sections are read
_CHUNK_CACHE_SLOTS = 10_007  # a prime far above the number of blocks that fit

DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What h5py raises, and what follows, where a file is damaged or something else lies under a name of ours."""

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


def open_file(path: Path, cache_bytes: int = CHUNK_CACHE_BYTES) -> h5py.File:
    """Open a file of ours for reading.

    Args:
        path: the file.
        cache_bytes: how much of each image dataset HDF5 may keep unpacked.

    Raises:
        DataError: missing, a folder, no permission, not HDF5 (says what it is instead), truncated, foreign HDF5, or
            of a newer schema.
    """
    file = open_hdf5(path, "; real images are brought in with `mitogen import`", cache_bytes)
    try:
        with one_line(path, "; copy or render it again"):
            _check_attributes(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _check_attributes(file: h5py.File, path: Path) -> None:
    found = file.attrs.get("format")
    if not isinstance(found, str) or found != FORMAT_NAME:
        raise DataError(f"{path}: HDF5, but not a {FORMAT_NAME} file; import it with `mitogen import hdf5`")
    schema = file.attrs.get("schema_version", 0)
    if not isinstance(schema, (int, np.integer)):
        raise DataError(
            f"{path}: attribute schema_version is {brief(schema)}; expected a whole number up to {SCHEMA_VERSION}; "
            "copy or render it again"
        )
    if schema > SCHEMA_VERSION:
        raise DataError(
            f"{path}: has schema version {schema}, this program reads up to {SCHEMA_VERSION}; update mitogen-em"
        )


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


def open_hdf5(path: Path, hint: str = "", cache_bytes: int = CHUNK_CACHE_BYTES) -> h5py.File:
    """Open any HDF5 file for reading.

    Args:
        path: the file.
        hint: what to add to the message when it is a folder, or not HDF5.
        cache_bytes: how much of each dataset HDF5 may keep unpacked.

    Raises:
        DataError: missing, a folder, no permission, not HDF5 (says what it is instead), locked, or truncated.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected an HDF5 file{hint}")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if not h5py.is_hdf5(path):
        raise DataError(f"{path}: {_what(start)}{hint}")
    heap = stuck_heap(path)
    if heap is not None:
        raise DataError(f"{path}: damaged HDF5 (texts at byte {heap}); copy or render it again")
    try:
        return _open(path, cache_bytes)
    except DAMAGE as error:
        raise DataError(f"{path}: {_problem(error, path)}") from error


def _open(path: Path, cache_bytes: int) -> h5py.File:
    options = {"rdcc_nbytes": cache_bytes, "rdcc_nslots": _CHUNK_CACHE_SLOTS}
    folder = path.resolve().parent
    # HDF5 refuses to open a file a second time with another choice.
    if not known_without_locks(folder):
        try:
            return h5py.File(path, "r", locking="best-effort", **options)
        except OSError as error:
            if not has_no_locks(error, folder):
                raise
    return h5py.File(path, "r", locking=False, **options)


def _problem(error: Exception, path: Path) -> str:
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
        return f"truncated HDF5 (ends after {path.stat().st_size} bytes); copy or render it again"
    return f"damaged HDF5 ({first_line(error)})"


def _what(start: bytes) -> str:
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return f"is {name}, not HDF5"
    return "is not HDF5" if start else "is an empty file"
