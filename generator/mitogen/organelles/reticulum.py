"""Endoplasmic reticulum: curved, finite cisternae, smooth or studded with ribosomes, and smooth tubules."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.geometry.random_fields import Waves
from mitogen.organelles.level_sets import level, slope, thread
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

MEMBRANE_NM = 7.0
NONE, SINGLE, STACKED = 0, 1, 2
"""How cisternae run in a cell: not at all, one by one, or side by side as in Nissl bodies."""


@dataclass(frozen=True, eq=False)
class SheetFields:
    """What lays out cisternae.

    Attributes:
        phase: a cisterna runs where it is near a whole number.
        patch: bounds the patches in which cisternae occur.
        width: makes the lumen narrow and wide.
        rough: decides which cisternae bear ribosomes.
    """

    phase: Waves
    patch: Waves
    width: Waves
    rough: Waves


def draw_cisternae(
    canvas: Canvas, params: Mapping[str, float], fields: SheetFields, habit: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Draw flattened cisternae.

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        fields: what lays them out.
        habit: (N,) uint8, how they run in each cell: `NONE`, `SINGLE` or `STACKED`.

    Returns:
        (Y, X) bool, where the ribosomes of rough cisternae have their centres.
    """
    studded = np.zeros(canvas.grid.shape, np.bool_)
    share = params["reticulum.cisternae_share"]
    if share <= 0 or not habit.any():
        return studded
    # Cell bodies are fuller of cisternae than their branches.
    levels = np.array([9.0, _quantile(share), _quantile(min(0.1 + 3 * share, 1.0))])
    _draw_sheets(
        canvas.density, canvas.compartments, np.uint8(Compartment.RETICULUM), studded, canvas.owner, habit, canvas.free,
        canvas.membrane, canvas.room, *level(canvas, fields.phase), *level(canvas, fields.patch),
        canvas.on_section(fields.width), canvas.on_section(fields.rough), canvas.grid.pixel_nm,
        canvas.grid.thickness_nm, levels, params["reticulum.sheets"], params["reticulum.lumen_nm"] / 2,
        params["reticulum.lumen_density"], params["reticulum.membrane_density"],
        _quantile(params["reticulum.rough_share"]),
    )  # fmt: skip
    return studded


def draw_tubules(
    canvas: Canvas, params: Mapping[str, float], fields: tuple[Waves, Waves, Waves], holds: NDArray[np.bool_]
) -> None:
    """Draw smooth tubules around the curves on which the first two fields vanish.

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        fields: two fields of the same wavelength, and one that bounds the patches in which tubules occur.
        holds: (N,) bool, which cells have them.
    """
    if params["reticulum.tubule_share"] <= 0 or not holds.any():
        return
    _draw_threads(
        canvas.density, canvas.compartments, np.uint8(Compartment.RETICULUM), canvas.owner, holds, canvas.free,
        canvas.membrane,
        canvas.room, *level(canvas, fields[0]), *level(canvas, fields[1]), *level(canvas, fields[2]),
        canvas.grid.pixel_nm, canvas.grid.thickness_nm, fields[0].mean_slope,
        _quantile(params["reticulum.tubule_share"]), params["reticulum.tubule_radius_nm"],
        params["reticulum.lumen_density"], params["reticulum.membrane_density"],
    )  # fmt: skip


def _quantile(share: float) -> float:
    """Level that a unit normal field exceeds on `share` of the points."""
    return float(-ndtri(np.clip(share, 1e-6, 1 - 1e-6)))


