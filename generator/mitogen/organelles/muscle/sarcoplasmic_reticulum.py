"""Sarcoplasmic reticulum: pale vesicles and tubules in the seams between myofibrils, as sections show it."""

from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment


def draw_sarcoplasmic_reticulum(layer: Layer) -> None:
    """Draw a net of pale profiles wherever fibrils and mitochondria leave room for it."""
    canvas, params = layer.canvas, layer.params
    occupancy = params["sarcoplasmic_reticulum.occupancy"]
    holds = layer.holding("sarcoplasmic_reticulum")
    if occupancy <= 0 or not holds.any():
        return
    radius = params["sarcoplasmic_reticulum.radius_nm"]
    wall = params["reticulum.membrane_density"]
    profile = Granule(radius, 0.45, 9.0, wall, params["reticulum.lumen_density"], 2.3 * radius, occupancy)
    where = holds[canvas.space.owner] & canvas.space.free & (layer.on_section("net") > -1.0)
    draw_granules(canvas, profile, where, layer.keys["net"], Compartment.RETICULUM)


SARCOPLASMIC_RETICULUM = Organelle(
    "sarcoplasmic_reticulum",
    draw_sarcoplasmic_reticulum,
    fields={"net": 500.0},
    keys=("net",),
    compartments=(Compartment.RETICULUM,),
)
