"""Lipid droplets: even, without a membrane."""

from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_lipid(layer: Layer) -> None:
    """Draw lipid droplets."""
    pixels = find_pixels(layer)
    if pixels is not None:
        stain = layer.params["lipid.density"] + 0.2 * (pixels.looks.shade - 0.5)
        fill(layer, pixels, stain, Compartment.LIPID)


LIPID = Organelle("lipid", draw_lipid, compartments=(Compartment.LIPID,), body=RoundBody())
