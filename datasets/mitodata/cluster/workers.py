"""The workers of a Dask cluster, in the place of processes of this machine.

They need the same program, and see the folders that are written to under the same path.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec, Self, TypeVar

from mitodata.cluster.progress import say
from mitodata.cluster.versions import difference, machine
from mitodata.errors import MitoError

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W")

Versions = Callable[[], Mapping[str, str]]

_ANSWER_S = 10.0
"""Seconds within which a scheduler answers."""

_COUNTED_EVERY_S = 5.0
"""Seconds after which workers are counted again: they come and go."""

_LOGGERS = ("distributed", "distributed.client", "distributed.core", "tornado.application", "asyncio")
"""What Dask logs with in the process of a client."""

_SILENT_S = 15.0
"""Seconds after which a line reports that there are no workers."""

_DEAF_S = 60.0
"""Seconds without a sign of life after which a worker is named; they give one every few seconds."""

_FEWEST = 16
"""Workers that are taken for granted: an adaptive cluster starts some when there is work for them."""

VISIBLE_S = 90.0
"""Seconds within which what one machine wrote is seen by another: NFS remembers for up to 60 s what it saw before."""


_UNREADABLE = ("deserialization of the task graph", "Can't get attribute")
"""What errors say where a machine has another program, or none."""


class ClusterError(MitoError):
    """There is no such cluster, it is gone, or its workers cannot do the work."""


class ClusterWorkers(Generic[W]):
    """All workers of a cluster; leaving it gives back what they have not begun.

    with ClusterWorkers(job, "tcp://node7:8786", versions) as workers:
        futures = [workers.submit(function, argument) for argument in arguments]    # function(job, argument)
    """

    def __init__(self, task: W, address: str, versions: Versions) -> None:
        """Connect.

        Args:
            task: what every call gets as its first argument.
            address: of the scheduler, as `dask scheduler` prints it.
            versions: of the program and its libraries; importable by name, because workers must have the same.

        Raises:
            ClusterError: Dask is not installed, or nobody answers.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise ClusterError("--scheduler needs Dask; install it with: pip install 'mitogen-em[dask]'") from error
        try:
            asyncio.run(_reach(address))  # a client that nobody answers complains once more when it is dropped
            self._client = Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"--scheduler {address}: no answer; expected the address that `dask scheduler` prints"
            ) from error
        self._silence = ExitStack()
        self._silence.enter_context(_silent())
        self._task, self._address, self._versions = task, address, versions
        self._count, self._counted = _FEWEST, -_COUNTED_EVERY_S
        self._seen: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError, TimeoutError):  # the scheduler may be gone
            self._client.close()
        self._silence.close()

    @property
    def count(self) -> int:
        """How many calls can run at the same time, at least `_FEWEST`."""
        if time.monotonic() - self._counted > _COUNTED_EVERY_S:
            self._counted = time.monotonic()
            self._count = max(_FEWEST, self._threads())
        return self._count

    def _threads(self) -> int:
        """How many threads all workers have.

        Raises:
            ClusterError: the scheduler is gone.
        """
        with self._connected():
            return sum(self._client.nthreads().values())

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Ask the scheduler something in this block; say in one line if it is gone."""
        from distributed.client import ClosedClientError

        try:
            yield
        except (ClosedClientError, OSError, TimeoutError, AttributeError, CancelledError) as error:
            raise self._gone() from error  # a closed client has lost some of its attributes

    def _gone(self) -> ClusterError:
        return ClusterError(f"--scheduler {self._address}: the scheduler is gone, or gave the work up; start it again")

    def submit(self, function: Callable[Concatenate[W, P], T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Let a worker call a function; it, its arguments and what it returns must be picklable.

        Dask's own executor waits for ever where a result is lost with its worker, and the call then fails.
        """
        result: Future[T] = Future()

        async def hand_on() -> None:  # in the loop of the client: a thread that waits would outlive it
            try:
                result.set_result(await call)
            except BaseException as error:
                result.set_exception(self._explained(error))

        with self._connected():
            call = self._client.submit(
                _call, self._versions, self._versions(), function, self._task, *args, **kwargs, pure=False
            )
            if self._client.loop is None:
                raise self._gone()
            self._client.loop.add_callback(hand_on)
        return result

    def result(self, future: "Future[T]") -> T:
        """Wait for the result of a call; say so if there is nobody to do it, or if somebody has fallen silent.

        Raises:
            ClusterError: the cluster is gone, or cannot do it; what the call raises passes through.
        """
        while not wait([future], _SILENT_S).done:
            if not self._threads():
                say(f"{self._address}: has no workers; waiting for some")
            for worker, silent_s in self._fallen_silent():
                say(
                    f"{self._address}: worker {worker} has given no sign of life for {silent_s:.0f} s; its work goes "
                    "to others after the worker-ttl of Dask, 5 minutes unless you set it"
                )
        return future.result()

    def _fallen_silent(self) -> Iterator[tuple[str, float]]:
        """Workers that give no sign of life, and since how many seconds.

        The scheduler says when it heard of each by its own clock, which may be another than ours: so we look whether
        that changes, and measure how long it does not.
        """
        with self._connected():
            workers = self._client.scheduler_info().get("workers", {})
        heard = {name: float(each["last_seen"]) for name, each in workers.items()}
        now = time.monotonic()
        before, self._seen = self._seen, {}
        for worker, heard_s in heard.items():
            last_s, since = before.get(worker, (heard_s, now))
            self._seen[worker] = (heard_s, since if heard_s == last_s else now)
            if now - self._seen[worker][1] > _DEAF_S:
                yield worker, now - self._seen[worker][1]

    def _explained(self, error: BaseException) -> BaseException:
        """Say in one line what went wrong with the cluster; what went wrong with the work stays as it is."""
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return ClusterError("workers were killed again and again at the same work, perhaps because memory ran out")
        lost = self._client.status != "running" and not isinstance(error, MitoError)  # Dask then raises many things
        if lost or isinstance(error, (CancelledError, CommClosedError, TimeoutError)):
            return self._gone()
        if isinstance(error, ImportError) or any(sign in str(error) for sign in _UNREADABLE):
            cause = error.__cause__ or error
            return ClusterError(
                f"a worker cannot run this program ({type(cause).__name__}: {str(cause).partition(chr(10))[0]}); "
                "expected the same version of mitogen-em on every machine"
            )
        return error


