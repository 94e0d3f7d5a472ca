"""Loops over the pixels and cells of a multiplicatively weighted Voronoi diagram, each cell with a metric of its own.

The score of a cell at a point is its distance from the cell's centre, measured in a space that is squashed along the
cell's axis, over the cell's calibre. A point belongs to the cell of lowest score. See `tissue.Cells` for the arrays.
"""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.random_fields import weights

TILES = (256, 64, 16, 8)
"""Edges of the tiles of pixels in which rivals are sorted out, each a multiple of the next."""


NEAR_NM = np.float32(60)
"""Distances from membranes that are larger than this stay rough."""


@compiled
def holders(
    points: NDArray[np.float64], centre: FloatArray, axis: FloatArray, elongation: FloatArray, radius: FloatArray,
    reach: float,
) -> NDArray[np.int32]:  # fmt: skip
    """Index of the cell with the lowest score at each point."""
    holder = np.zeros(len(points), np.int32)
    for p in range(len(points)):
        best = 1e18
        for c in range(len(centre)):
            dz, dy, dx = points[p, 0] - centre[c, 0], points[p, 1] - centre[c, 1], points[p, 2] - centre[c, 2]
            squared = dz * dz + dy * dy + dx * dx
            if squared > reach * reach:
                continue
            along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
            score = (squared - (1 - 1 / elongation[c] ** 2) * along * along) / radius[c] ** 2
            if score < best:
                best = score
                holder[p] = c
    return holder


