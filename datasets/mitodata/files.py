"""Files that commands write: whole or not at all, and never in place of something else."""

import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from mitodata import RunError
from mitodata.errors import DataError

_PNG = b"\x89PNG\r\n\x1a\n"

Kind = Callable[[bytes], bool]
"""Whether the content of a file is of a kind that may be replaced by another one of it."""


def is_png(content: bytes) -> bool:
    """Whether this is a PNG."""
    return content.startswith(_PNG)


def is_schema(content: bytes) -> bool:
    """Whether this is a JSON schema."""
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(table, dict) and "$schema" in table


def check_replaceable(path: Path, kind: Kind, what: str) -> None:
    """Refuse a path at which something else lies than what would replace it; an empty file may be replaced.

    Args:
        path: the file to be written.
        kind: tells whether it is of the same kind.
        what: name of the kind, with its article.

    Raises:
        DataError: `path` is empty, a folder, a device or a file of another kind.
    """
    if not path.name:
        raise DataError(f"{str(path)!r}: is no name of a file; expected one such as folder/name")
    try:
        if not path.exists():
            return
        if not path.is_file():
            raise DataError(f"{path}: is no regular file; choose another name")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    if content and not kind(content):
        raise DataError(f"{path}: exists and is not {what}; choose another name, or remove it")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that gets its name only once it is whole.

    Raises:
        DataError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.partial")
    try:
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that the file is either the old one or the whole new one, even after a power cut.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what `write_atomic` left in `folder` when it was killed."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.(pt|png|csv|json)\.[a-z0-9_]{8}", path.name):
            path.unlink(missing_ok=True)
