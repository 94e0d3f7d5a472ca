"""Round bodies: lysosomes, lipofuscin, multivesicular and multilamellar bodies, lipid droplets, endosomes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.grid import FloatArray
from mitogen.organelles.vesicles import Granule, draw_granules
from mitogen.parts import Part
from mitogen.profiles import inside
from mitogen.shapes import TubeMap, Tubes, bend
from mitogen.thinning import Box, Candidates
from mitogen.world import StreamOf, directions, scatter

NODES = 9


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
    Body.LYSOSOME: Part.LYSOSOME,
    Body.MULTIVESICULAR: Part.MULTIVESICULAR_BODY,
    Body.LIPID: Part.LIPID,
    Body.ENDOSOME: Part.ENDOSOME,
    Body.LIPOFUSCIN: Part.LYSOSOME,
    Body.MULTILAMELLAR: Part.LYSOSOME,
}


def place_bodies(
    drawn: Mapping[str, float], streams: StreamOf, box_of: Callable[[float], Box]
) -> list[tuple[Body, Candidates, NDArray[np.float64]]]:
    """Scatter bodies, without regard for what else is there.

    Args:
        drawn: the image's numbers.
        streams: the image's streams.
        box_of: gives the box in which to scatter bodies that reach so many nm from their centres at most.

    Returns:
        For each kind, the largest first, its bodies and (B, 4) numbers in 0-1 for their looks.
    """
    found = []
    for kind, name in sorted(SECTIONS.items(), key=lambda item: -drawn[f"{item[1]}.radius_nm"]):
        radius = drawn[f"{name}.radius_nm"]
        largest = 2.0 * radius * np.exp(0.35 * 2)
        box = box_of(largest)
        centre, u = scatter(streams, name, drawn[f"{name}.density_per_um3"], box, 12)
        r = radius * np.exp(0.35 * np.clip(ndtri(u[:, 0]), -2, 2))
        length = r * 2.0 * u[:, 1] ** 2
        line = bend(centre, directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), length, u[:, 6] - 0.5, NODES)
        radii = np.repeat(r[:, None], NODES, axis=1).astype(np.float32)
        tubes = Tubes(line.astype(np.float32), radii, directions(u[:, 7], u[:, 8]).astype(np.float32))
        found.append((kind, Candidates(tubes, np.arange(len(r)), centre, box, largest, u[:, 11]), u[:, 8:12]))
    return found


def roughness_of_bodies(kind: NDArray[np.int8]) -> NDArray[np.float64]:
    """How irregular the outline of each kind of body (N,) is, relative to its radius: lipofuscin most."""
    return np.where(kind == Body.LIPOFUSCIN, 0.28, np.where(kind == Body.LYSOSOME, 0.09, 0.05))


def draw_bodies(
    canvas: Canvas,
    tubes: TubeMap,
    kind: NDArray[np.int8],
    looks: NDArray[np.float64],
    drawn: Mapping[str, float],
    fields: tuple[Waves, Waves],
    key: int,
) -> None:
    """Draw the bodies that the section cuts.

    Args:
        canvas: its density is changed in place.
        tubes: the section's map of tubes.
        kind: (T,) int8 kind of each tube (see `Body`), -1 for tubes that are not bodies.
        looks: (T, 4) numbers in 0-1, the looks of each tube.
        drawn: the image's numbers.
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
        stain = _filling(canvas, which, at, s, look, drawn, fields)
        canvas.cover(inside(s, reach), np.maximum(stain, 0.0).astype(np.float32), at, PARTS[which])
        if which == Body.MULTIVESICULAR:
            dark = drawn["cells.membrane_density"] * 0.9
            inner = Granule(24.0, 0.25, 6.0, dark, drawn["cells.cytoplasm"], 60.0, 0.8)
            _draw_within(canvas, at[s < -30], inner, key, PARTS[which])
        if which == Body.LIPOFUSCIN:
            # Dark grains, and pale drops of lipid that have no membrane.
            dark = drawn["cells.cytoplasm"] + 1.15 * drawn["lipofuscin.darkness"]
            _draw_within(canvas, at[s < -10], Granule(16.0, 0.4, 0.0, 0.0, dark, 48.0, 0.6), key, PARTS[which])
            drop = Granule(44.0, 0.5, 0.0, 0.0, 0.5 * drawn["cells.cytoplasm"], 120.0, drawn["lipofuscin.lipid"])
            _draw_within(canvas, at[s < -25], drop, key + 1, PARTS[which])
        if which != Body.LIPID:
            canvas.cover_layer(s, reach, (-7.0, 0.0), drawn["cells.membrane_density"] * 0.9, at, PARTS[which])


def _filling(
    canvas: Canvas,
    which: Body,
    at: NDArray[np.intp],
    s: FloatArray,
    look: NDArray[np.float64],
    drawn: Mapping[str, float],
    fields: tuple[Waves, Waves],
) -> NDArray[np.float64]:
    """Stain (N,) of the inside of bodies of one kind, at pixels `at` with distance `s` from their surface."""
    if which == Body.LIPID:
        return drawn["lipid.density"] + 0.2 * (look - 0.5)
    if which == Body.ENDOSOME:
        return np.full(at.shape, drawn["endosomes.lumen_density"])
    if which == Body.MULTIVESICULAR:
        return drawn["endosomes.lumen_density"] + 0.25 * look
    grain = canvas.grain.reshape(-1)[at]
    if which == Body.MULTILAMELLAR:
        # Whorls: membranes as in an onion, less regular towards the middle.
        period = drawn["multilamellar.period_nm"]
        wavy = s + 5 * canvas.on_section(fields[0]).reshape(-1)[at]
        seen = np.exp(-((canvas.grid.pixel_nm / period) ** 2))
        stripes = 0.5 + 0.5 * seen * np.cos(2 * np.pi * wavy / period)
        whorl: NDArray[np.float64] = drawn["cells.cytoplasm"] * 0.8 + drawn["cells.membrane_density"] * 0.75 * stripes
        return whorl + 0.5 * grain
    coarse = canvas.on_section(fields[0]).reshape(-1)[at]
    fine = canvas.on_section(fields[1]).reshape(-1)[at]
    if which == Body.LIPOFUSCIN:
        mottled = drawn["lipofuscin.darkness"] * (0.8 + 0.2 * np.tanh(coarse + 1.5 * fine))
    else:
        mottled = drawn["lysosomes.darkness"] * (0.7 + 0.5 * look)
        mottled = mottled + drawn["lysosomes.mottle"] * (0.6 * coarse + 0.4 * fine)
    stain: NDArray[np.float64] = np.maximum(drawn["cells.cytoplasm"] + mottled + 0.7 * grain, 0.05)
    return stain


def _draw_within(canvas: Canvas, at: NDArray[np.intp], granule: Granule, key: int, part: Part) -> None:
    """Draw granules whose centres fall on these pixels, whatever else is there."""
    centres = np.zeros(canvas.grid.shape, np.bool_)
    centres.reshape(-1)[at] = True
    everywhere = replace(canvas, membrane=np.full_like(canvas.membrane, 1e3), free=np.ones_like(canvas.free))
    draw_granules(everywhere, granule, centres, key, part)
