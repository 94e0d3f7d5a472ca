"""Rough cisternae that wrap mitochondria, one over the other, as in liver."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.organelles.cytoplasm.granules import draw_granules
from mitogen.organelles.cytoplasm.particles import ribosome
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

MEMBRANE_NM = 7.0
KNOWN_NM = 195.0
"""Mitochondria further away may not be known of."""


class _Wraps(NamedTuple):
    """The cisternae of an image; lengths in nm.

    Attributes:
        holds: (C,) bool, which cells have them.
        layers: how many lie over each other.
        apart: distance of the first from a mitochondrion, and of the next ones from each other.
        half_lumen: half the width of their lumen.
        lumen, stain: stain of the lumen and of the membrane.
        level: of the field above which they occur.
    """

    holds: NDArray[np.bool_]
    layers: int
    apart: float
    half_lumen: float
    lumen: float
    stain: float
    level: float


def draw_wraps(layer: Layer) -> None:
    """Draw cisternae at even distances from mitochondria, and the ribosomes on them."""
    canvas, params = layer.canvas, layer.params
    holds, count = layer.holding("wrapping_cisternae"), round(params["reticulum.wraps"])
    share = params["reticulum.wrap_share"]
    if count == 0 or share <= 0 or not holds.any():
        return
    half = params["reticulum.lumen_nm"] / 2
    apart = max(params["reticulum.wrap_nm"], half + MEMBRANE_NM + 12)
    wraps = _Wraps(
        holds, count, apart + half, half, params["reticulum.lumen_density"], params["reticulum.membrane_density"],
        float(-ndtri(np.clip(share, 1e-6, 1 - 1e-6))),
    )  # fmt: skip
    studded = np.zeros(canvas.grid.shape, np.bool_)
    _draw_layers(
        canvas.paint(Compartment.RETICULUM), canvas.space, canvas.raster, wraps, layer.inclusions.map.normal_z,
        (layer.on_section("wrap"), layer.on_section("wrap_width")), studded,
    )  # fmt: skip
    if params["reticulum.rough_share"] > 0:
        draw_granules(canvas, ribosome(params, 32.0, 0.85), studded, layer.keys["wrap_studs"], Compartment.RIBOSOME)


@compiled
def _draw_layers(
    paint: Paint, space: Space, raster: Raster, wraps: _Wraps, normal_z: FloatArray,
    fields: tuple[FloatArray, FloatArray], studded: NDArray[np.bool_],
) -> None:  # fmt: skip
    patch, width = fields
    density, room, membrane = paint.density, space.room, space.membrane
    period = wraps.apart + wraps.half_lumen + MEMBRANE_NM
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            away = room[i, j]
            if away < 15 or away > KNOWN_NM or not wraps.holds[space.owner[i, j]]:
                continue
            if membrane[i, j] < 20 or not space.free[i, j]:
                continue
            # Outer ones are less complete than inner ones.
            number = max(np.round((away - wraps.apart) / period), 0.0)
            depth = patch[i, j] - wraps.level - 0.5 * number
            last = wraps.apart + number * period + 1.3 * wraps.half_lumen + MEMBRANE_NM
            if number >= wraps.layers or last > KNOWN_NM or depth < -0.4:
                continue
            half = wraps.half_lumen * (1 + 0.3 * np.tanh(width[i, j]))
            distance = abs(away - wraps.apart - number * period + 5 * width[i, j])
            # Rounded ends where a patch ends, and before a membrane.
            edge = min(200 * depth, membrane[i, j] - 14) - half - MEMBRANE_NM
            if edge < 0:
                distance = np.sqrt(distance * distance + edge * edge)
            s = distance - half
            normal = normal_z[i, j]
            reach = reach_at(normal, raster.thickness, raster.pixel) + 5 * normal * normal
            if s > MEMBRANE_NM + reach:
                studded[i, j] = s < MEMBRANE_NM + 18
                continue
            value = density[i, j]
            value += inside_at(s, reach) * (wraps.lumen - value)
            value += layer_at(s, reach, 0.0, MEMBRANE_NM) * (wraps.stain - value)
            density[i, j] = value
            if s <= MEMBRANE_NM:
                space.free[i, j] = False
                mark(paint, i, j)


WRAPPING_CISTERNAE = Organelle(
    "wrapping_cisternae",
    draw_wraps,
    fields={"wrap": 900.0, "wrap_width": 320.0},
    keys=("wrap_studs",),
    compartments=(Compartment.RETICULUM, Compartment.RIBOSOME),
)
