"""Parts of a volume, in the order in which they are worked on."""

from collections.abc import Iterator
from itertools import product

STRIP_PX = 2**20
"""Pixels that are looked at together where only their grey levels count."""

Part = tuple[slice, slice, slice]
"""A box of a volume: slices in z, y, x without steps."""


def blocks(shape: tuple[int, ...], edges: tuple[int, ...]) -> Iterator[Part]:
    """Cover a volume with blocks, z slowest."""
    starts = product(*(range(0, length, edge) for length, edge in zip(shape, edges, strict=True)))
    for corner in starts:
        z, y, x = (slice(a, min(a + e, n)) for a, e, n in zip(corner, edges, shape, strict=True))
        yield z, y, x


def strips(shape: tuple[int, int, int], packed: tuple[int, int] = (1, 1)) -> Iterator[Part]:
    """Cover a volume (Z, Y, X) with whole rows, about `STRIP_PX` pixels at a time and never less than is packed.

    Args:
        shape: (z, y, x) of the volume, px.
        packed: sections and rows that are read together.
    """
    depth, rows = packed
    number = max(1, STRIP_PX // (shape[2] * depth))
    return blocks(shape, (depth, -(-number // rows) * rows, shape[2]))
