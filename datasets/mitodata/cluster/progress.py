"""Progress on stderr: a bar in a terminal, else a line from time to time."""

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tqdm import tqdm

from mitodata.cluster.event_log import emit, emit_progress

_SECONDS_BETWEEN_LINES = 10.0


def say(text: str) -> None:
    """Write a line on stderr, and to the log; if stderr is closed or full, the work goes on without it."""
    emit("note", text=text)
    _print(text)


def _print(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def describe_speed(count: int, seconds: float) -> str:
    """How fast `count` things were done, such as `, 12.3 a second` or `, 4.5 s each`; nothing if there were none."""
    if not count:
        return ""
    rate = count / max(seconds, 1e-9)
    return f", {rate:.1f} a second" if rate >= 1 else f", {1 / rate:.1f} s each"


class Progress:
    """Counts what is done and shows it; if stderr is closed or full, without showing it."""

    def __init__(self, unit: str, total: int, done: int = 0, visible: bool = True, verb: str = "rendered") -> None:
        """Start counting.

        Args:
            unit: what is counted, in the singular.
            total: how many there are.
            done: how many of them are done already.
            visible: whether to show anything.
            verb: what is done with them, in the past.
        """
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bar = tqdm(disable=True)
        with suppress(OSError):
            self._bar = tqdm(total=total, initial=done, unit=unit, disable=not (visible and terminal))
        self._lines = visible and not terminal
        self._unit, self._verb, self._done, self._total, self._first = unit, verb, done, total, done
        self._start = self._last = time.monotonic()
        self._log()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._bar.close()

    def advance(self, count: int) -> None:
        """Count what is done."""
        self._done += count
        with suppress(OSError):
            self._bar.update(count)
        self._log()
        now = time.monotonic()
        if self._lines and (now - self._last > _SECONDS_BETWEEN_LINES or self._done == self._total):
            speed = describe_speed(self._done - self._first, now - self._start)
            _print(f"{self._verb} {self._done} of {self._total} {self._unit}s{speed}")
            self._last = now

    def _log(self) -> None:
        share = self._done / self._total if self._total else 1.0
        emit_progress(share, done=self._done, total=self._total, unit=self._unit)
