"""Numbering the things in a volume that never is in memory: found block by block, united where blocks meet."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mitoseg.io.blocks import Part, blocks
from mitoseg.io.scratch import StoredArray
from mitoseg.networks.memory import SPARE, resident_bytes

Finder = Callable[[Part], NDArray[np.int32]]
"""Things in a part of the volume: (Z, Y, X) int32, 0 = background, numbers from 1 on."""

SAME = 0.5
"""Intersection over union from which on two blocks mean the same thing, in the voxels that both have seen."""

BLOCK_VOXELS = 2**22
"""Voxels that are worked on at a time, where memory allows."""

BLOCK_BYTES = 100
"""What numbering takes, by voxel."""


def block_voxels(maps: StoredArray, memory: int | None) -> int:
    """Voxels of `maps`, (C, Z, Y, X), that may be worked on together: all of them if they are in memory anyway.

    Args:
        maps: in memory or on disk.
        memory: bytes that the program may take; None for no limit.
    """
    if isinstance(maps, np.ndarray):
        return int(np.prod(maps.shape[1:]))
    if memory is None:
        return BLOCK_VOXELS
    bytes_each = BLOCK_BYTES + 4 * maps.shape[0]
    return min(BLOCK_VOXELS, max(2**16, int((memory - resident_bytes() - SPARE) / bytes_each)))


def number_blocks(
    find: Finder,
    numbers: StoredArray,
    edges: tuple[int, ...],
    halo: tuple[int, ...],
    *,
    exact: bool,
    smallest: int = 1,
    certain: Callable[[Part], NDArray[np.bool_]] | None = None,
) -> int:
    """Number the things in a volume, from 1 on without gaps, in the order of their first voxels (z slowest).

    Every block is looked at together with a rim of its neighbours. What two blocks find in the voxels that both have
    seen says which of their things are one. Connected components meet at faces, so that earlier neighbours suffice.

    Args:
        find: finds things in a part.
        numbers: (Z, Y, X) uint32, zeros; gets the numbers.
        edges: of the blocks, in voxels.
        halo: width of the rim, in voxels, at least 1.
        exact: `find` gives connected components, which are one as soon as they share a voxel. Otherwise most of what
            both blocks have seen of them must agree.
        smallest: what has fewer voxels is dropped.
        certain: says which voxels of a part, (Z, Y, X), make the thing that they are in count; without any it is
            dropped. None: all do.

    Returns:
        How many there are.
    """
    shape = numbers.shape
    sizes, sure, first = ([np.zeros(1, np.int64)] for _ in range(3))
    links = [np.empty((0, 2), np.int64)]
    total = 0
    for block in blocks(shape, edges):
        outer, inner = add_halo(block, halo, shape, later=not exact)
        found = find(outer).astype(np.int64)
        found[found > 0] += total
        if total:
            links.append(_same_pairs(numbers[outer].astype(np.int64), found, _earlier(block, outer), exact))
        own = found[inner]
        count = max(int(found.max()) - total, 0)
        sizes.append(np.bincount(own[own > 0] - total - 1, minlength=count))
        first.append(first_voxels(own, block, shape, range(total + 1, total + count + 1)))
        if certain is not None:
            sure.append(np.bincount(own[(own > 0) & certain(block)] - total - 1, minlength=count))
        numbers[block] = own.astype(np.uint32)
        total += count
    voxels = np.concatenate(sizes)
    certain_voxels = voxels if certain is None else np.concatenate(sure)
    final = unite(np.concatenate(links), voxels, certain_voxels, np.concatenate(first), smallest)
    for block in blocks(shape, edges):
        numbers[block] = final[numbers[block]]
    return int(final.max())


def add_halo(block: Part, halo: tuple[int, ...], shape: tuple[int, ...], *, later: bool = True) -> tuple[Part, Part]:
    """A block with a rim of its neighbours, as far as the volume of `shape` has any; and where the block lies in it.

    Args:
        block: part of the volume.
        halo: width of the rim, in voxels.
        shape: of the volume.
        later: neighbours behind the block as well, not only those before it.
    """
    z, y, x = (
        slice(max(0, part.start - rim), min(length, part.stop + rim * later))
        for part, rim, length in zip(block, halo, shape, strict=True)
    )
    own = (slice(b.start - o.start, b.stop - o.start) for b, o in zip(block, (z, y, x), strict=True))
    inner_z, inner_y, inner_x = own
    return (z, y, x), (inner_z, inner_y, inner_x)


def drop_small(things: StoredArray, numbers: StoredArray, edges: tuple[int, ...], smallest: int) -> int:
    """Number those things again that have at least `smallest` voxels, in the same order.

    Args:
        things: (Z, Y, X), 0 = background, numbers from 1 on.
        numbers: (Z, Y, X) uint32, zeros, or `things` itself; gets the new numbers, from 1 on without gaps.
        edges: of the blocks, in voxels.
        smallest: what has fewer voxels is dropped.

    Returns:
        How many are left.
    """
    sizes = np.zeros(1, np.int64)
    for block in blocks(numbers.shape, edges):
        own = np.bincount(things[block].ravel(), minlength=len(sizes))
        own[: len(sizes)] += sizes
        sizes = own
    kept = (sizes >= max(smallest, 1)) & (np.arange(len(sizes)) > 0)
    final = np.where(kept, np.cumsum(kept), 0).astype(np.uint32)
    for block in blocks(numbers.shape, edges):
        numbers[block] = final[things[block]]
    return int(final.max())


def _same_pairs(
    seen: NDArray[np.int64], found: NDArray[np.int64], earlier: NDArray[np.bool_], exact: bool
) -> NDArray[np.int64]:
    """Pairs (K, 2) of a thing of earlier blocks and one of this block that are one; all arrays are (Z, Y, X)."""
    seen, found = seen[earlier], found[earlier]
    shared = (seen > 0) & (found > 0)
    pairs, both = np.unique(np.stack([seen[shared], found[shared]], axis=1), axis=0, return_counts=True)
    if exact or len(pairs) == 0:
        return pairs
    first, first_sizes = np.unique(seen, return_counts=True)
    second, second_sizes = np.unique(found, return_counts=True)
    of_first = first_sizes[np.searchsorted(first, pairs[:, 0])]
    of_second = second_sizes[np.searchsorted(second, pairs[:, 1])]
    return pairs[both / (of_first + of_second - both) > SAME]


def _earlier(block: Part, outer: Part) -> NDArray[np.bool_]:
    """Which voxels of `outer` lie in blocks that come before `block`."""
    z, y, x = (slice(b.start - o.start, b.stop - o.start) for b, o in zip(block, outer, strict=True))
    before = np.zeros([part.stop - part.start for part in outer], bool)
    before[: z.start] = True
    before[z, : y.start] = True
    before[z, y, : x.start] = True
    return before


def first_voxels(own: NDArray[np.integer], block: Part, shape: tuple[int, ...], numbers: range) -> NDArray[np.int64]:
    """Where the first voxel of each thing of a block lies in the volume, z slowest; without one, beyond its end."""
    found = np.full(len(numbers), np.prod(shape, dtype=np.int64))
    inside = np.flatnonzero(own)
    within = np.unravel_index(inside, own.shape)
    z, y, x = (axis + part.start for axis, part in zip(within, block, strict=True))
    # Backwards: of several values for one place, numpy keeps the last.
    found[own.ravel()[inside[::-1]] - numbers.start] = ((z * shape[1] + y) * shape[2] + x)[::-1]
    return found


def unite(
    links: NDArray[np.int64],
    sizes: NDArray[np.int64],
    sure: NDArray[np.int64],
    first: NDArray[np.int64],
    smallest: int,
) -> NDArray[np.uint32]:
    """Final numbers of the provisional ones 0, 1, ..., in the order of their first voxels.

    Args:
        links: pairs (K, 2) of provisional numbers that are one thing.
        sizes: voxels of each.
        sure: certain voxels of each.
        first: first voxel of each.
        smallest: what has fewer voxels is dropped.
    """
    graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(len(sizes), len(sizes)))
    number, groups = connected_components(graph, directed=False)
    kept = (np.bincount(groups, sizes) >= max(smallest, 1)) & (np.bincount(groups, sure) > 0)
    kept[groups[0]] = False
    firsts = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(firsts, groups, first)
    order = np.argsort(firsts, kind="stable")
    order = order[kept[order]]
    final = np.zeros(number, np.uint32)
    final[order] = np.arange(1, len(order) + 1)
    return final[groups]
