"""Outlines of bodies in one section: star-shaped about a middle, dented by their neighbours, and traced on pixels.

An outline is a table of radii over directions. Whatever cuts into it shortens radii and never reaches the middle, so
that every profile stays in one piece.
"""

from typing import NamedTuple

import numpy as np
from noise import snoise3
from numpy.typing import NDArray

from mitogen.blobs.packing import POWER, Bodies
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled, inlined

ANGLES = 96
FAR_NM = np.float32(1e9)
"""Distance of a pixel that no outline reaches."""
CORE = np.float32(0.45)
"""Share of the way from its middle to the edge that a body keeps when another lies on it."""


class Profiles(NamedTuple):
    """Outlines of the bodies that one section shows.

    Attributes:
        body: (P,) index of each one's body.
        centre: (P, 2) float32 middle (y, x) in nm.
        radii: (P, ANGLES) float32 radius in nm in each direction, from x towards y.
        slant: (P,) float32 how far the edge moves along the section for each nm of height.
    """

    body: NDArray[np.intp]
    centre: FloatArray
    radii: FloatArray
    slant: FloatArray

    @property
    def width(self) -> FloatArray:
        """(P,) float32 radius in nm of the disc as large as each profile."""
        width: FloatArray = np.sqrt(np.mean(np.square(self.radii), axis=1))
        return width


def outline(bodies: Bodies, z_nm: float, lobes: float, lobe_depth: float, roughness: float, lean: float) -> Profiles:
    """Cut bodies with the plane at `z_nm`, each as if it were alone.

    The outline of each is an ellipse times the exponential of simplex noise along its contour and its height (Perlin,
    Improving noise, 2002; the package `noise`), as large as the ellipse.

    Args:
        bodies: what to cut.
        z_nm: height of the plane.
        lobes: about how many lobes an outline has.
        lobe_depth: their depth: 0 leaves ellipses, 1 makes pseudopods.
        roughness: depth of small notches.
        lean: how far a body's middle moves across for each nm of height.
    """
    up = (z_nm - bodies.centre[:, 0]) / bodies.height
    body = np.flatnonzero(np.abs(up) < 1)
    up, there = up[body], bodies.take(body)
    share = (1 - np.abs(up) ** POWER) ** (1 / POWER)
    slant = np.abs(up) ** (POWER - 1) * share ** (1 - POWER) * there.radius / there.height
    step = lean * (z_nm - there.centre[:, 0])
    tilt = 2 * np.pi * there.looks[:, 0]
    centre = there.centre[:, 1:] + np.stack([step * np.sin(tilt), step * np.cos(tilt)], axis=1)
    phi = 2 * np.pi * np.arange(ANGLES) / ANGLES
    off = phi[None] - there.angle[:, None]
    long, short = there.axes[:, :1], there.axes[:, 1:]
    radii = long * short / np.sqrt((short * np.cos(off)) ** 2 + (long * np.sin(off)) ** 2)
    for depth, frequency in ((lobe_depth, lobes / 3.7), (roughness, lobes)):
        if depth > 0:
            radii = radii * np.exp(depth * _along_contours(there, up, frequency))
    radii *= (share * there.radius / np.sqrt(np.mean(radii * radii, axis=1)))[:, None]
    return Profiles(body, centre.astype(np.float32), radii.astype(np.float32), slant.astype(np.float32))


def _along_contours(bodies: Bodies, up: FloatArray, frequency: float) -> NDArray[np.float64]:
    """Coherent noise (B, ANGLES) in -1 to 1 along contours at relative heights `up`, a pattern each."""
    phi = 2 * np.pi * np.arange(ANGLES) / ANGLES
    y, x = frequency * np.sin(phi), frequency * np.cos(phi)
    corner = 200 * bodies.looks[:, 1:4]
    height = corner[:, 0] + 0.5 * up
    values = [
        snoise3(z, corner_y + dy, corner_x + dx)
        for z, (corner_y, corner_x) in zip(height.tolist(), corner[:, 1:].tolist(), strict=True)
        for dy, dx in zip(y.tolist(), x.tolist(), strict=True)
    ]
    # Bent so that lobes end blunt.
    noise: NDArray[np.float64] = np.tanh(2 * np.array(values).reshape(len(bodies), ANGLES))
    return noise


def press(profiles: Profiles, rank: NDArray[np.float64], stacking: float) -> Profiles:
    """Let neighbouring outlines give way, so that no two share a point.

    Two bodies either flatten against each other, or one of them lies on the other and keeps its outline.

    Args:
        profiles: outlines as if alone.
        rank: (P,) numbers in 0-1: of two bodies of which one lies on the other, the higher is on top.
        stacking: share of pairs of the second kind.
    """
    radii = profiles.radii.copy()
    if len(radii):
        _press(profiles.centre, profiles.radii, rank, float(stacking), radii)
    return profiles._replace(radii=radii)


class Traced(NamedTuple):
    """The profile of every pixel of a section.

    Attributes:
        nearest: (Y, X) int32 index of the profile that holds the pixel's middle or is nearest, -1 beyond reach.
        depth: (Y, X) float32 distance in nm from its outline, positive inside, -`FAR_NM` beyond reach.
    """

    nearest: NDArray[np.int32]
    depth: FloatArray


def trace(profiles: Profiles, grid: Grid, reach_nm: float) -> Traced:
    """Find the profile of every pixel.

    Args:
        profiles: outlines that share no point.
        grid: the pixels.
        reach_nm: how far outside its outline a profile is followed.
    """
    traced = Traced(np.full(grid.shape, -1, np.int32), np.full(grid.shape, -FAR_NM, np.float32))
    _trace(profiles, grid.y_nm, grid.x_nm, np.float32(reach_nm), traced)
    return traced


