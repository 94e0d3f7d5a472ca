"""Multivesicular bodies: small vesicles in a round body."""

from collections.abc import Mapping

from mitogen.organelles.cytoplasm.granules import Granule
from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import draw_membrane, draw_within, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_multivesicular_bodies(layer: Layer) -> None:
    """Draw multivesicular bodies."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    params, compartment = layer.params, Compartment.MULTIVESICULAR_BODY
    stain = params["cells.cytoplasm"] + params["multivesicular.darkness"] + 0.25 * (pixels.looks.shade - 0.5)
    fill(layer, pixels, stain, compartment)
    draw_within(layer.canvas, pixels.at[pixels.s < -25], _vesicle(params), layer.keys["inner"], compartment)
    draw_membrane(layer, pixels, compartment)


def _vesicle(params: Mapping[str, float]) -> Granule:
    """The vesicles in them."""
    radius = params["multivesicular.vesicle_radius_nm"]
    lumen = max(0.0, params["cells.cytoplasm"] + params["multivesicular.vesicle_darkness"])
    wall = 0.9 * params["cells.membrane_density"]
    return Granule(radius, 0.25, 6.0, wall, lumen, 2.2 * radius, params["multivesicular.vesicle_occupancy"])


MULTIVESICULAR_BODIES = Organelle(
    "multivesicular",
    draw_multivesicular_bodies,
    keys=("inner",),
    compartments=(Compartment.MULTIVESICULAR_BODY,),
    body=RoundBody(),
)
