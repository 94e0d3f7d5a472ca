"""Cristae: which forms a mitochondrion has, how they lie, and how they are stained."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import mix, unit
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.mitochondria.centrelines import midlines
from mitogen.organelles.mitochondria.crista_geometry import (
    CONCENTRIC,
    LAMELLAR,
    SLOTS,
    TUBULAR,
    VESICULAR,
    Habit,
    Pattern,
    find_cristae,
)
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

INNER_MEMBRANE_SHARE = 0.8
"""How far, in units of the inner membrane's thickness, the lumen of a joined crista reaches into it."""


class Pixels(NamedTuple):
    """The pixels that mitochondria cover.

    Attributes:
        at: (N,) flat indices.
        body: (N,) int64 which of the mitochondria at hand each belongs to.
        depth: (N,) float32 depth in nm below the inner face of the inner membrane.
        normal_z: (N,) float32 z component of the normal of the outline.
    """

    at: NDArray[np.intp]
    body: NDArray[np.int64]
    depth: FloatArray
    normal_z: FloatArray


class Traits(NamedTuple):
    """What distinguishes the cristae of one mitochondrion from those of another; every array (M,).

    Attributes:
        key: uint64 names the mitochondrion.
        longitudinal: bool, whether sheets run along the axis.
        spacing: float64 factor of the distance between cristae.
        contrast: float64 factor of their contrast.
        share: float64 factor of their extent, below 1 where cristae are lost.
        swelling: float64 factor of the width of their lumen.
        rim_nm: float64 greatest depth at which they are found.
    """

    key: NDArray[np.uint64]
    longitudinal: NDArray[np.bool_]
    spacing: NDArray[np.float64]
    contrast: NDArray[np.float64]
    share: NDArray[np.float64]
    swelling: NDArray[np.float64]
    rim_nm: NDArray[np.float64]


def draw_cristae(canvas: Canvas, pixels: Pixels, shapes: Tubes, traits: Traits, params: Mapping[str, float]) -> None:
    """Draw the cristae of the mitochondria `shapes` (M of them) over their matrix.

    Args:
        canvas: its density is changed in place.
        pixels: where they are.
        shapes: their tubes.
        traits: how they differ.
        params: the image's params.
    """
    grid = canvas.grid
    rows, columns = np.divmod(pixels.at, grid.shape[1])
    points = (float(canvas.z_nm), grid.y_nm[rows], grid.x_nm[columns])
    covered, lumen, within = find_cristae(
        midlines(shapes), _pattern(traits, params), _habit(canvas, params), pixels.body, points, pixels.depth,
        pixels.normal_z,
    )  # fmt: skip
    # Where the outline is cut at a grazing angle, the section holds some of what is outside it.
    whole = inside(-pixels.depth - np.float32(_through(params)), canvas.reach(pixels.normal_z))
    covered, lumen = covered * whole, lumen * whole
    flat = canvas.density.reshape(-1)
    ground = flat[pixels.at]
    contrast = (params["cristae.contrast"] * traits.contrast)[pixels.body].astype(np.float32)
    # No crista is darker than the membranes around it, unless the matrix is.
    darkest = np.maximum(np.float32(params["mitochondria.membrane_density"]), ground)
    dark = np.minimum(ground + contrast * np.float32(params["cristae.membrane_darkness"]), darkest)
    light = np.maximum(ground - contrast * np.float32(params["cristae.lumen_lightness"]), np.float32(0.02))
    flat[pixels.at] = ground + (covered - lumen) * (dark - ground) + lumen * (light - ground)
    canvas.mark(within, pixels.at, Compartment.CRISTA)


def _habit(canvas: Canvas, params: Mapping[str, float]) -> Habit:
    return Habit(
        membrane=params["cristae.membrane_nm"],
        lumen_spread=params["cristae.lumen_spread"],
        wave=params["cristae.wave_nm"],
        extent=params["cristae.extent_nm"],
        taper=params["cristae.taper_nm"],
        junctions=params["cristae.junction_share"],
        tip_gap=params["cristae.tip_gap_nm"],
        through=_through(params),
        thickness=canvas.grid.thickness_nm,
        pixel=canvas.grid.pixel_nm,
    )


def _through(params: Mapping[str, float]) -> float:
    return INNER_MEMBRANE_SHARE * params["mitochondria.membrane_nm"]


