"""Round bodies with a membrane or without: lysosomes, multivesicular bodies, lipid droplets, endosomes."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.grid import Grid
from mitogen.organelles.vesicles import Granule, draw_granules
from mitogen.parts import Part
from mitogen.profiles import inside
from mitogen.shapes import TubeMap, Tubes, bend
from mitogen.world import StreamOf, directions, scatter

NODES = 9


class Body(IntEnum):
    """What a body is."""

    LYSOSOME = 0
    MULTIVESICULAR = 1
    LIPID = 2
    ENDOSOME = 3


PARTS = {
    Body.LYSOSOME: Part.LYSOSOME,
    Body.MULTIVESICULAR: Part.MULTIVESICULAR_BODY,
    Body.LIPID: Part.LIPID,
    Body.ENDOSOME: Part.ENDOSOME,
}


def place_bodies(
    drawn: Mapping[str, float], streams: StreamOf, grid: Grid
) -> tuple[Tubes, NDArray[np.int8], NDArray[np.float64]]:
    """Scatter bodies around the grid, without regard for what else is there.

    Returns:
        Their shapes, their kinds (N,) int8 (see `Body`), and (N, 4) numbers in 0-1 for their looks.
    """
    tubes, kinds, looks = [], [], []
    for kind, name in (
        (Body.LYSOSOME, "lysosomes"),
        (Body.MULTIVESICULAR, "multivesicular"),
        (Body.LIPID, "lipid"),
        (Body.ENDOSOME, "endosomes"),
    ):
        radius = drawn[f"{name}.radius_nm"]
        centre, u = scatter(streams, name, drawn[f"{name}.density_per_um3"], grid.box(4 * radius + 100), 12)
        r = radius * np.exp(0.35 * np.clip(ndtri(u[:, 0]), -2, 2))
        length = r * 2.0 * u[:, 1] ** 2
        line = bend(centre, directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), length, u[:, 6] - 0.5, NODES)
        side = directions(u[:, 7], u[:, 8])
        tubes.append((line, np.repeat(r[:, None], NODES, axis=1), side))
        kinds.append(np.full(len(r), kind, np.int8))
        looks.append(u[:, 8:12])
    nodes, radii, sides = (np.concatenate(parts).astype(np.float32) for parts in zip(*tubes, strict=True))
    return Tubes(nodes, radii, sides), np.concatenate(kinds), np.concatenate(looks)


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
        part = PARTS[which]
        s = tubes.distance.reshape(-1)[at]
        reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
        look = looks[tubes.nearest.reshape(-1)[at]]
        if which == Body.LYSOSOME:
            coarse = canvas.on_section(fields[0]).reshape(-1)[at]
            fine = canvas.on_section(fields[1]).reshape(-1)[at]
            mottled = drawn["lysosomes.darkness"] * (0.7 + 0.5 * look[:, 0])
            mottled = mottled + drawn["lysosomes.mottle"] * (0.6 * coarse + 0.4 * fine)
            stain = drawn["cells.cytoplasm"] + mottled + 0.7 * canvas.grain.reshape(-1)[at]
            canvas.cover(inside(s, reach), np.maximum(stain, 0.05).astype(np.float32), at, part)
        elif which == Body.LIPID:
            stain = drawn["lipid.density"] + 0.2 * (look[:, 0] - 0.5)
            canvas.cover(inside(s, reach), stain.astype(np.float32), at, part)
            continue
        else:
            pale = drawn["endosomes.lumen_density"] + 0.25 * look[:, 0] * (which == Body.MULTIVESICULAR)
            canvas.cover(inside(s, reach), pale.astype(np.float32), at, part)
        if which == Body.MULTIVESICULAR:
            _draw_inner_vesicles(canvas, at[s < -30], drawn, key)
        canvas.cover_layer(s, reach, (-7.0, 0.0), drawn["cells.membrane_density"] * 0.9, at, part)


def _draw_inner_vesicles(canvas: Canvas, at: NDArray[np.intp], drawn: Mapping[str, float], key: int) -> None:
    centres = np.zeros(canvas.grid.shape, np.bool_)
    centres.reshape(-1)[at] = True
    everywhere = Canvas(
        canvas.grid, canvas.z_nm, canvas.owner, canvas.neighbour, np.full_like(canvas.membrane, 1e3),
        canvas.membrane_z, np.ones_like(canvas.free), canvas.density, canvas.grain, canvas.parts,
    )  # fmt: skip
    dark, pale = drawn["cells.membrane_density"], drawn["cells.cytoplasm"]
    draw_granules(everywhere, Granule(24, 0.25, 6, dark * 0.9, pale, 60, 0.8), centres, key, Part.MULTIVESICULAR_BODY)
