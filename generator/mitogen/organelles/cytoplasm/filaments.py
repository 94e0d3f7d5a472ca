"""Microtubules and neurofilaments: streaks along a neurite, rings and dots where it is cut across."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import mix, unit
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.partial_volume import inside_at
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

JITTER = 0.7
"""How far filaments stray from their lattice, in units of its spacing."""


class Fibre(NamedTuple):
    """A sort of filament.

    Attributes:
        radius_nm: outer radius.
        hollow_nm: radius of the clear core, 0 for solid filaments.
        density: stain.
        spacing_nm: mean distance between the places of neighbours.
        occupancy: share of the places that hold one, 0-1.
        wander_nm: how far they wander together from straight.
        length_nm: each place is filled or empty anew after this much.
    """

    radius_nm: float
    hollow_nm: float
    density: float
    spacing_nm: float
    occupancy: float
    wander_nm: float
    length_nm: float


def microtubules(params: Mapping[str, float]) -> Fibre:
    """Hollow tubules of 25 nm, each some micrometres long."""
    return Fibre(
        12.5,
        7.5,
        params["microtubules.density"],
        params["microtubules.spacing_nm"],
        params["microtubules.occupancy"],
        params["filaments.wander_nm"],
        1800.0,
    )


def neurofilaments(params: Mapping[str, float]) -> Fibre:
    """Solid filaments in bundles."""
    return Fibre(
        params["filaments.radius_nm"],
        0.0,
        params["filaments.density"],
        params["filaments.spacing_nm"],
        params["filaments.occupancy"],
        params["filaments.wander_nm"],
        2500.0,
    )


def draw_filaments(layer: Layer) -> None:
    """Draw microtubules, and neurofilaments in bundles; both wander together."""
    for content, fibre in (("microtubules", microtubules(layer.params)), ("filaments", neurofilaments(layer.params))):
        draw_fibres(layer, fibre, layer.holding(content), layer.keys[content], ("wander_1", "wander_2"))


class _Bundles(NamedTuple):
    """The cells that hold filaments, and how filaments run there.

    Attributes:
        holds: (C,) bool, which cells hold them.
        axis: (C, 3) float32 unit direction in which each cell runs.
        first, second: (C, 3) float32 two directions across it.
        aside, upwards: (Y, X) float32 how far filaments wander along these.
    """

    holds: NDArray[np.bool_]
    axis: FloatArray
    first: FloatArray
    second: FloatArray
    aside: FloatArray
    upwards: FloatArray


def draw_fibres(layer: Layer, fibre: Fibre, holds: NDArray[np.bool_], key: int, wander: tuple[str, str]) -> None:
    """Draw parallel filaments in some cells; different keys give independent ones.

    `wander` names two of the organelle's fields: filaments wander along them.
    """
    if fibre.occupancy <= 0 or not holds.any():
        return
    canvas, axis = layer.canvas, layer.cells.axis
    bundles = _Bundles(holds, axis, *_across(axis), layer.on_section(wander[0]), layer.on_section(wander[1]))
    _stripes(canvas.paint(Compartment.FILAMENT), canvas.space, canvas.raster, fibre, bundles, np.uint64(key))


FILAMENTS = Organelle(
    "filaments",
    draw_filaments,
    fields={"wander_1": 900.0, "wander_2": 900.0},
    keys=("microtubules", "filaments"),
    compartments=(Compartment.FILAMENT,),
)


@compiled
def _across(axis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two unit vectors (N, 3) across each axis, the first of them in the plane of the section."""
    first, second = np.zeros(axis.shape, np.float32), np.empty(axis.shape, np.float32)
    for n in range(len(axis)):
        z, y, x = axis[n]
        length = np.sqrt(y * y + x * x)
        if length > np.float32(1e-3):
            first[n, 1], first[n, 2] = x / length, -y / length
        else:
            first[n, 1] = 1
        second[n, 0] = y * first[n, 2] - x * first[n, 1]
        second[n, 1], second[n, 2] = -z * first[n, 2], z * first[n, 1]
    return first, second


