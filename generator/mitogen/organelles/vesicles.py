"""Small spheres in large numbers: synaptic vesicles, dense-core vesicles, ribosomes and glycogen.

They sit on a jittered lattice in three dimensions, whose every node is decided by a hash of its place. That packs them
densely without overlap, and needs neither a list of them nor a search.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.canvas import Canvas
from mitogen.grid import FloatArray
from mitogen.hashing import mix, place, unit
from mitogen.kernels import compiled
from mitogen.parts import Part


@dataclass(frozen=True)
class Granule:
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


def draw_granules(canvas: Canvas, granule: Granule, where: NDArray[np.bool_], key: int, part: Part) -> None:
    """Draw the granules whose centres fall on pixels of `where` (Y, X), clear of plasma membranes.

    Args:
        canvas: its density is changed in place.
        granule: their kind.
        where: (Y, X) bool, the pixels that may hold a centre.
        key: names the lattice; different keys give independent ones.
        part: what they are.
    """
    if granule.occupancy <= 0 or not where.any():
        return
    allowed = where & (canvas.membrane > granule.radius_nm + 8)
    _splat(
        canvas.density, canvas.parts, np.uint8(part), allowed, canvas.free, np.uint64(key), np.float32(canvas.z_nm),
        canvas.grid.y_nm, canvas.grid.x_nm, np.float32(canvas.grid.pixel_nm), np.float32(canvas.grid.thickness_nm),
        np.float32(granule.radius_nm), np.float32(granule.radius_spread), np.float32(granule.shell_nm),
        np.float32(granule.shell_density), np.float32(granule.core_density), np.float32(granule.spacing_nm),
        np.float32(granule.occupancy),
    )  # fmt: skip


@compiled
def _splat(
    density: FloatArray, parts: NDArray[np.uint8], part: np.uint8, allowed: NDArray[np.bool_],
    free: NDArray[np.bool_], key: np.uint64, z: np.float32,
    ys: FloatArray, xs: FloatArray, pixel: np.float32, thickness: np.float32, radius: np.float32, spread: np.float32,
    shell: np.float32, shell_density: np.float32, core_density: np.float32, spacing: np.float32,
    occupancy: np.float32,
) -> None:  # fmt: skip
    largest = radius * (1 + spread)
    # Enough jitter to hide the lattice; neighbours may touch, as crowded vesicles do in projection.
    jitter = max(spacing - radius, np.float32(0.7) * spacing)
    half = np.float32(0.5)
    # The lattice starts at a height of its own, or every section at z = 0 would run through the middle of a layer.
    origin = spacing * unit(mix(key))
    for kz in range(
        int(np.floor((z - origin - largest - thickness / 2 - spacing) / spacing)),
        int((z - origin + largest + thickness / 2 + spacing) / spacing) + 2,
    ):
        for ky in range(int(np.floor((ys[0] - spacing) / spacing)), int((ys[-1] + spacing) / spacing) + 2):
            for kx in range(int(np.floor((xs[0] - spacing) / spacing)), int((xs[-1] + spacing) / spacing) + 2):
                state = place(key, kz, ky, kx)
                if unit(state) >= occupancy:
                    continue
                state = mix(state)
                cz = origin + kz * spacing + (unit(state) - half) * jitter
                state = mix(state)
                # Every other layer is shifted, so that rows never line up.
                cy = (ky + half * (kz & 1)) * spacing + (unit(state) - half) * jitter
                state = mix(state)
                cx = (kx + half * (ky & 1)) * spacing + (unit(state) - half) * jitter
                state = mix(state)
                r = radius * (1 + spread * (2 * unit(state) - 1))
                dz = z - cz
                if abs(dz) > r + thickness / 2:
                    continue
                row = int(np.floor((cy - ys[0]) / pixel + half))
                column = int(np.floor((cx - xs[0]) / pixel + half))
                inner_row, inner_column = min(max(row, 0), ys.size - 1), min(max(column, 0), xs.size - 1)
                if not allowed[inner_row, inner_column]:
                    continue
                extent = int(np.ceil(r / pixel)) + 1
                for i in range(max(row - extent, 0), min(row + extent + 1, ys.size)):
                    for j in range(max(column - extent, 0), min(column + extent + 1, xs.size)):
                        if not free[i, j]:
                            continue
                        dy, dx = ys[i] - cy, xs[j] - cx
                        d = np.sqrt(dz * dz + dy * dy + dx * dx)
                        s = d - r
                        nz = abs(dz) / max(d, np.float32(1e-3))
                        reach = half * (thickness * nz + pixel * np.sqrt(max(1 - nz * nz, np.float32(0))))
                        share = min(max(half - s / (2 * reach), np.float32(0)), np.float32(1))
                        value = density[i, j] + share * (core_density - density[i, j])
                        if shell > 0:
                            upper = min(max(s + shell / 2 + reach, -shell / 2), shell / 2)
                            lower = min(max(s + shell / 2 - reach, -shell / 2), shell / 2)
                            value += (upper - lower) / (2 * reach) * (shell_density - value)
                        density[i, j] = value
                        if parts.size > 0 and s <= 0:
                            parts[i, j] = part