@compiled
def _draw_sheets(
    density: FloatArray, compartments: NDArray[np.uint8], compartment: np.uint8, studded: NDArray[np.bool_],
    owner: NDArray[np.int32], habit: NDArray[np.uint8], free: NDArray[np.bool_], membrane: FloatArray, room: FloatArray,
    phase: FloatArray, phase_rise: FloatArray, patch: FloatArray, patch_rise: FloatArray, width: FloatArray,
    rough: FloatArray, pixel: float, thickness: float, levels: NDArray[np.float64], sheets: float, half_lumen: float,
    lumen: float, stain: float, rough_level: float,
) -> None:  # fmt: skip
    wall = MEMBRANE_NM
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            runs = habit[owner[i, j]]
            depth = patch[i, j] - levels[runs]
            if runs == NONE or depth < -0.5 or membrane[i, j] < 14 or not free[i, j]:
                continue
            fold = phase[i, j] * sheets
            nearest = np.round(fold)
            if runs == SINGLE and nearest != 0:
                continue
            gz, gy, gx = slope(phase, phase_rise, i, j, pixel)
            steep = max(np.sqrt(gz * gz + gy * gy + gx * gx), 1e-7)
            distance = abs(fold - nearest) / (steep * sheets)
            if distance > 1.5 * half_lumen + 60 + thickness:
                continue
            # Narrow and wide by turns; crowded sheets are thin, and leave cytoplasm between them.
            half = half_lumen * (1 + 0.35 * np.tanh(width[i, j]))
            half = min(half, 0.4 / (steep * sheets) - wall - 8)
            if half < 3:
                continue
            pz, py, px = slope(patch, patch_rise, i, j, pixel)
            edge = depth / max(np.sqrt(pz * pz + py * py + px * px), 1e-7)
            edge = min(edge, membrane[i, j] - 12, room[i, j] - 12) - half - wall
            if edge < 0:
                distance = np.sqrt(distance * distance + edge * edge)
            s = distance - half
            # No cisterna is flat to a few nanometres where it is cut along its face.
            normal = gz / steep
            reach = reach_at(normal, thickness, pixel) + 6 * normal * normal
            if s > wall + reach:
                bears = runs == STACKED or rough[i, j] > rough_level
                studded[i, j] = bears and rough_level < 4 and s < wall + 18
                continue
            value = density[i, j]
            value += inside_at(s, reach) * (lumen - value)
            value += layer_at(s, reach, 0.0, wall) * (stain - value)
            density[i, j] = value
            if compartments.size > 0 and s <= wall:
                compartments[i, j] = compartment


@compiled
def _draw_threads(
    density: FloatArray, compartments: NDArray[np.uint8], compartment: np.uint8, owner: NDArray[np.int32],
    holds: NDArray[np.bool_], free: NDArray[np.bool_], membrane: FloatArray, room: FloatArray, first: FloatArray,
    first_rise: FloatArray, second: FloatArray, second_rise: FloatArray, patch: FloatArray, patch_rise: FloatArray,
    pixel: float, thickness: float, mean_slope: float, level_of_patch: float, radius: float, lumen: float,
    stain: float,
) -> None:  # fmt: skip
    farthest = radius + 0.5 * thickness + pixel
    far = 3.5 * mean_slope * farthest
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if abs(first[i, j]) > far or abs(second[i, j]) > far or not holds[owner[i, j]]:
                continue
            depth = patch[i, j] - level_of_patch
            if depth < -0.5 or membrane[i, j] < radius * 0.6 + 6 or not free[i, j]:
                continue
            distance, normal = thread(first, first_rise, second, second_rise, i, j, pixel, farthest)
            if distance > farthest:
                continue
            pz, py, px = slope(patch, patch_rise, i, j, pixel)
            edge = depth / max(np.sqrt(pz * pz + py * py + px * px), 1e-7)
            edge = min(edge, membrane[i, j] - 10, room[i, j] - 12) - radius
            if edge < 0:
                distance = np.sqrt(distance * distance + edge * edge)
            s = distance - radius
            reach = reach_at(normal, thickness, pixel)
            if s > reach:
                continue
            value = density[i, j]
            value += inside_at(s, reach) * (lumen - value)
            value += layer_at(s, reach, -MEMBRANE_NM, 0.0) * (stain - value)
            density[i, j] = value
            if compartments.size > 0 and s <= 0:
                compartments[i, j] = compartment
