"""What a section sees of tubes: at every pixel the two nearest ones, and how far their surfaces are.

Pixels are looked at in tiles, for which the pieces of tubes that are too far away are sorted out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.tubes import FAR_NM, TubeMap, Tubes
from mitogen.geometry.voronoi.ranking import NearestTwo, compare, forget, nobody

TILE = 16
"""Edge of a tile in pixels."""

_NOWHERE_NM = np.float32(1e9)
"""Distance of a tube that does not count."""


def cut_tubes(
    tubes: Tubes, grid: Grid, z_nm: float, reach_nm: float, ripple: FloatArray, ripple_nm: FloatArray
) -> TubeMap:
    """Cut tubes with the section at `z_nm`.

    Args:
        tubes: what to cut.
        grid: the pixels.
        z_nm: height of the section's middle.
        reach_nm: how far outside its surface a tube is followed.
        ripple: (Y, X) float32 field of standard deviation 1 that roughens the surfaces.
        ripple_nm: (T,) float32 amplitude of the roughness of each tube in nm.
    """
    shape = grid.shape
    maps = TubeMap(
        distance=np.full(shape, FAR_NM, np.float32),
        nearest=np.full(shape, -1, np.int32),
        second_distance=np.full(shape, FAR_NM, np.float32),
        second=np.full(shape, -1, np.int32),
        normal_z=np.zeros(shape, np.float32),
    )
    if len(tubes):
        plane = _Plane(np.float32(z_nm), grid.y_nm, grid.x_nm, np.float32(grid.pixel_nm), np.float32(reach_nm), ripple)
        _cut(_enclose(tubes.nodes, tubes.radii, ripple_nm, plane), plane, maps)
    return maps


class _Plane(NamedTuple):
    """The section that cuts tubes, in nm.

    Attributes:
        z: float32 height.
        y: (Y,) float32 of the rows of pixels.
        x: (X,) float32 of their columns.
        pixel: float32 edge of a pixel.
        reach: float32 how far outside its surface a tube is followed.
        ripple: (Y, X) float32 as of `cut_tubes`.
    """

    z: np.float32
    y: FloatArray
    x: FloatArray
    pixel: np.float32
    reach: np.float32
    ripple: FloatArray


class _Pieces(NamedTuple):
    """The pieces of tubes between one node and the next.

    Attributes:
        nodes: (T, S, 3) float32 as in `Tubes`.
        radii: (T, S) float32 as in `Tubes`.
        balls: (T, S - 1, 4) float32 ball (z, y, x, radius) in nm around each piece.
        ripple_nm: (T,) float32 as of `cut_tubes`.
        grow: (T,) float64 distance in nm from a smooth tube up to which a rough one may matter.
        windows: (T, 4) int64 pixels (top, bottom, left, right) around each tube; none if the section misses it.
    """

    nodes: FloatArray
    radii: FloatArray
    balls: FloatArray
    ripple_nm: FloatArray
    grow: NDArray[np.float64]
    windows: NDArray[np.int64]


class _Tile(NamedTuple):
    """The pixels of a tile, one after the other, so that each step is done to many of them at once.

    Attributes:
        y: (P,) float32 in nm.
        x: (P,) float32 in nm.
        ripple: (P,) float32 as of `cut_tubes`.
        normal_z: (P,) float32 z component of the normal of the nearest tube so far.
        rough: (P,) float32 by how much the surface of the tube in hand lies deeper than a smooth one in nm.
        limit: (P,) float32 distance in nm beyond which the tube in hand changes nothing.
        distance: (P,) float32 from the tube in hand in nm.
        tilt: (P,) float32 z component of its surface's normal.
    """

    y: FloatArray
    x: FloatArray
    ripple: FloatArray
    normal_z: FloatArray
    rough: FloatArray
    limit: FloatArray
    distance: FloatArray
    tilt: FloatArray


@compiled
def _cut(pieces: _Pieces, plane: _Plane, maps: TubeMap) -> None:
    """Fill `maps`, tile after tile and in it tube after tube."""
    near = np.empty(pieces.balls.shape[1], np.int64)
    tile, best = _empty_tile(), nobody(TILE * TILE)
    for top in range(0, plane.y.size, TILE):
        for left in range(0, plane.x.size, TILE):
            size = 0
            for tube in range(len(pieces.nodes)):
                if not _meets(pieces.windows, tube, top, left):
                    continue
                count = _near_tile(pieces, tube, plane, (top, left), near)
                if count == 0:
                    continue
                if size == 0:
                    size = _lay(plane, (top, left), tile, best)
                _begin(plane.reach, pieces.ripple_nm[tube], tile, best, size)
                for n in near[:count]:
                    _approach(pieces, (tube, n), plane.z, tile, size)
                _keep(tube, plane.reach, tile, best, size)
            if size > 0:
                _write(tile, best, (top, left), maps)


@compiled
def _enclose(nodes: FloatArray, radii: FloatArray, ripple_nm: FloatArray, plane: _Plane) -> _Pieces:
    """Find out where each tube and each of its pieces is."""
    balls = np.empty((len(nodes), nodes.shape[1] - 1, 4), np.float32)
    grow = np.empty(len(nodes))
    windows = np.empty((len(nodes), 4), np.int64)
    for tube in range(len(nodes)):
        for n in range(balls.shape[1]):
            squared = np.float32(0)
            for k in range(3):
                balls[tube, n, k] = (nodes[tube, n, k] + nodes[tube, n + 1, k]) / 2
                squared += (nodes[tube, n + 1, k] - nodes[tube, n, k]) ** 2
            balls[tube, n, 3] = np.sqrt(squared) / 2 + max(radii[tube, n], radii[tube, n + 1])
        grow[tube] = plane.reach + 3 * ripple_nm[tube]
        windows[tube] = _window(nodes[tube], radii[tube], grow[tube], plane)
    return _Pieces(nodes, radii, balls, ripple_nm, grow, windows)


@compiled
def _window(nodes: FloatArray, radii: FloatArray, grow: float, plane: _Plane) -> NDArray[np.int64]:
    """The pixels (top, bottom, left, right) within `grow` nm of the box around a tube of nodes (S, 3)."""
    low_z = low_y = low_x = 1e9
    high_z = high_y = high_x = -1e9
    for n in range(len(radii)):
        r = radii[n] + grow
        low_z, high_z = min(low_z, nodes[n, 0] - r), max(high_z, nodes[n, 0] + r)
        low_y, high_y = min(low_y, nodes[n, 1] - r), max(high_y, nodes[n, 1] + r)
        low_x, high_x = min(low_x, nodes[n, 2] - r), max(high_x, nodes[n, 2] + r)
    window = np.zeros(4, np.int64)
    if low_z <= plane.z <= high_z:
        window[0] = max(0, int(np.floor((low_y - plane.y[0]) / plane.pixel)))
        window[1] = min(plane.y.size, int(np.ceil((high_y - plane.y[0]) / plane.pixel)) + 1)
        window[2] = max(0, int(np.floor((low_x - plane.x[0]) / plane.pixel)))
        window[3] = min(plane.x.size, int(np.ceil((high_x - plane.x[0]) / plane.pixel)) + 1)
    return window


@compiled
def _empty_tile() -> _Tile:
    a = np.empty((8, TILE * TILE), np.float32)
    return _Tile(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7])


@inlined
def _meets(windows: NDArray[np.int64], tube: int, top: int, left: int) -> bool:
    """Whether a tube may matter to the tile that begins at (top, left)."""
    rows = windows[tube, 0] < top + TILE and windows[tube, 1] > top
    columns = windows[tube, 2] < left + TILE and windows[tube, 3] > left
    return bool(rows and columns)


@compiled
def _near_tile(
    pieces: _Pieces, tube: int, plane: _Plane, corner: tuple[int, int], near: NDArray[np.int64]
) -> int:  # fmt: skip
    """Put the pieces of a tube that may matter to a tile, given by its first pixel, into `near`; count them."""
    top, left = corner
    balls = pieces.balls
    half_tile = np.float32(0.5 * TILE * 1.4143) * plane.pixel
    middle_y = plane.y[top] + np.float32(0.5 * (TILE - 1)) * plane.pixel
    middle_x = plane.x[left] + np.float32(0.5 * (TILE - 1)) * plane.pixel
    count = 0
    for n in range(len(near)):
        z, y, x = plane.z - balls[tube, n, 0], middle_y - balls[tube, n, 1], middle_x - balls[tube, n, 2]
        far = balls[tube, n, 3] + pieces.grow[tube] + half_tile
        if z * z + y * y + x * x <= far * far:
            near[count] = n
            count += 1
    return count


@compiled
def _lay(plane: _Plane, corner: tuple[int, int], tile: _Tile, best: NearestTwo) -> int:
    """List the pixels of the tile that begins at `corner`, of which nothing has been found; count them."""
    top, left = corner
    size, width = 0, min(TILE, plane.x.size - left)
    for i in range(top, min(top + TILE, plane.y.size)):
        for j in range(width):
            tile.y[size + j], tile.x[size + j] = plane.y[i], plane.x[left + j]
        for j in range(width):
            tile.ripple[size + j] = plane.ripple[i, left + j]
        size += width
    forget(best, FAR_NM, size)
    for p in range(size):
        tile.normal_z[p] = 0
    return size


@compiled
def _begin(reach: np.float32, ripple_nm: np.float32, tile: _Tile, best: NearestTwo, size: int) -> None:
    """Take the next tube in hand."""
    for p in range(size):
        tile.rough[p] = ripple_nm * tile.ripple[p]
        tile.limit[p] = min(reach, best.second_distance[p]) - tile.rough[p]
    for p in range(size):
        tile.distance[p], tile.tilt[p] = _NOWHERE_NM, 0


@compiled
def _approach(pieces: _Pieces, piece: tuple[int, int], z: np.float32, tile: _Tile, size: int) -> None:
    """Note where a piece (tube, number) is nearer than those before it."""
    tube, n = piece
    a, b, ball = pieces.nodes[tube, n], pieces.nodes[tube, n + 1], pieces.balls[tube, n]
    bz, by, bx = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    squared = bz * bz + by * by + bx * bx
    if squared == 0:
        squared = np.float32(1)  # a ball: t is 0 everywhere
    start, taper = pieces.radii[tube, n], pieces.radii[tube, n + 1] - pieces.radii[tube, n]
    mz, pz = z - ball[0], z - a[0]
    for p in range(size):
        my, mx = tile.y[p] - ball[1], tile.x[p] - ball[2]
        far = ball[3] + min(tile.limit[p], tile.distance[p])
        py, px = tile.y[p] - a[1], tile.x[p] - a[2]
        t = min(max((pz * bz + py * by + px * bx) / squared, np.float32(0)), np.float32(1))
        vz, vy, vx = pz - t * bz, py - t * by, px - t * bx
        away = np.sqrt(vz * vz + vy * vy + vx * vx)
        distance = away - (start + t * taper)
        nearer = (far >= 0) & (mz * mz + my * my + mx * mx <= far * far) & (distance < tile.distance[p])
        tile.distance[p] = distance if nearer else tile.distance[p]
        tile.tilt[p] = vz / max(away, np.float32(1e-3)) if nearer else tile.tilt[p]


@compiled
def _keep(tube: int, reach: np.float32, tile: _Tile, best: NearestTwo, size: int) -> None:
    """Keep the tube in hand where it is within reach and nearer than the nearest two so far."""
    for p in range(size):
        distance = tile.distance[p] + tile.rough[p]
        tile.distance[p] = distance if distance <= reach else _NOWHERE_NM
    compare(tube, tile.distance, best, size)
    for p in range(size):
        tile.normal_z[p] = tile.tilt[p] if best.place[p] == 1 else tile.normal_z[p]


@compiled
def _write(tile: _Tile, best: NearestTwo, corner: tuple[int, int], maps: TubeMap) -> None:
    """Put what was found in a tile into the maps of the section."""
    _paste(best.distance, corner, maps.distance)
    _paste(best.first, corner, maps.nearest)
    _paste(best.second_distance, corner, maps.second_distance)
    _paste(best.second, corner, maps.second)
    _paste(tile.normal_z, corner, maps.normal_z)


@compiled
def _paste(listed: NDArray[np.generic], corner: tuple[int, int], whole: NDArray[np.generic]) -> None:
    """Put the pixels (P,) of a tile where they belong in an array (Y, X)."""
    top, left = corner
    width = min(TILE, whole.shape[1] - left)
    for i in range(min(TILE, whole.shape[0] - top)):
        row = whole[top + i, left : left + width]
        for j in range(width):
            row[j] = listed[i * width + j]
