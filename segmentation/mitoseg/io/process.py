"""One process at a time works in a folder: two would replace each other's files."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from mitodata import RunError
from mitodata.command_line import SAME_REQUEST_S
from mitodata.locks import has_no_locks

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
        if not has_no_locks(error, folder):
            raise RunError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


class Stop:
    """Whether somebody asked the run to stop."""

    requested = False
    since = 0.0


@contextmanager
def stop_politely() -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM into a request: the step at hand is finished and saved. A later one raises."""
    stop = Stop()

    def request(number: int, frame: FrameType | None) -> None:
        if not stop.requested:
            stop.requested, stop.since = True, time.monotonic()
        elif time.monotonic() - stop.since > SAME_REQUEST_S:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
