"""A crowd of tortuous cells: a partition of space without gaps, bounded by wavy membranes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import Box, StreamOf, directions, scatter
from mitogen.geometry.random_fields import STRIDE, Waves, random_waves
from mitogen.geometry.voronoi.diagram import holders, nearest_two
from mitogen.geometry.voronoi.sites import Diagram, Sites, Warped
from mitogen.tissue.canvas import Space, empty_space


@dataclass(frozen=True, eq=False)
class Crowd:
    """Cells as a multiplicatively weighted Voronoi diagram in warped space, each with a metric of its own.

    Attributes:
        centre: (N, 3) float32 position (z, y, x) in nm.
        axis: (N, 3) float32 unit vector along which the cell is elongated.
        elongation: (N,) float32 ratio of length to calibre, at least 1.
        radius: (N,) float32 calibre in nm.
        reach_nm: a cell never holds a point further from its centre than this.
        warp: three fields that displace z, y and x.
        warp_nm: amplitude of the displacement in nm.
        wave: three finer fields for wavy membranes.
        wave_nm: their amplitude in nm.
    """

    centre: FloatArray
    axis: FloatArray
    elongation: FloatArray
    radius: FloatArray
    reach_nm: float
    warp: tuple[Waves, Waves, Waves]
    warp_nm: float
    wave: tuple[Waves, Waves, Waves]
    wave_nm: float


def place_crowd(params: Mapping[str, float], streams: StreamOf, box_nm: Box) -> tuple[Crowd, NDArray[np.float64]]:
    """Fill a box of tissue with cells.

    Returns:
        The cells, and two numbers in 0-1 for each of them, (N, 2), to tell them apart by.
    """
    calibre = params["cells.calibre_nm"]
    # Far enough that about ten cells compete for every point, however large they are.
    reach = float(max(np.clip(6 * calibre, 700, 1800), 3 * calibre))
    elongation = params["cells.elongation"]
    # A weighted diagram leaves each cell about the volume of an ellipsoid with its semi-axes.
    density = 1.6 / (4.19 * calibre**3 * 1e-9 * max(elongation, 1.0) ** 0.7)
    rng = streams("cells")
    warp = _three_waves(rng, 5.0 * calibre)
    wave = _three_waves(rng, params["cells.wave_length_nm"])
    warp_nm = params["cells.tortuosity"] * calibre
    margin = reach + 2.5 * warp_nm
    centre, u = scatter(streams, "cells", density, (box_nm[0] - margin, box_nm[1] + margin), 7)
    spread = params["cells.calibre_spread"]
    # No cell is wider or longer than it reaches, or it would end there without a membrane.
    longest = reach / 1.6
    radius = np.minimum(calibre * np.exp(spread * np.clip(ndtri(u[:, 0]), -2.2, 2.2)), longest)
    stretched = np.minimum(1 + (elongation - 1) * 2 * u[:, 1], longest / radius)
    crowd = Crowd(
        centre.astype(np.float32),
        directions(u[:, 2], u[:, 3]).astype(np.float32),
        stretched.astype(np.float32),
        radius.astype(np.float32),
        reach,
        warp,
        warp_nm,
        wave,
        params["cells.waviness_nm"],
    )
    return crowd, u[:, 4:6]


def cut_crowd(crowd: Crowd, grid: Grid, z_nm: float) -> Space:
    """Cut the cells with the section at `z_nm`: which is where, with nothing in them."""
    y, x = grid.y_nm, grid.x_nm
    warped = _warp(crowd, z_nm, y, x)
    # How much the warped coordinates change with height need not be known on every pixel.
    steep = _steepness(crowd, z_nm, y[::STRIDE], x[::STRIDE])
    space = empty_space(grid)
    near = _within_reach(crowd, warped)
    nearest_two(
        Sites(crowd.centre[near], crowd.axis[near], crowd.elongation[near], crowd.radius[near], crowd.reach_nm),
        Warped(warped[0], warped[1], warped[2], steep, np.float32(grid.pixel_nm)),
        Diagram(space.owner, space.neighbour, space.membrane, space.membrane_z),
    )
    space.owner[...] = near[space.owner]
    space.neighbour[...] = near[space.neighbour]
    return space


def crowd_at(crowd: Crowd, points_nm: NDArray[np.float64]) -> NDArray[np.int32]:
    """Index (N,) of the cell that holds each point (N, 3), before anything has pushed into it."""
    shift = [
        crowd.warp_nm * large.at(points_nm) + crowd.wave_nm * fine.at(points_nm)
        for large, fine in zip(crowd.warp, crowd.wave, strict=True)
    ]
    warped = points_nm + np.stack(shift, axis=1)
    return holders(warped, Sites(crowd.centre, crowd.axis, crowd.elongation, crowd.radius, crowd.reach_nm))


def _three_waves(rng: np.random.Generator, wavelength_nm: float) -> tuple[Waves, Waves, Waves]:
    z, y, x = (random_waves(rng, wavelength_nm, count=16) for _ in range(3))
    return z, y, x


def _warp(crowd: Crowd, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> list[FloatArray]:
    """Warped z, y and x in nm, each (Y, X), of the pixels of a section."""
    warped = [
        np.float32(crowd.warp_nm) * large.on_section(z_nm, y_nm, x_nm)
        + np.float32(crowd.wave_nm) * fine.on_section(z_nm, y_nm, x_nm)
        for large, fine in zip(crowd.warp, crowd.wave, strict=True)
    ]
    warped[0] += np.float32(z_nm)
    warped[1] += y_nm[:, None]
    warped[2] += x_nm[None]
    return warped


def _steepness(
    crowd: Crowd, z_nm: float, y_nm: FloatArray, x_nm: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of warped z, y and x with height, each (Y, X)."""
    z, y, x = (
        np.float32(crowd.warp_nm) * large.rise_on_section(z_nm, y_nm, x_nm)
        + np.float32(crowd.wave_nm) * fine.rise_on_section(z_nm, y_nm, x_nm)
        for large, fine in zip(crowd.warp, crowd.wave, strict=True)
    )
    return z + 1, y, x


def _within_reach(crowd: Crowd, warped: list[FloatArray]) -> NDArray[np.intp]:
    """Indices of the cells that can hold a pixel of this section."""
    low = np.array([a.min() for a in warped]) - crowd.reach_nm
    high = np.array([a.max() for a in warped]) + crowd.reach_nm
    inside = np.all((crowd.centre >= low) & (crowd.centre <= high), axis=1)
    return np.flatnonzero(inside)
