"""Endoplasmic reticulum: curved, finite cisternae, smooth or studded with ribosomes, and smooth tubules."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.level_sets import Level, slope, thread
from mitogen.geometry.partial_volume import inside_at, layer_at, reach_at
from mitogen.organelles.cytoplasm.granules import draw_granules
from mitogen.organelles.cytoplasm.particles import ribosome
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment

MEMBRANE_NM = 7.0
NONE, SINGLE, STACKED = 0, 1, 2
"""How cisternae run in a cell: not at all, one by one, or side by side as in Nissl bodies."""


class _Sheets(NamedTuple):
    """The cisternae of an image.

    Attributes:
        habit: (C,) uint8, how they run in each cell: `NONE`, `SINGLE` or `STACKED`.
        levels: (3,) float64 level of `patch` above which they occur, for each habit.
        folds: how often the phase turns.
        half_lumen: half the width of the lumen in nm.
        lumen: stain of the lumen.
        stain: stain of the membrane.
        rough_level: level of `rough` above which they bear ribosomes.
    """

    habit: NDArray[np.uint8]
    levels: NDArray[np.float64]
    folds: float
    half_lumen: float
    lumen: float
    stain: float
    rough_level: float


class _SheetFields(NamedTuple):
    """What lays out cisternae.

    Attributes:
        phase: a cisterna runs where it is near a whole number.
        patch: bounds the patches in which cisternae occur.
        width: (Y, X) float32, makes the lumen narrow and wide.
        rough: (Y, X) float32, decides which cisternae bear ribosomes.
    """

    phase: Level
    patch: Level
    width: FloatArray
    rough: FloatArray


class _Tubules(NamedTuple):
    """The tubules of an image.

    Attributes:
        holds: (C,) bool, which cells have them.
        mean_slope: of the fields that lay them out.
        level: level of `patch` above which they occur.
        radius: outer radius in nm.
        lumen: stain of the lumen.
        stain: stain of the membrane.
    """

    holds: NDArray[np.bool_]
    mean_slope: float
    level: float
    radius: float
    lumen: float
    stain: float


class _TubuleFields(NamedTuple):
    """What lays out tubules: they run where the first two vanish, and where the last is high."""

    first: Level
    second: Level
    patch: Level


def draw_reticulum(layer: Layer) -> None:
    """Draw flattened cisternae, the ribosomes on them, and smooth tubules."""
    studded = _draw_cisternae(layer)
    ribosomes = ribosome(layer.params, 32.0, 0.85)
    draw_granules(layer.canvas, ribosomes, studded, layer.keys["studs"], Compartment.RIBOSOME)
    _draw_tubules(layer)


def _draw_cisternae(layer: Layer) -> NDArray[np.bool_]:
    """Draw cisternae; returns (Y, X) bool, where the ribosomes of rough ones have their centres."""
    canvas, params, fields = layer.canvas, layer.params, layer.fields
    studded = np.zeros(canvas.grid.shape, np.bool_)
    share = params["reticulum.cisternae_share"]
    habit = np.where(layer.holding("stacked_cisternae"), STACKED, 0) + np.where(layer.holding("cisternae"), SINGLE, 0)
    if share <= 0 or not habit.any():
        return studded
    sheets = _Sheets(
        habit.astype(np.uint8),
        # Cell bodies are fuller of cisternae than their branches.
        np.array([9.0, _quantile(share), _quantile(min(0.1 + 3 * share, 1.0))]),
        params["reticulum.sheets"],
        params["reticulum.lumen_nm"] / 2,
        params["reticulum.lumen_density"],
        params["reticulum.membrane_density"],
        _quantile(params["reticulum.rough_share"]),
    )
    laid_out = _SheetFields(
        canvas.level(fields["sheets"]),
        canvas.level(fields["sheet_patch"]),
        layer.on_section("cisterna_width"),
        layer.on_section("rough_cisternae"),
    )
    _draw_sheets(canvas.paint(Compartment.RETICULUM), canvas.space, canvas.raster, laid_out, sheets, studded)
    return studded


def _draw_tubules(layer: Layer) -> None:
    """Draw smooth tubules around the curves on which two fields vanish."""
    canvas, params, fields = layer.canvas, layer.params, layer.fields
    holds = layer.holding("tubules")
    if params["reticulum.tubule_share"] <= 0 or not holds.any():
        return
    tubules = _Tubules(
        holds,
        fields["tubule_1"].mean_slope,
        _quantile(params["reticulum.tubule_share"]),
        params["reticulum.tubule_radius_nm"],
        params["reticulum.lumen_density"],
        params["reticulum.membrane_density"],
    )
    laid_out = _TubuleFields(*(canvas.level(fields[name]) for name in ("tubule_1", "tubule_2", "tubule_patch")))
    _draw_threads(canvas.paint(Compartment.RETICULUM), canvas.space, canvas.raster, laid_out, tubules)


def _quantile(share: float) -> float:
    """Level that a unit normal field exceeds on `share` of the points."""
    return float(-ndtri(np.clip(share, 1e-6, 1 - 1e-6)))


@compiled
def _draw_sheets(
    paint: Paint, space: Space, raster: Raster, fields: _SheetFields, sheets: _Sheets, studded: NDArray[np.bool_]
) -> None:
    density = paint.density
    owner, membrane, free, room = space.owner, space.membrane, space.free, space.room
    folding, patches, width, rough = fields.phase, fields.patch, fields.width, fields.rough
    phase, patch = folding.value, patches.value
    habit, levels, folds, half_lumen = sheets.habit, sheets.levels, sheets.folds, sheets.half_lumen
    pixel, thickness = raster.pixel, raster.thickness
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            runs = habit[owner[i, j]]
            depth = patch[i, j] - levels[runs]
            if runs == NONE or depth < -0.5 or membrane[i, j] < 14 or not free[i, j]:
                continue
            fold = phase[i, j] * folds
            nearest = np.round(fold)
            if runs == SINGLE and nearest != 0:
                continue
            gz, gy, gx = slope(folding, i, j, pixel)
            steep = max(np.sqrt(gz * gz + gy * gy + gx * gx), 1e-7)
            distance = abs(fold - nearest) / (steep * folds)
            if distance > 1.5 * half_lumen + 60 + thickness:
                continue
            # Narrow and wide by turns; crowded sheets are thin, and leave cytoplasm between them.
            half = half_lumen * (1 + 0.35 * np.tanh(width[i, j]))
            half = min(half, 0.4 / (steep * folds) - MEMBRANE_NM - 8)
            if half < 3:
                continue
            pz, py, px = slope(patches, i, j, pixel)
            edge = depth / max(np.sqrt(pz * pz + py * py + px * px), 1e-7)
            edge = min(edge, membrane[i, j] - 12, room[i, j] - 12) - half - MEMBRANE_NM
            if edge < 0:
                distance = np.sqrt(distance * distance + edge * edge)
            s = distance - half
            # No cisterna is flat to a few nanometres where it is cut along its face.
            normal = gz / steep
            reach = reach_at(normal, thickness, pixel) + 6 * normal * normal
            if s > MEMBRANE_NM + reach:
                bears = runs == STACKED or rough[i, j] > sheets.rough_level
                studded[i, j] = bears and sheets.rough_level < 4 and s < MEMBRANE_NM + 18
                continue
            value = density[i, j]
            value += inside_at(s, reach) * (sheets.lumen - value)
            value += layer_at(s, reach, 0.0, MEMBRANE_NM) * (sheets.stain - value)
            density[i, j] = value
            if s <= MEMBRANE_NM:
                mark(paint, i, j)


@compiled
def _draw_threads(paint: Paint, space: Space, raster: Raster, fields: _TubuleFields, tubules: _Tubules) -> None:
    density = paint.density
    owner, membrane, free, room = space.owner, space.membrane, space.free, space.room
    holds = tubules.holds
    one, other, patches = fields.first, fields.second, fields.patch
    first, second, patch = one.value, other.value, patches.value
    radius, pixel, thickness = tubules.radius, raster.pixel, raster.thickness
    farthest = radius + 0.5 * thickness + pixel
    far = 3.5 * tubules.mean_slope * farthest
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if abs(first[i, j]) > far or abs(second[i, j]) > far or not holds[owner[i, j]]:
                continue
            depth = patch[i, j] - tubules.level
            if depth < -0.5 or membrane[i, j] < radius * 0.6 + 6 or not free[i, j]:
                continue
            distance, normal = thread(one, other, i, j, pixel, farthest)
            if distance > farthest:
                continue
            pz, py, px = slope(patches, i, j, pixel)
            edge = depth / max(np.sqrt(pz * pz + py * py + px * px), 1e-7)
            edge = min(edge, membrane[i, j] - 10, room[i, j] - 12) - radius
            if edge < 0:
                distance = np.sqrt(distance * distance + edge * edge)
            s = distance - radius
            reach = reach_at(normal, thickness, pixel)
            if s > reach:
                continue
            value = density[i, j]
            value += inside_at(s, reach) * (tubules.lumen - value)
            value += layer_at(s, reach, -MEMBRANE_NM, 0.0) * (tubules.stain - value)
            density[i, j] = value
            if s <= 0:
                mark(paint, i, j)


RETICULUM = Organelle(
    "reticulum",
    draw_reticulum,
    fields={
        "sheets": 900.0,
        "sheet_patch": 700.0,
        "cisterna_width": 350.0,
        "rough_cisternae": 900.0,
        "tubule_1": lambda params: params["reticulum.tubule_spacing_nm"],
        "tubule_2": lambda params: params["reticulum.tubule_spacing_nm"],
        "tubule_patch": 700.0,
    },
    keys=("studs",),
    compartments=(Compartment.RETICULUM, Compartment.RIBOSOME),
)
