"""What is wrong with a file that cannot be read: damaged, forbidden, or packed with something that is not installed."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from zipfile import BadZipFile

from mitodata.errors import DataError

_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    SyntaxError,
    EOFError,
    ImportError,
    struct.error,
    zlib.error,
    BadZipFile,
)

_SAVE = "save it as TIFF, HDF5 or OME-Zarr"

_STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not what it stands for: git lfs pull"),
    (b"<!doctype", "a web page: download the file itself"),
    (b"<html", "a web page: download the file itself"),
    *(
        (start, "an archive: unpack it")
        for start in (b"pk\x03\x04", b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc", b"rar!")
    ),
    (b"\x93numpy", f"an array of numpy: {_SAVE}"),
    (b"nrrd", f"an NRRD, which is not read: {_SAVE}"),
    (b"# amiramesh", f"a file of Amira, which is not read: {_SAVE}"),
    (b"# avizo", f"a file of Avizo, which is not read: {_SAVE}"),
    (b"objecttype", f"a MetaImage, which is not read: {_SAVE}"),
    (b"zisrawfile", f"a CZI of Zeiss, which is not read: {_SAVE}"),
    (b"\xda\xce\xbe\x0a", f"an ND2 of Nikon, which is not read: {_SAVE}"),
    (b"\x70\x00\x00\x00", f"a LIF of Leica, which is not read: {_SAVE}"),
    (b"\xd0\xcf\x11\xe0", f"an OLE container, such as OIB or ZVI, which is not read: {_SAVE}"),
    (b"wkw", f"a cube of webKnossos, which is not read alone: {_SAVE}"),
    (b"%pdf", f"a PDF: {_SAVE}"),
)
"""How files start that are no image that is read, in small letters, and what they are."""

_DICOM = slice(128, 132)


def strange_kind(path: Path) -> str:
    """Say what a file is that is no image that is read, and what to do; empty where it is not known."""
    with path.open("rb") as stream:
        start = stream.read(_DICOM.stop)
    if not start:
        return "empty, 0 bytes long: copy it again"
    if not any(start):
        return "full of zeros: copy it again"
    if start[_DICOM] == b"DICM":
        return f"a DICOM, which is not read: {_SAVE}"
    small = start.lstrip().lower()
    return next((kind for mark, kind in _STARTS if start.lower().startswith(mark) or small.startswith(mark)), "")


@contextmanager
def readable(path: Path, kind: str = "file", where: str = "") -> Iterator[None]:
    """Read a file in this block: say in one line why it cannot be read.

    Args:
        path: the file.
        kind: of file, such as "TIFF".
        where: the place in it, such as "section 3: ".

    Raises:
        DataError: for whatever is raised in the block.
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path}: {where}cannot be read: {error.strerror}") from error
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if _missing_codec(error, reason):
            raise DataError(f"{path}: {where}is packed in a way that is not installed here ({reason})") from error
        raise DataError(
            f"{path}: {where}cannot be read; the {kind} is damaged or not what its name says ({reason})"
        ) from error


def _missing_codec(error: Exception, reason: str) -> bool:
    return isinstance(error, ImportError) or any(
        sign in reason for sign in ("requires the 'imagecodecs'", "codec not available", "UnknownCodec")
    )


@contextmanager
def heard(library: str) -> Iterator[None]:
    """Raise what a library only logs as an error: a stack that was cut off must not pass for a shorter one.

    Warnings, of Python and of the library, stay unsaid.

    Raises:
        ValueError: the library logged an error.
    """
    handler = BufferingHandler(1000)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger(library)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
    if handler.buffer:
        raise ValueError(handler.buffer[0].getMessage())
