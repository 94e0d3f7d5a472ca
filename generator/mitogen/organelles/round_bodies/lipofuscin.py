"""Lipofuscin: irregular dark bodies with dark grains and pale drops of lipid that have no membrane."""

import numpy as np

from mitogen.organelles.cytoplasm.granules import Granule
from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, draw_within, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_lipofuscin(layer: Layer) -> None:
    """Draw lipofuscin bodies."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    canvas, params = layer.canvas, layer.params
    coarse, fine = pixels.of(layer.on_section("lipofuscin_mottle")), pixels.of(layer.on_section("lipofuscin_grain"))
    mottled = params["lipofuscin.darkness"] * (0.8 + 0.2 * np.tanh(coarse + 1.5 * fine))
    stain = np.maximum(params["cells.cytoplasm"] + mottled + 0.7 * pixels.of(canvas.grain), 0.05)
    fill(layer, pixels, stain, Compartment.LYSOSOME)
    dark = params["cells.cytoplasm"] + 1.15 * params["lipofuscin.darkness"]
    grains = Granule(16.0, 0.4, 0.0, 0.0, dark, 48.0, 0.6)
    draw_within(canvas, pixels.at[pixels.s < -10], grains, layer.keys["lipofuscin_grains"], Compartment.LYSOSOME)
    drops = Granule(44.0, 0.5, 0.0, 0.0, 0.5 * params["cells.cytoplasm"], 120.0, params["lipofuscin.lipid"])
    draw_within(canvas, pixels.at[pixels.s < -25], drops, layer.keys["lipofuscin_drops"], Compartment.LYSOSOME)
    draw_membrane(layer, pixels, Compartment.LYSOSOME)


LIPOFUSCIN = Organelle(
    "lipofuscin",
    draw_lipofuscin,
    fields={"lipofuscin_mottle": 350.0, "lipofuscin_grain": 70.0},
    keys=("lipofuscin_grains", "lipofuscin_drops"),
    compartments=(Compartment.LYSOSOME,),
    body=RoundBody(roughness=0.28),
)
