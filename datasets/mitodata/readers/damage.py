"""What is wrong with a file that cannot be read: damaged, forbidden, or packed with something that is not installed."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path

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
)


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
