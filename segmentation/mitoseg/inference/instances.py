"""Instances of a volume that never is in memory: found block by block, united where blocks meet."""

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mitoseg.config.settings import Target
from mitoseg.inference.memory import SPARE, resident_bytes
from mitoseg.inference.postprocess import Decoding, decode, find_pieces
from mitoseg.io.blocks import Part, blocks
from mitoseg.io.scratch import ScratchArray

Decoder = Callable[[Part], NDArray[np.int32]]
"""Instances of a part of the volume: (Z, Y, X) int32, 0 = background, numbers from 1 on."""

SAME = 0.5
"""Intersection over union from which on two blocks mean the same instance, in the voxels that both have seen."""


def cut(shape: tuple[int, ...], halo: tuple[int, ...], voxels: int) -> tuple[int, ...]:
    """Choose the edges of blocks that, with `halo` on every side, hold at most `voxels` (or are a voxel wide)."""
    edges = list(shape)
    while True:
        outer = [min(length, edge + 2 * rim) for length, edge, rim in zip(shape, edges, halo, strict=True)]
        longest = max(range(len(edges)), key=lambda axis: edges[axis])
        if prod(outer) <= voxels or edges[longest] == 1:
            return tuple(edges)
        edges[longest] = -(-edges[longest] // 2)


def find_instances(
    decode: Decoder,
    store: ScratchArray,
    edges: tuple[int, ...],
    halo: tuple[int, ...],
    *,
    exact: bool,
    smallest: int,
    certain: Callable[[Part], NDArray[np.bool_]] | None = None,
) -> int:
    """Number the instances of a volume, from 1 on without gaps, in the order in which they appear.

    Every block is decoded together with a rim of its neighbours. What two blocks find in the voxels that both have seen
    says which of their instances are one.

    Args:
        decode: finds instances in a part.
        store: (Z, Y, X) uint32, zeros; gets the numbers.
        edges: of the blocks, in voxels.
        halo: width of the rim, in voxels, at least 1.
        exact: `decode` gives connected components, which are one as soon as they share a voxel. Otherwise most of what
            both blocks have seen of them must agree.
        smallest: instances of fewer voxels are dropped.
        certain: says which voxels of a part, (Z, Y, X), make the instance that they are in count; without any it is
            dropped. None: all do.

    Returns:
        Their number.
    """
    shape = store.shape
    sizes, sure = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    links = [np.empty((0, 2), np.int64)]
    total = 0
    for block in blocks(shape, edges):
        outer = _widen(block, halo, shape)
        found = decode(outer).astype(np.int64)
        found[found > 0] += total
        seen = store[outer]
        links.append(_same_pairs(seen.astype(np.int64), found, _earlier(block, outer), exact))
        inner = tuple(slice(b.start - o.start, b.stop - o.start) for b, o in zip(block, outer, strict=True))
        own = found[inner]
        count = max(int(found.max()) - total, 0)
        sizes.append(np.bincount(own[own > 0] - total - 1, minlength=count))
        if certain is not None:
            sure.append(np.bincount(own[(own > 0) & certain(block)] - total - 1, minlength=count))
        store[block] = own.astype(np.uint32)
        total += count
    voxels = np.concatenate(sizes)
    numbers = _unite(np.concatenate(links), voxels, voxels if certain is None else np.concatenate(sure), smallest)
    for block in blocks(shape, edges):
        store[block] = numbers[store[block]]
    return int(numbers.max())


def _widen(block: Part, halo: tuple[int, ...], shape: tuple[int, ...]) -> Part:
    z, y, x = (
        slice(max(0, part.start - rim), min(length, part.stop + rim))
        for part, rim, length in zip(block, halo, shape, strict=True)
    )
    return z, y, x


def _same_pairs(
    seen: NDArray[np.int64], found: NDArray[np.int64], earlier: NDArray[np.bool_], exact: bool
) -> NDArray[np.int64]:
    """Pairs (K, 2) of an instance of earlier blocks and one of this block that are one; all arrays are (Z, Y, X)."""
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


def _unite(
    links: NDArray[np.int64], sizes: NDArray[np.int64], sure: NDArray[np.int64], smallest: int
) -> NDArray[np.uint32]:
    """Final numbers of the provisional ones 0, 1, ... whose voxels are counted in `sizes`, certain ones in `sure`."""
    graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(len(sizes), len(sizes)))
    _, groups = connected_components(graph, directed=False)
    kept = (np.bincount(groups, sizes) >= max(smallest, 1)) & (np.bincount(groups, sure) > 0)
    kept[groups[0]] = False
    used, first = np.unique(groups, return_index=True)
    final = np.zeros(len(used), np.uint32)
    order = used[np.argsort(first)]
    order = order[kept[order]]
    final[order] = np.arange(1, len(order) + 1)
    return final[groups]


BLOCK_VOXELS = 2**22
"""Voxels that pieces and instances are looked for in at a time, where memory allows."""

BLOCK_BYTES = 100
"""What finding instances takes, by voxel."""

TOUCH = (1, 1, 1)
"""How far a block sees beyond its borders where instances are connected pieces."""

RIM_PX = 32
"""How far a block sees beyond its borders where instances are found by watershed."""


def number_pieces(maps: ScratchArray, decoding: Decoding, numbers: ScratchArray, memory: int | None = None) -> int:
    """Find the pieces of foreground as `mitoseg.inference.postprocess.find_pieces` would in the whole volume.

    Args:
        maps: (C, Z, Y, X) float32 in [0, 1], the first of them the probability of foreground.
        decoding: thresholds.
        numbers: (Z, Y, X) uint32, zeros; gets the numbers of the pieces, from 1 on.
        memory: bytes that the program may take; None for no limit.

    Returns:
        How many there are.
    """
    every = replace(decoding, peak=0.0)
    return find_instances(
        lambda part: find_pieces(maps[(0, *part)], every),
        numbers,
        cut(numbers.shape, TOUCH, _block_voxels(maps, memory)),
        TOUCH,
        exact=True,
        smallest=1,
        certain=lambda part: np.asarray(maps[(0, *part)] >= decoding.peak),
    )


def number_instances(
    maps: ScratchArray,
    pieces: ScratchArray,
    target: Target,
    decoding: Decoding,
    numbers: ScratchArray,
    memory: int | None = None,
) -> int:
    """Find the instances in the `pieces` that `number_pieces` found; other arguments and result as there.

    They are the pieces that are large enough, or come from a watershed. That needs to see whole objects, so its blocks
    have a wide rim; an object larger than that may be cut differently in two blocks.
    """
    apart = target == "instance"
    halo = (RIM_PX if numbers.shape[0] > 1 else 0, RIM_PX, RIM_PX) if apart else TOUCH
    every = replace(decoding, smallest_px=0)

    def find(part: Part) -> NDArray[np.int32]:
        return decode(maps[(slice(None), *part)], target, every, pieces[part])

    edges = cut(numbers.shape, halo, _block_voxels(maps, memory))
    return find_instances(find, numbers, edges, halo, exact=not apart, smallest=decoding.smallest_px)


def _block_voxels(maps: ScratchArray, memory: int | None) -> int:
    if memory is None:
        return BLOCK_VOXELS
    bytes_each = BLOCK_BYTES + 4 * maps.shape[0]
    return min(BLOCK_VOXELS, max(2**16, int((memory - resident_bytes() - SPARE) / bytes_each)))
