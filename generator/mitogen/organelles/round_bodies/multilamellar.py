"""Multilamellar bodies: whorls of membranes, as in an onion, less regular towards the middle."""

import numpy as np

from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_multilamellar_bodies(layer: Layer) -> None:
    """Draw multilamellar bodies."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    canvas, params, period = layer.canvas, layer.params, layer.params["multilamellar.period_nm"]
    wavy = pixels.s + max(5.0, 0.5 * period) * pixels.of(layer.on_section("whorl_waves"))
    visible = np.exp(-((canvas.grid.pixel_nm / period) ** 2))
    stripes = 0.5 + 0.5 * visible * np.cos(2 * np.pi * wavy / period)
    whorl = params["cells.cytoplasm"] * 0.8 + params["cells.membrane_density"] * 0.75 * stripes
    fill(layer, pixels, whorl + 0.5 * pixels.of(canvas.grain), Compartment.LYSOSOME)
    draw_membrane(layer, pixels, Compartment.LYSOSOME)


MULTILAMELLAR_BODIES = Organelle(
    "multilamellar",
    draw_multilamellar_bodies,
    fields={"whorl_waves": 350.0},
    compartments=(Compartment.LYSOSOME,),
    body=RoundBody(),
)
