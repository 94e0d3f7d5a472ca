"""Connective tissue: basal laminae along the cells that rest on it, and fibrils of collagen."""

import numpy as np

from mitogen.geometry.partial_volume import layer as share_of_layer
from mitogen.organelles.cytoplasm.filaments import Fibre, draw_fibres
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment

LAMINA_NM = (35.0, 75.0)
"""Between which distances from the middle of a plasma membrane a basal lamina lies."""


def draw_connective_tissue(layer: Layer) -> None:
    """Draw collagen, and the laminae over it."""
    holds = layer.holding("collagen")
    canvas, params = layer.canvas, layer.params
    where = np.flatnonzero(holds[canvas.space.owner])
    if where.size == 0:
        return
    density = params["connective.collagen_density"]
    fibril = Fibre(params["connective.collagen_nm"] / 2, 0.0, density, 1.8 * params["connective.collagen_nm"],
                   params["connective.collagen"], 30.0, 4000.0)  # fmt: skip
    canvas.space.free.reshape(-1)[where] = True
    draw_fibres(layer, fibril, holds, layer.keys["collagen"], ("collagen_1", "collagen_2"))
    canvas.space.free.reshape(-1)[where] = False
    ground = layer.on_section("matrix").reshape(-1)[where]
    canvas.density.reshape(-1)[where] += np.float32(params["connective.unevenness"]) * ground
    lined = layer.holding("basal_lamina")[canvas.space.neighbour.reshape(-1)[where]]
    at = where[lined]
    if at.size:
        distance = canvas.space.membrane.reshape(-1)[at] + 8 * layer.on_section("matrix").reshape(-1)[at]
        reach = canvas.reach(canvas.space.membrane_z.reshape(-1)[at])
        middle, half = (LAMINA_NM[0] + LAMINA_NM[1]) / 2, (LAMINA_NM[1] - LAMINA_NM[0]) / 2
        canvas.cover(share_of_layer(distance, reach, middle, half), params["connective.lamina_density"], at)


CONNECTIVE_TISSUE = Organelle(
    "connective_tissue",
    draw_connective_tissue,
    fields={"matrix": 110.0, "collagen_1": 900.0, "collagen_2": 900.0},
    keys=("collagen",),
    compartments=(Compartment.FILAMENT,),
)
