"""Where images come from: those of one voxel size count as one source, and none is drowned by a larger one."""

from collections.abc import Sequence
from math import sqrt

from mitodata import VoxelSize


def number_sources(sizes_nm: Sequence[VoxelSize]) -> list[int]:
    """Number the sources of images, from 0, in the order in which they come.

    Args:
        sizes_nm: voxel size (z, y, x) of each image, as its file has it.
    """
    known: dict[VoxelSize, int] = {}
    return [known.setdefault(size, len(known)) for size in sizes_nm]


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
