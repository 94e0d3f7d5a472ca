"""One mitochondrion, or many, on an empty canvas: what tests of mitochondria look at."""

from functools import cache

import numpy as np
from layers import empty_canvas, layer_on, mitochondria_of
from skimage.measure import label, regionprops

from mitogen.geometry.grid import Grid
from mitogen.geometry.random_fields import random_waves
from mitogen.geometry.tubes import Tubes, bend
from mitogen.organelles.mitochondria.drawing import draw_mitochondria
from mitogen.organelles.mitochondria.shapes import (
    NODES,
    NUMBERS,
    extent_of_mitochondrion,
    shape_mitochondrion,
    sizes_of,
)
from mitogen.organelles.organelle import Inclusions
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

GRID = Grid((224, 224), pixel_nm=4.0, thickness_nm=4.0, spacing_nm=4.0)
TEXTURE = random_waves(np.random.default_rng(0), 150.0)
SOUND = {
    "cristae.tubular_share": 0.0,
    "cristae.vesicular_share": 0.0,
    "cristae.concentric_share": 0.0,
    "cristae.mixed_share": 0.0,
    "cristae.domain_turn_rad": 0.0,
    "cristae.longitudinal_share": 0.0,
    "cristae.contrast": 1.0,
    "mitochondria.swollen_share": 0.0,
    "mitochondria.degenerate_share": 0.0,
    "mitochondria.granules_per_um3": 0.0,
    "mitochondria.membrane_gaps": 0.0,
    "mitochondria.mottle": 0.0,
    "mitochondria.matrix_spread": 0.0,
}


@cache
def medians() -> dict[str, float]:
    return {name: float(knob.fit(knob.default).ppf(0.5)) for name, knob in KNOBS.items()}


def numbers(**changed: float) -> dict[str, float]:
    """The image's numbers: all knobs at their medians, a sound lamellar mitochondrion, and what is changed."""
    named = {name.replace("__", "."): value for name, value in changed.items()}
    # As drawn numbers are: loops are compiled anew for whole ones.
    return {name: float(value) for name, value in (medians() | SOUND | named).items()}


def rod(length: float = 500.0, radius: float = 180.0, axis: tuple[float, float, float] = (0, 0, 1)) -> Tubes:
    direction = np.array([axis], float) / np.linalg.norm(axis)
    turn = np.array([[0.3, 1.0, 0.0]])
    line = bend(np.zeros((1, 3)), direction, turn, np.array([length]), np.zeros(1), NODES)
    side = np.cross(direction, turn)
    side /= np.linalg.norm(side)
    return Tubes(line.astype(np.float32), np.full((1, NODES), radius, np.float32), side.astype(np.float32))


def draw_one(
    params: dict[str, float], tubes: Tubes | None = None, seed: int = 0, z_nm: float = 0.0, grid: Grid = GRID
) -> tuple[Canvas, np.ndarray]:
    """Draw the mitochondria `tubes`, or a rod along x, on an empty canvas; the second result is the distance map."""
    shapes = tubes or rod()
    canvas = empty_canvas(grid, z_nm)
    canvas.density[...] = params["cells.cytoplasm"]
    canvas.compartments[...] = Compartment.CYTOPLASM
    looks = np.random.default_rng(seed).random((len(shapes), 8))
    return canvas, draw_on(canvas, params, mitochondria_of(shapes, range(1, len(shapes) + 1), looks))


def draw_on(canvas: Canvas, params: dict[str, float], mitochondria: Inclusions) -> np.ndarray:
    """Draw mitochondria on a canvas; returns the distance map."""
    layer = layer_on(canvas, params, fields={"texture": TEXTURE}, keys={"matrix": 7}, inclusions=mitochondria)
    draw_mitochondria(layer)
    return layer.inclusions.map.distance


def cristae_of(canvas: Canvas) -> list:
    return [region for region in regionprops(label(canvas.compartments == Compartment.CRISTA)) if region.area >= 12]


def place(count: int = 400, seed: int = 0, **changed: float) -> tuple[Tubes, Tubes, np.ndarray]:
    """Mitochondria, their branches, and which of them each branch belongs to."""
    rng = np.random.default_rng(seed)
    sizes = sizes_of(numbers(**changed))
    u = rng.random((count, NUMBERS))
    centre = rng.uniform(-1e4, 1e4, (count, 3))
    nodes = np.zeros((count, 2, NODES, 3), np.float32)
    radii, side = np.zeros((count, 2, NODES), np.float32), np.zeros((count, 2, 3), np.float32)
    made = np.array([
        shape_mitochondrion(c, v, extent_of_mitochondrion(v, sizes), sizes, n, r, s)
        for c, v, n, r, s in zip(centre, u, nodes, radii, side, strict=True)
    ])  # fmt: skip
    stem = np.flatnonzero(made == 2)
    return Tubes(nodes[:, 0], radii[:, 0], side[:, 0]), Tubes(nodes[stem, 1], radii[stem, 1], side[stem, 1]), stem


def length_of(tubes: Tubes) -> np.ndarray:
    return np.linalg.norm(np.diff(tubes.nodes, axis=1), axis=2).sum(axis=1)
