"""Batches of patches, made by worker processes or in the process that trains."""

import itertools
import re
import signal
import threading
from collections.abc import Generator, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from mitodata import MitoError, RunError
from mitoseg.data.patches import Patches
from mitoseg.data.rendered import RenderedPatches


class Batches(Sampler[list[int]]):
    """Numbers of patches from `start` up to but without `stop`, a batch at a time; of each batch one process's part."""

    def __init__(self, start: int, stop: int | None, batch: int, part: tuple[int, int]) -> None:
        self.start = start
        self.stop = stop
        self.batch = batch
        self.part = part

    def __iter__(self) -> Iterator[list[int]]:
        rank, size = self.part
        own = self.batch // size
        starts = (
            itertools.count(self.start, self.batch) if self.stop is None else range(self.start, self.stop, self.batch)
        )
        for first in starts:
            end = first + self.batch if self.stop is None else min(first + self.batch, self.stop)
            yield list(range(first + rank * own, min(first + (rank + 1) * own, end)))


def make_loader(
    patches: Patches | RenderedPatches, start: int, stop: int | None, part: tuple[int, int] = (0, 1)
) -> DataLoader[Tensor]:
    """Batches (B, 2 + P, [Z,] Y, X) of the patches from `start` on.

    Args:
        patches: where they come from.
        start: number of the first.
        stop: number of the first that is not wanted; None is without end.
        part: (i, n): of each batch only the ith of n equal parts, for processes that share the work.
    """
    workers = patches.config.workers
    return DataLoader(
        patches,
        batch_sampler=Batches(start, stop, patches.config.batch, part),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=leave_signals,
        pin_memory=torch.cuda.is_available(),
    )


def read_batches(loader: DataLoader[Tensor]) -> Generator[Tensor]:
    """The batches of a loader; what goes wrong in its workers is reported as if it had gone wrong here.

    That a worker died is raised when its batch is awaited, never between two batches.

    Raises:
        DataError: a file is damaged, or lacks what the target needs.
        RunError: a worker died, or memory shared with it does not suffice.
    """
    problem: MitoError | None = None
    batches: Iterator[Tensor] | None = None
    try:
        batches = _start_workers(loader)
        yield from batches
    except MitoError as error:
        # Workers hand over a text of many lines: "Caught DataError in DataLoader worker process 0." and a traceback.
        last = str(error).rstrip().rpartition("\n")[2]
        name, colon, message = last.partition("Error: ")
        problem = type(error)(message if colon and "\n" in str(error) and " " not in name else str(error))
        # torch keeps an error of a worker in the frame that raised it: a ring that would hold the workers.
        error.with_traceback(None)
    except RuntimeError as error:
        if not re.search("DataLoader worker|shared memory", str(error)):
            raise
        first = str(error).partition("\n")[0]
        problem = RunError(
            f"a process that reads patches died, perhaps for lack of memory ({first.strip()}); free some, or fit with "
            "fewer of them (--set workers=0)"
        )
        error.with_traceback(None)
    finally:
        # Workers take no signal, and the program waits for them at its end: they have to go with their iterator.
        del batches
    if problem:
        raise problem


def _start_workers(loader: DataLoader[Tensor]) -> Iterator[Tensor]:
    """Start the workers of a loader without torch's handler of SIGCHLD.

    It raises wherever the program is when a worker dies, also in the middle of a step, whose weights are then neither
    the old nor the new ones. A loader that awaits a batch looks after its workers by itself.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGCHLD)
    try:
        return iter(loader)
    finally:
        if main:
            signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def leave_signals(worker: int) -> None:
    """Let a worker outlive the Ctrl-C or SIGTERM that its whole group gets: the run stops it once all is saved."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
