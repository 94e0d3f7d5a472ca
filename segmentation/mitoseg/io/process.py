"""Who else has a say in a call: another process in its folder, whoever stops it, and whoever watches it."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from mitodata import RunError
from mitodata.cluster.event_log import emit, emit_progress
from mitodata.command_line import SAME_REQUEST_S
from mitodata.locks import has_no_locks

LOCK = ".lock"
"""File in a folder that is locked while a process works there; it stays, and means nothing by itself."""


@contextmanager
def alone_in(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Work in a folder, until the end of the block or of the process, however that ends.

    Where the file system has no locks, nothing is held.

    Args:
        folder: must exist.
        name: of the file that is locked: another one for each kind of work that only one process may do.

    Raises:
        RunError: another process works there, or the folder cannot be written.
    """
    lock = FileLock(folder / name, fallback_to_soft=False)  # a soft lock would outlive a process that is killed
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(
            f"{folder}: another process is at work here; wait for it or stop it, or choose another folder"
        ) from error
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


@dataclass(frozen=True, eq=False)
class Watch:
    """Somebody beside the thread of a call, as a window is: hears how far the call is, and may stop it.

    Attributes:
        tell: is told a line of text, and which share (0-1) of the work at hand is done; None where that is not known.
        stop: set `stop.requested`, and the call ends at the next window or step, after saving what can be saved.
    """

    tell: Callable[[str, float | None], object] = lambda _line, _share: None
    stop: Stop = field(default_factory=Stop)


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let somebody watch the calls in this block, which are those of this thread."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


def tell(line: str, share: float | None = None, **numbers: Any) -> None:
    """Tell who watches, if somebody does, and the log of events.

    Args:
        line: as of `Watch.tell`.
        share: likewise.
        numbers: for the log: what the line says, by name (`mitodata.cluster.event_log.emit_progress`).
    """
    if share is None:
        emit("note", text=line)
    else:
        emit_progress(share, **numbers)
    watch = _WATCH.get()
    if watch is not None:
        watch.tell(line, share)


@contextmanager
def unheard(library: str) -> Iterator[None]:
    """Let a library log nothing but errors."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def heed_stop() -> None:
    """End here if who watches asks for it.

    Raises:
        KeyboardInterrupt: they do.
    """
    watch = _WATCH.get()
    if watch is not None and watch.stop.requested:
        raise KeyboardInterrupt


@contextmanager
def stop_politely() -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM into a request: the step at hand is finished and saved. A later one raises.

    Beside the main thread, where no signal comes, the request is that of who watches.
    """
    watch = _WATCH.get()
    stop = watch.stop if watch else Stop()

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
