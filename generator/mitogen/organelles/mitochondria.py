"""Mitochondria: bent, uneven tubes with an outer and an inner membrane, cristae, and a matrix with granules."""

from collections.abc import Mapping

import noise
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.grid import FloatArray, Grid
from mitogen.parts import Part
from mitogen.profiles import inside, layer
from mitogen.shapes import TubeMap, Tubes, bend
from mitogen.world import StreamOf, directions, scatter

NODES = 9


def place_mitochondria(drawn: Mapping[str, float], streams: StreamOf, grid: Grid) -> tuple[Tubes, NDArray[np.float64]]:
    """Scatter mitochondria around the grid, without regard for what else is there.

    Returns:
        The tubes, and (N, 8) numbers in 0-1 from which each draws its looks; column 0 is its priority.
    """
    radius = drawn["mitochondria.radius_nm"]
    aspect = drawn["mitochondria.aspect"]
    # Volume of a spherocylinder of the median radius, times the mean cube of the log-normal scatter.
    volume = np.pi * radius**3 * (4 / 3 + 2 * (aspect - 1)) * np.exp(4.5 * drawn["mitochondria.radius_spread"] ** 2)
    density = drawn["mitochondria.volume_fraction"] / (volume * 1e-9)
    longest = 2 * radius * np.exp(2 * drawn["mitochondria.radius_spread"]) * aspect * 1.2
    margin = float(min(longest, 2500.0)) + 100
    centre, u = scatter(streams, "mitochondria", density, grid.box(margin), 16)
    if len(centre) == 0:
        return Tubes(*_no_tubes(NODES)), np.empty((0, 8))
    r = radius * np.exp(drawn["mitochondria.radius_spread"] * np.clip(ndtri(u[:, 0]), -2.0, 2.0))
    # Lengths scatter exponentially: many round profiles and few very long tubes, as in UroCell.
    length = np.minimum(2 * r * (aspect - 1) * -np.log1p(-0.95 * u[:, 1]), 2 * margin)
    direction = directions(u[:, 2], u[:, 3])
    turn = directions(u[:, 4], u[:, 5])
    curvature = drawn["mitochondria.bend_rad"] * ndtri(np.clip(u[:, 6], 0.02, 0.98)) * np.minimum(length / (6 * r), 1)
    line = bend(centre, direction, turn, length, curvature, NODES)
    uneven = drawn["mitochondria.unevenness"]
    radii = r[:, None] * (1 + uneven * _coherent(u[:, 7], length / np.maximum(4 * r, 1)))
    side = np.cross(direction, turn)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    tubes = Tubes(line.astype(np.float32), radii.astype(np.float32), side.astype(np.float32))
    return tubes, u[:, 8:]


def draw_mitochondria(
    canvas: Canvas,
    tubes: TubeMap,
    looks: NDArray[np.float64],
    drawn: Mapping[str, float],
    fields: tuple[Waves, Waves],
    chosen: NDArray[np.bool_],
) -> None:
    """Draw the mitochondria that the section cuts.

    Args:
        canvas: its density is changed in place.
        tubes: the section's map of tubes.
        looks: (T, 8) numbers in 0-1, the looks of each tube.
        drawn: the image's numbers.
        fields: a field of about 150 nm that bends cristae, and one that ends them.
        chosen: (T,) bool, which tubes are mitochondria.
    """
    at = np.flatnonzero((tubes.nearest >= 0) & (tubes.distance < canvas.grid.thickness_nm / 2 + 12))
    at = at[chosen[tubes.nearest.reshape(-1)[at]]]
    if at.size == 0:
        return
    body = tubes.nearest.reshape(-1)[at]
    # Where two touch, each ends at the surface midway.
    s = tubes.distance.reshape(-1)[at]
    s = np.maximum(s, 0.5 * (s - tubes.second_distance.reshape(-1)[at]))
    reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
    base = drawn["cells.cytoplasm"]

    def look(column: int, centre: str, spread: str) -> FloatArray:
        """One number a mitochondrion, scattered around the image's, on its pixels."""
        scattered = drawn[centre] + drawn[spread] * ndtri(np.clip(looks[:, column], 0.02, 0.98))
        return np.maximum(scattered, 0.02)[body].astype(np.float32)

    membrane = drawn["mitochondria.membrane_density"]
    matrix = base + look(1, "mitochondria.matrix_darkness", "mitochondria.matrix_spread")
    outer, space, inner = 7.0, drawn["mitochondria.intermembrane_nm"], 7.0
    texture = canvas.on_section(fields[1]).reshape(-1)[at]
    canvas.cover(inside(s, reach), base + drawn["mitochondria.intermembrane_darkness"], at, Part.INTERMEMBRANE_SPACE)
    depth = outer + space
    canvas.cover(inside(s + np.float32(depth), reach), matrix + canvas.grain.reshape(-1)[at], at, Part.MATRIX)
    _draw_cristae(canvas, at, tubes, looks[body], s + np.float32(depth + inner), drawn, fields, texture)
    canvas.cover_layer(s, reach, (-depth - inner, -depth), membrane, at, Part.INNER_MEMBRANE)
    canvas.cover_layer(s, reach, (-outer, 0.0), membrane, at, Part.OUTER_MEMBRANE)


