"""Files that commands write: whole or not at all, and never in place of something else; the hash of our own sources."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from secrets import token_hex

from mitodata.errors import DataError, WriteError

_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.partial")
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
        raise DataError(f"{str(path)!r}: is not a file name; expected one such as folder/name")
    try:
        if not path.exists():
            return
        if not path.is_file():
            raise DataError(f"{path}: is not a regular file; choose another name")
        content = path.read_bytes()
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error
    if content and not kind(content):
        raise DataError(f"{path}: exists and is not {what}; choose another name, or remove it")


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that the file is either the old one or the whole new one, even after a power cut.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files as `write_atomic` does, none of which gets its name before all are whole.

    Raises:
        DataError: as `write_atomic`.
    """
    # Names of their own: two processes may write the same file at once.
    drafts = {path: path.parent / f".{path.name}.{token_hex(4)}.partial" for path in contents}
    try:
        for path, draft in drafts.items():
            with checked_write(path), draft.open("xb") as file:
                file.write(contents[path])
                file.flush()
                os.fsync(file.fileno())
        for path, draft in drafts.items():
            with checked_write(path):
                draft.replace(path)
    finally:
        for draft in drafts.values():
            _remove(draft)


def is_draft(path: Path) -> bool:
    """Whether a file is what `write_atomic` leaves when it is killed."""
    return _DRAFT.fullmatch(path.name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove what `write_atomic` left in `folder` when it was killed."""
    for path in filter(is_draft, folder.iterdir()):
        path.unlink(missing_ok=True)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a hidden name for a large file or a folder, which becomes `path` after the block and is gone if that fails.

    Raises:
        DataError: the disk is full, or refuses.
    """
    # A fixed name: what a killed process left goes when the next one begins.
    draft, old = path.parent / f".{path.name}.partial", path.parent / f".{path.name}.old"
    try:
        with checked_write(path):
            _settle(path, draft, old)
            yield draft
            if draft.is_file():
                with draft.open("rb+") as file:
                    os.fsync(file.fileno())
            if path.is_dir() or (draft.is_dir() and path.exists()):
                path.rename(old)
            draft.replace(path)
    finally:
        _settle(path, draft, old)


def put_in_place(whole: Path, path: Path) -> None:
    """Give a file or a folder that is whole its name, in place of what is there; if it has it already, nothing is done.

    A call that was killed can be repeated. Both must lie on one disk.

    Raises:
        DataError: neither is there, or the disk refuses.
    """
    old = path.parent / f".{path.name}.old"
    if whole.exists():
        with checked_write(path):
            if path.exists():
                _remove(old)
                path.rename(old)
            whole.rename(path)
    elif not path.exists():
        raise DataError(f"{whole}: is gone; expected what becomes {path}; remove {whole.parent} to make it again")
    _remove(old)


def _settle(path: Path, draft: Path, old: Path) -> None:
    """Remove what is left of a write, now or by a killed process; what was there comes back if nothing replaced it."""
    _remove(draft)
    if path.exists():
        _remove(old)
    else:
        with suppress(OSError):
            old.rename(path)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


@contextmanager
def checked_write(path: Path) -> Iterator[None]:
    """Report in one line why `path` cannot be written."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error


@cache
def source_hash(*packages: str) -> str:
    """SHA-256 of the Python modules of installed packages, hexadecimal: it changes with the program.

    A process that asks before its files change, and again after it, hears of the program that it runs.
    """
    digest = sha256()
    for package in packages:
        for module in _modules(files(package)):
            digest.update(module)
    return digest.hexdigest()


def _modules(folder: Traversable) -> Iterator[bytes]:
    """Read the modules of a folder and of the folders in it, in the order of their names."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _modules(item)
        elif item.name.endswith(".py"):
            yield item.read_bytes()