def _pattern(traits: Traits, params: Mapping[str, float]) -> Pattern:
    count = len(traits.key)
    u = numbers(traits.key, 10 + 5 * SLOTS)
    lean, around, slant, aside, bends, length, form = u[:, :7].T
    of_slot = u[:, 10:].reshape(count, SLOTS, 5)
    # Mostly across the axis, as lamellar cristae are; in some along it. Domains turn away from that.
    turn = params["cristae.domain_turn_rad"]
    tilt = np.where(traits.longitudinal, 1.45, 0.0) + 0.5 * (lean - 0.5)
    tilt = tilt[:, None] + turn * ndtri(np.clip(of_slot[..., 0], 0.05, 0.95)) * (np.arange(SLOTS) > 0)
    azimuth = 2 * np.pi * around[:, None] + turn * (of_slot[..., 1] - 0.5)
    # Domains follow one another along the mitochondrion, in some across it.
    slant = 1.5 * slant**3
    domain = np.stack([np.cos(slant), np.sin(slant) * np.cos(6.28 * aside), np.sin(slant) * np.sin(6.28 * aside)], 1)
    wide = params["cristae.lumen_nm"] * traits.swelling
    spacing = params["cristae.spacing_nm"] * traits.spacing
    share = np.clip(params["cristae.share"] * traits.share, 0, 1)
    bend = np.minimum(params["cristae.bending_nm"] * (0.5 + bends), 0.12 * params["cristae.wave_nm"])
    return Pattern(
        traits.key,
        domain.astype(np.float32),
        (params["cristae.domain_nm"] * (0.6 + 0.8 * length)).astype(np.float32),
        (0.5 * (of_slot[..., 4] - 0.5)).astype(np.float32),
        _forms(form, of_slot[..., 2], of_slot[..., 3], params),
        _frames(tilt, azimuth),
        np.maximum(spacing, wide + 2 * params["cristae.membrane_nm"] + 4).astype(np.float32),
        wide.astype(np.float32),
        np.interp(share, *LEVELS).astype(np.float32),
        traits.rim_nm.astype(np.float32),
        bend.astype(np.float32),
        u[:, 7:10].astype(np.float32),
    )


def _forms(
    usual: NDArray[np.float64], mixed: NDArray[np.float64], other: NDArray[np.float64], params: Mapping[str, float]
) -> NDArray[np.int64]:
    """Form (M, SLOTS) of the cristae in each domain, from numbers in 0-1: that of the mitochondrion, or another."""
    shares = [params[f"cristae.{name}_share"] for name in ("tubular", "vesicular", "concentric")]
    ends = np.cumsum(shares)
    names = np.array([TUBULAR, VESICULAR, CONCENTRIC, LAMELLAR])
    chosen = np.where(mixed < params["cristae.mixed_share"], other, usual[:, None])
    forms: NDArray[np.int64] = names[np.searchsorted(ends, chosen, side="right")].astype(np.int64)
    return forms


def _frames(tilt: NDArray[np.float64], azimuth: NDArray[np.float64]) -> FloatArray:
    """Three directions (..., 3, 3) at right angles, the first of them `tilt` away from the axis."""
    ct, st, cp, sp = np.cos(tilt), np.sin(tilt), np.cos(azimuth), np.sin(azimuth)
    rows = [[ct, st * cp, st * sp], [-st, ct * cp, ct * sp], [np.zeros_like(ct), -sp, cp]]
    frames: FloatArray = np.moveaxis(np.array(rows, np.float32), (0, 1), (-2, -1))
    return np.ascontiguousarray(frames)


@compiled
def numbers(key: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
    """Numbers (M, count) in 0-1 from M keys: those of a key depend on nothing else."""
    out = np.empty((key.size, count))
    for m in range(key.size):
        state = key[m]
        for n in range(count):
            state = mix(state)
            out[m, n] = unit(state)
    return out


def _levels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Level below which the sum of the two waves that interrupt a crista stays in a given share of its place."""
    f = (np.arange(64) + 0.5) / 64 - 0.5
    swing = f * (16 * np.abs(f) - 8)
    waves = swing[:, None] + 0.7 * swing[None]
    shares = np.linspace(0, 1, 41)
    levels = np.quantile(waves, shares)
    levels[0], levels[-1] = -2.0, 2.4
    return shares, levels


LEVELS = _levels()
