"""Vesicles: packed in synaptic terminals, in small groups elsewhere, and those with a dense core."""

from collections.abc import Mapping

import numpy as np

from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment


def synaptic_vesicle(params: Mapping[str, float]) -> Granule:
    """A clear vesicle as it is packed in terminals."""
    radius = params["boutons.vesicle_radius_nm"]
    return Granule(
        radius,
        0.12,
        params["boutons.vesicle_shell_nm"],
        params["cells.membrane_density"] * params["boutons.vesicle_stain"],
        params["boutons.vesicle_lumen"],
        2 * radius * params["boutons.vesicle_spacing"],
        params["boutons.vesicle_occupancy"],
    )


def draw_packed_vesicles(layer: Layer) -> None:
    """Draw the vesicle pools of terminals, and the denser matrix in which they lie."""
    canvas, params = layer.canvas, layer.params
    terminal = layer.where("packed_vesicles")
    packed = terminal & (layer.on_section("cluster") > params["boutons.cluster_level"])
    if not packed.any():
        return
    darker = np.float32(params["boutons.matrix_darkness"])
    np.add(canvas.density, darker, out=canvas.density, where=packed & canvas.space.free)
    draw_granules(canvas, synaptic_vesicle(params), packed, layer.keys["vesicles"], Compartment.VESICLE)


def draw_loose_vesicles(layer: Layer) -> None:
    """Draw clear vesicles of unequal size in small groups."""
    canvas, occupancy = layer.canvas, layer.params["cells.loose_vesicles"]
    if occupancy <= 0:
        return
    vesicle = synaptic_vesicle(layer.params)
    loose = vesicle._replace(
        radius_nm=1.1 * vesicle.radius_nm, radius_spread=0.35, spacing_nm=75.0, occupancy=occupancy
    )
    where = layer.where("loose_vesicles") & (layer.on_section("vesicle_groups") > 1.2)
    draw_granules(canvas, loose, where, layer.keys["sparse"], Compartment.VESICLE)


def draw_dense_cores(layer: Layer) -> None:
    """Draw vesicles with a dark core."""
    params = layer.params
    core = Granule(
        params["dense_core.radius_nm"],
        0.2,
        6.0,
        params["cells.membrane_density"] * 0.7,
        params["dense_core.density"],
        160.0,
        params["dense_core.occupancy"],
    )
    where = layer.where("dense_cores")
    draw_granules(layer.canvas, core, where, layer.keys["dense"], Compartment.DENSE_CORE_VESICLE)


PACKED_VESICLES = Organelle(
    "packed_vesicles",
    draw_packed_vesicles,
    fields={"cluster": lambda params: params["boutons.cluster_nm"]},
    keys=("vesicles",),
    compartments=(Compartment.VESICLE,),
)
LOOSE_VESICLES = Organelle(
    "loose_vesicles",
    draw_loose_vesicles,
    fields={"vesicle_groups": 350.0},
    keys=("sparse",),
    compartments=(Compartment.VESICLE,),
)
DENSE_CORES = Organelle(
    "dense_cores", draw_dense_cores, keys=("dense",), compartments=(Compartment.DENSE_CORE_VESICLE,)
)
