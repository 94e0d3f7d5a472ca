"""Cells that grow in colonies until they meet: convex cells in warped space, walls between neighbours, division.

A plane holds a jittered lattice of places, and over each place cells are piled up along z. In a section every cell is
a disc or a rod with round ends, held back by straight walls halfway to its neighbours and rounded where walls meet.
Bending the plane then makes the walls curved. All that holds a cell back leaves its middle free, so that
every profile stays in one piece; neighbouring piles begin at heights of their own, so that a section shows cells cut at
all heights.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves, random_waves

FAR_NM = np.float32(1e9)
"""Distance of a pixel that no cell reaches."""
TAIL = 2.0
"""Sizes scatter up to so many standard deviations."""
POWER = 4.0
"""Exponent of the side view of a cell: flat at both ends."""
DAUGHTER = 0.8
"""Radius of a daughter over that of the mother: half the volume."""


@dataclass(frozen=True, eq=False)
class Piles:
    """The places of the lattice around an image; every array has one row a place.

    Attributes:
        centre: (P, 2) float64 (y, x) in nm, before the plane is bent.
        radius: (P,) float64 of its cells in nm.
        pitch_nm: (P,) float64 distance of their middles along z.
        start_nm: (P,) float64 height at which the cell begins that reaches or comes next above z = 0.
        place: (P, 2) int64 row and column of the lattice.
        key: names the lattice.
    """

    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    pitch_nm: NDArray[np.float64]
    start_nm: NDArray[np.float64]
    place: NDArray[np.int64]
    key: int


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one section, before the plane is bent, in the order of their y.

    Attributes:
        number: (C,) int32 instance from 1, the same in every section.
        centre: (C, 2) float32 (y, x) in nm.
        half: (C, 2) float32 from the centre to where the round end of a rod begins in nm; 0 for a disc.
        radius: (C,) float32 of the disc, or half of the rod's width, in this section in nm.
        looks: (C, 4) float64 numbers in 0-1 for the looks of each.
    """

    number: NDArray[np.int32]
    centre: FloatArray
    half: FloatArray
    radius: FloatArray
    looks: NDArray[np.float64]


