"""Where cell-like bodies lie: a crowd in three dimensions, packed one after the other into what space is left.

Space is divided into slabs along z, higher than any two bodies reach into one another. Bodies of even slabs are
placed first, those of odd slabs after them, so that a slab depends on its two neighbours and on nothing farther away: a
section and a volume of the same width see the same bodies under the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.point_process import StreamOf, scatter
from mitogen.geometry.random_fields import random_waves

POWER = np.float32(4.0)
"""Exponent of the side view of a body: 2 an ellipse, more the blunter. Blunt ones show few tiny caps in a section."""
TAIL = 2.0
"""Sizes scatter up to this many standard deviations."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """Bodies of one image, the lowest slab first; every array has one row a body.

    Attributes:
        centre: (B, 3) float32 (z, y, x) in nm.
        axes: (B, 2) float32 long and short half axis across z in nm.
        angle: (B,) float32 direction of the long one in rad, from x towards y.
        height: (B,) float32 half of the extent along z in nm.
        looks: (B, 6) float64 numbers in 0-1 for the looks of each.
        number: (B,) int32 instance, from 1; it does not depend on how far a volume reaches upwards.
    """

    centre: FloatArray
    axes: FloatArray
    angle: FloatArray
    height: FloatArray
    looks: NDArray[np.float64]
    number: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def radius(self) -> FloatArray:
        """(B,) float32 radius in nm of the disc as large as the widest profile."""
        radius: FloatArray = np.sqrt(self.axes[:, 0] * self.axes[:, 1])
        return radius

    def take(self, which: NDArray[np.intp]) -> "Bodies":
        """The bodies with these indices, under their old numbers."""
        return Bodies(
            self.centre[which], self.axes[which], self.angle[which], self.height[which], self.looks[which],
            self.number[which],
        )  # fmt: skip


def pack(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Bodies:
    """Place the bodies whose middle lies within two heights of a section of the grid.

    Random sequential adsorption (Widom, J. Chem. Phys. 44, 1966): a candidate stays if it presses into none that came
    before it by more than `blobs.overlap`.

    Args:
        params: the image's params.
        streams: the image's streams.
        grid: the pixels.
    """
    largest = params["blobs.radius_nm"] * np.exp(TAIL * params["blobs.radius_spread"])
    slab_nm = 2 * largest * params["blobs.height"] * max(1.0, 1 - params["blobs.overlap"])
    top = int(np.floor(float(grid.z_nm[-1]) / slab_nm)) + 1
    candidates, slab, order = _candidates(params, streams, grid, (-2, top + 1), slab_nm)
    sequence = np.lexsort((order, slab % 2))
    candidates, slab = candidates.take(sequence), slab[sequence]
    shapes = _Shapes(candidates.centre, candidates.axes, candidates.angle, candidates.height)
    kept = _accept(shapes, np.float32(1 - params["blobs.overlap"]))
    # Slabs at the ends are there only for what their neighbours need to know of them.
    chosen = np.flatnonzero(kept & (slab >= -1) & (slab <= top))
    chosen = chosen[np.argsort(slab[chosen], kind="stable")]
    bodies = candidates.take(chosen)
    bodies.number[...] = 1 + np.arange(len(bodies))
    return bodies


def _candidates(
    params: Mapping[str, float], streams: StreamOf, grid: Grid, slabs: tuple[int, int], slab_nm: float
) -> tuple[Bodies, NDArray[np.int64], NDArray[np.float64]]:
    """Bodies that want a place in slabs from the first to the last, the slab of each, and their order of arrival."""
    radius, spread = params["blobs.radius_nm"], params["blobs.radius_spread"]
    low, high = grid.box(2 * radius * np.exp(TAIL * spread))
    low[0], high[0] = slabs[0] * slab_nm, (slabs[1] + 1) * slab_nm
    # Scattered in units in which a body is as large as the things that `scatter` divides space for.
    scale = radius / 200
    body_nm3 = 4 / 3 * np.pi * radius**3 * params["blobs.height"] * np.exp(4.5 * spread**2)
    # Half of the candidates of a wholly clustered crowd go.
    density = 1e9 * scale**3 * params["blobs.volume_fraction"] / (1 - params["blobs.clustering"] / 2) / body_nm3
    at, u = scatter(streams, "bodies", density, (low / scale, high / scale), 11, together=100)
    at = at * scale
    slab = np.floor(at[:, 0] / slab_nm).astype(np.int64)
    crowd = random_waves(streams("crowd"), 9 * radius).at(at)
    wanted = u[:, 1] < 1 - params["blobs.clustering"] * expit(-5 * crowd)
    there = np.flatnonzero((slab >= slabs[0]) & (slab <= slabs[1]) & wanted)
    at, u, slab = at[there], u[there], slab[there]
    size = radius * np.exp(spread * np.clip(ndtri(u[:, 2]), -TAIL, TAIL))
    stretch = np.sqrt(1 + 2 * (params["blobs.elongation"] - 1) * u[:, 3])
    bodies = Bodies(
        at.astype(np.float32),
        np.stack([size * stretch, size / stretch], axis=1).astype(np.float32),
        (2 * np.pi * u[:, 4]).astype(np.float32),
        (size * params["blobs.height"]).astype(np.float32),
        u[:, 5:],
        np.zeros(len(at), np.int32),
    )
    return bodies, slab, u[:, 0]


@compiled
def _extent(long: np.float32, short: np.float32, angle: np.float32, towards: np.float32) -> np.float32:
    """Radius of an ellipse in one direction."""
    along, across = np.cos(towards - angle), np.sin(towards - angle)
    return np.float32(long * short / np.sqrt((short * along) ** 2 + (long * across) ** 2))


class _Shapes(NamedTuple):
    """Arrays of `Bodies`, for loops."""

    centre: FloatArray
    axes: FloatArray
    angle: FloatArray
    height: FloatArray


@compiled
def _accept(bodies: _Shapes, apart: np.float32) -> NDArray[np.bool_]:
    """Which bodies stay, in the order given; close ones are found on a coarse grid of squares."""
    centre, count = bodies.centre, len(bodies.height)
    kept = np.zeros(count, np.bool_)
    if count == 0:
        return kept
    square = 2 * bodies.axes.max() * max(apart, np.float32(1)) + np.float32(1)
    low_y, low_x = centre[:, 1].min(), centre[:, 2].min()
    rows = int((centre[:, 1].max() - low_y) / square) + 1
    columns = int((centre[:, 2].max() - low_x) / square) + 1
    last = np.full((rows, columns), -1, np.int32)
    before = np.full(count, -1, np.int32)
    for a in range(count):
        row, column = int((centre[a, 1] - low_y) / square), int((centre[a, 2] - low_x) / square)
        free = True
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                b = last[r, c]
                while b >= 0 and free:
                    free = _apart(bodies, a, b, apart)
                    b = before[b]
        if free:
            kept[a] = True
            before[a] = last[row, column]
            last[row, column] = a
    return kept


@inlined
def _apart(bodies: _Shapes, a: int, b: int, apart: np.float32) -> bool:
    """Whether two bodies press into each other no more than `apart` allows, 1 being not at all."""
    centre, axes, angle = bodies.centre, bodies.axes, bodies.angle
    dy, dx = centre[b, 1] - centre[a, 1], centre[b, 2] - centre[a, 2]
    towards = np.float32(np.arctan2(dy, dx))
    across = _extent(axes[a, 0], axes[a, 1], angle[a], towards)
    across += _extent(axes[b, 0], axes[b, 1], angle[b], towards)
    flat = np.sqrt(dy * dy + dx * dx) / across
    up = abs(centre[b, 0] - centre[a, 0]) / (bodies.height[a] + bodies.height[b])
    return bool(flat**POWER + up**POWER >= apart**POWER)
