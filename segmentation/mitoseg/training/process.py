"""One process at a time works in a folder: two would replace each other's files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mitodata import RunError

LOCK = ".lock"
"""File in a folder that is locked while a process works there; it stays, and means nothing by itself."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in a folder, until the end of the block or of the process, however that ends.

    Where the file system has no locks, nothing is held.

    Args:
        folder: must exist.

    Raises:
        RunError: another process works there, or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(
            f"{folder}: another process is at work here; wait for it or stop it, or choose another folder"
        ) from error
    except NotImplementedError:  # what filelock raises where the file system has no locks
        pass
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
