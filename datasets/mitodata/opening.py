"""Opening a file that may be missing, cut off, or something else altogether."""

from pathlib import Path

import h5py

from mitodata.errors import DataError
from mitodata.layout import FORMAT_NAME, SCHEMA_VERSION

CHUNK_CACHE_BYTES = 64 * 2**20  # a layer of blocks of a volume stays in memory while its sections are read
_CHUNK_CACHE_SLOTS = 10_007  # a prime far above the number of blocks that fit

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
        found = file.attrs.get("format")
        if found != FORMAT_NAME:
            raise DataError(f"{path}: HDF5, but not a {FORMAT_NAME} file; import it with `mitogen import hdf5`")
        schema = file.attrs.get("schema_version", 0)
        if schema > SCHEMA_VERSION:
            raise DataError(
                f"{path}: has schema version {schema}, this program reads up to {SCHEMA_VERSION}; update mitogen-em"
            )
    except BaseException:
        file.close()
        raise
    return file


def open_hdf5(path: Path, hint: str = "", cache_bytes: int = CHUNK_CACHE_BYTES) -> h5py.File:
    """Open any HDF5 file for reading.

    Args:
        path: the file.
        hint: what to add to the message when it is not HDF5.
        cache_bytes: how much of each dataset HDF5 may keep unpacked.

    Raises:
        DataError: missing, a folder, no permission, not HDF5 (says what it is instead), or truncated.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected an HDF5 file")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if not h5py.is_hdf5(path):
        raise DataError(f"{path}: {_what(start)}{hint}")
    try:
        return h5py.File(path, "r", rdcc_nbytes=cache_bytes, rdcc_nslots=_CHUNK_CACHE_SLOTS, locking="best-effort")
    except (OSError, RuntimeError) as error:
        if "truncated" in str(error):
            size = path.stat().st_size
            raise DataError(f"{path}: truncated HDF5 (ends after {size} bytes); copy or render it again") from error
        raise DataError(f"{path}: damaged HDF5 ({str(error).partition(chr(10))[0]})") from error


def _what(start: bytes) -> str:
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return f"is {name}, not HDF5"
    return "is not HDF5" if start else "is an empty file"
