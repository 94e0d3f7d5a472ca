"""Granules of islet cells: a dense core of insulin in a bright halo, and pale ones without a core."""

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.partial_volume import inside
from mitogen.geometry.point_process import directions
from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import BodyPixels, draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_insulin(layer: Layer) -> None:
    """Draw granules, and a core in those that are not pale."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    params, looks = layer.params, pixels.looks
    pale = looks.first < params["insulin.pale_share"]
    stain = np.where(pale, params["insulin.pale_density"], params["insulin.halo_density"]) + 0.06 * (looks.shade - 0.5)
    fill(layer, pixels, stain + 0.5 * pixels.of(layer.canvas.grain), Compartment.GRANULE)
    cored = np.flatnonzero(~pale)
    share = inside(_beside_core(layer, pixels), pixels.reach)[cored]
    dark = params["insulin.core_density"] * (0.8 + 0.4 * looks.second[cored])
    layer.canvas.cover(share, dark.astype(np.float32), pixels.at[cored], Compartment.GRANULE)
    draw_membrane(layer, pixels, Compartment.GRANULE)


def _beside_core(layer: Layer, pixels: BodyPixels) -> FloatArray:
    """Distance (N,) of pixels from the core of their granule in nm, negative inside; it lies off the middle."""
    tubes, canvas, looks = layer.inclusions.inclusions.tubes, layer.canvas, pixels.looks
    radius = tubes.radii[pixels.tube].mean(axis=1)
    core = layer.params["insulin.core"] * (0.75 + 0.5 * looks.third)
    aside = (0.6 * (1 - core) * radius)[:, None] * directions(looks.fourth, looks.fifth)
    middle = tubes.nodes[pixels.tube, tubes.nodes.shape[1] // 2] + aside
    row, column = np.divmod(pixels.at, canvas.grid.shape[1])
    away = np.hypot(canvas.grid.y_nm[row] - middle[:, 1], canvas.grid.x_nm[column] - middle[:, 2])
    rough = 1 + 0.06 * pixels.of(layer.on_section("core"))
    distance: FloatArray = (np.hypot(away, canvas.z_nm - middle[:, 0]) - core * radius * rough).astype(np.float32)
    return distance


INSULIN = Organelle(
    "insulin",
    draw_insulin,
    fields={"core": 130.0},
    compartments=(Compartment.GRANULE,),
    body=RoundBody(0.1, "insulin", spread=0.15, crowded=True),
)
