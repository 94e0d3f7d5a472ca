"""Plasma membranes on both sides of the extracellular gap, and the gap itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.partial_volume import layer_at, reach_at
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space
from mitogen.tissue.compartments import Compartment

ROUGH_NM = 12.0
"""How far a plasma membrane wavers within a few tens of nanometres."""
OUTSIDE = int(Compartment.EXTRACELLULAR)


class _Border(NamedTuple):
    """What lies between two cells; lengths in nm.

    Attributes:
        half_gap: half the width of the gap.
        gap: its density.
        width: thickness of a membrane.
        stain: its density.
    """

    half_gap: float
    gap: float
    width: float
    stain: float


def draw_plasma_membranes(layer: Layer) -> None:
    """Draw the membranes of all cells, and what is between them; resin and lumens have no membrane."""
    canvas, params, bounded = layer.canvas, layer.params, layer.holding("cytoplasm")
    border = _Border(
        params["cells.gap_nm"] / 2,
        params["cells.gap_density"],
        params["cells.membrane_nm"],
        params["cells.membrane_density"],
    )
    paint = canvas.paint(Compartment.PLASMA_MEMBRANE)
    before = None if bounded.all() else Paint(canvas.density.copy(), canvas.compartments.copy(), paint.compartment)
    _draw_borders(paint, canvas.space, canvas.raster, border)
    if before is not None:
        _draw_faces(paint, before, canvas.space, canvas.raster, border, bounded)


@compiled
def _draw_borders(paint: Paint, space: Space, raster: Raster, border: _Border) -> None:
    density, compartments, pixel = paint.density, paint.compartments, raster.pixel
    membrane, membrane_z = space.membrane, space.membrane_z
    half_gap, width = border.half_gap, border.width
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            distance, reach = membrane[i, j], _reach(membrane_z[i, j], raster)
            if distance > half_gap + width + reach:
                continue
            value = density[i, j]
            value += layer_at(distance, reach, -half_gap, half_gap) * (border.gap - value)
            # Both membranes fall into a pixel that is wide or obliquely cut, hence both sides of the gap.
            share = layer_at(distance, reach, half_gap, half_gap + width)
            share += layer_at(distance, reach, -half_gap - width, -half_gap)
            density[i, j] = value + min(share, 1.0) * (border.stain - value)
            if compartments.size > 0 and distance <= half_gap + max(width, pixel):
                compartments[i, j] = OUTSIDE if distance < half_gap else paint.compartment


@compiled
def _draw_faces(
    paint: Paint, before: Paint, space: Space, raster: Raster, border: _Border, bounded: NDArray[np.bool_]
) -> None:
    """Draw anew, over what was there before, where a cell faces what is none: one membrane, and no gap."""
    density, owner, neighbour, membrane, membrane_z = (
        paint.density, space.owner, space.neighbour, space.membrane, space.membrane_z,
    )  # fmt: skip
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            here, there = bounded[owner[i, j]], bounded[neighbour[i, j]]
            reach = _reach(membrane_z[i, j], raster)
            if (here and there) or membrane[i, j] > border.half_gap + border.width + reach:
                continue
            distance = membrane[i, j] if here else -membrane[i, j]
            share = layer_at(distance, reach, 0.0, border.width) if here or there else 0.0
            value = before.density[i, j]
            density[i, j] = value + share * (border.stain - value)
            if paint.compartments.size > 0:
                paint.compartments[i, j] = before.compartments[i, j]
                if here and distance <= max(border.width, raster.pixel):
                    paint.compartments[i, j] = paint.compartment


@inlined
def _reach(normal: float, raster: Raster) -> float:
    """Range of distances that a pixel averages over.

    No membrane is flat to a few nanometres: cut along its face it is a smear, in which gap and membranes do not show by
    themselves.
    """
    return reach_at(normal, raster.thickness, raster.pixel) + ROUGH_NM * normal * normal


PLASMA_MEMBRANE = Organelle(
    "plasma_membrane",
    draw_plasma_membranes,
    compartments=(Compartment.PLASMA_MEMBRANE, Compartment.EXTRACELLULAR),
)