@compiled
def nearest_two(
    centre: FloatArray, axis: FloatArray, elongation: FloatArray, radius: FloatArray, reach: np.float32,
    wz: FloatArray, wy: FloatArray, wx: FloatArray, steep: tuple[FloatArray, FloatArray, FloatArray],
    pixel: np.float32, owner: NDArray[np.int32], neighbour: NDArray[np.int32], membrane: FloatArray,
    membrane_z: FloatArray,
) -> None:  # fmt: skip
    """Owner and next owner of each pixel, and the distance to the surface between them to first order.

    The two scores s1 <= s2 are equal on the membrane, so the distance is (s2 - s1) / |grad (s2 - s1)|. Scores are taken
    in warped space, distances and normals are those of the tissue: `steep` holds the change of the warped (z, y, x)
    with height on every `STRIDE`-th pixel, and neighbouring pixels tell how they change in the plane.
    Large tiles of pixels are tested against all cells, small ones against what is left; only cells that can come first
    or second go on.
    """
    height, width = owner.shape
    count = centre.shape[0]
    squash = np.empty(count, np.float32)
    for c in range(count):
        squash[c] = 1 - 1 / (elongation[c] * elongation[c])
    middle = np.empty(count, np.float32)
    # Row 0 holds everyone; row n + 1 what tiles of size n leave of row n.
    pools = np.empty((len(TILES) + 1, count), np.int64)
    sizes = np.zeros(len(TILES) + 1, np.int64)
    pools[0], sizes[0] = np.arange(count), count
    fine = TILES[-1]
    for top in range(0, height, TILES[0]):
        for left in range(0, width, TILES[0]):
            # The smallest tiles in the order of a quadtree, so that every larger tile is done once.
            for step in range((TILES[0] // fine) ** 2):
                i, j = top + fine * _even_bits(step >> 1), left + fine * _even_bits(step)
                if i >= height or j >= width:
                    continue
                for level in range(len(TILES)):
                    size = TILES[level]
                    if (i - top) % size or (j - left) % size:
                        continue
                    bottom, right = min(i + size, height), min(j + size, width)
                    sizes[level + 1] = _rivals(
                        centre, axis, squash, radius, reach, wz[i:bottom, j:right], wy[i:bottom, j:right],
                        wx[i:bottom, j:right], pools[level, : sizes[level]], middle, pools[level + 1],
                    )  # fmt: skip
                tile = (i, min(i + fine, height), j, min(j + fine, width))
                _share_out(
                    centre, axis, squash, radius, reach, wz, wy, wx, steep, pixel, pools[-1, : sizes[-1]], tile,
                    owner, neighbour, membrane, membrane_z,
                )  # fmt: skip


@compiled
def _even_bits(number: int) -> int:
    """The bits of `number` at even places, put side by side."""
    found = 0
    for bit in range(8):
        found |= ((number >> (2 * bit)) & 1) << bit
    return found


@compiled
def _rivals(
    centre: FloatArray, axis: FloatArray, squash: FloatArray, radius: FloatArray, reach: np.float32, wz: FloatArray,
    wy: FloatArray, wx: FloatArray, pool: NDArray[np.int64], middle: FloatArray, kept: NDArray[np.int64],
) -> int:  # fmt: skip
    """Put the cells of `pool` that can be first or second on some pixel of a tile into `kept`, and count them."""
    i, j = wz.shape[0] // 2, wz.shape[1] // 2
    mz, my, mx = wz[i, j], wy[i, j], wx[i, j]
    spread = np.float32(0)
    for i in range(wz.shape[0]):
        for j in range(wz.shape[1]):
            dz, dy, dx = wz[i, j] - mz, wy[i, j] - my, wx[i, j] - mx
            spread = max(spread, dz * dz + dy * dy + dx * dx)
    spread = np.sqrt(spread)
    # Upper bounds of the best two scores anywhere in the tile.
    first = second = np.float32(1e9)
    for c in pool:
        dz, dy, dx = mz - centre[c, 0], my - centre[c, 1], mx - centre[c, 2]
        squared = dz * dz + dy * dy + dx * dx
        along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
        middle[c] = np.sqrt(max(squared - squash[c] * along * along, np.float32(0)))
        if np.sqrt(squared) + spread > reach:
            continue
        upper = (middle[c] + spread) / radius[c]
        if upper < first:
            second = first
            first = upper
        elif upper < second:
            second = upper
    count = 0
    for c in pool:
        if (middle[c] - spread) / radius[c] <= second:
            kept[count] = c
            count += 1
    return count


@compiled
def _share_out(
    centre: FloatArray, axis: FloatArray, squash: FloatArray, radius: FloatArray, reach: np.float32, wz: FloatArray,
    wy: FloatArray, wx: FloatArray, steep: tuple[FloatArray, FloatArray, FloatArray], pixel: np.float32,
    kept: NDArray[np.int64], tile: tuple[int, int, int, int], owner: NDArray[np.int32],
    neighbour: NDArray[np.int32], membrane: FloatArray, membrane_z: FloatArray,
) -> None:  # fmt: skip
    """Find first and second of the cells `kept` for each pixel of a tile (top, bottom, left, right)."""
    top, bottom, left, right = tile
    for i in range(top, bottom):
        for j in range(left, right):
            s1 = s2 = np.float32(1e9)
            c1 = c2 = -1
            for c in kept:
                dz, dy, dx = wz[i, j] - centre[c, 0], wy[i, j] - centre[c, 1], wx[i, j] - centre[c, 2]
                squared = dz * dz + dy * dy + dx * dx
                if squared > reach * reach:
                    continue
                along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
                # Squared scores have the same order, and need no root.
                s = max(squared - squash[c] * along * along, np.float32(0)) / (radius[c] * radius[c])
                if s < s1:
                    s2, c2 = s1, c1
                    s1, c1 = s, c
                elif s < s2:
                    s2, c2 = s, c
            owner[i, j] = max(c1, 0)
            neighbour[i, j] = max(c2, 0)
            if c2 < 0:
                continue
            s1, s2 = np.sqrt(s1), np.sqrt(s2)
            gz = gy = gx = np.float32(0)
            for sign, c, s in ((-1, c1, s1), (1, c2, s2)):
                dz, dy, dx = wz[i, j] - centre[c, 0], wy[i, j] - centre[c, 1], wx[i, j] - centre[c, 2]
                along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
                scale = sign / (max(s, np.float32(1e-3)) * radius[c] * radius[c])
                gz += scale * (dz - squash[c] * along * axis[c, 0])
                gy += scale * (dy - squash[c] * along * axis[c, 1])
                gx += scale * (dx - squash[c] * along * axis[c, 2])
            slope = np.sqrt(gz * gz + gy * gy + gx * gx)
            if s2 - s1 < NEAR_NM * slope:
                # The chain rule: from the gradient in warped space to that in the tissue.
                up, down = max(i - 1, 0), min(i + 1, owner.shape[0] - 1)
                west, east = max(j - 1, 0), min(j + 1, owner.shape[1] - 1)
                tall = np.float32(1) / (np.float32(max(down - up, 1)) * pixel)
                wide = np.float32(1) / (np.float32(max(east - west, 1)) * pixel)
                ty = gz * (wz[down, j] - wz[up, j]) + gy * (wy[down, j] - wy[up, j]) + gx * (wx[down, j] - wx[up, j])
                tx = (
                    gz * (wz[i, east] - wz[i, west])
                    + gy * (wy[i, east] - wy[i, west])
                    + gx * (wx[i, east] - wx[i, west])
                )
                ty, tx = ty * tall, tx * wide
                gz = _along_z(steep, gz, gy, gx, i, j)
                slope = np.sqrt(gz * gz + ty * ty + tx * tx)
            membrane[i, j] = (s2 - s1) / max(slope, np.float32(1e-9))
            membrane_z[i, j] = gz / max(slope, np.float32(1e-9))


@compiled
def _along_z(
    steep: tuple[FloatArray, FloatArray, FloatArray], gz: np.float32, gy: np.float32, gx: np.float32, i: int, j: int,
) -> np.float32:  # fmt: skip
    """Change with height of what changes by `gz`, `gy`, `gx` along the warped axes."""
    z, y, x = steep
    row, column, v, u = weights(z, i, j)
    below, beside = min(row + 1, z.shape[0] - 1), min(column + 1, z.shape[1] - 1)
    a = gz * z[row, column] + gy * y[row, column] + gx * x[row, column]
    b = gz * z[row, beside] + gy * y[row, beside] + gx * x[row, beside]
    c = gz * z[below, column] + gy * y[below, column] + gx * x[below, column]
    d = gz * z[below, beside] + gy * y[below, beside] + gx * x[below, beside]
    upper, lower = a + u * (b - a), c + u * (d - c)
    return np.float32(upper + v * (lower - upper))
