"""Batches of patches, made by worker processes or in the process that trains."""

import itertools
import signal
from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from mitoseg.data.patches import Patches
from mitoseg.data.rendered import RenderedPatches


class CountFrom(Sampler[int]):
    """The numbers start, start + 1, ... up to but without stop."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.start = start
        self.stop = stop

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.start) if self.stop is None else iter(range(self.start, self.stop))


def make_loader(patches: Patches | RenderedPatches, start: int, stop: int | None) -> DataLoader[Tensor]:
    """Batches (B, 2 + P, [Z,] Y, X) of the patches from `start` on, up to `stop` or without end."""
    workers = patches.config.workers
    return DataLoader(
        patches,
        batch_size=patches.config.batch,
        sampler=CountFrom(start, stop),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        drop_last=False,
        worker_init_fn=leave_signals,
    )


def leave_signals(worker: int) -> None:
    """Let a worker outlive the Ctrl-C or SIGTERM that its whole group gets: the run stops it once all is saved."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
