"""Mitochondria: where they are, what state each is in, and how one is drawn from the outside in."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.grid import FloatArray, Grid
from mitogen.organelles.cristae import Pixels, Traits, draw_cristae, numbers
from mitogen.organelles.envelope import draw_matrix, draw_matrix_granules, draw_outer_membrane, inner_face_nm
from mitogen.organelles.mitochondrial_shapes import LOOKS, NUMBERS, STATE, shape_mitochondria
from mitogen.shapes import TubeMap, Tubes
from mitogen.world import StreamOf, scatter


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
    centre, u = scatter(streams, "mitochondria", density, grid.box(margin), NUMBERS)
    return shape_mitochondria(centre, u, drawn, 2 * margin), u[:, LOOKS]


class Insides(NamedTuple):
    """The insides of M mitochondria, every array (M,) float64.

    Attributes:
        matrix: density of the matrix.
        mottle: strength of its uneven staining.
        gaps: share of the outline where the outer membrane is too faint to be seen.
    """

    matrix: NDArray[np.float64]
    mottle: NDArray[np.float64]
    gaps: NDArray[np.float64]


def draw_mitochondria(
    canvas: Canvas,
    tubes: tuple[TubeMap, Tubes],
    looks: NDArray[np.float64],
    drawn: Mapping[str, float],
    texture: Waves,
    key: int,
) -> None:
    """Draw the mitochondria that the section cuts.

    Args:
        canvas: its density is changed in place.
        tubes: the section's map of tubes, and the tubes. Other things than mitochondria come after these.
        looks: (T, 8) numbers in 0-1, the looks of each mitochondrion.
        drawn: the image's numbers.
        texture: a field of about 150 nm for uneven stain.
        key: names the lattice of matrix granules.
    """
    cut, shapes = tubes
    nearest = cut.nearest.reshape(-1)
    at = np.flatnonzero((nearest >= 0) & (nearest < len(looks)) & _near(canvas, cut))
    if at.size == 0:
        return
    present, body = _renumber(nearest[at], len(looks))
    # Where two touch, each ends at the surface midway.
    s = cut.distance.reshape(-1)[at]
    s = np.maximum(s, 0.5 * (s - cut.second_distance.reshape(-1)[at]))
    normal_z = cut.normal_z.reshape(-1)[at]
    reach = canvas.reach(normal_z)
    insides, traits = _states(looks[present], drawn)
    uneven = canvas.on_section(texture).reshape(-1)[at]

    stain = insides.matrix[body] + insides.mottle[body] * uneven
    stain += drawn["mitochondria.matrix_grain"] * canvas.grain.reshape(-1)[at]
    draw_matrix(canvas, at, s, reach, np.maximum(stain, 0.02).astype(np.float32), drawn)
    depth = -s - np.float32(inner_face_nm(drawn))
    draw_cristae(canvas, Pixels(at, body, depth, normal_z), shapes.take(present), traits, drawn)
    draw_outer_membrane(canvas, at, s, reach, (uneven, insides.gaps[body].astype(np.float32)), drawn)
    draw_matrix_granules(canvas, at, depth, drawn, key)


def _near(canvas: Canvas, cut: TubeMap) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (cut.distance < canvas.grid.thickness_nm / 2 + 12).reshape(-1)
    return near


def _renumber(index: NDArray[np.int32], count: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Those of `count` numbers that occur, and `index` in terms of them."""
    occurs = np.zeros(count, np.bool_)
    occurs[index] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[index]


def _states(looks: NDArray[np.float64], drawn: Mapping[str, float]) -> tuple[Insides, Traits]:
    """Insides and cristae of each mitochondrion: most are sound, a few swollen, fewer degenerate."""
    swollen = looks[:, STATE] < drawn["mitochondria.swollen_share"]
    degenerate = ~swollen & (looks[:, STATE] > 1 - drawn["mitochondria.degenerate_share"])
    key = (looks[:, 5] * 2.0**53).astype(np.uint64)
    v = numbers(key ^ np.uint64(0x5CA1AB1E), 4)

    darkness = drawn["mitochondria.matrix_darkness"]
    scatter_of = drawn["mitochondria.matrix_spread"] * ndtri(np.clip(looks[:, 1], 0.02, 0.98))
    factor = np.select([swollen, degenerate], [0.45 * v[:, 0], 1.1 + 0.5 * v[:, 0]], 1.0)
    insides = Insides(
        drawn["cells.cytoplasm"] + darkness * factor + scatter_of,
        drawn["mitochondria.mottle"] * np.where(degenerate, 3.0, 1.0),
        np.clip(drawn["mitochondria.membrane_gaps"] + np.where(degenerate, 0.3 * v[:, 1], 0.0), 0, 1),
    )
    traits = Traits(
        key,
        longitudinal=looks[:, 2] < drawn["cristae.longitudinal_share"],
        spacing=(0.75 + 0.5 * looks[:, 4]) * np.select([swollen, degenerate], [1.6, 1.8], 1.0),
        contrast=0.6 + 0.8 * looks[:, 6],
        share=np.select([swollen, degenerate], [0.3 + 0.4 * v[:, 2], 0.2 + 0.4 * v[:, 2]], 1.0),
        swelling=np.select([swollen, degenerate], [1 + v[:, 3], 1 + 2 * v[:, 3]], 1.0),
        rim_nm=np.where(swollen, 50 + 60 * v[:, 1], 1e6),
    )
    return insides, traits
