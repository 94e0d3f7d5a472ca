"""Plasma membranes on both sides of the extracellular gap, and the gap itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import layer_at, reach_at
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

ROUGH_NM = 12.0
"""How far a plasma membrane wavers within a few tens of nanometres."""
OUTSIDE = int(Compartment.EXTRACELLULAR)


class _Border(NamedTuple):
    """What lies between cells; C cells.

    Attributes:
        bounded: (C,) bool, which are cells and have a membrane; the others are resin or a lumen.
        shade: (C,) float32 density of what has none.
        half_gap: half the width of the gap in nm.
        gap: its density.
        width: thickness of a membrane in nm.
        stain: its density.
    """

    bounded: NDArray[np.bool_]
    shade: FloatArray
    half_gap: float
    gap: float
    width: float
    stain: float


def draw_plasma_membranes(layer: Layer) -> None:
    """Draw the membranes of all cells, and what is between them."""
    canvas, params = layer.canvas, layer.params
    border = _Border(
        layer.holding("cytoplasm"),
        layer.cells.shade,
        params["cells.gap_nm"] / 2,
        params["cells.gap_density"],
        params["cells.membrane_nm"],
        params["cells.membrane_density"],
    )
    _draw_borders(canvas.paint(Compartment.PLASMA_MEMBRANE), canvas.space, canvas.raster, border)


@compiled
def _draw_borders(paint: Paint, space: Space, raster: Raster, border: _Border) -> None:
    density, compartments, pixel = paint.density, paint.compartments, raster.pixel
    half_gap, width = border.half_gap, border.width
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            distance, normal = space.membrane[i, j], space.membrane_z[i, j]
            # No membrane is flat to a few nanometres: cut along its face it is a smear, in which gap and membranes
            # do not show by themselves.
            reach = reach_at(normal, raster.thickness, pixel) + ROUGH_NM * normal * normal
            if distance > half_gap + width + reach:
                continue
            owner, neighbour = space.owner[i, j], space.neighbour[i, j]
            here, there = border.bounded[owner], border.bounded[neighbour]
            if not (here or there):
                continue
            value, gap = density[i, j], border.gap
            if not (here and there):
                gap = border.shade[neighbour if here else owner]
            value += layer_at(distance, reach, -half_gap, half_gap) * (gap - value)
            # Both membranes fall into a pixel that is wide or obliquely cut, hence both sides of the gap.
            share = layer_at(distance, reach, half_gap, half_gap + width) if here else 0.0
            if there:
                share += layer_at(distance, reach, -half_gap - width, -half_gap)
            density[i, j] = value + min(share, 1.0) * (border.stain - value)
            if compartments.size > 0 and distance < half_gap:
                compartments[i, j] = OUTSIDE
            elif here and distance <= half_gap + max(width, pixel):
                mark(paint, i, j)


PLASMA_MEMBRANE = Organelle(
    "plasma_membrane",
    draw_plasma_membranes,
    compartments=(Compartment.PLASMA_MEMBRANE, Compartment.EXTRACELLULAR),
)
