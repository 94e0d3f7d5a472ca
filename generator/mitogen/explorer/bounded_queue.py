"""Work that is asked for again and again: done once a key, a bounded number waiting, the last results kept."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, Protocol, TypeVar

from mitodata.errors import MitoError
from mitogen.rendering.job import RenderError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BusyError(MitoError):
    """More work is waiting than the queue holds."""


class Pool(Protocol):
    """What is needed of `rendering.process_pool.Workers`."""

    count: int

    def submit(self, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Let a process call the function with the task of the pool and `args`."""


class BoundedQueue(Generic[K, V]):
    """Results by their keys. What is wanted twice is worked out once."""

    def __init__(self, bytes_of: Callable[[V], int], most_waiting: int, most_kept_bytes: int) -> None:
        """Begin with nothing.

        Args:
            bytes_of: memory that a result takes.
            most_waiting: keys that may be wanted at the same time; who asks for more is told to wait.
            most_kept_bytes: memory that results may take together.
        """
        self._bytes_of, self._most_waiting, self._most_kept_bytes = bytes_of, most_waiting, most_kept_bytes
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._kept_bytes = 0
        self._wanted: dict[K, asyncio.Future[V]] = {}

    def kept(self, key: K) -> V | None:
        """The result of a key, if it is still there."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    async def get(self, key: K, submit: Callable[[], "Future[V]"]) -> V:
        """Get the result of a key.

        Args:
            key: of the result.
            submit: begins to work it out, unless it is kept, or being worked out already.

        Raises:
            BusyError: too much is waiting.
            RenderError: a process was killed.
            MitoError: what the work raises.
        """
        kept = self.kept(key)
        if kept is not None:
            return kept
        try:
            if key not in self._wanted:
                if len(self._wanted) >= self._most_waiting:
                    raise BusyError(f"{len(self._wanted)} images are waiting already; try again in a moment")
                self._wanted[key] = asyncio.wrap_future(submit())
                self._wanted[key].add_done_callback(lambda done: self._finish(key, done))
            return await asyncio.shield(self._wanted[key])
        except BrokenProcessPool as error:
            raise RenderError("a process that works for the page has ended; start mitogen explore again") from error

    def close(self) -> None:
        """Give up what is still wanted, so that nobody waits for it when the program ends."""
        for wanted in list(self._wanted.values()):
            wanted.cancel()

    def _finish(self, key: K, done: "asyncio.Future[V]") -> None:
        del self._wanted[key]
        if done.cancelled() or done.exception():
            return
        self._kept[key] = done.result()
        self._kept_bytes += self._bytes_of(done.result())
        while self._kept_bytes > self._most_kept_bytes:
            self._kept_bytes -= self._bytes_of(self._kept.popitem(last=False)[1])
