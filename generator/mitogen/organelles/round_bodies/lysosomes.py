"""Lysosomes: dark, mottled round bodies."""

import numpy as np

from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_lysosomes(layer: Layer) -> None:
    """Draw lysosomes."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    params, grain = layer.params, pixels.of(layer.canvas.grain)
    coarse, fine = pixels.of(layer.on_section("lysosome_mottle")), pixels.of(layer.on_section("lysosome_grain"))
    mottled = params["lysosomes.darkness"] * (0.7 + 0.5 * pixels.looks.shade)
    mottled = mottled + params["lysosomes.mottle"] * (0.6 * coarse + 0.4 * fine)
    stain = np.maximum(params["cells.cytoplasm"] + mottled + 0.7 * grain, 0.05)
    fill(layer, pixels, stain, Compartment.LYSOSOME)
    draw_membrane(layer, pixels, Compartment.LYSOSOME)


LYSOSOMES = Organelle(
    "lysosomes",
    draw_lysosomes,
    fields={"lysosome_mottle": 350.0, "lysosome_grain": 70.0},
    compartments=(Compartment.LYSOSOME,),
    body=RoundBody(roughness=0.09),
)
