"""Zymogen granules: large, round, dark and even."""

from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_zymogen(layer: Layer) -> None:
    """Draw zymogen granules."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    stain = layer.params["zymogen.density"] + 0.08 * (pixels.looks.shade - 0.5)
    fill(layer, pixels, stain + 0.3 * pixels.of(layer.canvas.grain), Compartment.GRANULE)
    draw_membrane(layer, pixels, Compartment.GRANULE)


ZYMOGEN = Organelle(
    "zymogen",
    draw_zymogen,
    compartments=(Compartment.GRANULE,),
    body=RoundBody(0.03, "zymogen", spread=0.15, crowded=True),
)
