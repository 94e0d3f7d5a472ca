"""Mitochondria: what state each is in, and how one is drawn from the outside in."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.tubes import TubeMap
from mitogen.organelles.mitochondria.cristae import Pixels, Traits, draw_cristae, numbers
from mitogen.organelles.mitochondria.envelope import (
    draw_matrix,
    draw_matrix_granules,
    draw_outer_membrane,
    inner_face_nm,
)
from mitogen.organelles.organelle import MITOCHONDRION, Layer, Organelle
from mitogen.tissue.compartments import Compartment


class MitochondrionLooks(NamedTuple):
    """Numbers in 0-1 that tell mitochondria apart, every array (M,) float64.

    Attributes:
        priority: has decided which stay: it is low of those in a crowd.
        matrix: how dark the matrix is among them.
        longitudinal: low of those whose cristae run along the axis.
        spare: for what comes next.
        spacing: of the cristae.
        key: seeds everything else.
        contrast: of the cristae.
        state: low numbers are swollen, high ones degenerate.
    """

    priority: NDArray[np.float64]
    matrix: NDArray[np.float64]
    longitudinal: NDArray[np.float64]
    spare: NDArray[np.float64]
    spacing: NDArray[np.float64]
    key: NDArray[np.float64]
    contrast: NDArray[np.float64]
    state: NDArray[np.float64]


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


def draw_mitochondria(layer: Layer) -> None:
    """Draw the mitochondria that the section cuts."""
    canvas, params, seen = layer.canvas, layer.params, layer.inclusions.map
    at, tube = layer.inclusions.of(MITOCHONDRION)
    if at.size == 0:
        return
    inclusions = layer.inclusions.inclusions
    s = _own_distance(seen, inclusions.instance, at)
    present, body = _renumber(tube, len(inclusions.tubes))
    normal_z = seen.normal_z.reshape(-1)[at]
    reach = canvas.reach(normal_z)
    insides, traits = _states(MitochondrionLooks(*inclusions.looks[present].T), params)
    uneven = layer.on_section("texture").reshape(-1)[at]

    stain = insides.matrix[body] + insides.mottle[body] * uneven
    stain += params["mitochondria.matrix_grain"] * canvas.grain.reshape(-1)[at]
    draw_matrix(canvas, at, s, reach, np.maximum(stain, 0.02).astype(np.float32), params)
    depth = -s - np.float32(inner_face_nm(params))
    draw_cristae(canvas, Pixels(at, body, depth, normal_z), inclusions.tubes.take(present), traits, params)
    draw_outer_membrane(canvas, at, s, reach, (uneven, insides.gaps[body].astype(np.float32)), params)
    draw_matrix_granules(canvas, at, depth, params, layer.keys["matrix"])


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


def _states(looks: MitochondrionLooks, params: Mapping[str, float]) -> tuple[Insides, Traits]:
    """Insides and cristae of each mitochondrion: most are sound, a few swollen, fewer degenerate."""
    swollen = looks.state < params["mitochondria.swollen_share"]
    degenerate = ~swollen & (looks.state > 1 - params["mitochondria.degenerate_share"])
    key = (looks.key * 2.0**53).astype(np.uint64)
    v = numbers(key ^ np.uint64(0x5CA1AB1E), 4)

    darkness = params["mitochondria.matrix_darkness"]
    scatter_of = params["mitochondria.matrix_spread"] * ndtri(np.clip(looks.matrix, 0.02, 0.98))
    factor = np.select([swollen, degenerate], [0.15 + 0.4 * v[:, 0], 1.1 + 0.5 * v[:, 0]], 1.0)
    insides = Insides(
        params["cells.cytoplasm"] + darkness * factor + scatter_of,
        params["mitochondria.mottle"] * np.where(degenerate, 3.0, 1.0),
        np.clip(params["mitochondria.membrane_gaps"] + np.where(degenerate, 0.3 * v[:, 1], 0.0), 0, 1),
    )
    traits = Traits(
        key,
        longitudinal=looks.longitudinal < params["cristae.longitudinal_share"],
        spacing=(0.75 + 0.5 * looks.spacing) * np.select([swollen, degenerate], [1.6, 1.8], 1.0),
        contrast=0.7 + 0.6 * looks.contrast,
        share=np.select([swollen, degenerate], [0.4 + 0.4 * v[:, 2], 0.2 + 0.4 * v[:, 2]], 1.0),
        swelling=np.select([swollen, degenerate], [1 + v[:, 3], 1 + 2 * v[:, 3]], 1.0),
        rim_nm=np.where(swollen, 60 + 70 * v[:, 1], 1e6),
    )
    return insides, traits


MITOCHONDRIA = Organelle(
    "mitochondria",
    draw_mitochondria,
    fields={"texture": 150.0},
    keys=("matrix",),
    compartments=(
        Compartment.OUTER_MEMBRANE,
        Compartment.INTERMEMBRANE_SPACE,
        Compartment.INNER_MEMBRANE,
        Compartment.MATRIX,
        Compartment.CRISTA,
    ),
)