def _draw_cristae(
    canvas: Canvas,
    at: NDArray[np.intp],
    tubes: TubeMap,
    looks: NDArray[np.float64],
    depth: FloatArray,
    drawn: Mapping[str, float],
    fields: tuple[Waves, Waves],
    texture: FloatArray,
) -> None:
    """Draw lamellar cristae: stacks of sheets across, along or oblique to the mitochondrion, each only in part."""
    along, across = tubes.along.reshape(-1)[at], tubes.across.reshape(-1)[at]
    grid = canvas.grid
    bending = canvas.on_section(fields[0]).reshape(-1)[at]
    # Mostly across the axis, as lamellar cristae are; in some along it.
    tilt = np.where(looks[:, 2] < drawn["cristae.longitudinal_share"], 1.2, 0.0) + 0.5 * (looks[:, 3] - 0.5)
    cos, sin = np.cos(tilt).astype(np.float32), np.sin(tilt).astype(np.float32)
    spacing = (drawn["cristae.spacing_nm"] * (0.75 + 0.5 * looks[:, 4])).astype(np.float32)
    position = (along * cos + across * sin + np.float32(drawn["cristae.bending_nm"]) * bending) / spacing
    sheet = np.round(position)
    distance = (position - sheet) * spacing
    # Each sheet has a length of its own: a hash of its number moves the level at which the texture ends it.
    moved = np.modf(np.abs(np.sin(sheet * 12.9898 + looks[:, 5] * 78.233)) * 43758.5453)[0].astype(np.float32)
    present = texture + 2 * (moved - 0.5) < np.float32(ndtri(np.clip(drawn["cristae.share"], 0.01, 0.99)) * 1.15)
    axis_z = tubes.axis_z.reshape(-1)[at]
    normal_z = np.clip(axis_z * cos + np.sqrt(np.maximum(1 - axis_z * axis_z, 0)) * sin * np.float32(0.5), -1, 1)
    reach = canvas.reach(normal_z.astype(np.float32))
    lumen, width = drawn["cristae.lumen_nm"] / 2, drawn["cristae.membrane_nm"]
    fade = np.clip(-depth / np.float32(6.0), 0, 1) * present
    contrast = (0.6 + 0.8 * looks[:, 6]).astype(np.float32) * np.float32(drawn["cristae.contrast"])
    flat = canvas.density.reshape(-1)
    light = flat[at] + contrast * np.float32(drawn["cristae.lumen_lightness"]) * -1
    dark = flat[at] + contrast * np.float32(drawn["cristae.membrane_darkness"])
    canvas.cover(fade * layer(distance, reach, 0.0, lumen), light, at)
    both = layer(distance, reach, lumen + width / 2, width / 2) + layer(distance, reach, -lumen - width / 2, width / 2)
    canvas.cover(fade * np.minimum(both, 1), dark, at)
    canvas.mark((fade > 0.5) & (np.abs(distance) <= np.float32(max(lumen + width, grid.pixel_nm / 2))), at, Part.CRISTA)


def _coherent(start: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth coherent noise (N, NODES) along each tube, about -1 to 1: necks and swellings."""
    steps = np.linspace(0, 1, NODES)
    return np.array(
        [
            [2 * noise.pnoise1(1000 * s + max(t, 0.3) * 2.5 * step, octaves=2) for step in steps]
            for s, t in zip(start, turns, strict=True)
        ]
    )


def _no_tubes(nodes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    return np.empty((0, nodes, 3), np.float32), np.empty((0, nodes), np.float32), np.empty((0, 3), np.float32)
