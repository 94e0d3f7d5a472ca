"""Ribosomes and glycogen: dark grains that fill the cytoplasm of some cells."""

from collections.abc import Mapping

from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment


def ribosome(params: Mapping[str, float], spacing_nm: float, occupancy: float) -> Granule:
    """A ribosome on a lattice of `spacing_nm`, of whose places a share of `occupancy` is filled."""
    return Granule(params["ribosomes.radius_nm"], 0.2, 0.0, 0.0, params["ribosomes.density"], spacing_nm, occupancy)


def draw_ribosomes(layer: Layer) -> None:
    """Draw polysomes, all over the cells that are full of them and in patches of others that have any."""
    patch, group = layer.on_section("ribosome_patches"), layer.on_section("polysomes")
    rich = layer.where("ribosomes")
    where = (rich | (layer.where("few_ribosomes") & (patch > 0.8))) & (group > -0.2)
    free = ribosome(layer.params, 34.0, layer.params["ribosomes.occupancy"])
    draw_granules(layer.canvas, free, where, layer.keys["ribosomes"], Compartment.RIBOSOME)


def draw_glycogen(layer: Layer) -> None:
    """Draw rosettes of glycogen."""
    params = layer.params
    rosette = Granule(
        params["glycogen.radius_nm"], 0.35, 0.0, 0.0, params["glycogen.density"], 48.0, params["glycogen.occupancy"]
    )
    holds = layer.where("glycogen")
    if holds.any():
        where = holds & (layer.on_section("glycogen_patches") < 0.6)
        draw_granules(layer.canvas, rosette, where, layer.keys["glycogen"], Compartment.GLYCOGEN)


RIBOSOMES = Organelle(
    "ribosomes",
    draw_ribosomes,
    fields={"ribosome_patches": 350.0, "polysomes": 70.0},
    keys=("ribosomes",),
    compartments=(Compartment.RIBOSOME,),
)
GLYCOGEN = Organelle(
    "glycogen",
    draw_glycogen,
    fields={"glycogen_patches": 350.0},
    keys=("glycogen",),
    compartments=(Compartment.GLYCOGEN,),
)
