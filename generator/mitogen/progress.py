"""Progress on stderr: a bar in a terminal, else a line from time to time."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts what is done and shows it."""

    def __init__(self, unit: str, total: int, done: int = 0, visible: bool = True) -> None:
        """Start counting.

        Args:
            unit: what is counted, in the singular.
            total: how many there are.
            done: how many of them are done already.
            visible: whether to show anything.
        """
        self._bar = tqdm(total=total, initial=done, unit=unit, disable=not (visible and sys.stderr.isatty()))
        self._lines = visible and not sys.stderr.isatty()
        self._unit, self._done, self._total, self._first = unit, done, total, done
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def advance(self, count: int) -> None:
        """Count what is done."""
        self._done += count
        self._bar.update(count)
        now = time.monotonic()
        if self._lines and (now - self._last > _SECONDS_BETWEEN_LINES or self._done == self._total):
            rate = (self._done - self._first) / max(now - self._start, 1e-9)
            print(f"rendered {self._done} of {self._total} {self._unit}s, {rate:.1f} a second", file=sys.stderr)
            self._last = now
