"""Golgi stacks: a few curved, finite, perforated cisternae with swollen rims, in a cloud of vesicles."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import Grid
from mitogen.geometry.hashing import mix, place, unit
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.geometry.point_process import StreamOf, directions, scatter
from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle, SiteProcess, Sites
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

CLOUD = 1.35
"""How far the vesicles around a stack reach, in units of its radius."""
WALL_NM = 6.5
"""Thickness of the membranes."""


class StackLooks(NamedTuple):
    """Numbers in 0-1 of a stack: its count of cisternae, bow, outline, holes, and how it is turned around its axis."""

    cisternae: float
    bow: float
    outline: float
    holes: float
    turn: float


class _Stack(NamedTuple):
    """A pile of round cisternae around an axis; lengths in nm.

    Attributes:
        host: the cell that holds it.
        axis_z: z component of the axis.
        radius: of the largest cisterna.
        cisternae: how many there are.
        pitch: from one cisterna to the next.
        bow: curvature in 1/nm.
        outline, holes: see `StackLooks`.
        key: names its cisternae.
    """

    host: int
    axis_z: float
    radius: float
    cisternae: int
    pitch: float
    bow: float
    outline: float
    holes: float
    key: np.uint64


class _Stain(NamedTuple):
    """Width in nm of the lumen of cisternae away from their rims, its stain, and that of the membrane."""

    lumen_nm: float
    lumen: float
    membrane: float


def golgi_reach_nm(params: Mapping[str, float]) -> float:
    """How far in nm from its centre a stack with its vesicles can be seen at most, for an image's params."""
    return 1.8 * CLOUD * params["golgi.radius_nm"]