def plant(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Piles:
    """Lay out the places around the grid, those of colonies only."""
    radius = params["colonies.radius_nm"]
    pitch = 2 * radius * params["colonies.spacing"]
    largest = radius * np.exp(TAIL * params["colonies.radius_spread"])
    # The lattice is turned by an angle of its own: places are wanted within the circle around the image.
    _, high = grid.box(2 * largest + 4 * params["colonies.warp"] * radius)
    reach = float(np.hypot(high[1], high[2]))
    count = int(np.ceil(reach / pitch)) + 2
    steps = np.arange(-2 * count, 2 * count + 1)
    place = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    key = int(streams("lattice").integers(2**62))
    u = numbers_of(key, place, 5)
    shift = params["colonies.jitter"] * (u[:, :2] - 0.5)
    # Equilateral triangles.
    at = pitch * (np.stack([0.866 * place[:, 0], place[:, 1] + 0.5 * place[:, 0]], axis=1) + shift)
    angle = 2 * np.pi * streams("angle").random()
    centre = at @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    size = radius * np.exp(params["colonies.radius_spread"] * np.clip(ndtri(u[:, 2]), -TAIL, TAIL))
    height = 2 * size * params["colonies.height"] * 1.08
    flat = np.concatenate([np.zeros((len(centre), 1)), centre], axis=1)
    colony = random_waves(streams("colony"), 12 * radius).at(flat)
    near = np.all(np.abs(centre) < high[1:], axis=1)
    there = np.flatnonzero(near & (colony > ndtri(1 - params["colonies.confluence"])))
    return Piles(centre[there], size[there], height[there], -(u[:, 3] * height)[there], place[there], key)


def section_of(piles: Piles, params: Mapping[str, float], z_nm: float) -> Cells:
    """The cells that the plane at `z_nm` runs through."""
    floor = np.floor((z_nm - piles.start_nm) / piles.pitch_nm)
    up = ((z_nm - piles.start_nm) / piles.pitch_nm - floor - 0.5) * piles.pitch_nm
    up = up / (piles.radius * params["colonies.height"])
    floor = floor.astype(np.int64)
    u = numbers_of(piles.key + 1, np.column_stack([piles.place, floor]), 7)
    there = np.flatnonzero((np.abs(up) < 1) & (u[:, 0] >= params["colonies.gaps"]))
    u, share = u[there], (1 - np.abs(up[there]) ** POWER) ** (1 / POWER)
    radius = piles.radius[there] * share
    axis = np.stack([np.sin(np.pi * u[:, 1]), np.cos(np.pi * u[:, 1])], axis=1)
    divided = u[:, 2] < params["colonies.division"]
    rod = ~divided & (u[:, 3] < params["colonies.rods"])
    length = rod * (0.3 + 0.7 * u[:, 4])
    half = (axis * (radius * length)[:, None]).astype(np.float32)
    # A rod is as large as the disc: w in pi w^2 + 4 length w = pi.
    slim = np.sqrt(4 * length**2 / np.pi**2 + 1) - 2 * length / np.pi
    side = axis * (0.62 * radius * divided)[:, None]
    number = 1 + 2 * (floor[there] * len(piles.radius) + there)
    centre = piles.centre[there]
    second = np.flatnonzero(divided)
    radius = radius * np.where(divided, DAUGHTER, slim)
    centres = np.concatenate([centre + side, (centre - side)[second]])
    along = np.argsort(centres[:, 0], kind="stable")
    return Cells(
        np.concatenate([number, number[second] + 1]).astype(np.int32)[along],
        centres.astype(np.float32)[along],
        np.concatenate([half, half[second]])[along],
        np.concatenate([radius, radius[second]]).astype(np.float32)[along],
        np.concatenate([u[:, 3:], 1 - u[second, 3:]])[along],
    )


def fill(
    cells: Cells, bent: tuple[FloatArray, FloatArray], grid: Grid, rounding: float, cleft_nm: float, reach_nm: float
) -> tuple[NDArray[np.int32], FloatArray, NDArray[np.int64]]:
    """Find the cell of every pixel.

    Args:
        cells: the cells of the section.
        bent: y and x (Y, X) float32 in nm of the pixels in the plane before it is bent.
        grid: the pixels.
        rounding: how round corners are, 0-1.
        cleft_nm: width of the gap between cells that meet.
        reach_nm: how far outside a cell is followed.

    Returns:
        Index (Y, X) int32 of the cell that holds the pixel's middle or is nearest, -1 beyond reach, and its depth
        (Y, X) float32 in nm: distance from the cell's edge, positive inside, -`FAR_NM` beyond reach; and the pixel
        (C, 2) nearest to each cell's middle, -1 for middles outside the image.
    """
    nearest = np.full(grid.shape, -1, np.int32)
    depth = np.full(grid.shape, -FAR_NM, np.float32)
    middle = np.full((len(cells.number), 2), -1, np.int64)
    if len(cells.number):
        _fill(
            cells.centre, cells.half, cells.radius, bent[0], bent[1], grid.y_nm, grid.x_nm, np.float32(rounding),
            np.float32(cleft_nm), np.float32(reach_nm), nearest, depth, middle,
        )  # fmt: skip
    return nearest, depth, middle


def bend_plane(waves: Mapping[str, Waves], params: Mapping[str, float], grid: Grid, z_nm: float) -> list[FloatArray]:
    """Where the pixels of a section, y and x (Y, X) float32 in nm, lie before the plane is bent."""
    radius = params["colonies.radius_nm"]
    bent = []
    for axis, start in (("y", grid.y_nm[:, None]), ("x", grid.x_nm[None])):
        place = np.broadcast_to(start, grid.shape).copy()
        for name in ("warp", "wobble"):
            field = waves[f"{name}_{axis}"].on_section(z_nm, grid.y_nm, grid.x_nm)
            place += np.float32(params[f"colonies.{name}"] * radius) * field
        bent.append(place)
    return bent


def numbers_of(key: int, place: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Numbers (P, count) in (0, 1) that belong to places (P, D) of a lattice: a hash, the same whatever else is asked.

    Source: splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    state = np.full(len(place), key, np.uint64)
    for column in place.T:
        state = _mix(state ^ column.astype(np.uint64))
    numbers = np.empty((len(place), count))
    for n in range(count):
        state = _mix(state)
        numbers[:, n] = ((state >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return numbers


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


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
def _fill(
    centre: FloatArray, half: FloatArray, radius: FloatArray, bent_y: FloatArray, bent_x: FloatArray, ys: FloatArray,
    xs: FloatArray, rounding: np.float32, cleft: np.float32, reach: np.float32, nearest: NDArray[np.int32],
    depth: FloatArray, middle: NDArray[np.int64],
) -> None:  # fmt: skip
    shift_y = shift_x = np.float32(0)
    for i in range(len(ys)):
        for j in range(len(xs)):
            shift_y = max(shift_y, abs(bent_y[i, j] - ys[i]))
            shift_x = max(shift_x, abs(bent_x[i, j] - xs[j]))
    extent = radius + np.sqrt(half[:, 0] ** 2 + half[:, 1] ** 2)
    walls = np.empty((64, 3), np.float32)  # more neighbours than fit around a cell
    for c in range(len(radius)):
        count = _walls(c, centre, extent, cleft, walls)
        # As round as the nearest wall leaves room for: the cell's middle stays inside.
        width = rounding * radius[c]
        for w in range(count):
            width = min(width, walls[w, 2])
        length = half[c, 0] ** 2 + half[c, 1] ** 2
        far = extent[c] + reach
        far_y, far_x = far + shift_y, far + shift_x
        top, bottom = np.searchsorted(ys, centre[c, 0] - far_y), np.searchsorted(ys, centre[c, 0] + far_y)
        left, right = np.searchsorted(xs, centre[c, 1] - far_x), np.searchsorted(xs, centre[c, 1] + far_x)
        closest = radius[c] * radius[c]
        for i in range(top, bottom):
            for j in range(left, right):
                y, x = bent_y[i, j] - centre[c, 0], bent_x[i, j] - centre[c, 1]
                away = y * y + x * x
                if away > far * far:
                    continue
                if away < closest:
                    closest = away
                    middle[c, 0], middle[c, 1] = i, j
                along = (y * half[c, 0] + x * half[c, 1]) / max(length, np.float32(1e-6))
                along = min(max(along, np.float32(-1)), np.float32(1))
                outside = np.sqrt((y - along * half[c, 0]) ** 2 + (x - along * half[c, 1]) ** 2) - radius[c]
                for w in range(count):
                    beyond = y * walls[w, 0] + x * walls[w, 1] - walls[w, 2]
                    outside = _smooth_max(outside, beyond, width)
                    if -outside <= depth[i, j]:
                        break
                if -outside > depth[i, j] and outside < reach:
                    depth[i, j] = -outside
                    nearest[i, j] = c
