"""Memory: how much there may be, how much is taken, and what a piece of work takes at most."""

import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from mitodata import RunError

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_STATM = Path("/proc/self/statm")

SPARE = 32 * 2**20
"""Bytes that are left alone: what interpreter and libraries take and give back."""


def parse_memory(text: str) -> int:
    """Bytes of a text such as "2G", "800M" or "1.5GB" (powers of 1024).

    Raises:
        RunError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) == 0:
        raise RunError(f"memory {text!r}; expected a size such as 2G or 800M")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def format_bytes(count: float) -> str:
    """Bytes as people write them."""
    return f"{count / 2**30:.1f}G" if count >= 2**30 else f"{count / 2**20:.0f}M"


def resident_bytes() -> int:
    """Memory that this process holds now; on systems that do not tell, the most it ever held."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def peak_bytes(network: torch.nn.Module, work: Callable[[], object]) -> int:
    """The most bytes that `work` with a network takes on top of what was held before, seen after every layer."""
    before = most = resident_bytes()

    def look(*_: object) -> None:
        nonlocal most
        most = max(most, resident_bytes())

    hooks = [module.register_forward_hook(look) for module in network.modules()]
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    return max(most, resident_bytes()) - before
