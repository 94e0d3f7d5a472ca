"""A volume that is read in parts: an image, or what was found in it."""

from math import prod

from mitodata.export.layer import Layer
from mitodata.readers.axes import Part, blocks, strips

__all__ = ["Layer", "Part", "block_edges", "blocks", "strips"]


def block_edges(shape: tuple[int, ...], halo: tuple[int, ...], voxels: int) -> tuple[int, ...]:
    """Choose the edges of blocks that, with `halo` on every side, hold at most `voxels` (or are a voxel wide)."""
    edges = list(shape)
    while True:
        outer = [min(length, edge + 2 * rim) for length, edge, rim in zip(shape, edges, halo, strict=True)]
        longest = max(range(len(edges)), key=lambda axis: edges[axis])
        if prod(outer) <= voxels or edges[longest] == 1:
            return tuple(edges)
        edges[longest] = -(-edges[longest] // 2)