def place_golgi(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Sites:
    """Scatter stacks around the grid, without regard for what else is there; their hosts are not known yet."""
    reach = golgi_reach_nm(params)
    centre, u = scatter(streams, "golgi", params["golgi.density_per_um3"], grid.box(reach), 8)
    scattered = params["golgi.radius_nm"] * np.exp(0.25 * np.clip(ndtri(u[:, 0]), -2, 2))
    return Sites(centre, directions(u[:, 1], u[:, 2]), scattered, u[:, 3:], np.full(len(u), -1, np.int32))


def draw_golgi(layer: Layer) -> None:
    """Draw the stacks that the section cuts, and vesicles around them, each within its cell."""
    canvas, params, stacks = layer.canvas, layer.params, layer.sites
    near = np.flatnonzero(np.abs(stacks.centre[:, 0] - canvas.z_nm) < CLOUD * stacks.radius_nm + 50)
    cloud = np.zeros(canvas.grid.shape, np.bool_)
    dark = params["golgi.membrane_density"]
    stain = _Stain(params["golgi.lumen_nm"], params["golgi.lumen_density"], dark)
    for which in near:
        stack, looks = _stack(stacks, which, stain.lumen_nm), StackLooks(*stacks.looks[which].tolist())
        pose = np.vstack([stacks.centre[which], _frame(stacks.axis[which], looks.turn)])
        _draw_stack(canvas.paint(Compartment.GOLGI), canvas.space, canvas.raster, pose, stack, stain, cloud)
    if cloud.any():
        granule = Granule(27.0, 0.25, 6.5, dark, 0.4 * dark, 66.0, params["golgi.vesicles"])
        draw_granules(canvas, granule, cloud, layer.keys["golgi"], Compartment.VESICLE)


def _stack(stacks: Sites, which: np.intp, lumen_nm: float) -> _Stack:
    looks = StackLooks(*stacks.looks[which].tolist())
    radius, pitch = float(stacks.radius_nm[which]), lumen_nm + 2 * WALL_NM + 9
    return _Stack(
        host=int(stacks.host[which]),
        axis_z=float(stacks.axis[which, 0]),
        radius=radius,
        # A stack never is thicker than wide.
        cisternae=max(min(3 + int(4.999 * looks.cisternae), int(1.5 * radius / pitch)), 2),
        pitch=pitch,
        bow=(0.15 + 0.5 * looks.bow) / radius,
        outline=looks.outline,
        holes=looks.holes,
        key=np.uint64(int(looks.outline * 2.0**52)),
    )


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
    paint: Paint, space: Space, raster: Raster, pose: NDArray[np.float64], stack: _Stack, stain: _Stain,
    cloud: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Draw the cisternae of a stack, and note in `cloud` (Y, X) where vesicles gather.

    The rows of `pose` (4, 3) are its centre, its axis and two unit vectors across it.
    """
    ys, xs, pixel = raster.y, raster.x, raster.pixel
    centre, frame = pose[0], pose[1:]
    radius, count, pitch = stack.radius, stack.cisternae, stack.pitch
    density = paint.density
    owner, membrane, free, room = space.owner, space.membrane, space.free, space.room
    blur = 0.5 * (raster.thickness + pixel)
    far = CLOUD * radius + count * pitch / 2
    top, bottom = int((centre[1] - far - ys[0]) / pixel), int((centre[1] + far - ys[0]) / pixel) + 1
    left, right = int((centre[2] - far - xs[0]) / pixel), int((centre[2] + far - xs[0]) / pixel) + 1
    for i in range(max(top, 0), min(bottom, ys.size)):
        for j in range(max(left, 0), min(right, xs.size)):
            if owner[i, j] != stack.host or not free[i, j] or membrane[i, j] < 15:
                continue
            dz, dy, dx = raster.z - centre[0], ys[i] - centre[1], xs[j] - centre[2]
            w = dz * frame[0, 0] + dy * frame[0, 1] + dx * frame[0, 2]
            a = dz * frame[1, 0] + dy * frame[1, 1] + dx * frame[1, 2]
            b = dz * frame[2, 0] + dy * frame[2, 1] + dx * frame[2, 2]
            rho = np.sqrt(a * a + b * b)
            # Bowls: the rim rises, flatter with every cisterna.
            w += stack.bow * (0.35 * radius * radius - rho * rho)
            if rho > 1.2 * CLOUD * radius or abs(w) > (CLOUD - 1) * radius + (count / 2 + 1) * pitch + raster.thickness:
                continue
            angle = np.arctan2(a, b)
            around = 1 + 0.12 * np.sin(2 * angle + 6.3 * stack.outline) + 0.08 * np.sin(3 * angle + 40 * stack.outline)
            # Vesicles gather around the rims and on either face.
            beyond = max(rho / (radius * around) - 1, (abs(w) - (count / 2 + 0.2) * pitch) / radius)
            cloud[i, j] = cloud[i, j] or 0.08 < beyond < CLOUD - 1
            position = w / pitch + (count - 1) / 2
            number = int(np.floor(position + 0.5))
            clear = (membrane[i, j], room[i, j])
            for k in range(max(number - 1, 0), min(number + 2, count)):
                s, normal = _from_cisterna(stack, stain.lumen_nm, k, (position, a, b), radius * around, clear, blur)
                reach = reach_at(normal, raster.thickness, pixel) + 4 * frame[0, 0] * frame[0, 0]
                if s > WALL_NM + reach:
                    continue
                value = density[i, j]
                value += inside_at(s, reach) * (stain.lumen - value)
                value += layer_at(s, reach, 0.0, WALL_NM) * (stain.membrane - value)
                density[i, j] = value
                if s <= WALL_NM:
                    mark(paint, i, j)


@inlined
def _from_cisterna(
    stack: _Stack, lumen: float, k: int, spot: tuple[float, float, float], rim: float,
    clear: tuple[np.float32, np.float32], blur: float,
) -> tuple[float, float]:  # fmt: skip
    """Distance in nm from the lumen of cisterna `k`, and the z component of the way there; 1e6 and 0 far from it.

    Args:
        stack: the stack.
        lumen: width of the lumen in nm away from the rim.
        k: number of the cisterna.
        spot: height in units of the pitch, and place in the two directions across the axis in nm.
        rim: radius in nm of the largest cisterna in this direction.
        clear: distance in nm to the plasma membrane and to the nearest mitochondrion or round body.
        blur: how far in nm beyond it a cisterna may still be seen.
    """
    position, a, b = spot
    rho = np.sqrt(a * a + b * b)
    own = unit(place(stack.key, 7, 7, k))
    rim = rim * (0.65 + 0.35 * own) * (0.75 + 0.25 * np.sin(np.pi * (k + 0.7) / (stack.cisternae + 0.4)))
    # Flat in the middle, swollen at the rim.
    inward = (rim - rho) / (1.6 * lumen + 30)
    swelling = 1 + (0.5 + 1.1 * own) * np.exp(-inward * inward) if inward > 0 else 1.5 + 1.1 * own
    half = 0.5 * lumen * swelling * (0.75 + 0.25 * np.sin(0.02 * a + 9 * own) * np.sin(0.017 * b + 7 * own))
    height = abs(position - k - 0.25 * (own - 0.5)) * stack.pitch
    over = rho - (rim - half)
    farthest = half + WALL_NM + blur + 4
    if height > farthest or over > farthest:
        return 1e6, 0.0
    # Perforations: holes on a jittered lattice in the cisterna, more of them towards its rim.
    hole = _hole(stack.key, k, a, b, 0.15 + 0.35 * stack.holes * rho / stack.radius)
    over = max(over, half + WALL_NM - hole, half + WALL_NM + 20 - clear[0], half + WALL_NM + 14 - clear[1])
    normal = stack.axis_z
    if over > 0:
        return np.sqrt(height * height + over * over) - half, 0.5 * normal
    return height - half, normal


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


GOLGI = Organelle(
    "golgi",
    draw_golgi,
    keys=("golgi",),
    compartments=(Compartment.GOLGI, Compartment.VESICLE),
    sites=SiteProcess(place_golgi, golgi_reach_nm, smallest_nm=140.0),
)
