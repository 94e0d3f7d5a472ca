"""Nuclei: an envelope of two membranes with pores, chromatin in clumps, a nucleolus."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.organelles.level_sets import level, thread
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

PORE_NM = 45.0
"""Radius of a nuclear pore complex with its rim."""


def draw_nuclei(
    canvas: Canvas,
    trunks: tuple[Tubes, TubeMap],
    depth_nm: NDArray[np.float32],
    params: Mapping[str, float],
    chromatin: tuple[Waves, Waves],
    pores: tuple[Waves, Waves],
) -> None:
    """Draw a nucleus in each cell body.

    Args:
        canvas: its density is changed in place; pixels of a nucleus are no longer free.
        trunks: the big tubes, and the section's map of them.
        depth_nm: (T,) float32 depth of the envelope under each tube's surface; 0 for tubes without a nucleus.
        params: the image's params.
        chromatin: a coarse and a fine field for its clumps.
        pores: the curves on which both vanish pierce the envelope where pores are.
    """
    if not np.any(depth_nm > 0):
        return
    tubes = trunks[1]
    at = np.flatnonzero(tubes.nearest >= 0)
    at = at[depth_nm[tubes.nearest.reshape(-1)[at]] > 0]
    s = tubes.distance.reshape(-1)[at] + depth_nm[tubes.nearest.reshape(-1)[at]]
    at, s = at[s < 90], s[s < 90]
    if at.size == 0:
        return
    coarse = canvas.on_section(chromatin[0]).reshape(-1)[at]
    fine = canvas.on_section(chromatin[1]).reshape(-1)[at]
    s = s + 25 * coarse
    near, s, coarse, fine = at[s < 60], s[s < 60], coarse[s < 60], fine[s < 60]
    reach = canvas.reach(tubes.normal_z.reshape(-1)[near])
    # Pores are gaps in the membranes, with a channel free of chromatin behind them.
    pore = _beside_pores(canvas, near, s, pores, params["nuclei.pores_per_um2"])
    channel = np.clip(1.5 - pore / PORE_NM, 0, 1) * np.exp(np.minimum(s, 0) / 60)
    lining = 2.0 * np.exp(np.minimum(s, 0) / 80) * (1 - channel)
    clumped = (1 - 0.8 * channel) / (1 + np.exp(-3 * (coarse + 0.8 * fine - 1.2 + lining)))
    stain = params["nuclei.density"] + params["nuclei.chromatin"] * clumped + 1.2 * canvas.grain.reshape(-1)[near]
    canvas.cover(inside(s, reach), stain.astype(np.float32), near, Compartment.NUCLEUS)
    _draw_nucleoli(canvas, trunks, near, depth_nm, params, (coarse, fine))
    closed = np.clip((pore - PORE_NM) / 10 + 0.5, 0.15, 1).astype(np.float32)
    dark = params["cells.membrane_density"] * 0.9
    for middle in (0.0, 30.0):
        stain = canvas.density.reshape(-1)[near] * (1 - closed) + dark * closed
        canvas.cover_layer(s, reach, (middle - 4, middle + 4), stain, near, Compartment.NUCLEAR_ENVELOPE)
    canvas.free.reshape(-1)[near[s < 40]] = False


def _draw_nucleoli(
    canvas: Canvas,
    trunks: tuple[Tubes, TubeMap],
    at: NDArray[np.intp],
    depth_nm: NDArray[np.float32],
    params: Mapping[str, float],
    texture: tuple[FloatArray, FloatArray],
) -> None:
    """Draw one dark, granular, roundish body off the middle of each nucleus."""
    if params["nuclei.nucleolus"] <= 0:
        return
    tubes, seen = trunks
    row, column = np.divmod(at, canvas.grid.shape[1])
    nearest = seen.nearest.reshape(-1)[at]
    middle = tubes.nodes[:, tubes.nodes.shape[1] // 2] + 0.0
    size = np.maximum(tubes.radii.mean(axis=1) - depth_nm, 1.0)
    centre = (middle + 0.35 * size[:, None] * tubes.side)[nearest]
    radius = params["nuclei.nucleolus"] * size[nearest]
    offset = np.stack(
        [canvas.z_nm - centre[:, 0], canvas.grid.y_nm[row] - centre[:, 1], canvas.grid.x_nm[column] - centre[:, 2]]
    )
    distance = np.linalg.norm(offset, axis=0)
    s = (distance - radius * (1 + 0.12 * texture[0])).astype(np.float32)
    reach = canvas.reach((offset[0] / np.maximum(distance, 1e-3)).astype(np.float32)) + 8
    # Dense strands around paler centres.
    stain = params["nuclei.density"] + params["nuclei.chromatin"] * (1.05 + 0.25 * texture[1])
    canvas.cover(inside(s, reach), stain.astype(np.float32), at, Compartment.NUCLEUS)


def _beside_pores(
    canvas: Canvas, at: NDArray[np.intp], s: FloatArray, pores: tuple[Waves, Waves], density: float
) -> FloatArray:
    """Distance (N,) in nm from the axis of the nearest pore of pixels near the envelope; large elsewhere."""
    beside = np.full(at.shape, 1e3, np.float32)
    envelope = np.flatnonzero(s > -150)
    if density > 0 and envelope.size:
        beside[envelope] = _distances(
            at[envelope], *level(canvas, pores[0]), *level(canvas, pores[1]), canvas.grid.pixel_nm
        )
    return beside


@compiled
def _distances(
    at: NDArray[np.intp], first: FloatArray, first_rise: FloatArray, second: FloatArray, second_rise: FloatArray,
    pixel: float,
) -> FloatArray:  # fmt: skip
    found = np.empty(at.size, np.float32)
    for n in range(at.size):
        i, j = at[n] // first.shape[1], at[n] % first.shape[1]
        found[n], _ = thread(first, first_rise, second, second_rise, i, j, pixel, 3 * PORE_NM)
    return found