async def _reach(address: str) -> None:
    """Open a connection to a scheduler, and close it.

    Raises:
        OSError, ValueError: nobody answers, or that is no address.
    """
    from distributed.comm.core import connect
    from distributed.security import Security

    connection = await connect(address, timeout=_ANSWER_S, **Security().get_connection_args("client"))
    await connection.close()


@contextmanager
def _silent() -> Iterator[None]:
    """Let Dask log nothing: when a scheduler goes away it writes tracebacks, and we say it in a line."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _call(
    versions: Versions, expected: Mapping[str, str], function: Callable[..., T], *args: object, **kwargs: object
) -> T:
    """Call a function on a worker, if that runs the same program.

    Raises:
        ClusterError: it runs another one.
    """
    if changed := difference(versions(), expected):
        raise ClusterError(f"{here()} has {changed}; expected the same on every machine")
    return function(*args, **kwargs)


def here() -> str:
    """Name of this worker and its machine."""
    from distributed import get_worker

    return f"worker {get_worker().address} on {machine()}"


def wait_for(path: Path) -> None:
    """Wait until this machine sees a file that another one has written.

    Raises:
        ClusterError: it is not seen.
    """
    pause_s, deadline = 0.01, time.monotonic() + VISIBLE_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{path}: not seen on {machine()} {VISIBLE_S:.0f} s after another machine wrote it; expected the same "
                "folder under the same path on every machine"
            )
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)
        with suppress(OSError):
            os.listdir(path.parent)  # makes NFS look again