@compiled
def _stripes(paint: Paint, space: Space, raster: Raster, fibre: Fibre, bundles: _Bundles, key: np.uint64) -> None:
    """Filaments on a jittered square lattice across each cell's axis."""
    ys, xs, z, pixel = raster.y, raster.x, raster.z, raster.pixel
    density = paint.density
    owner, membrane, free = space.owner, space.membrane, space.free
    holds, aside, upwards = bundles.holds, bundles.aside, bundles.upwards
    axes, firsts, seconds = bundles.axis, bundles.first, bundles.second
    radius, spacing, wander = fibre.radius_nm, fibre.spacing_nm, fibre.wander_nm
    for i in range(ys.size):
        for j in range(xs.size):
            cell = owner[i, j]
            if not holds[cell] or membrane[i, j] < 16 + radius or not free[i, j]:
                continue
            az, ay, ax = axes[cell, 0], axes[cell, 1], axes[cell, 2]
            uy, ux = firsts[cell, 1], firsts[cell, 2]
            vz, vy, vx = seconds[cell, 0], seconds[cell, 1], seconds[cell, 2]
            y, x = ys[i], xs[j]
            # `a` runs within the plane, `b` is what changes with depth, `along` follows the filament.
            a = (y * uy + x * ux + wander * aside[i, j]) / spacing
            b = (z * vz + y * vy + x * vx + wander * upwards[i, j]) / spacing
            along = z * az + y * ay + x * ax
            # What the thickness of the section smears lies along v.
            smear = max(0.5 * raster.thickness * abs(vz), 0.5 * pixel)
            side = (radius + 0.5 * pixel) / spacing + 0.5 * JITTER
            depth = (radius + smear) / spacing + 0.5 * JITTER
            share = 0.0
            for ka in range(int(np.ceil(a - 0.5 - side)), int(np.floor(a - 0.5 + side)) + 1):
                for kb in range(int(np.ceil(b - 0.5 - depth)), int(np.floor(b - 0.5 + depth)) + 1):
                    state = mix(key ^ mix(np.uint64(ka + 65536) * np.uint64(0x10001) ^ mix(np.uint64(kb + 65536))))
                    da = a - (ka + 0.5 + 0.7 * JITTER * (_quarter(state, 2) - 0.5))
                    db = b - (kb + 0.5 + 0.7 * JITTER * (_quarter(state, 3) - 0.5))
                    if abs(da) <= side - 0.35 * JITTER and abs(db) <= depth - 0.35 * JITTER:
                        share += _share_of(fibre, state, along, da, db, pixel, smear)
            if share > 0:
                share = min(share, 1.0)
                density[i, j] += np.float32(share * (fibre.density - density[i, j]))
                if share >= 0.5:
                    mark(paint, i, j)


@inlined
def _share_of(fibre: Fibre, state: np.uint64, along: float, da: float, db: float, pixel: float, smear: float) -> float:
    """Share of a pixel that one filament fills; it sways by itself along its way, and has an end.

    `da` and `db` are the pixel's distances from its place in units of the lattice, `along` in nm.
    """
    radius, spacing = fibre.radius_nm, fibre.spacing_nm
    start, phase = _quarter(state, 0), _quarter(state, 1)
    piece = int(np.floor(along / fibre.length_nm + start))
    if unit(mix(state ^ np.uint64(piece + 65536))) >= fibre.occupancy:
        return 0.0
    sway = 0.15 * JITTER * _sway(along / (300 + 500 * start) + phase)
    da, db = (da - sway) * spacing, (db + sway) * spacing
    if abs(da) > radius + 0.5 * pixel or abs(db) > radius + smear:
        return 0.0
    seen = _cylinder(da, db, radius, pixel, smear)
    if fibre.hollow_nm > 0:
        seen -= 0.65 * _cylinder(da, db, fibre.hollow_nm, pixel, smear)
    return max(seen, 0.0)


@inlined
def _quarter(state: np.uint64, which: int) -> float:
    """A number in [0, 1) from one of the four groups of 16 bits of a hash."""
    return float((state >> np.uint64(16 * which)) & np.uint64(0xFFFF)) / 65536


@inlined
def _cylinder(da: float, db: float, radius: float, pixel: float, smear: float) -> float:
    """Share of a pixel that a cylinder fills, `da` beside its axis in the plane and `db` across the section's depth."""
    if smear <= 0.75 * pixel:
        return inside_at(np.sqrt(da * da + db * db) - radius, 0.5 * pixel)
    chord = np.sqrt(max(radius * radius - da * da, 0.1 * radius * radius))
    overlap = min(db + smear, chord) - max(db - smear, -chord)
    return float(inside_at(abs(da) - radius, 0.5 * pixel) * max(overlap, 0.0) / (2 * smear))


@inlined
def _sway(phase: float) -> float:
    """A wave of period and amplitude 1, made of parabolas."""
    t = phase - np.floor(phase)
    return float(8 * t * (1 - 2 * t) if t < 0.5 else -8 * (t - 0.5) * (2 - 2 * t))
