"""Loops over the pixels and cells of a multiplicatively weighted Voronoi diagram, each cell with a metric of its own.

The score of a cell at a point is its distance from the cell's centre, measured in a space that is squashed along the
cell's axis, over the cell's calibre. A point belongs to the cell of lowest score. See `tissue.Cells` for the arrays.
"""

import numpy as np
from numpy.typing import NDArray

from mitogen.grid import FloatArray
from mitogen.kernels import compiled


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
    wz: FloatArray, wy: FloatArray, wx: FloatArray, owner: NDArray[np.int32], neighbour: NDArray[np.int32],
    membrane: FloatArray, membrane_z: FloatArray,
) -> None:  # fmt: skip
    """Owner and next owner of each pixel, and the distance to the surface between them to first order.

    The two scores s1 <= s2 are equal on the membrane, so the distance is (s2 - s1) / |grad (s2 - s1)|.
    Tiles of pixels are tested against all cells once; only cells that can come first or second go on.
    """
    tile = 16
    height, width = owner.shape
    count = centre.shape[0]
    squash = np.empty(count, np.float32)
    for c in range(count):
        squash[c] = 1 - 1 / (elongation[c] * elongation[c])
    middle = np.empty(count, np.float32)
    kept = np.empty(count, np.int64)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            mi, mj = (top + bottom) // 2, (left + right) // 2
            mz, my, mx = wz[mi, mj], wy[mi, mj], wx[mi, mj]
            spread = np.float32(0)
            for i in range(top, bottom):
                for j in range(left, right):
                    dz, dy, dx = wz[i, j] - mz, wy[i, j] - my, wx[i, j] - mx
                    spread = max(spread, dz * dz + dy * dy + dx * dx)
            spread = np.sqrt(spread)
            # Upper bounds of the best two scores anywhere in the tile.
            first = second = np.float32(1e9)
            for c in range(count):
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
            candidates = 0
            for c in range(count):
                if (middle[c] - spread) / radius[c] <= second:
                    kept[candidates] = c
                    candidates += 1
            for i in range(top, bottom):
                for j in range(left, right):
                    s1 = s2 = np.float32(1e9)
                    c1 = c2 = -1
                    for k in range(candidates):
                        c = kept[k]
                        dz, dy, dx = wz[i, j] - centre[c, 0], wy[i, j] - centre[c, 1], wx[i, j] - centre[c, 2]
                        squared = dz * dz + dy * dy + dx * dx
                        if squared > reach * reach:
                            continue
                        along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
                        s = np.sqrt(max(squared - squash[c] * along * along, np.float32(0))) / radius[c]
                        if s < s1:
                            s2, c2 = s1, c1
                            s1, c1 = s, c
                        elif s < s2:
                            s2, c2 = s, c
                    owner[i, j] = max(c1, 0)
                    neighbour[i, j] = max(c2, 0)
                    if c2 < 0:
                        continue
                    gz = gy = gx = np.float32(0)
                    for sign, c, s in ((-1, c1, s1), (1, c2, s2)):
                        dz, dy, dx = wz[i, j] - centre[c, 0], wy[i, j] - centre[c, 1], wx[i, j] - centre[c, 2]
                        along = dz * axis[c, 0] + dy * axis[c, 1] + dx * axis[c, 2]
                        scale = sign / (max(s, np.float32(1e-3)) * radius[c] * radius[c])
                        gz += scale * (dz - squash[c] * along * axis[c, 0])
                        gy += scale * (dy - squash[c] * along * axis[c, 1])
                        gx += scale * (dx - squash[c] * along * axis[c, 2])
                    slope = np.sqrt(gz * gz + gy * gy + gx * gx)
                    membrane[i, j] = (s2 - s1) / max(slope, np.float32(1e-9))
                    membrane_z[i, j] = gz / max(slope, np.float32(1e-9))
