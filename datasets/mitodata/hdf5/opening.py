"""Opening a file that may be missing, cut off, or something else altogether."""

from pathlib import Path

import h5py
import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.damage import DAMAGE, MAKE_AGAIN, brief, one_line, what_instead, why_not_opened
from mitodata.hdf5.heaps import stuck_heap
from mitodata.hdf5.layout import FORMAT_NAME, SCHEMA_VERSION
from mitodata.locks import has_no_locks, known_without_locks

CHUNK_CACHE_BYTES = 64 * 2**20  # a layer of blocks of a volume stays in memory while its sections are read
_CHUNK_CACHE_SLOTS = 10_007  # a prime far above the number of blocks that fit


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
        with one_line(path, f"; {MAKE_AGAIN}"):
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
            f"{MAKE_AGAIN}"
        )
    if schema > SCHEMA_VERSION:
        raise DataError(
            f"{path}: has schema version {schema}, this program reads up to {SCHEMA_VERSION}; update mitogen-em"
        )


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
        raise DataError(f"{path}: {what_instead(start)}{hint}")
    heap = stuck_heap(path)
    if heap is not None:
        raise DataError(f"{path}: damaged HDF5 (texts at byte {heap}); {MAKE_AGAIN}")
    try:
        return _open(path, cache_bytes)
    except DAMAGE as error:
        raise DataError(f"{path}: {why_not_opened(error, path)}") from error


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
