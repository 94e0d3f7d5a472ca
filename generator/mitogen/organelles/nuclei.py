"""Nuclei: an envelope of two membranes with pores, chromatin in clumps, a nucleolus."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.level_sets import Level, thread, wavelength_of_threads
from mitogen.geometry.partial_volume import inside
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment

PORE_NM = 45.0
"""Radius of a nuclear pore complex with its rim."""


class _Pixels(NamedTuple):
    """The pixels of nuclei and their surroundings; N of them.

    Attributes:
        at: (N,) flat indices.
        s: (N,) float32 signed distance in nm from the envelope.
        reach: (N,) float32 from `Canvas.reach`.
        coarse, fine: (N,) float32 what makes chromatin clump.
    """

    at: NDArray[np.intp]
    s: FloatArray
    reach: FloatArray
    coarse: FloatArray
    fine: FloatArray


def draw_nuclei(layer: Layer) -> None:
    """Draw a nucleus in each trunk that has one; its pixels are no longer free."""
    pixels = _find_pixels(layer)
    if pixels is None:
        return
    canvas, params = layer.canvas, layer.params
    at, s, reach = pixels.at, pixels.s, pixels.reach
    # Pores are gaps in the membranes, with a channel free of chromatin behind them.
    pore = _beside_pores(layer, at, s)
    channel = np.clip(1.5 - pore / PORE_NM, 0, 1) * np.exp(np.minimum(s, 0) / 60)
    lining = 2.0 * np.exp(np.minimum(s, 0) / 80) * (1 - channel)
    clumped = (1 - 0.8 * channel) / (1 + np.exp(-3 * (pixels.coarse + 0.8 * pixels.fine - 1.2 + lining)))
    stain = params["nuclei.density"] + params["nuclei.chromatin"] * clumped + 1.2 * canvas.grain.reshape(-1)[at]
    canvas.cover(inside(s, reach), stain.astype(np.float32), at, Compartment.NUCLEUS)
    _draw_nucleoli(layer, pixels)
    closed = np.clip((pore - PORE_NM) / 10 + 0.5, 0.15, 1).astype(np.float32)
    dark = params["cells.membrane_density"] * 0.9
    for middle in (0.0, 30.0):
        stain = canvas.density.reshape(-1)[at] * (1 - closed) + dark * closed
        canvas.cover_layer(s, reach, (middle - 4, middle + 4), stain, at, Compartment.NUCLEAR_ENVELOPE)
    canvas.space.free.reshape(-1)[at[s < 40]] = False


def _find_pixels(layer: Layer) -> _Pixels | None:
    """The pixels of nuclei, none if there are none."""
    tubes, depth_nm = layer.trunk_map, layer.trunks.nucleus_nm
    if not np.any(depth_nm > 0):
        return None
    at = np.flatnonzero(tubes.nearest >= 0)
    at = at[depth_nm[tubes.nearest.reshape(-1)[at]] > 0]
    s = tubes.distance.reshape(-1)[at] + depth_nm[tubes.nearest.reshape(-1)[at]]
    at, s = at[s < 90], s[s < 90]
    if at.size == 0:
        return None
    coarse = layer.on_section("chromatin_clumps").reshape(-1)[at]
    fine = layer.on_section("chromatin_grain").reshape(-1)[at]
    s = s + 25 * coarse
    near = s < 60
    reach = layer.canvas.reach(tubes.normal_z.reshape(-1)[at[near]])
    return _Pixels(at[near], s[near], reach, coarse[near], fine[near])


def _draw_nucleoli(layer: Layer, pixels: _Pixels) -> None:
    """Draw one dark, granular, roundish body off the middle of each nucleus."""
    canvas, params = layer.canvas, layer.params
    if params["nuclei.nucleolus"] <= 0:
        return
    tubes = layer.trunks.tubes
    row, column = np.divmod(pixels.at, canvas.grid.shape[1])
    nearest = layer.trunk_map.nearest.reshape(-1)[pixels.at]
    middle = tubes.nodes[:, tubes.nodes.shape[1] // 2] + 0.0
    size = np.maximum(tubes.radii.mean(axis=1) - layer.trunks.nucleus_nm, 1.0)
    centre = (middle + 0.35 * size[:, None] * tubes.side)[nearest]
    radius = params["nuclei.nucleolus"] * size[nearest]
    offset = np.stack(
        [canvas.z_nm - centre[:, 0], canvas.grid.y_nm[row] - centre[:, 1], canvas.grid.x_nm[column] - centre[:, 2]]
    )
    distance = np.linalg.norm(offset, axis=0)
    s = (distance - radius * (1 + 0.12 * pixels.coarse)).astype(np.float32)
    reach = canvas.reach((offset[0] / np.maximum(distance, 1e-3)).astype(np.float32)) + 8
    # Dense strands around paler centres.
    stain = params["nuclei.density"] + params["nuclei.chromatin"] * (1.05 + 0.25 * pixels.fine)
    canvas.cover(inside(s, reach), stain.astype(np.float32), pixels.at, Compartment.NUCLEUS)


def _beside_pores(layer: Layer, at: NDArray[np.intp], s: FloatArray) -> FloatArray:
    """Distance (N,) in nm from the axis of the nearest pore of pixels near the envelope; large elsewhere.

    Pores are where the curves on which two fields vanish pierce the envelope.
    """
    beside = np.full(at.shape, 1e3, np.float32)
    envelope = np.flatnonzero(s > -150)
    if layer.params["nuclei.pores_per_um2"] > 0 and envelope.size:
        first, second = (layer.canvas.level(layer.fields[name]) for name in ("pore_1", "pore_2"))
        beside[envelope] = _distances(at[envelope], first, second, layer.canvas.grid.pixel_nm)
    return beside


@compiled
def _distances(at: NDArray[np.intp], first: Level, second: Level, pixel: float) -> FloatArray:
    found = np.empty(at.size, np.float32)
    for n in range(at.size):
        i, j = at[n] // first.value.shape[1], at[n] % first.value.shape[1]
        found[n], _ = thread(first, second, i, j, pixel, 3 * PORE_NM)
    return found


NUCLEI = Organelle(
    "nuclei",
    draw_nuclei,
    fields={
        "chromatin_clumps": 350.0,
        "chromatin_grain": 70.0,
        "pore_1": lambda params: wavelength_of_threads(params["nuclei.pores_per_um2"]),
        "pore_2": lambda params: wavelength_of_threads(params["nuclei.pores_per_um2"]),
    },
    compartments=(Compartment.NUCLEUS, Compartment.NUCLEAR_ENVELOPE),
)
