"""Round bodies: lysosomes, lipofuscin, multivesicular and multilamellar bodies, lipid droplets, endosomes."""

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside
from mitogen.geometry.point_process import normal_at, point_on_sphere
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import TubeMap, arc
from mitogen.organelles.granules import Granule, draw_granules
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

NODES = 9
SPREAD = 0.35
"""Standard deviation of the logarithm of radii."""
ASPECT = 2.0
"""Largest ratio of length to width of the bodies that have no knob for it."""
LOOKS = slice(8, 12)
"""Which of its numbers a body draws its looks from."""


class Body(IntEnum):
    """What a body is."""

    LYSOSOME = 0
    MULTIVESICULAR = 1
    LIPID = 2
    ENDOSOME = 3
    LIPOFUSCIN = 4
    MULTILAMELLAR = 5


SECTIONS = {
    Body.LYSOSOME: "lysosomes",
    Body.MULTIVESICULAR: "multivesicular",
    Body.LIPID: "lipid",
    Body.ENDOSOME: "endosomes",
    Body.LIPOFUSCIN: "lipofuscin",
    Body.MULTILAMELLAR: "multilamellar",
}
PARTS = {
    Body.LYSOSOME: Compartment.LYSOSOME,
    Body.MULTIVESICULAR: Compartment.MULTIVESICULAR_BODY,
    Body.LIPID: Compartment.LIPID,
    Body.ENDOSOME: Compartment.ENDOSOME,
    Body.LIPOFUSCIN: Compartment.LYSOSOME,
    Body.MULTILAMELLAR: Compartment.LYSOSOME,
}


@compiled
def extent_of_body(
    u: NDArray[np.float64], radius_nm: float, aspect: float, quantiles: NDArray[np.float64]
) -> tuple[float, float]:
    """Length of the middle line and radius in nm of a body with numbers `u` in 0-1.

    `radius_nm` is the mean of its kind, `aspect` the largest ratio of length to width there.
    """
    r = radius_nm * np.exp(SPREAD * min(max(normal_at(u[0], quantiles), -2.0), 2.0))
    return r * 2.0 * (aspect - 1.0) * u[1] ** 2, r


@compiled
def shape_body(
    centre: NDArray[np.float64], u: NDArray[np.float64], extent: tuple[float, float], nodes: FloatArray,
    radii: FloatArray, side: FloatArray,
) -> int:  # fmt: skip
    """Shape a body around its centre (3,) from its numbers and its `extent_of_body`.

    It fills the first of `nodes` (2, 9, 3), of `radii` (2, 9) and of `side` (2, 3), see `Tubes`, and returns 1: the
    number of its tubes.
    """
    direction, turn, line = np.empty(3), np.empty(3), np.empty((NODES, 3))
    point_on_sphere(u[2], u[3], direction)
    point_on_sphere(u[4], u[5], turn)
    arc(centre, direction, turn, extent[0], u[6] - 0.5, line)
    point_on_sphere(u[7], u[8], direction)
    for node in range(NODES):
        radii[0, node] = extent[1]
        for k in range(3):
            nodes[0, node, k] = line[node, k]
    for k in range(3):
        side[0, k] = direction[k]
    return 1


def roughness_of_bodies(kind: NDArray[np.int8]) -> NDArray[np.float64]:
    """How irregular the outline of each kind of body (N,) is, relative to its radius: lipofuscin most."""
    return np.where(kind == Body.LIPOFUSCIN, 0.28, np.where(kind == Body.LYSOSOME, 0.09, 0.05))


