"""Endosomes and vacuoles: a pale lumen in one membrane."""

import numpy as np

from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_endosomes(layer: Layer) -> None:
    """Draw endosomes."""
    pixels = find_pixels(layer)
    if pixels is not None:
        fill(layer, pixels, np.full(pixels.at.shape, layer.params["endosomes.lumen_density"]), Compartment.ENDOSOME)
        draw_membrane(layer, pixels, Compartment.ENDOSOME)


ENDOSOMES = Organelle("endosomes", draw_endosomes, compartments=(Compartment.ENDOSOME,), body=RoundBody())
