"""Worker processes: each with one thread, deaf to Ctrl-C, gone when their parent is gone, and told when to stop.

They know nothing of images: `mitogen.rendering.parallel` says what they render, and puts it in order.
"""

import ctypes
import multiprocessing
import os
import pickle
import signal
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar

from mitodata.errors import MitoError

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W")

_ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "NUMBA")
}


class Stopped(MitoError):
    """The parent does not want the rest of this work."""


class Workers(Generic[W]):
    """A pool of fresh processes; leaving it by an error stops them without waiting for all that was submitted.

    with Workers(job, 2) as workers:
        futures = [workers.submit(function, argument) for argument in arguments]    # function(job, argument)
    """

    def __init__(self, task: W, count: int | Literal["auto"]) -> None:
        """Prepare processes, which start when there is work.

        Args:
            task: what every call gets as its first argument; sent only once to each process.
            count: how many processes, or "auto" for one a core.
        """
        context = multiprocessing.get_context("spawn")
        self.count: int = cores() if count == "auto" else count
        # Without a lock: a worker that is killed while it holds one would keep everybody waiting for it.
        self._stop = context.RawValue(ctypes.c_bool, False)
        # What does not fit into a pipe (64 KiB) is waited for, deaf to Ctrl-C, although the process died at its start.
        packed = zlib.compress(pickle.dumps(task))
        self._pool = ProcessPoolExecutor(
            self.count, mp_context=context, initializer=_enter, initargs=(packed, self._stop)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._stop.value = True
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)

    def kill(self) -> None:
        """End the processes of this pool at once, whatever they are at; it can only be left after that.

        The thread of the pool that hands on work would wait forever for a process that was killed before it took its
        work. Without a reader it gives up, as it does by itself from Python 3.12 on (CPython issue 94777).
        """
        for process in list((getattr(self._pool, "_processes", None) or {}).values()):
            process.terminate()
        reader = getattr(getattr(self._pool, "_call_queue", None), "_reader", None)
        if reader is not None:
            reader.close()

    def submit(self, function: Callable[Concatenate[W, P], T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Let a worker call a function; it, its arguments and what it returns must be picklable."""
        # Submitting is what starts processes.
        with _environment(_ONE_THREAD), _interrupt_blocked():
            return self._pool.submit(partial(_call, function), *args, **kwargs)

    def result(self, future: "Future[T]") -> T:
        """Wait for the result of a call."""
        return future.result()


class _Told:
    """What a worker process was told when it started."""

    task: Any = None
    stop: ctypes.c_bool | None = None


def go_on() -> None:
    """Check, in a worker, that the work is still wanted; to be called as often as a parent may be kept waiting.

    Raises:
        Stopped: it is not.
    """
    if _Told.stop is not None and _Told.stop.value:
        raise Stopped


def _call(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    return function(_Told.task, *args, **kwargs)


def _enter(packed: bytes, stop: ctypes.c_bool) -> None:
    _Told.task, _Told.stop = pickle.loads(zlib.decompress(packed)), stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the parent was killed: a worker of a pool would otherwise wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for processes started inside, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Keep Ctrl-C from processes started inside, for life: the terminal sends it to all, and the parent decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
