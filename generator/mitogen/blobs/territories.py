"""Which pixel of a section belongs to which cell of a colony.

Every cell is a disc or a rod with round ends, held back by straight walls halfway to its neighbours and rounded where
walls meet. Bending the plane then makes the walls curved. All that holds a cell back leaves its middle free, so that
every profile stays in one piece.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.blobs.growth import Cells
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled, inlined

FAR_NM = np.float32(1e9)
"""Distance of a pixel that no cell reaches."""


class Edges(NamedTuple):
    """How cells end.

    Attributes:
        rounding: float32 how round corners are, 0-1.
        cleft: float32 width of the gap between cells that meet in nm.
        reach: float32 how far outside a cell is followed in nm.
    """

    rounding: np.float32
    cleft: np.float32
    reach: np.float32


class Filled(NamedTuple):
    """The cell of every pixel of a section.

    Attributes:
        nearest: (Y, X) int32 index of the cell that holds the pixel's middle or is nearest, -1 beyond reach.
        depth: (Y, X) float32 distance in nm from the cell's edge, positive inside, -`FAR_NM` beyond reach.
        middle: (C, 2) int64 the pixel nearest to each cell's middle, -1 for middles outside the image.
    """

    nearest: NDArray[np.int32]
    depth: FloatArray
    middle: NDArray[np.int64]


def fill(cells: Cells, bent: tuple[FloatArray, FloatArray], grid: Grid, edges: Edges) -> Filled:
    """Find the cell of every pixel.

    Args:
        cells: the cells of the section.
        bent: y and x (Y, X) float32 in nm of the pixels in the plane before it is bent.
        grid: the pixels.
        edges: how cells end.
    """
    filled = Filled(
        np.full(grid.shape, -1, np.int32),
        np.full(grid.shape, -FAR_NM, np.float32),
        np.full((len(cells.number), 2), -1, np.int64),
    )
    if len(cells.number):
        _fill(cells, _Plane(bent[0], bent[1], grid.y_nm, grid.x_nm), edges, filled)
    return filled


class _Plane(NamedTuple):
    """Where the pixels lie in nm.

    Attributes:
        bent_y: (Y, X) float32 before the plane is bent.
        bent_x: (Y, X) float32 as well.
        y: (Y,) float32 afterwards.
        x: (X,) float32 as well.
    """

    bent_y: FloatArray
    bent_x: FloatArray
    y: FloatArray
    x: FloatArray


@compiled
def _smooth_max(a: np.float32, b: np.float32, width: np.float32) -> np.float32:
    """Maximum with a round corner: convex in both and never below either."""
    near = max(width - abs(a - b), np.float32(0)) / max(width, np.float32(1e-6))
    return max(a, b) + near * near * width * np.float32(0.25)


@compiled
def _walls(a: int, centre: FloatArray, reach: FloatArray, cleft: np.float32, walls: FloatArray) -> int:
    """Walls around cell `a` as rows (direction y, x, distance); returns how many."""
    count = 0
    farthest = reach[a] + reach.max() + cleft
    for side in (-1, 1):
        b = a + side
        while 0 <= b < len(reach) and abs(centre[b, 0] - centre[a, 0]) < farthest and count < len(walls):
            dy, dx = centre[b, 0] - centre[a, 0], centre[b, 1] - centre[a, 1]
            apart = np.sqrt(dy * dy + dx * dx)
            if 0 < apart < reach[a] + reach[b] + cleft:
                wall = apart * reach[a] / (reach[a] + reach[b])
                walls[count, 0], walls[count, 1] = dy / apart, dx / apart
                walls[count, 2] = max(wall - cleft / 2, np.float32(0.5) * wall)
                count += 1
            b += side
    return count


@compiled
def _fill(cells: Cells, plane: _Plane, edges: Edges, filled: Filled) -> None:
    """See `fill`; one cell after the other."""
    shift = _largest_shift(plane)
    extent = cells.radius + np.sqrt(cells.half[:, 0] ** 2 + cells.half[:, 1] ** 2)
    walls = np.empty((64, 3), np.float32)  # more neighbours than fit around a cell
    for c in range(len(cells.radius)):
        count = _walls(c, cells.centre, extent, edges.cleft, walls)
        # As round as the nearest wall leaves room for: the cell's middle stays inside.
        width = edges.rounding * cells.radius[c]
        for w in range(count):
            width = min(width, walls[w, 2])
        _claim(cells, c, walls[:count], (width, extent[c] + edges.reach, edges.reach), (plane, shift), filled)


@compiled
def _largest_shift(plane: _Plane) -> tuple[np.float32, np.float32]:
    """How far in y and in x any pixel is moved by bending the plane."""
    shift_y = shift_x = np.float32(0)
    for i in range(len(plane.y)):
        for j in range(len(plane.x)):
            shift_y = max(shift_y, abs(plane.bent_y[i, j] - plane.y[i]))
            shift_x = max(shift_x, abs(plane.bent_x[i, j] - plane.x[j]))
    return shift_y, shift_x


@compiled
def _claim(
    cells: Cells, c: int, walls: FloatArray, edge: tuple[np.float32, float, np.float32],
    where: tuple[_Plane, tuple[np.float32, np.float32]], filled: Filled,
) -> None:  # fmt: skip
    """Give a cell the pixels that lie deeper in it than in those before it.

    Args:
        cells: all cells of the section.
        c: which one.
        walls: (W, 3) see `_walls`.
        edge: how wide corners are rounded, how far the cell is followed from its middle, and from its edge, in nm.
        where: the pixels, and how far they are moved.
        filled: changed.
    """
    plane, shift = where
    width, far, reach = edge
    middle_y, middle_x = cells.centre[c, 0], cells.centre[c, 1]
    ys, xs, far_y, far_x = plane.y, plane.x, far + shift[0], far + shift[1]
    closest = cells.radius[c] * cells.radius[c]
    for i in range(np.searchsorted(ys, middle_y - far_y), np.searchsorted(ys, middle_y + far_y)):
        for j in range(np.searchsorted(xs, middle_x - far_x), np.searchsorted(xs, middle_x + far_x)):
            y, x = plane.bent_y[i, j] - middle_y, plane.bent_x[i, j] - middle_x
            away = y * y + x * x
            if away > far * far:
                continue
            if away < closest:
                closest = away
                filled.middle[c, 0], filled.middle[c, 1] = i, j
            outside = _beyond_rod(cells, c, y, x)
            for w in range(len(walls)):
                outside = _smooth_max(outside, y * walls[w, 0] + x * walls[w, 1] - walls[w, 2], width)
                if -outside <= filled.depth[i, j]:
                    break
            if -outside > filled.depth[i, j] and outside < reach:
                filled.depth[i, j] = -outside
                filled.nearest[i, j] = c


@inlined
def _beyond_rod(cells: Cells, c: int, y: np.float32, x: np.float32) -> np.float32:
    """Distance in nm of a point (y, x) beside the middle of a cell from its edge, had it no walls."""
    half_y, half_x = cells.half[c, 0], cells.half[c, 1]
    length = half_y**2 + half_x**2
    along = (y * half_y + x * half_x) / max(length, np.float32(1e-6))
    along = min(max(along, np.float32(-1)), np.float32(1))
    return np.float32(np.sqrt((y - along * half_y) ** 2 + (x - along * half_x) ** 2) - cells.radius[c])
