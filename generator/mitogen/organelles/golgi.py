"""Golgi stacks: a few curved, finite, perforated cisternae with swollen rims, in a cloud of vesicles."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.hashing import mix, place, unit
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.geometry.point_process import StreamOf, directions, scatter
from mitogen.organelles.granules import Granule, draw_granules
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

CLOUD = 1.35
"""How far the vesicles around a stack reach, in units of its radius."""


@dataclass(frozen=True, eq=False)
class Stacks:
    """Golgi stacks, each a pile of round cisternae around an axis.

    Attributes:
        centre: (N, 3) float64 position (z, y, x) in nm.
        axis: (N, 3) float64 unit vector through the pile.
        radius_nm: (N,) float64 radius of the largest cisterna.
        looks: (N, 5) float64 numbers in 0-1: count of cisternae, bow, outline, holes, side of the frame.
        host: (N,) int32 cell that holds each.
    """

    centre: NDArray[np.float64]
    axis: NDArray[np.float64]
    radius_nm: NDArray[np.float64]
    looks: NDArray[np.float64]
    host: NDArray[np.int32]

    def take(self, which: NDArray[np.intp]) -> "Stacks":
        """The stacks with these indices."""
        return Stacks(self.centre[which], self.axis[which], self.radius_nm[which], self.looks[which], self.host[which])


def golgi_reach_nm(params: Mapping[str, float]) -> float:
    """How far in nm from its centre a stack with its vesicles can be seen at most, for an image's numbers."""
    return 1.8 * CLOUD * params["golgi.radius_nm"]


