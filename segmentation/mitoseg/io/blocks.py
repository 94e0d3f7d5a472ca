"""How volumes are worked on: in layers of an image, their parts, strips and blocks, and how large blocks are."""

from math import prod

from mitodata.export.layer import Layer
from mitodata.readers.axes import Part, blocks, count_blocks, nth_block, strips

__all__ = ["Layer", "Part", "block_edges", "blocks", "count_blocks", "nth_block", "strips"]

PACKED = (4, 256, 256)
"""Shape (z, y, x) of blocks with a thin halo: arrays on disk are packed section by section, and flat blocks meet fewer
packs."""

RIMS = 8
"""... and along an axis at least this many times the halo, so that most of what is read lies within the block."""


def block_edges(shape: tuple[int, ...], halo: tuple[int, ...], voxels: int) -> tuple[int, ...]:
    """Choose the edges of blocks that, with `halo` on every side, hold at most `voxels` (or are a voxel wide)."""
    edges = list(shape)
    units = [max(side, RIMS * rim) for side, rim in zip(PACKED, halo, strict=True)]
    while True:
        outer = [min(length, edge + 2 * rim) for length, edge, rim in zip(shape, edges, halo, strict=True)]
        longest = max(range(len(edges)), key=lambda axis: (edges[axis] > 1) * edges[axis] / units[axis])
        if prod(outer) <= voxels or edges[longest] == 1:
            return tuple(edges)
        edges[longest] = -(-edges[longest] // 2)
