"""Cells that grow in colonies until they meet: where they are, how large, and which of them have divided.

A plane holds a jittered lattice of places, and over each place cells are piled up along z. Neighbouring piles begin at
heights of their own, so that a section shows cells cut at all heights. What they look like there is in `territories`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.hashing import mix, open_unit
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves, random_waves

TAIL = 2.0
"""Sizes scatter up to this many standard deviations."""
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


class Cells(NamedTuple):
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


@compiled
def numbers_of(key: int, place: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Numbers (P, count) in (0, 1) that belong to places (P, D) of a lattice: a hash, whatever else is asked."""
    numbers = np.empty((len(place), count))
    for p in range(len(place)):
        state = np.uint64(key)
        for k in range(place.shape[1]):
            state = mix(state ^ np.uint64(place[p, k]))
        for n in range(count):
            state = mix(state)
            numbers[p, n] = open_unit(state)
    return numbers
