"""The envelope of mitochondria and what it holds: two membranes, the space between them, matrix and granules."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.partial_volume import inside, layer
from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

GRANULE_LATTICE_NM = 110.0


def inner_face_nm(params: Mapping[str, float]) -> float:
    """Depth in nm of the inner face of the inner membrane below the outer face of the outer one."""
    return 2 * params["mitochondria.membrane_nm"] + params["mitochondria.intermembrane_nm"]


def draw_matrix(
    canvas: Canvas,
    at: NDArray[np.intp],
    s: FloatArray,
    reach: FloatArray,
    stain: FloatArray,
    params: Mapping[str, float],
) -> None:
    """Fill mitochondria: the intermembrane space, the matrix, and the inner membrane around it.

    Args:
        canvas: its density is changed in place.
        at: (N,) flat indices of the pixels.
        s: (N,) float32 signed distance from the outer face of the outer membrane in nm.
        reach: (N,) float32 from `Canvas.reach`.
        stain: (N,) float32 density of the matrix.
        params: the image's params.
    """
    width, depth = params["mitochondria.membrane_nm"], inner_face_nm(params)
    space = params["cells.cytoplasm"] + params["mitochondria.intermembrane_darkness"]
    canvas.cover(inside(s, reach), space, at, Compartment.INTERMEMBRANE_SPACE)
    canvas.cover(inside(s + np.float32(depth - width), reach), stain, at, Compartment.MATRIX)
    canvas.cover_layer(
        s, reach, (-depth, width - depth), params["mitochondria.membrane_density"], at, Compartment.INNER_MEMBRANE
    )


def draw_outer_membrane(
    canvas: Canvas,
    at: NDArray[np.intp],
    s: FloatArray,
    reach: FloatArray,
    gaps: tuple[FloatArray, FloatArray],
    params: Mapping[str, float],
) -> None:
    """Draw the outer membrane, fainter where it has gaps.

    Args:
        canvas: its density is changed in place.
        at: (N,) flat indices of the pixels.
        s: (N,) float32 signed distance from the outer face of the outer membrane in nm.
        reach: (N,) float32 from `Canvas.reach`.
        gaps: (N,) float32 texture of mean 0 and deviation 1, and (N,) float32 share of the outline where the membrane
            is too faint to be seen, 0-1.
        params: the image's params.
    """
    width = params["mitochondria.membrane_nm"]
    texture, share = gaps
    level = ndtri(np.clip(1 - share, 1e-4, 1 - 1e-4)).astype(np.float32)
    seen = np.clip((level - texture) / np.float32(0.25) + np.float32(0.5), 0, 1)
    membrane = layer(s, reach, -width / 2, width / 2)
    canvas.cover(membrane * seen, params["mitochondria.membrane_density"], at)
    canvas.mark((s <= 0) & (s > -max(width, canvas.grid.pixel_nm)), at, Compartment.OUTER_MEMBRANE)


def draw_matrix_granules(
    canvas: Canvas, at: NDArray[np.intp], depth: FloatArray, params: Mapping[str, float], key: int
) -> None:
    """Draw the dark granules (calcium phosphate) of the matrix.

    Source: Wolf et al., eLife 6:e29929 (2017), granules in the matrix of frozen mitochondria.

    Args:
        canvas: its density is changed in place.
        at: (N,) flat indices of the pixels of mitochondria.
        depth: (N,) float32 depth below the inner face of the inner membrane in nm.
        params: the image's params.
        key: names their lattice.
    """
    radius = params["mitochondria.granule_radius_nm"]
    occupancy = min(params["mitochondria.granules_per_um3"] * (GRANULE_LATTICE_NM / 1000) ** 3, 1.0)
    if occupancy <= 0:
        return
    where = np.zeros(canvas.grid.shape, np.bool_)
    where.reshape(-1)[at[depth > radius]] = True
    space = canvas.space
    within = replace(canvas, space=space._replace(membrane=np.full_like(space.membrane, 1e3), free=where))
    stain = params["mitochondria.granule_density"]
    granule = Granule(radius, 0.3, 0.0, 0.0, stain, GRANULE_LATTICE_NM, occupancy)
    draw_granules(within, granule, where, key, Compartment.MATRIX)
