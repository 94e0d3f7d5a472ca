"""Small spheres in large numbers: synaptic vesicles, dense-core vesicles, ribosomes and glycogen.

They sit on a jittered lattice in three dimensions, whose every node is decided by a hash of its place. That packs them
densely without overlap, and needs neither a list of them nor a search.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.hashing import mix, place, unit
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.tissue.canvas import Canvas, Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

JITTER = np.float32(0.8)
"""How far granules stray from their lattice, in units of its spacing: enough to hide it."""


class Granule(NamedTuple):
    """A kind of small sphere.

    Attributes:
        radius_nm: outer radius.
        radius_spread: relative scatter of the radius (uniform, plus or minus).
        shell_nm: thickness of the membrane; 0 for a solid granule.
        shell_density: stain of the membrane.
        core_density: stain of the inside.
        spacing_nm: lattice constant: mean distance between neighbours where they are packed.
        occupancy: share of the lattice nodes that hold one, 0-1.
    """

    radius_nm: float
    radius_spread: float
    shell_nm: float
    shell_density: float
    core_density: float
    spacing_nm: float
    occupancy: float


def draw_granules(
    canvas: Canvas, granule: Granule, where: NDArray[np.bool_], key: int, compartment: Compartment
) -> None:
    """Draw the granules whose centres fall on pixels of `where` (Y, X), clear of plasma membranes.

    Args:
        canvas: its density is changed in place.
        granule: their kind.
        where: (Y, X) bool, the pixels that may hold a centre.
        key: names the lattice; different keys give independent ones.
        compartment: what they are.
    """
    if granule.occupancy <= 0:
        return
    # Loops are compiled anew for whole numbers.
    exact = Granule(*map(float, granule))
    _splat(canvas.paint(compartment), canvas.space, canvas.raster, where, exact, np.uint64(key))


@compiled
def _splat(
    paint: Paint, space: Space, raster: Raster, where: NDArray[np.bool_], granule: Granule, key: np.uint64
) -> None:
    """Draw every granule of the lattice whose centre may be where it is."""
    ys, xs, pixel = raster.y, raster.x, raster.pixel
    membrane = space.membrane
    radius, spread = np.float32(granule.radius_nm), np.float32(granule.radius_spread)
    spacing, occupancy = np.float32(granule.spacing_nm), np.float32(granule.occupancy)
    seen = radius * (1 + spread) + raster.thickness / 2
    half = np.float32(0.5)
    jitter = JITTER * spacing
    # The lattice starts at a height of its own, or every section at z = 0 would run through the middle of a layer.
    z = np.float32(raster.z) - spacing * unit(mix(key))
    side = half * (jitter + spacing)
    closest = np.float32(1.8) * radius
    crowded = closest > spacing * (1 - JITTER)
    for kz in range(
        int(np.ceil((z - seen - jitter / 2) / spacing)), int(np.floor((z + seen + jitter / 2) / spacing)) + 1
    ):
        for ky in range(int(np.floor((ys[0] - side) / spacing)), int((ys[-1] + side) / spacing) + 2):
            for kx in range(int(np.floor((xs[0] - side) / spacing)), int((xs[-1] + side) / spacing) + 2):
                state = place(key, kz, ky, kx)
                if unit(state) >= occupancy:
                    continue
                centre = _node(state, kz, ky, kx, spacing)
                if abs(z - centre[0]) > seen:
                    continue
                row = int(np.floor((centre[1] - ys[0]) / pixel + half))
                column = int(np.floor((centre[2] - xs[0]) / pixel + half))
                inner_row, inner_column = min(max(row, 0), ys.size - 1), min(max(column, 0), xs.size - 1)
                if not where[inner_row, inner_column] or membrane[inner_row, inner_column] < radius + 8:
                    continue
                if crowded and _pushed_out(key, state, (kz, ky, kx), spacing, occupancy, closest):
                    continue
                r = float(radius * (1 + spread * (2 * unit(state * np.uint64(0x9E3779B97F4A7C15)) - 1)))
                _draw_sphere(
                    paint, space.free, raster, granule, (z - centre[0], centre[1], centre[2]), r, (row, column)
                )


@compiled
def _draw_sphere(
    paint: Paint, free: NDArray[np.bool_], raster: Raster, granule: Granule,
    centre: tuple[np.float32, np.float32, np.float32], r: float, middle: tuple[int, int],
) -> None:  # fmt: skip
    """Draw one granule of radius `r` around the pixel `middle`; of its centre, z is that of the section above it."""
    ys, xs, density = raster.y, raster.x, paint.density
    shell_density, core_density = np.float32(granule.shell_density), np.float32(granule.core_density)
    dz, cy, cx = centre
    row, column = middle
    extent = int(np.ceil(r / raster.pixel)) + 1
    for i in range(max(row - extent, 0), min(row + extent + 1, ys.size)):
        for j in range(max(column - extent, 0), min(column + extent + 1, xs.size)):
            if not free[i, j]:
                continue
            dy, dx = ys[i] - cy, xs[j] - cx
            d = np.sqrt(dz * dz + dy * dy + dx * dx)
            reach = reach_at(dz / max(d, 1e-3), raster.thickness, raster.pixel)
            s = d - r
            if s > reach:
                continue
            value = density[i, j] + inside_at(s, reach) * (core_density - density[i, j])
            if granule.shell_nm > 0:
                value += layer_at(s, reach, -granule.shell_nm, 0.0) * (shell_density - value)
            density[i, j] = value
            if s <= 0:
                mark(paint, i, j)


@compiled
def _node(
    state: np.uint64, kz: int, ky: int, kx: int, spacing: np.float32
) -> tuple[np.float32, np.float32, np.float32]:  # fmt: skip
    """Centre (z, y, x) of the granule on a node of the lattice; every other layer is shifted by half its spacing."""
    half = np.float32(0.5)
    jitter = JITTER * spacing
    bits = mix(state)
    third = np.float32(1.0 / 2097152.0)
    z = kz * spacing + (np.float32(bits >> np.uint64(43)) * third - half) * jitter
    y = np.float32((bits >> np.uint64(22)) & np.uint64(0x1FFFFF)) * third - half
    x = np.float32((bits >> np.uint64(1)) & np.uint64(0x1FFFFF)) * third - half
    y = (ky + half * (kz & 1)) * spacing + y * jitter
    x = (kx + half * (ky & 1)) * spacing + x * jitter
    return np.float32(z), np.float32(y), np.float32(x)


@compiled
def _pushed_out(
    key: np.uint64, state: np.uint64, node: tuple[int, int, int], spacing: np.float32, occupancy: np.float32,
    closest: np.float32,
) -> bool:  # fmt: skip
    """Whether a granule is too close to one of higher rank that stays: spheres do not run into each other.

    This is random sequential adsorption (Evans, Rev. Mod. Phys. 65, 1993) with the hash for the order of arrival, cut
    off after the rivals of rivals.
    """
    kz, ky, kx = node
    here = _node(state, kz, ky, kx, spacing)
    for nz in range(kz - 1, kz + 2):
        for ny in range(ky - 1, ky + 2):
            for nx in range(kx - 1, kx + 2):
                other = place(key, nz, ny, nx)
                if _beats(other, state, occupancy) and _close(other, (nz, ny, nx), here, spacing, closest):
                    there = _node(other, nz, ny, nx, spacing)
                    if not _has_rival(key, other, (nz, ny, nx), there, spacing, occupancy, closest):
                        return True
    return False


@compiled
def _has_rival(
    key: np.uint64, state: np.uint64, node: tuple[int, int, int], here: tuple[np.float32, np.float32, np.float32],
    spacing: np.float32, occupancy: np.float32, closest: np.float32,
) -> bool:  # fmt: skip
    """Whether any granule of higher rank is too close to this one."""
    kz, ky, kx = node
    for nz in range(kz - 1, kz + 2):
        for ny in range(ky - 1, ky + 2):
            for nx in range(kx - 1, kx + 2):
                other = place(key, nz, ny, nx)
                if _beats(other, state, occupancy) and _close(other, (nz, ny, nx), here, spacing, closest):
                    return True
    return False


@compiled
def _beats(other: np.uint64, state: np.uint64, occupancy: np.float32) -> bool:
    """Whether a node is filled (the upper bits of its hash say so) and of higher rank (the lower bits do)."""
    return bool(unit(other) < occupancy and (other & np.uint64(0xFFFFFFFF)) > (state & np.uint64(0xFFFFFFFF)))


@compiled
def _close(
    other: np.uint64, node: tuple[int, int, int], here: tuple[np.float32, np.float32, np.float32],
    spacing: np.float32, closest: np.float32,
) -> bool:  # fmt: skip
    z, y, x = _node(other, node[0], node[1], node[2], spacing)
    return bool((z - here[0]) ** 2 + (y - here[1]) ** 2 + (x - here[2]) ** 2 < closest * closest)
