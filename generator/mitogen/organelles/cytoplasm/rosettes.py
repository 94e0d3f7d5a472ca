"""Glycogen as liver stores it: rosettes of small particles, crowded in fields."""

import numpy as np
from scipy.special import ndtri

from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment

PARTICLE_NM = 13.0
"""Radius of a particle (beta) of which rosettes (alpha) are made."""


def draw_rosettes(layer: Layer) -> None:
    """Draw rosettes: clumps of particles, which a field as fine as a rosette holds together."""
    canvas, params = layer.canvas, layer.params
    holds, share = layer.holding("rosettes"), params["rosettes.share"]
    if share <= 0 or not holds.any():
        return
    # A third of a field lies within rosettes.
    field = float(-ndtri(np.clip(share, 1e-6, 1 - 1e-6)))
    clumps = (layer.on_section("glycogen_field") > field) & (layer.on_section("rosette") > 0.35)
    particle = Granule(PARTICLE_NM, 0.4, 0.0, 0.0, params["rosettes.density"], 1.9 * PARTICLE_NM, 0.9)
    where = clumps & holds[canvas.space.owner] & canvas.space.free
    draw_granules(canvas, particle, where, layer.keys["rosettes"], Compartment.GLYCOGEN)


ROSETTES = Organelle(
    "rosettes",
    draw_rosettes,
    fields={"glycogen_field": 2500.0, "rosette": lambda params: 4.5 * params["rosettes.radius_nm"]},
    keys=("rosettes",),
    compartments=(Compartment.GLYCOGEN,),
)
