"""Cells: a crowded, tortuous partition of space, and the smooth tubes (dendrites, axons, somata) that push into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import layer_at, reach_at
from mitogen.geometry.point_process import Box, StreamOf, directions, scatter
from mitogen.geometry.random_fields import STRIDE, Waves, random_waves
from mitogen.geometry.tubes import TubeMap
from mitogen.geometry.voronoi import holders, nearest_two
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

ROUGH_NM = 12.0
"""How far a plasma membrane wavers within a few tens of nanometres."""


class CellType(IntEnum):
    """What a cell profile is."""

    PLAIN = 0
    BOUTON = 1
    GLIA = 2
    DENDRITE = 3
    DARK = 4
    NEURITE = 5
    MYELINATED = 6
    SOMA = 7


@dataclass(frozen=True, eq=False)
class Cells:
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


def place_cells(
    params: Mapping[str, float], streams: StreamOf, box_nm: Box
) -> tuple[Cells, NDArray[np.int8], FloatArray]:
    """Fill a box of tissue with cells.

    Returns:
        The cells, their kinds (N,) int8 (see `CellType`), and the density of their cytoplasm (N,) float32.
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
    shade = params["cells.cytoplasm"] + params["cells.cytoplasm_spread"] * ndtri(np.clip(u[:, 5], 0.01, 0.99))
    kind = _kinds(params, u[:, 4])
    shade = np.where(kind == CellType.DARK, params["cells.dark_cytoplasm"], shade)
    shade = np.where(kind == CellType.GLIA, shade + params["glia.darkness"], shade)
    shade = np.where(kind == CellType.BOUTON, shade + params["boutons.darkness"], shade)
    cells = Cells(
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
    return cells, kind, np.maximum(shade, 0.0).astype(np.float32)


def cut_cells(cells: Cells, grid: Grid, z_nm: float, compartments: bool = False) -> Canvas:
    """Cut the cells with the section at `z_nm`: a canvas without stain; `compartments` adds a map."""
    y, x = grid.y_nm, grid.x_nm
    warped = _warp(cells, z_nm, y, x)
    # How much the warped coordinates change with height need not be known on every pixel.
    steep = _steepness(cells, z_nm, y[::STRIDE], x[::STRIDE])
    canvas = Canvas(
        grid,
        z_nm,
        owner=np.zeros(grid.shape, np.int32),
        neighbour=np.zeros(grid.shape, np.int32),
        membrane=np.full(grid.shape, 1e4, np.float32),
        membrane_z=np.zeros(grid.shape, np.float32),
        free=np.ones(grid.shape, np.bool_),
        room=np.zeros((0, 0), np.float32),
        density=np.zeros(grid.shape, np.float32),
        grain=np.zeros(grid.shape, np.float32),
        compartments=np.full(grid.shape if compartments else (0, 0), Compartment.CYTOPLASM, np.uint8),
    )
    near = _within_reach(cells, warped)
    nearest_two(
        cells.centre[near], cells.axis[near], cells.elongation[near], cells.radius[near],
        np.float32(cells.reach_nm), warped[0], warped[1], warped[2], steep,
        np.float32(grid.pixel_nm), canvas.owner, canvas.neighbour, canvas.membrane, canvas.membrane_z,
    )  # fmt: skip
    canvas.owner[...] = near[canvas.owner]
    canvas.neighbour[...] = near[canvas.neighbour]
    return canvas


def cells_at(cells: Cells, points_nm: NDArray[np.float64]) -> NDArray[np.int32]:
    """Index (N,) of the cell that holds each point (N, 3), before anything has pushed into it."""
    shift = [
        cells.warp_nm * large.at(points_nm) + cells.wave_nm * fine.at(points_nm)
        for large, fine in zip(cells.warp, cells.wave, strict=True)
    ]
    warped = points_nm + np.stack(shift, axis=1)
    return holders(warped, cells.centre, cells.axis, cells.elongation, cells.radius, cells.reach_nm)


def push(canvas: Canvas, tubes: TubeMap, host: NDArray[np.int32], gap_nm: float | FloatArray) -> None:
    """Let each tube claim the space within `gap_nm` of it for its host cell, bending the plasma membranes around it.

    The result is the union of the host and the tube's surroundings, so a mitochondrion wider than its neurite bulges
    it, and a tube that is a cell of its own has a smooth membrane.

    Args:
        canvas: changed in place.
        tubes: the tubes on this section; must reach at least `gap_nm` + 60 nm beyond their surfaces.
        host: (T,) int32 index of each tube's cell.
        gap_nm: distance between the tube's surface and the middle of the gap between the cells, one or (Y, X) float32.
    """
    gap = gap_nm if isinstance(gap_nm, np.ndarray) else np.full(canvas.grid.shape, gap_nm, np.float32)
    _push(
        canvas.owner, canvas.neighbour, canvas.membrane, canvas.membrane_z, tubes.distance, tubes.nearest,
        tubes.second_distance, tubes.second, tubes.normal_z, host, gap,
    )  # fmt: skip


@compiled
def _push(
    owner: NDArray[np.int32], neighbour: NDArray[np.int32], membrane: FloatArray, membrane_z: FloatArray,
    tube_distance: FloatArray, nearest: NDArray[np.int32], second_distance: FloatArray, second: NDArray[np.int32],
    normal_z: FloatArray, host: NDArray[np.int32], gap: FloatArray,
) -> None:  # fmt: skip
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            if nearest[i, j] < 0:
                continue
            mine = host[nearest[i, j]]
            distance, other = tube_distance[i, j] - gap[i, j], owner[i, j]
            theirs = host[second[i, j]] if second[i, j] >= 0 else mine
            # Between two tubes of different cells the membrane runs midway.
            between = np.float32(0.5) * (tube_distance[i, j] - second_distance[i, j])
            if theirs != mine and between > distance:
                distance, other = between, theirs
            at_home = owner[i, j] == mine
            own = np.float32(1e4)
            if at_home:
                own = -membrane[i, j]
            elif neighbour[i, j] == mine:
                own = membrane[i, j]
            from_tube = distance < own
            union = min(own, distance)
            claimed = union < 0
            if not ((from_tube and abs(union) < membrane[i, j]) or (claimed and (from_tube or not at_home))):
                continue
            if not claimed:
                neighbour[i, j] = mine
            elif not at_home:
                neighbour[i, j], owner[i, j] = other, mine
            if from_tube:
                membrane_z[i, j] = normal_z[i, j]
            membrane[i, j] = abs(union)


def draw_membranes(canvas: Canvas, params: Mapping[str, float]) -> None:
    """Draw the plasma membranes on both sides of the extracellular gap, and the gap itself."""
    _draw_gaps(
        canvas.density, canvas.compartments, np.uint8(Compartment.EXTRACELLULAR),
        np.uint8(Compartment.PLASMA_MEMBRANE), canvas.membrane,
        canvas.membrane_z, canvas.grid.pixel_nm, canvas.grid.thickness_nm, params["cells.gap_nm"] / 2,
        params["cells.gap_density"], params["cells.membrane_nm"], params["cells.membrane_density"],
    )  # fmt: skip


@compiled
def _draw_gaps(
    density: FloatArray, compartments: NDArray[np.uint8], outside: np.uint8, wall: np.uint8, membrane: FloatArray,
    membrane_z: FloatArray, pixel: float, thickness: float, half_gap: float, gap_density: float, width: float,
    stain: float,
) -> None:  # fmt: skip
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            distance, normal = membrane[i, j], membrane_z[i, j]
            # No membrane is flat to a few nanometres: cut along its face it is a smear, in which gap and membranes
            # do not show by themselves.
            reach = reach_at(normal, thickness, pixel) + ROUGH_NM * normal * normal
            if distance > half_gap + width + reach:
                continue
            value = density[i, j]
            value += layer_at(distance, reach, -half_gap, half_gap) * (gap_density - value)
            # Both membranes fall into a pixel that is wide or obliquely cut, hence both sides of the gap.
            share = layer_at(distance, reach, half_gap, half_gap + width)
            share += layer_at(distance, reach, -half_gap - width, -half_gap)
            density[i, j] = value + min(share, 1.0) * (stain - value)
            if compartments.size > 0 and distance <= half_gap + max(width, pixel):
                compartments[i, j] = outside if distance < half_gap else wall


def _kinds(params: Mapping[str, float], u: NDArray[np.float64]) -> NDArray[np.int8]:
    shares = {
        CellType.BOUTON: params["boutons.share"],
        CellType.GLIA: params["glia.share"],
        CellType.DENDRITE: params["filaments.share"],
        CellType.DARK: params["cells.dark_share"],
    }
    kind = np.full(u.shape, CellType.PLAIN, np.int8)
    start = 0.0
    for name, share in shares.items():
        kind[(u >= start) & (u < start + share)] = name
        start += share
    return kind


def _three_waves(rng: np.random.Generator, wavelength_nm: float) -> tuple[Waves, Waves, Waves]:
    z, y, x = (random_waves(rng, wavelength_nm, count=16) for _ in range(3))
    return z, y, x


def _warp(cells: Cells, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> list[FloatArray]:
    """Warped z, y and x in nm, each (Y, X), of the pixels of a section."""
    warped = [
        np.float32(cells.warp_nm) * large.on_section(z_nm, y_nm, x_nm)
        + np.float32(cells.wave_nm) * fine.on_section(z_nm, y_nm, x_nm)
        for large, fine in zip(cells.warp, cells.wave, strict=True)
    ]
    warped[0] += np.float32(z_nm)
    warped[1] += y_nm[:, None]
    warped[2] += x_nm[None]
    return warped


def _steepness(
    cells: Cells, z_nm: float, y_nm: FloatArray, x_nm: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Change of warped z, y and x with height, each (Y, X)."""
    z, y, x = (
        np.float32(cells.warp_nm) * large.rise_on_section(z_nm, y_nm, x_nm)
        + np.float32(cells.wave_nm) * fine.rise_on_section(z_nm, y_nm, x_nm)
        for large, fine in zip(cells.warp, cells.wave, strict=True)
    )
    return z + 1, y, x


def _within_reach(cells: Cells, warped: list[FloatArray]) -> NDArray[np.intp]:
    """Indices of the cells that can hold a pixel of this section."""
    low = np.array([a.min() for a in warped]) - cells.reach_nm
    high = np.array([a.max() for a in warped]) + cells.reach_nm
    inside = np.all((cells.centre >= low) & (cells.centre <= high), axis=1)
    return np.flatnonzero(inside)
