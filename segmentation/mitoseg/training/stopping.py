"""Stopping a run politely."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mitodata.command_line import SAME_REQUEST_S


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