@compiled
def _towards(table: FloatArray, y: np.float32, x: np.float32) -> tuple[float, np.float32]:
    """Radius of an outline in the direction (y, x), between the two nearest of the table, and how these two differ."""
    place = np.arctan2(y, x) * np.float32(len(table) / (2 * np.pi))
    if place < 0:
        place += np.float32(len(table))
    first = int(place)
    rest = place - np.float32(first)
    first = first % len(table)
    before, after = table[first], table[(first + 1) % len(table)]
    return (1 - rest) * before + rest * after, after - before


@compiled
def _radius(table: FloatArray, y: np.float32, x: np.float32) -> np.float32:
    """Radius of an outline in the direction (y, x)."""
    radius, _ = _towards(table, y, x)
    return np.float32(radius)


@compiled
def _press(
    centre: FloatArray, alone: FloatArray, rank: NDArray[np.float64], stacking: float, radii: FloatArray
) -> None:  # fmt: skip
    count = len(centre)
    widest = np.empty(count, np.float32)
    for a in range(count):
        widest[a] = alone[a].max()
    for a in range(count):
        for b in range(a + 1, count):
            dy, dx = centre[b, 0] - centre[a, 0], centre[b, 1] - centre[a, 1]
            apart = np.sqrt(dy * dy + dx * dx)
            if apart >= widest[a] + widest[b] or apart == 0:
                continue
            reach_a, reach_b = _radius(alone[a], dy, dx), _radius(alone[b], -dy, -dx)
            half_a = apart * reach_a / (reach_a + reach_b)
            dy, dx = dy / apart, dx / apart
            if (rank[a] + rank[b]) * 7 % 1 >= stacking:
                _flatten(radii[a], dy, dx, half_a)
                _flatten(radii[b], -dy, -dx, apart - half_a)
            elif rank[a] > rank[b]:
                _flatten(radii[a], dy, dx, apart - CORE * (apart - half_a))
                _duck(radii[b], -dy, -dx, apart, CORE * (apart - half_a), alone[a])
            else:
                _flatten(radii[b], -dy, -dx, apart - CORE * half_a)
                _duck(radii[a], dy, dx, apart, CORE * half_a, alone[b])


@compiled
def _flatten(table: FloatArray, dy: np.float32, dx: np.float32, distance: np.float32) -> None:
    """Cut an outline off at a straight line across the direction (dy, dx)."""
    step = 2 * np.pi / len(table)
    for n in range(len(table)):
        along = np.cos(n * step) * dx + np.sin(n * step) * dy
        if along * table[n] > distance:
            table[n] = distance / along


@compiled
def _duck(
    table: FloatArray, dy: np.float32, dx: np.float32, apart: np.float32, core: np.float32, upper: FloatArray
) -> None:
    """Cut an outline off where its radii run into the outline of the body that lies on it, but not before `core`."""
    steps = 20
    step = 2 * np.pi / len(table)
    for n in range(len(table)):
        y, x = np.float32(np.sin(n * step)), np.float32(np.cos(n * step))
        along = y * dy + x * dx
        if along <= 0:
            continue
        first = core / along
        previous = np.float32(-1)
        start = first
        for k in range(steps + 1):
            radius = first + (table[n] - first) * np.float32(k / steps)
            if radius > table[n]:
                break
            py, px = radius * y - apart * dy, radius * x - apart * dx
            into = _radius(upper, py, px) - np.sqrt(py * py + px * px)
            if into >= 0:
                table[n] = radius if k == 0 else start + (radius - start) * previous / (previous - into)
                break
            previous, start = into, radius


@compiled
def _trace(profiles: Profiles, ys: FloatArray, xs: FloatArray, reach: np.float32, traced: Traced) -> None:
    """See `trace`; one profile after the other."""
    pixel = ys[1] - ys[0] if len(ys) > 1 else (xs[1] - xs[0] if len(xs) > 1 else np.float32(1))
    for p in range(len(profiles.centre)):
        table, y, x = profiles.radii[p], profiles.centre[p, 0], profiles.centre[p, 1]
        far = table.max() + reach
        top = max(0, int(np.floor((y - far - ys[0]) / pixel)))
        bottom = min(len(ys), int(np.ceil((y + far - ys[0]) / pixel)) + 1)
        left = max(0, int(np.floor((x - far - xs[0]) / pixel)))
        right = min(len(xs), int(np.ceil((x + far - xs[0]) / pixel)) + 1)
        for i in range(top, bottom):
            for j in range(left, right):
                into = _depth(table, ys[i] - y, xs[j] - x, far)
                if into > traced.depth[i, j] and into > -reach:
                    traced.depth[i, j] = into
                    traced.nearest[i, j] = p


@inlined
def _depth(table: FloatArray, y: np.float32, x: np.float32, far: np.float32) -> float:
    """How deep in nm within an outline a point (y, x) beside its middle lies; -`FAR_NM` if that is `far` away."""
    away = np.sqrt(y * y + x * x)
    if away >= far:
        return float(-FAR_NM)
    radius, change = _towards(table, y, x)
    # The edge runs aslant to the radius where the outline's radius changes.
    slope = change * np.float32(len(table) / (2 * np.pi)) / max(radius, float(np.float32(1e-3)))
    return float((radius - away) / np.sqrt(1 + slope * slope))
