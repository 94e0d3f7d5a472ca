"""`--log-json`: what a long command does, as lines of JSON that other programs can watch.

    {"time": "2026-03-01T12:00:00.000+00:00", "elapsed_s": 8.1, "host": "node7", "pid": 4711, "command": "render",
     "event": "progress", "share": 0.25, "done": 250, "total": 1000, "unit": "image", "per_s": 31.2}

A line is appended by a single write, so that several processes of one machine can share a file. docs/clusters.md lists
the events.
"""

import json
import logging
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import Any

import click

from mitodata.errors import DataError, MitoError

EVERY_S = 10.0
"""Seconds between two events of progress."""

STDOUT = "-"
"""In place of the name of a file."""

_LIBRARIES = ("mitodata", "mitogen", "mitoseg")


class EventLog:
    """Appends events to a file; one that cannot be written any more is given up with a line on stderr."""

    def __init__(self, write: Callable[[str], object], command: str) -> None:
        """Begin; `write` takes a line, and raises an OSError if it cannot."""
        rank = os.environ.get("RANK", "")
        team = {"rank": int(rank)} if rank.isdecimal() and "WORLD_SIZE" in os.environ else {}
        self._who = {"host": socket.gethostname(), **team, "command": command}
        self._write: Callable[[str], object] | None = write
        self._began = time.monotonic()
        self._told, self._begun = -EVERY_S, False
        self._first: tuple[object, float, float] = (None, 0.0, 0.0)

    def emit(self, event: str, **details: object) -> None:
        """Write one event."""
        if self._write is None:
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "elapsed_s": round(time.monotonic() - self._began, 3),
            **self._who,
            "pid": os.getpid(),
            "event": event,
            **{name: _plain(value) for name, value in details.items() if value is not None},
        }
        try:
            self._write(json.dumps(line, default=str) + "\n")
        except OSError as error:
            self._write = None
            click.echo(f"--log-json: cannot be written any more: {error.strerror or error}; the work goes on", err=True)

    def progress(self, share: float, done: float | None, total: float | None, unit: str | None, **more: object) -> None:
        """Write how far the work is, from time to time, and how fast it was since it began.

        Of work that was told of before, the end is told too.
        """
        now, part = time.monotonic(), share if done is None else done
        of, first, since = self._first
        if of != (total, unit) or part < first:
            first, since, self._begun = part, now, False
            self._first = ((total, unit), first, since)
        if now - self._told < EVERY_S and not (share >= 1 and self._begun):
            return
        self._told, self._begun = now, True
        rate = (part - first) / (now - since) if done is not None and part > first else None
        self.emit("progress", **{"share": share, "done": done, "total": total, "unit": unit, "per_s": rate, **more})


_LOG: ContextVar[EventLog | None] = ContextVar("event log", default=None)


def emit(event: str, **details: object) -> None:
    """Write an event to the log of this command, if it has one.

    Args:
        event: what happened, in one word.
        details: numbers and texts; what is None is left out.
    """
    log = _LOG.get()
    if log is not None:
        log.emit(event, **details)


def emit_progress(
    share: float, *, done: float | None = None, total: float | None = None, unit: str | None = None, **more: object
) -> None:
    """Write how far the work is, to the log of this command, if it has one; may be called as often as one likes.

    Args:
        share: of the work at hand that is done, 0 to 1.
        done: how much is done, in units.
        total: how much there is, in units.
        unit: what is counted, in the singular.
        more: other numbers.
    """
    log = _LOG.get()
    if log is not None:
        log.progress(share, done, total, unit, **more)


@contextmanager
def event_log(place: str | None, command: str) -> Iterator[None]:
    """Log what is done in this block, its beginning, its end and what goes wrong.

    Args:
        place: name of the file to append to; `STDOUT` for the standard output, on which nothing else is written then;
            None for no log.
        command: name of what is logged.

    Raises:
        DataError: the file cannot be written, or holds something else.
    """
    if place is None:
        yield
        return
    with ExitStack() as stack:
        log = EventLog(_opened(place, stack), command)
        token = _LOG.set(log)
        stack.callback(_LOG.reset, token)
        for name in _LIBRARIES:  # a handler would keep warnings off stderr
            logger, hear = logging.getLogger(name), _hearer(log)
            logger.addFilter(hear)
            stack.callback(logger.removeFilter, hear)
        from mitodata.hdf5.layout import software

        log.emit("start", arguments=sys.argv[1:], software=software(), cores=os.cpu_count())
        try:
            yield
        except KeyboardInterrupt as stopped:
            log.emit("stopped", text=str(stopped) or "stopped")
            raise
        except BaseException as error:
            known = isinstance(error, (MitoError, OSError, MemoryError, click.ClickException))
            text = error.format_message() if isinstance(error, click.ClickException) else str(error)
            log.emit("error", kind=type(error).__name__, text=text, unexpected=None if known else True)
            raise
        log.emit("end")


def log_json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--log-json` to a command."""

    @click.option(
        "--log-json",
        metavar="FILE",
        help="Append what happens to FILE, a JSON object a line; - is the standard output.",
    )
    @wraps(command)
    def logged(*args: object, log_json: str | None, **kwargs: object) -> None:
        with event_log(log_json, click.get_current_context().command.name or ""):
            command(*args, **kwargs)

    return logged


def _opened(place: str, stack: ExitStack) -> Callable[[str], object]:
    """Open a log, until the stack is unwound; what else would go to the same place goes to stderr.

    Returns:
        What writes a line there.
    """
    if place == STDOUT:
        stream = sys.stdout
        stack.enter_context(redirect_stdout(sys.stderr))
        return lambda line: stream.write(line) and stream.flush()
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise DataError(
            f"--log-json {place}: cannot be written: {error.strerror or error}; expected the name of a file"
        ) from error
    stack.callback(os.close, handle)
    if stat.S_ISREG(os.fstat(handle).st_mode) and os.fstat(handle).st_size and not _is_log(Path(place)):
        raise DataError(f"{place}: holds something else than a log; choose another name for --log-json")
    return lambda line: _write_all(handle, line.encode())


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _is_log(path: Path) -> bool:
    """Whether a file begins as a log does; one that cannot be read is taken for none."""
    try:
        with path.open("rb") as stream:
            return stream.read(9) == b'{"time": '
    except OSError:
        return False


def _hearer(log: EventLog) -> Callable[[logging.LogRecord], bool]:
    def hear(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            log.emit("warning", text=record.getMessage())
        return True

    return hear


def _plain(value: Any) -> Any:
    """Six digits of a number; what JSON has no number for becomes null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if isfinite(value) else None
