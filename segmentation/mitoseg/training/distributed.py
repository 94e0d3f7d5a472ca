"""The processes that train one network together, each on its own device; one process alone is a team of one.

They are started by `torchrun`, which says in the environment who is who. Every process takes its share of each batch.
The loss is that of the joint batch, so a team learns what one process with all of it would learn.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mitodata import RunError

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long the others wait for the one that validates."""

_LOST = re.compile("gloo|nccl|peer|connection|store|process group|timed out", re.IGNORECASE)
"""What torch says in a plain RuntimeError where a process that it waits for is gone."""


class LostRankError(RunError):
    """Another process of the team is gone."""


@dataclass(frozen=True)
class Team:
    """Who this process is.

    Attributes:
        rank: its number; number 0 leads: it validates, writes and reports.
        size: how many there are.
        local_rank: its number on this machine, which is that of its GPU.
        hosts: names of the machines of all of them, in the order of ranks.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    hosts: tuple[str, ...] = field(default_factory=lambda: (socket.gethostname(),))

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def share_of(self, batch: int) -> int:
        """Patches of a batch that each process takes.

        Raises:
            RunError: they cannot be shared out evenly.
        """
        if batch % self.size:
            raise RunError(f"batch: got {batch} for {self.size} processes; expected a multiple of {self.size}")
        return batch // self.size

    def replicate(self, network: nn.Module) -> nn.Module:
        """`network`, with gradients that are averaged over all processes."""
        if self.size == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(network, [device.index] if device.type == "cuda" else None)

    def agree(self, used: float, stop: bool) -> tuple[float, bool]:
        """What the leader says about `used`, and whether any of them wants to `stop`.

        Raises:
            LostRankError: one of them is gone.
        """
        if self.size == 1:
            return used, stop
        said = torch.tensor([used if self.leads else 0.0, float(stop)], dtype=torch.float64, device=self._device())
        with self.together():
            distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return float(said[0]), bool(said[1])

    def tell(self, value: T) -> T:
        """The leader's `value`.

        Raises:
            LostRankError: one of them is gone.
        """
        if self.size == 1:
            return value
        box = [value]
        with self.together():
            distributed.broadcast_object_list(box, 0, device=self._device())
        return box[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do in this block what all of the team do at the same time.

        Raises:
            LostRankError: one of them is gone.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not _LOST.search(str(error)):
                raise
            raise LostRankError(f"another of {self.size} processes is gone") from error

    def join(self, part: Tensor) -> Tensor:
        """Put the parts (B, ...) of all processes together, in the order of ranks; gradients flow into the own one."""
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        distributed.all_gather(parts, part.detach().contiguous())
        parts[self.rank] = part
        return torch.cat(parts)

    def _device(self) -> torch.device:
        return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")


ALONE = Team()


@contextmanager
def gather_team(device: str) -> Iterator[Team]:
    """Find the other processes that `torchrun` started, if it did.

    Args:
        device: "auto", "cpu" or "cuda"; GPUs talk by NCCL, CPUs by Gloo.

    Raises:
        RunError: the others cannot be reached.
        LostRankError: one of them is gone before it has begun.
    """
    told = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
    if not all(number.isdecimal() for number in told):  # schedulers set some of them for purposes of their own
        yield ALONE
        return
    rank, size, local_rank = map(int, told)
    team = Team(rank, size, local_rank)
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if cuda:
        torch.cuda.set_device(team.local_rank)
    try:
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise RunError(f"{team.size} processes cannot meet ({problem}); start them with torchrun -m mitoseg") from error
    try:
        with team.together():
            hosts: list[str] = [""] * team.size
            distributed.all_gather_object(hosts, socket.gethostname())
        yield replace(team, hosts=tuple(hosts))
    finally:
        with suppress(RuntimeError):  # of a team that has lost one
            distributed.destroy_process_group()
