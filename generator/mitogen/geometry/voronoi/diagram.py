"""A multiplicatively weighted Voronoi diagram, each cell with a metric of its own.

The score of a cell at a point is its distance from the cell's centre, measured in a space that is squashed along the
cell's axis, over the cell's calibre. A point belongs to the cell of lowest score. See `tissue.crowd` for the arrays.
"""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.random_fields import weights
from mitogen.geometry.voronoi.ranking import NearestTwo, nobody
from mitogen.geometry.voronoi.sites import Diagram, Metric, Sites, Warped, metric_of
from mitogen.geometry.voronoi.tiles import TILES, empty_block, find_rivals, list_pixels, rank

NEAR_NM = np.float32(60)
"""Distances from membranes that are larger than this stay rough."""


@compiled
def holders(points: NDArray[np.float64], sites: Sites) -> NDArray[np.int32]:
    """Index (N,) of the cell with the lowest score at each point (N, 3) of warped space."""
    centre, axis, elongation, radius, reach = sites
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
def nearest_two(sites: Sites, warped: Warped, diagram: Diagram) -> None:
    """Fill a diagram: owner and next owner of each pixel, and the distance to the surface between them to first order.

    The two scores s1 <= s2 are equal on the membrane, so the distance is (s2 - s1) / |grad (s2 - s1)|. Scores are taken
    in warped space, distances and normals are those of the tissue: `steep` tells how the warped coordinates change with
    height, neighbouring pixels how they change in the plane.
    Large tiles of pixels are tested against all cells, small ones against what is left; only cells that can come first
    or second go on.
    """
    metric, block, best = metric_of(sites), empty_block(), nobody(TILES[-1] ** 2)
    count = len(sites.radius)
    middle, score = np.empty(count, np.float32), np.empty(TILES[-1] ** 2, np.float32)
    # Row 0 holds everyone; row n + 1 what tiles of size n leave of row n.
    pools = np.empty((len(TILES) + 1, count), np.int64)
    sizes = np.zeros(len(TILES) + 1, np.int64)
    pools[0], sizes[0] = np.arange(count), count
    for top in range(0, diagram.owner.shape[0], TILES[0]):
        for left in range(0, diagram.owner.shape[1], TILES[0]):
            list_pixels(warped, top, left, block)
            for step in range(len(block.corners)):
                if block.starts[step] == block.starts[step + 1]:
                    continue
                for level in range(len(TILES)):
                    steps = (TILES[level] // TILES[-1]) ** 2
                    if step % steps == 0:
                        pixels = (block.starts[step], block.starts[step + steps])
                        pool = pools[level, : sizes[level]]
                        sizes[level + 1] = find_rivals(metric, block, pixels, pool, middle, pools[level + 1])
                rank(metric, block, step, pools[-1, : sizes[-1]], score, best)
                _share_out(metric, warped, block.corners[step], best, diagram)


@compiled
def _share_out(metric: Metric, warped: Warped, corner: NDArray[np.int64], best: NearestTwo, diagram: Diagram) -> None:
    """Put the first and second of each pixel of a smallest tile into the diagram, and the membrane between them."""
    top, left = corner[0], corner[1]
    bottom, right = min(top + TILES[-1], diagram.owner.shape[0]), min(left + TILES[-1], diagram.owner.shape[1])
    owner, neighbour, membrane, membrane_z = diagram
    p = 0
    for i in range(top, bottom):
        for j in range(left, right):
            c1, c2 = best.first[p], best.second[p]
            owner[i, j], neighbour[i, j] = max(c1, 0), max(c2, 0)
            if c2 >= 0:
                s1, s2 = np.sqrt(best.distance[p]), np.sqrt(best.second_distance[p])
                at = (warped.z[i, j], warped.y[i, j], warped.x[i, j])
                z1, y1, x1 = _rise(metric, c1, s1, at)
                z2, y2, x2 = _rise(metric, c2, s2, at)
                gz, gy, gx = z2 - z1, y2 - y1, x2 - x1
                slope = np.sqrt(gz * gz + gy * gy + gx * gx)
                if s2 - s1 < NEAR_NM * slope:
                    gz, gy, gx = _in_tissue(warped, gz, gy, gx, i, j)
                    slope = np.sqrt(gz * gz + gy * gy + gx * gx)
                membrane[i, j] = (s2 - s1) / max(slope, np.float32(1e-9))
                membrane_z[i, j] = gz / max(slope, np.float32(1e-9))
            p += 1


@inlined
def _rise(
    metric: Metric, c: int, score: np.float32, at: tuple[np.float32, np.float32, np.float32]
) -> tuple[float, float, float]:  # fmt: skip
    """Gradient (z, y, x) of a cell's score at a pixel, in warped space and per nm."""
    az, ay, ax = metric.axis[c, 0], metric.axis[c, 1], metric.axis[c, 2]
    squash, radius = metric.squash[c], metric.radius[c]
    dz = at[0] - metric.centre[c, 0]
    dy = at[1] - metric.centre[c, 1]
    dx = at[2] - metric.centre[c, 2]
    along = dz * az + dy * ay + dx * ax
    scale = 1 / (max(score, np.float32(1e-3)) * radius * radius)
    return (
        scale * (dz - squash * along * az),
        scale * (dy - squash * along * ay),
        scale * (dx - squash * along * ax),
    )


@inlined
def _in_tissue(warped: Warped, gz: float, gy: float, gx: float, i: int, j: int) -> tuple[float, float, float]:
    """Gradient (z, y, x) in the tissue at a pixel of what has this one in warped space, by the chain rule."""
    wz, wy, wx = warped.z, warped.y, warped.x
    up, down = max(i - 1, 0), min(i + 1, wz.shape[0] - 1)
    west, east = max(j - 1, 0), min(j + 1, wz.shape[1] - 1)
    tall = np.float32(1) / (np.float32(max(down - up, 1)) * warped.pixel_nm)
    wide = np.float32(1) / (np.float32(max(east - west, 1)) * warped.pixel_nm)
    ty = gz * (wz[down, j] - wz[up, j]) + gy * (wy[down, j] - wy[up, j]) + gx * (wx[down, j] - wx[up, j])
    tx = gz * (wz[i, east] - wz[i, west]) + gy * (wy[i, east] - wy[i, west]) + gx * (wx[i, east] - wx[i, west])
    return float(_along_z(warped.steep, gz, gy, gx, i, j)), ty * tall, tx * wide


@inlined
def _along_z(
    steep: tuple[FloatArray, FloatArray, FloatArray], gz: float, gy: float, gx: float, i: int, j: int
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
