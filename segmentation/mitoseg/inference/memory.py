"""How much memory there is for an inference, and how a volume is cut so that it suffices."""

import re
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch

from mitodata import RunError
from mitoseg.inference.resampling import Span
from mitoseg.inference.sliding_window import Predictor, Tile, Windows, slab_depth, whole

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


def resident_bytes() -> int:
    """Memory that this process holds now; on systems that do not tell, the most it ever held."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def format_bytes(count: float) -> str:
    """Bytes as people write them."""
    return f"{count / 2**30:.1f}G" if count >= 2**30 else f"{count / 2**20:.0f}M"


def fit_memory(
    windows: Windows, network: torch.nn.Module, predict: Predictor, limit: int | None, spare: int = SPARE, held: int = 0
) -> tuple[Windows, list[Tile]]:
    """Choose how many windows go together and into which tiles the sections are cut.

    Args:
        windows: how the network is moved, with the largest batch.
        network: is watched while it predicts one window, to learn what that takes.
        predict: as for `stream_tile`.
        limit: bytes for the whole process; None for one tile.
        spare: bytes of them that are left alone.
        held: slices of a tile that are kept on top of those under the windows.

    Raises:
        RunError: the least that works takes more.
    """
    if limit is None:
        return windows, [whole(windows)]
    window = _watch(network, lambda: predict(torch.zeros(1, 1, *windows.size, device=_device(network))))
    left = limit - resident_bytes() - spare
    windows = replace(windows, batch=max(1, min(windows.batch, int(left / 3 / max(window, 1)))))
    left -= window * windows.batch
    cuts, tiles = 1, 0
    while tiles != len(parts := _parts(windows, cuts)):
        # A tile in the middle needs windows on all sides.
        middle = Tile.of(windows, parts[len(parts) // 2])
        cost = tile_bytes(windows, middle) + held * slice_bytes(windows, middle)
        if cost <= left:
            return windows, [Tile.of(windows, part) for part in parts]
        cuts, tiles = cuts + max(1, cuts // 2), len(parts)
    raise RunError(
        f"memory {format_bytes(limit)} does not suffice: the program and one window of the network take "
        f"{format_bytes(limit - left + cost)}; give more with --memory"
    )


def slice_bytes(windows: Windows, tile: Tile) -> int:
    """Bytes of the maps of one slice of a tile."""
    (top, bottom), (left, right) = tile.part
    return 4 * windows.channels * (bottom - top) * (right - left)


def tile_bytes(windows: Windows, tile: Tile) -> int:
    """Bytes that `stream_tile` takes for a tile, apart from what the network takes."""
    (top, bottom), (left, right) = tile.part
    stored, region = (bottom - top) * (right - left), tile.shape[0] * tile.shape[1]
    channels, depth = windows.channels, slab_depth(windows, tile)
    slab = 4 * depth * region * (2 + channels)
    kept = slice_bytes(windows, tile) * (2 if not windows.axes[0].resampled else 6)
    return slab + kept + 4 * region * (channels + 3) + 6 * stored


def _parts(windows: Windows, cuts: int) -> list[tuple[Span, Span]]:
    """Cut the longer side of the sections into `cuts` parts, no smaller than a window, and the other one to match."""
    sides = [
        (axis.stored, max(1, axis.working // size))
        for axis, size in zip(windows.axes[1:], windows.size[1:], strict=True)
    ]
    longest = max(length for length, _ in sides)
    rows, columns = (
        [(part * length // number, (part + 1) * length // number) for part in range(number)]
        for length, most in sides
        for number in [max(1, min(round(cuts * length / longest), most))]
    )
    return list(product(rows, columns))


def _watch(network: torch.nn.Module, work: Callable[[], object]) -> int:
    """The most bytes that came on top of what was held before, seen at the end of every layer."""
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


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
