"""Where images come from: those of about one voxel size count as one source, and none is drowned by a larger one."""

from collections.abc import Sequence
from math import log2, sqrt

from mitodata import VoxelSize

STEP = 0.25
"""Voxel sizes are told apart in steps of so many octaves: microscopes state them with all their digits."""


def source_of(size_nm: VoxelSize) -> tuple[int, ...]:
    """What the images of a source have in common: their voxel size (z, y, x), rounded."""
    return tuple(round(log2(edge) / STEP) for edge in size_nm)


def share_out(costs: Sequence[int], budget: int) -> list[int]:
    """Share out what may be looked at: each source has the same part of it, and what it does not need is for others.

    Args:
        costs: what all of each source would take.
        budget: of all together.

    Returns:
        At most the cost of each; together at most `budget`.
    """
    shares = [0] * len(costs)
    left = budget
    by_cost = sorted(range(len(costs)), key=costs.__getitem__)
    for place, number in enumerate(by_cost):
        shares[number] = min(costs[number], left // (len(costs) - place))
        left -= shares[number]
    return shares


def repeats(areas: Sequence[int]) -> list[int]:
    """How often sections of each source come up in a pass, so that its weight is the square root of its area.

    By area alone a tile beside a volume would never be seen; with equal weights it would be learned by heart.

    Args:
        areas: pixels of each source, seen across all its axes.
    """
    return [max(1, round(sqrt(max(areas) / area))) for area in areas]