def place_golgi(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Stacks:
    """Scatter stacks around the grid, without regard for what else is there; their hosts are not known yet."""
    reach = golgi_reach_nm(params)
    centre, u = scatter(streams, "golgi", params["golgi.density_per_um3"], grid.box(reach), 8)
    scattered = params["golgi.radius_nm"] * np.exp(0.25 * np.clip(ndtri(u[:, 0]), -2, 2))
    return Stacks(centre, directions(u[:, 1], u[:, 2]), scattered, u[:, 3:], np.full(len(u), -1, np.int32))


def house_golgi(
    stacks: Stacks, host: NDArray[np.int32], room_nm: NDArray[np.float64], smallest_nm: float = 140.0
) -> Stacks:
    """Put stacks into cells: each shrinks to the room that it has there, and goes where that is too small.

    Args:
        stacks: N stacks.
        host: (N,) cell at the centre of each.
        room_nm: (N,) radius that fits in there; 0 or less where none should be.
        smallest_nm: radius below which none is kept.
    """
    radius = np.minimum(stacks.radius_nm, room_nm)
    kept = np.flatnonzero(radius >= smallest_nm)
    return Stacks(stacks.centre, stacks.axis, radius, stacks.looks, host).take(kept)


def draw_golgi(canvas: Canvas, stacks: Stacks, params: Mapping[str, float], key: int) -> None:
    """Draw the stacks that the section cuts, and vesicles around them, each within its cell.

    Args:
        canvas: its density is changed in place.
        stacks: where they are.
        params: the image's params.
        key: names the lattice of vesicles.
    """
    near = np.flatnonzero(np.abs(stacks.centre[:, 0] - canvas.z_nm) < CLOUD * stacks.radius_nm + 50)
    cloud = np.zeros(canvas.grid.shape, np.bool_)
    for stack in near:
        _draw_stack(
            canvas.density, canvas.compartments, np.uint8(Compartment.GOLGI), cloud, canvas.owner,
            stacks.host[stack], canvas.free,
            canvas.membrane, canvas.room, canvas.z_nm, canvas.grid.y_nm, canvas.grid.x_nm, canvas.grid.pixel_nm,
            canvas.grid.thickness_nm, stacks.centre[stack], _frame(stacks.axis[stack], stacks.looks[stack, 4]),
            stacks.radius_nm[stack], 3 + int(4.999 * stacks.looks[stack, 0]), stacks.looks[stack],
            params["golgi.lumen_nm"], params["golgi.lumen_density"], params["golgi.membrane_density"],
        )  # fmt: skip
    if cloud.any():
        dark = params["golgi.membrane_density"]
        granule = Granule(27.0, 0.25, 6.5, dark, 0.4 * dark, 66.0, params["golgi.vesicles"])
        draw_granules(canvas, granule, cloud, key, Compartment.VESICLE)


def _frame(axis: NDArray[np.float64], turn: float) -> NDArray[np.float64]:
    """Rows: the axis and two unit vectors across it, turned around it by `turn` of a circle."""
    other = np.array([0.0, 1.0, 0.0]) if abs(axis[1]) < 0.8 else np.array([0.0, 0.0, 1.0])
    first = np.cross(axis, other)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    angle = 2 * np.pi * turn
    return np.stack(
        [axis, np.cos(angle) * first + np.sin(angle) * second, np.cos(angle) * second - np.sin(angle) * first]
    )


@compiled
def _draw_stack(
    density: FloatArray, compartments: NDArray[np.uint8], compartment: np.uint8, cloud: NDArray[np.bool_],
    owner: NDArray[np.int32],
    host: int, free: NDArray[np.bool_], membrane: FloatArray, room: FloatArray, z: float, ys: FloatArray,
    xs: FloatArray, pixel: float, thickness: float, centre: NDArray[np.float64], frame: NDArray[np.float64],
    radius: float, count: int, looks: NDArray[np.float64], lumen: float, pale: float, stain: float,
) -> None:  # fmt: skip
    wall = 6.5
    pitch = lumen + 2 * wall + 9
    # A stack never is thicker than wide.
    count = max(min(count, int(1.5 * radius / pitch)), 2)
    bow = (0.15 + 0.5 * looks[1]) / radius
    key = np.uint64(int(looks[2] * 2.0**52))
    far = CLOUD * radius + count * pitch / 2
    top, bottom = int((centre[1] - far - ys[0]) / pixel), int((centre[1] + far - ys[0]) / pixel) + 1
    left, right = int((centre[2] - far - xs[0]) / pixel), int((centre[2] + far - xs[0]) / pixel) + 1
    normal = frame[0, 0]
    for i in range(max(top, 0), min(bottom, ys.size)):
        for j in range(max(left, 0), min(right, xs.size)):
            if owner[i, j] != host or not free[i, j] or membrane[i, j] < 15:
                continue
            dz, dy, dx = z - centre[0], ys[i] - centre[1], xs[j] - centre[2]
            w = dz * frame[0, 0] + dy * frame[0, 1] + dx * frame[0, 2]
            a = dz * frame[1, 0] + dy * frame[1, 1] + dx * frame[1, 2]
            b = dz * frame[2, 0] + dy * frame[2, 1] + dx * frame[2, 2]
            rho = np.sqrt(a * a + b * b)
            # Bowls: the rim rises, flatter with every cisterna.
            w += bow * (0.35 * radius * radius - rho * rho)
            if rho > 1.2 * CLOUD * radius or abs(w) > (CLOUD - 1) * radius + (count / 2 + 1) * pitch + thickness:
                continue
            position = w / pitch + (count - 1) / 2
            number = int(np.floor(position + 0.5))
            angle = np.arctan2(a, b)
            around = 1 + 0.12 * np.sin(2 * angle + 6.3 * looks[2]) + 0.08 * np.sin(3 * angle + 40 * looks[2])
            # Vesicles gather around the rims and on either face.
            beyond = max(rho / (radius * around) - 1, (abs(w) - (count / 2 + 0.2) * pitch) / radius)
            cloud[i, j] = cloud[i, j] or 0.08 < beyond < CLOUD - 1
            for k in range(max(number - 1, 0), min(number + 2, count)):
                own = unit(place(key, 7, 7, k))
                rim = radius * around * (0.65 + 0.35 * own) * (0.75 + 0.25 * np.sin(np.pi * (k + 0.7) / (count + 0.4)))
                # Flat in the middle, swollen at the rim.
                inward = (rim - rho) / (1.6 * lumen + 30)
                swelling = 1 + (0.5 + 1.1 * own) * np.exp(-inward * inward) if inward > 0 else 1.5 + 1.1 * own
                half = 0.5 * lumen * swelling * (0.75 + 0.25 * np.sin(0.02 * a + 9 * own) * np.sin(0.017 * b + 7 * own))
                height = abs(position - k - 0.25 * (own - 0.5)) * pitch
                over = rho - (rim - half)
                farthest = half + wall + 0.5 * (thickness + pixel) + 4
                if height > farthest or over > farthest:
                    continue
                # Perforations: holes on a jittered lattice in the cisterna, more of them towards its rim.
                hole = _hole(key, k, a, b, 0.15 + 0.35 * looks[3] * rho / radius)
                over = max(over, half + wall - hole, half + wall + 20 - membrane[i, j], half + wall + 14 - room[i, j])
                distance = np.sqrt(height * height + over * over) if over > 0 else height
                s = distance - half
                reach = reach_at(normal if over <= 0 else 0.5 * normal, thickness, pixel) + 4 * normal * normal
                if s > wall + reach:
                    continue
                value = density[i, j]
                value += inside_at(s, reach) * (pale - value)
                value += layer_at(s, reach, 0.0, wall) * (stain - value)
                density[i, j] = value
                if compartments.size > 0 and s <= wall:
                    compartments[i, j] = compartment


@compiled
def _hole(key: np.uint64, sheet: int, a: float, b: float, share: float) -> float:
    """Distance in nm of a point of a cisterna from the rim of the nearest hole, negative inside it."""
    spacing, nearest = 95.0, 1e3
    ka, kb = int(np.floor(a / spacing)), int(np.floor(b / spacing))
    for da in range(-1, 2):
        for db in range(-1, 2):
            state = place(key, sheet, ka + da, kb + db)
            if unit(state) >= share:
                continue
            first = mix(state)
            second = mix(first)
            ca = (ka + da + 0.3 + 0.4 * unit(first)) * spacing
            cb = (kb + db + 0.3 + 0.4 * unit(second)) * spacing
            nearest = min(nearest, np.sqrt((a - ca) ** 2 + (b - cb) ** 2) - 22 - 12 * unit(first ^ second))
    return nearest
