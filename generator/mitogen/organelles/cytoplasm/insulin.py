"""Granules of islet cells: a dense core of insulin in a bright halo, and pale ones."""

from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment


def draw_insulin(layer: Layer) -> None:
    """Draw pale granules, then those with a core; none runs into a mitochondrion."""
    canvas, params = layer.canvas, layer.params
    holds, occupancy = layer.holding("insulin"), params["insulin.occupancy"]
    if occupancy <= 0 or not holds.any():
        return
    radius = params["insulin.radius_nm"]
    wall, spacing = 0.7 * params["cells.membrane_density"], 2.1 * radius
    where = holds[canvas.space.owner] & canvas.space.free & (canvas.space.room > 1.1 * radius)
    where &= layer.on_section("insulin") > -0.8
    pale = params["insulin.pale_share"]
    empty = Granule(radius, 0.25, 6.0, wall, params["insulin.pale_density"], spacing, occupancy * pale)
    draw_granules(canvas, empty, where, layer.keys["pale_insulin"], Compartment.GRANULE)
    full = Granule(
        radius, 0.25, 6.0, wall, params["insulin.halo_density"], spacing, occupancy * (1 - pale),
        params["insulin.core"], params["insulin.core_density"],
    )  # fmt: skip
    draw_granules(canvas, full, where, layer.keys["insulin"], Compartment.GRANULE)


INSULIN = Organelle(
    "insulin",
    draw_insulin,
    fields={"insulin": 1800.0},
    keys=("insulin", "pale_insulin"),
    compartments=(Compartment.GRANULE,),
)
