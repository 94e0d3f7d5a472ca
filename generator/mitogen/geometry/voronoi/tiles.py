"""Tiles of pixels, large ones cut into smaller ones, in which it is sorted out which cells can own a pixel."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.voronoi.ranking import NearestTwo, compare, forget
from mitogen.geometry.voronoi.sites import Metric, Warped

TILES = (256, 64, 32, 16, 8)
"""Edges of the tiles of pixels in which rivals are sorted out, each a multiple of the next."""

_SLACK = np.float32(1.0001)
"""Bounds are this much wider than they are computed, so that rounding rules no cell out."""

_FAR = np.float32(1e9)
"""Score of a cell that does not reach."""


class Block(NamedTuple):
    """The pixels of a largest tile, in lists in which those of every smaller tile lie together.

    Attributes:
        z: (P,) float32 warped coordinate in nm.
        y: (P,) float32 as well.
        x: (P,) float32 as well.
        starts: (T + 1,) int64 where each of the smallest tiles begins in the lists, in the order of a quadtree.
        corners: (T, 2) int64 its first row and column.
    """

    z: FloatArray
    y: FloatArray
    x: FloatArray
    starts: NDArray[np.int64]
    corners: NDArray[np.int64]


@compiled
def empty_block() -> Block:
    """A block to be filled."""
    a, steps = np.empty((3, TILES[0] ** 2), np.float32), (TILES[0] // TILES[-1]) ** 2
    return Block(a[0], a[1], a[2], np.zeros(steps + 1, np.int64), np.empty((steps, 2), np.int64))


@compiled
def list_pixels(warped: Warped, top: int, left: int, block: Block) -> None:
    """List the pixels of the block that begins at (top, left)."""
    height, width = warped.z.shape
    p = 0
    for step in range(len(block.corners)):
        first_row, first_column = top + TILES[-1] * _even_bits(step >> 1), left + TILES[-1] * _even_bits(step)
        block.corners[step, 0], block.corners[step, 1] = first_row, first_column
        for i in range(first_row, min(first_row + TILES[-1], height)):
            for j in range(first_column, min(first_column + TILES[-1], width)):
                block.z[p], block.y[p], block.x[p] = warped.z[i, j], warped.y[i, j], warped.x[i, j]
                p += 1
        block.starts[step + 1] = p


@compiled
def _even_bits(number: int) -> int:
    """The bits of `number` at even places, put side by side."""
    found = 0
    for bit in range(8):
        found |= ((number >> (2 * bit)) & 1) << bit
    return found


@compiled
def find_rivals(
    metric: Metric, block: Block, pixels: tuple[int, int], pool: NDArray[np.int64], middle: FloatArray,
    kept: NDArray[np.int64],
) -> int:  # fmt: skip
    """Put the cells of `pool` that can be first or second on a pixel from one to another into `kept`; count them."""
    centre, axis, squash, _, inverse, reach = metric
    mz, my, mx, spread = _ball(block, pixels[0], pixels[1])
    room = max(reach - spread, np.float32(0))
    # Upper bounds of the best two scores anywhere in the tile.
    first = second = _FAR
    for c in pool:
        dz, dy, dx = mz - centre[c, 0], my - centre[c, 1], mx - centre[c, 2]
        squared = dz * dz + dy * dy + dx * dx
        along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
        middle[c] = np.sqrt(max(squared - squash[c] * along * along, np.float32(0)))
        if squared > room * room:
            continue
        upper = (middle[c] + spread) * inverse[c]
        if upper < first:
            second = first
            first = upper
        elif upper < second:
            second = upper
    second *= _SLACK
    count = 0
    for c in pool:
        if (middle[c] - spread) * inverse[c] <= second:
            kept[count] = c
            count += 1
    return count


@compiled
def _ball(block: Block, first: int, end: int) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Middle (z, y, x) and radius of a ball around pixels in warped space."""
    half = np.float32(0.5)
    z, y, x = block.z[first:end], block.y[first:end], block.x[first:end]
    # Halfway between opposite corners.
    mz, my, mx = half * (z[0] + z[-1]), half * (y[0] + y[-1]), half * (x[0] + x[-1])
    farthest = np.zeros(64, np.float32)  # of every 64th pixel each, so that many are done at once
    for begin in range(0, len(z), 64):
        for k in range(min(64, len(z) - begin)):
            dz, dy, dx = z[begin + k] - mz, y[begin + k] - my, x[begin + k] - mx
            farthest[k] = max(farthest[k], dz * dz + dy * dy + dx * dx)
    return mz, my, mx, np.float32(np.sqrt(farthest.max()))


@compiled
def rank(metric: Metric, block: Block, step: int, kept: NDArray[np.int64], score: FloatArray, best: NearestTwo) -> None:
    """Find first and second of the cells `kept` for each pixel of a smallest tile."""
    first, end = block.starts[step], block.starts[step + 1]
    z, y, x = block.z[first:end], block.y[first:end], block.x[first:end]
    centre, axis, squash, radius, _, reach = metric
    forget(best, _FAR, len(z))
    for c in kept:
        cz, cy, cx = centre[c, 0], centre[c, 1], centre[c, 2]
        az, ay, ax = axis[c, 0], axis[c, 1], axis[c, 2]
        for p in range(len(z)):
            dz, dy, dx = z[p] - cz, y[p] - cy, x[p] - cx
            squared = dz * dz + dy * dy + dx * dx
            along = dz * az + dy * ay + dx * ax
            # Squared scores have the same order, and need no root.
            own = max(squared - squash[c] * along * along, np.float32(0)) / (radius[c] * radius[c])
            score[p] = _FAR if squared > reach * reach else own
        compare(c, score, best, len(z))
