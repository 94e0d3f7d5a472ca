"""A multiplicatively weighted Voronoi diagram, each cell with a metric of its own.

The score of a cell at a point is its distance from the cell's centre, measured in a space that is squashed along the
cell's axis, over the cell's calibre. A point belongs to the cell of lowest score. See `tissue.crowd` for the arrays.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.random_fields import weights
from mitogen.geometry.voronoi.ranking import NearestTwo, compare, forget, nobody

TILES = (256, 64, 32, 16, 8)
"""Edges of the tiles of pixels in which rivals are sorted out, each a multiple of the next."""

NEAR_NM = np.float32(60)
"""Distances from membranes that are larger than this stay rough."""

_SLACK = np.float32(1.0001)
"""Bounds are so much wider than they are computed, so that rounding rules no cell out."""

_FAR = np.float32(1e9)
"""Score of a cell that does not reach."""


class Sites(NamedTuple):
    """The cells of a diagram, in warped space.

    Attributes:
        centre: (C, 3) float32 (z, y, x) in nm.
        axis: (C, 3) float32 unit vector along which a cell is elongated.
        elongation: (C,) float32 ratio of length to calibre, at least 1.
        radius: (C,) float32 calibre in nm.
        reach_nm: a cell never holds a point farther from its centre than this.
    """

    centre: FloatArray
    axis: FloatArray
    elongation: FloatArray
    radius: FloatArray
    reach_nm: float


class Warped(NamedTuple):
    """Where the pixels of a section lie in warped space.

    Attributes:
        z: (Y, X) float32 in nm.
        y: (Y, X) float32 in nm.
        x: (Y, X) float32 in nm.
        steep: change of the three with height, float32 in nm per nm, on every `STRIDE`-th pixel.
        pixel_nm: float32 edge of a pixel in the tissue.
    """

    z: FloatArray
    y: FloatArray
    x: FloatArray
    steep: tuple[FloatArray, FloatArray, FloatArray]
    pixel_nm: np.float32


class Diagram(NamedTuple):
    """What belongs to whom; every array (Y, X).

    Attributes:
        owner: int32 index of the cell that holds the pixel.
        neighbour: int32 index of the cell that comes next.
        membrane: float32 distance in nm to the surface between the two; stays as it is where there is no neighbour.
        membrane_z: float32 z component of that surface's normal.
    """

    owner: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    membrane: FloatArray
    membrane_z: FloatArray


class _Metric(NamedTuple):
    """`Sites` as loops want them.

    Attributes:
        squash: (C,) float32 share of the squared distance along the axis that goes.
        inverse: (C,) float32 one over the radius, in 1/nm.
    """

    centre: FloatArray
    axis: FloatArray
    squash: FloatArray
    radius: FloatArray
    inverse: FloatArray
    reach: np.float32


class _Block(NamedTuple):
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
    metric, block, best = _metric_of(sites), _empty_block(), nobody(TILES[-1] ** 2)
    count = len(sites.radius)
    middle, score = np.empty(count, np.float32), np.empty(TILES[-1] ** 2, np.float32)
    # Row 0 holds everyone; row n + 1 what tiles of size n leave of row n.
    pools = np.empty((len(TILES) + 1, count), np.int64)
    sizes = np.zeros(len(TILES) + 1, np.int64)
    pools[0], sizes[0] = np.arange(count), count
    for top in range(0, diagram.owner.shape[0], TILES[0]):
        for left in range(0, diagram.owner.shape[1], TILES[0]):
            _lay(warped, top, left, block)
            for step in range(len(block.corners)):
                if block.starts[step] == block.starts[step + 1]:
                    continue
                for level in range(len(TILES)):
                    steps = (TILES[level] // TILES[-1]) ** 2
                    if step % steps == 0:
                        pixels = (block.starts[step], block.starts[step + steps])
                        pool = pools[level, : sizes[level]]
                        sizes[level + 1] = _rivals(metric, block, pixels, pool, middle, pools[level + 1])
                _rank(metric, block, step, pools[-1, : sizes[-1]], score, best)
                _share_out(metric, warped, block.corners[step], best, diagram)


@compiled
def _empty_block() -> _Block:
    a, steps = np.empty((3, TILES[0] ** 2), np.float32), (TILES[0] // TILES[-1]) ** 2
    return _Block(a[0], a[1], a[2], np.zeros(steps + 1, np.int64), np.empty((steps, 2), np.int64))


@compiled
def _lay(warped: Warped, top: int, left: int, block: _Block) -> None:
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
def _metric_of(sites: Sites) -> _Metric:
    squash = np.empty(len(sites.elongation), np.float32)
    for c in range(len(squash)):
        squash[c] = 1 - 1 / (sites.elongation[c] * sites.elongation[c])
    inverse = np.float32(1) / sites.radius
    return _Metric(sites.centre, sites.axis, squash, sites.radius, inverse, np.float32(sites.reach_nm))


@compiled
def _even_bits(number: int) -> int:
    """The bits of `number` at even places, put side by side."""
    found = 0
    for bit in range(8):
        found |= ((number >> (2 * bit)) & 1) << bit
    return found


@compiled
def _rivals(
    metric: _Metric, block: _Block, pixels: tuple[int, int], pool: NDArray[np.int64], middle: FloatArray,
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
def _ball(block: _Block, first: int, end: int) -> tuple[np.float32, np.float32, np.float32, np.float32]:
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
def _rank(
    metric: _Metric, block: _Block, step: int, kept: NDArray[np.int64], score: FloatArray, best: NearestTwo
) -> None:
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


@compiled
def _share_out(metric: _Metric, warped: Warped, corner: NDArray[np.int64], best: NearestTwo, diagram: Diagram) -> None:
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
    metric: _Metric, c: int, score: np.float32, at: tuple[np.float32, np.float32, np.float32]
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
