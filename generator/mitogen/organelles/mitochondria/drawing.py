"""Mitochondria: how many there are, what state each is in, and how one is drawn from the outside in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.organelles.mitochondria.cristae import Pixels, Traits, draw_cristae, numbers
from mitogen.organelles.mitochondria.envelope import (
    draw_matrix,
    draw_matrix_granules,
    draw_outer_membrane,
    inner_face_nm,
)
from mitogen.organelles.mitochondria.shapes import LONGEST_NM, STATE
from mitogen.tissue.canvas import Canvas

ACCEPTED = 0.45
"""Of the volume that mitochondria deny each other, the part that counts where few of them overlap."""


def candidates_per_um3(params: Mapping[str, float]) -> float:
    """How many mitochondria must be proposed for about the wanted share of the volume to be left.

    The volume is that of a spherocylinder; the volume that one denies to another is that of two in any directions
    (Onsager, Annals of the New York Academy of Sciences 51, 1949).
    """
    radius, spread = params["mitochondria.radius_nm"], params["mitochondria.radius_spread"]
    # Means over the scatter of radii, which is log-normal.
    cube, square = np.exp(4.5 * spread**2), np.exp(2 * spread**2)
    length = min(2 * radius * (params["mitochondria.aspect"] - 1), LONGEST_NM)
    volume = np.pi * radius**3 * cube * 4 / 3 + np.pi * radius**2 * length * cube
    width = max(2 * radius + params["mitochondria.gap_nm"], radius)
    denied = (4 / 3 * width**3 + 2 * width**2 * length) * np.pi * cube + np.pi / 2 * width * length**2 * square
    wanted = params["mitochondria.volume_fraction"] / volume
    # Beyond a few candidates to a denied volume hardly another one fits in.
    return float(1e9 * min(wanted / max(1 - ACCEPTED * wanted * denied, 0.1), 6 / denied))


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


@dataclass(frozen=True, eq=False)
class Mitochondria:
    """The mitochondria of a scene, among other things made of tubes.

    Attributes:
        tubes: all tubes, T of them.
        instance: (T,) int32 number of the mitochondrion that each belongs to, 0 for other things; those of a branched
            one share a number.
        looks: (T, 8) float64 numbers in 0-1, the looks of each mitochondrion.
    """

    tubes: Tubes
    instance: NDArray[np.int32]
    looks: NDArray[np.float64]


def draw_mitochondria(
    canvas: Canvas, cut: TubeMap, mitochondria: Mitochondria, params: Mapping[str, float], texture: Waves, key: int
) -> None:
    """Draw the mitochondria that the section cuts.

    Args:
        canvas: its density is changed in place.
        cut: the section's map of all tubes.
        mitochondria: which of them are mitochondria.
        params: the image's params.
        texture: a field of about 150 nm for uneven stain.
        key: names the lattice of matrix granules.
    """
    at = np.flatnonzero((cut.nearest >= 0) & (cut.distance < canvas.grid.thickness_nm / 2 + 12))
    tube = cut.nearest.reshape(-1)[at]
    chosen = mitochondria.instance[tube] > 0
    at, tube = at[chosen], tube[chosen]
    if at.size == 0:
        return
    s = _own_distance(cut, mitochondria.instance, at)
    present, body = _renumber(tube, len(mitochondria.tubes))
    normal_z = cut.normal_z.reshape(-1)[at]
    reach = canvas.reach(normal_z)
    insides, traits = _states(mitochondria.looks[present], params)
    uneven = canvas.on_section(texture).reshape(-1)[at]

    stain = insides.matrix[body] + insides.mottle[body] * uneven
    stain += params["mitochondria.matrix_grain"] * canvas.grain.reshape(-1)[at]
    draw_matrix(canvas, at, s, reach, np.maximum(stain, 0.02).astype(np.float32), params)
    depth = -s - np.float32(inner_face_nm(params))
    draw_cristae(canvas, Pixels(at, body, depth, normal_z), mitochondria.tubes.take(present), traits, params)
    draw_outer_membrane(canvas, at, s, reach, (uneven, insides.gaps[body].astype(np.float32)), params)
    draw_matrix_granules(canvas, at, depth, params, key)


def _own_distance(cut: TubeMap, instance: NDArray[np.int32], at: NDArray[np.intp]) -> FloatArray:
    """Signed distance (N,) from the outline of the nearest mitochondrion; where two touch, each ends midway."""
    own = cut.distance.reshape(-1)[at]
    second = cut.second.reshape(-1)[at]
    midway = 0.5 * (own - cut.second_distance.reshape(-1)[at])
    # Tubes of one mitochondrion are open to one another.
    apart = (second >= 0) & (instance[np.maximum(second, 0)] != instance[cut.nearest.reshape(-1)[at]])
    return np.where(apart, np.maximum(own, midway), own)


def _renumber(index: NDArray[np.int32], count: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Those of `count` numbers that occur, and `index` in terms of them."""
    occurs = np.zeros(count, np.bool_)
    occurs[index] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[index]


def _states(looks: NDArray[np.float64], params: Mapping[str, float]) -> tuple[Insides, Traits]:
    """Insides and cristae of each mitochondrion: most are sound, a few swollen, fewer degenerate."""
    swollen = looks[:, STATE] < params["mitochondria.swollen_share"]
    degenerate = ~swollen & (looks[:, STATE] > 1 - params["mitochondria.degenerate_share"])
    key = (looks[:, 5] * 2.0**53).astype(np.uint64)
    v = numbers(key ^ np.uint64(0x5CA1AB1E), 4)

    darkness = params["mitochondria.matrix_darkness"]
    scatter_of = params["mitochondria.matrix_spread"] * ndtri(np.clip(looks[:, 1], 0.02, 0.98))
    factor = np.select([swollen, degenerate], [0.15 + 0.4 * v[:, 0], 1.1 + 0.5 * v[:, 0]], 1.0)
    insides = Insides(
        params["cells.cytoplasm"] + darkness * factor + scatter_of,
        params["mitochondria.mottle"] * np.where(degenerate, 3.0, 1.0),
        np.clip(params["mitochondria.membrane_gaps"] + np.where(degenerate, 0.3 * v[:, 1], 0.0), 0, 1),
    )
    traits = Traits(
        key,
        longitudinal=looks[:, 2] < params["cristae.longitudinal_share"],
        spacing=(0.75 + 0.5 * looks[:, 4]) * np.select([swollen, degenerate], [1.6, 1.8], 1.0),
        contrast=0.7 + 0.6 * looks[:, 6],
        share=np.select([swollen, degenerate], [0.4 + 0.4 * v[:, 2], 0.2 + 0.4 * v[:, 2]], 1.0),
        swelling=np.select([swollen, degenerate], [1 + v[:, 3], 1 + 2 * v[:, 3]], 1.0),
        rim_nm=np.where(swollen, 60 + 70 * v[:, 1], 1e6),
    )
    return insides, traits
