"""Bundles of microtubules and neurofilaments: stripes along a neurite, dots where it is cut across."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.grid import FloatArray
from mitogen.hashing import mix, unit
from mitogen.kernels import compiled
from mitogen.parts import Part


def draw_filaments(
    canvas: Canvas,
    drawn: Mapping[str, float],
    axis: FloatArray,
    fields: tuple[Waves, Waves],
    where: NDArray[np.bool_],
    key: int,
) -> None:
    """Draw parallel filaments.

    Args:
        canvas: its density is changed in place.
        drawn: the image's numbers.
        axis: (N, 3) float32 unit direction of the filaments of each cell.
        fields: two fields that make the filaments wander.
        where: (Y, X) bool, the pixels that may hold filaments.
        key: names the bundle; different keys give independent ones.
    """
    grid = canvas.grid
    at = np.flatnonzero(where & canvas.free & (canvas.membrane > 25))
    if at.size == 0:
        return
    row, column = np.divmod(at, grid.shape[1])
    wander = [np.float32(drawn["filaments.wander_nm"]) * canvas.on_section(f) for f in fields]
    shares = _stripes(
        np.float32(canvas.z_nm), grid.y_nm[row], grid.x_nm[column], wander[0].reshape(-1)[at],
        wander[1].reshape(-1)[at], axis[canvas.owner.reshape(-1)[at]], np.float32(drawn["filaments.spacing_nm"]),
        np.float32(drawn["filaments.radius_nm"]), np.float32(grid.pixel_nm), np.float32(grid.thickness_nm),
        np.float32(drawn["filaments.occupancy"]), np.uint64(key),
    )  # fmt: skip
    canvas.cover(shares, drawn["filaments.density"], at, Part.FILAMENT)


@compiled
def _stripes(
    z: np.float32, ys: FloatArray, xs: FloatArray, wander_1: FloatArray, wander_2: FloatArray, axes: FloatArray,
    spacing: np.float32, radius: np.float32, pixel: np.float32, thickness: np.float32, occupancy: np.float32,
    key: np.uint64,
) -> FloatArray:  # fmt: skip
    """Share of each pixel that filaments on a jittered square lattice across `axes` fill."""
    share = np.zeros(ys.size, np.float32)
    half = np.float32(0.5)
    for p in range(ys.size):
        az, ay, ax = axes[p, 0], axes[p, 1], axes[p, 2]
        # Two unit vectors across the axis; the helper is never parallel to it.
        if abs(az) < 0.9:
            norm = np.sqrt(ay * ay + ax * ax)
            uz, uy, ux = np.float32(0), ax / norm, -ay / norm
        else:
            norm = np.sqrt(az * az + ax * ax)
            uz, uy, ux = -ax / norm, np.float32(0), az / norm
        vz, vy, vx = ay * ux - ax * uy, ax * uz - az * ux, az * uy - ay * uz
        a = (z * uz + ys[p] * uy + xs[p] * ux + wander_1[p]) / spacing
        b = (z * vz + ys[p] * vy + xs[p] * vx + wander_2[p]) / spacing
        ka, kb = int(np.floor(a)), int(np.floor(b))
        # The part of the section's thickness that runs across the filament blurs it along the projected direction.
        blur = half * pixel + np.float32(0.25) * thickness * np.sqrt(max(1 - az * az, np.float32(0)))
        nearest = np.float32(1e9)
        for da in range(-1, 2):
            for db in range(-1, 2):
                state = mix(
                    key ^ mix(np.uint64(ka + da + 65536) * np.uint64(0x10001) ^ mix(np.uint64(kb + db + 65536)))
                )
                if unit(state) >= occupancy:
                    continue
                state = mix(state)
                ca = ka + da + unit(state)
                cb = kb + db + unit(mix(state))
                d = np.sqrt((a - ca) ** 2 + (b - cb) ** 2) * spacing
                nearest = min(nearest, d)
        share[p] = min(max(half - (nearest - radius) / (2 * blur), np.float32(0)), np.float32(1))
        share[p] *= min(np.float32(1), 2 * radius / (2 * blur))
    return share