def draw_bodies(
    canvas: Canvas,
    tubes: TubeMap,
    kind: NDArray[np.int8],
    looks: NDArray[np.float64],
    params: Mapping[str, float],
    fields: tuple[Waves, Waves],
    key: int,
) -> None:
    """Draw the bodies that the section cuts.

    Args:
        canvas: its density is changed in place.
        tubes: the section's map of tubes.
        kind: (T,) int8 kind of each tube (see `Body`), -1 for tubes that are not bodies.
        looks: (T, 4) numbers in 0-1, the looks of each tube.
        params: the image's params.
        fields: a coarse and a fine field for the texture of lysosomes.
        key: names the lattice of inner vesicles.
    """
    near = np.flatnonzero((tubes.nearest >= 0) & (tubes.distance < canvas.grid.thickness_nm / 2 + 12))
    near = near[kind[tubes.nearest.reshape(-1)[near]] >= 0]
    if near.size == 0:
        return
    body = tubes.nearest.reshape(-1)[near]
    for which in Body:
        at = near[kind[body] == which]
        if at.size == 0:
            continue
        s = tubes.distance.reshape(-1)[at]
        reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
        look = looks[tubes.nearest.reshape(-1)[at], 0]
        stain = _filling(canvas, which, at, s, look, params, fields)
        canvas.cover(inside(s, reach), np.maximum(stain, 0.0).astype(np.float32), at, PARTS[which])
        if which == Body.MULTIVESICULAR:
            _draw_within(canvas, at[s < -25], _inner_vesicles(params), key, PARTS[which])
        if which == Body.LIPOFUSCIN:
            # Dark grains, and pale drops of lipid that have no membrane.
            dark = params["cells.cytoplasm"] + 1.15 * params["lipofuscin.darkness"]
            _draw_within(canvas, at[s < -10], Granule(16.0, 0.4, 0.0, 0.0, dark, 48.0, 0.6), key, PARTS[which])
            drop = Granule(44.0, 0.5, 0.0, 0.0, 0.5 * params["cells.cytoplasm"], 120.0, params["lipofuscin.lipid"])
            _draw_within(canvas, at[s < -25], drop, key + 1, PARTS[which])
        if which != Body.LIPID:
            canvas.cover_layer(s, reach, (-7.0, 0.0), params["cells.membrane_density"] * 0.9, at, PARTS[which])


def _filling(
    canvas: Canvas,
    which: Body,
    at: NDArray[np.intp],
    s: FloatArray,
    look: NDArray[np.float64],
    params: Mapping[str, float],
    fields: tuple[Waves, Waves],
) -> NDArray[np.float64]:
    """Stain (N,) of the inside of bodies of one kind, at pixels `at` with distance `s` from their surface."""
    if which == Body.LIPID:
        return params["lipid.density"] + 0.2 * (look - 0.5)
    if which == Body.ENDOSOME:
        return np.full(at.shape, params["endosomes.lumen_density"])
    if which == Body.MULTIVESICULAR:
        return params["cells.cytoplasm"] + params["multivesicular.darkness"] + 0.25 * (look - 0.5)
    grain = canvas.grain.reshape(-1)[at]
    if which == Body.MULTILAMELLAR:
        # Whorls: membranes as in an onion, less regular towards the middle.
        period = params["multilamellar.period_nm"]
        wavy = s + max(5.0, 0.5 * period) * canvas.on_section(fields[0]).reshape(-1)[at]
        seen = np.exp(-((canvas.grid.pixel_nm / period) ** 2))
        stripes = 0.5 + 0.5 * seen * np.cos(2 * np.pi * wavy / period)
        whorl: NDArray[np.float64] = params["cells.cytoplasm"] * 0.8 + params["cells.membrane_density"] * 0.75 * stripes
        return whorl + 0.5 * grain
    coarse = canvas.on_section(fields[0]).reshape(-1)[at]
    fine = canvas.on_section(fields[1]).reshape(-1)[at]
    if which == Body.LIPOFUSCIN:
        mottled = params["lipofuscin.darkness"] * (0.8 + 0.2 * np.tanh(coarse + 1.5 * fine))
    else:
        mottled = params["lysosomes.darkness"] * (0.7 + 0.5 * look)
        mottled = mottled + params["lysosomes.mottle"] * (0.6 * coarse + 0.4 * fine)
    stain: NDArray[np.float64] = np.maximum(params["cells.cytoplasm"] + mottled + 0.7 * grain, 0.05)
    return stain


def _inner_vesicles(params: Mapping[str, float]) -> Granule:
    """The vesicles in multivesicular bodies."""
    radius = params["multivesicular.vesicle_radius_nm"]
    lumen = max(0.0, params["cells.cytoplasm"] + params["multivesicular.vesicle_darkness"])
    wall = 0.9 * params["cells.membrane_density"]
    return Granule(radius, 0.25, 6.0, wall, lumen, 2.2 * radius, params["multivesicular.vesicle_occupancy"])


def _draw_within(canvas: Canvas, at: NDArray[np.intp], granule: Granule, key: int, compartment: Compartment) -> None:
    """Draw granules whose centres fall on these pixels, whatever else is there."""
    centres = np.zeros(canvas.grid.shape, np.bool_)
    centres.reshape(-1)[at] = True
    everywhere = replace(canvas, membrane=np.full_like(canvas.membrane, 1e3), free=np.ones_like(canvas.free))
    draw_granules(everywhere, granule, centres, key, compartment)
