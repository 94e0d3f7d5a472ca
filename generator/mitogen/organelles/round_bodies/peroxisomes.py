"""Peroxisomes: round bodies of even grey in one membrane, some with a dense core.

Size: 0.2 to 1 um across, in liver about 0.6 (de Duve and Baudhuin, Physiological Reviews 46, 1966). In the liver of
rodents the core is a crystal of urate oxidase, often off the middle.
"""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.partial_volume import inside
from mitogen.geometry.point_process import directions
from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.round_bodies.body import BodyPixels, draw_membrane, fill, find_pixels
from mitogen.tissue.compartments import Compartment


def draw_peroxisomes(layer: Layer) -> None:
    """Draw peroxisomes."""
    pixels = find_pixels(layer)
    if pixels is None:
        return
    params = layer.params
    darkness = params["peroxisomes.darkness"] * (0.85 + 0.3 * pixels.looks.shade)
    stain = params["cells.cytoplasm"] + darkness + 0.5 * pixels.of(layer.canvas.grain)
    fill(layer, pixels, stain, Compartment.PEROXISOME)
    _draw_cores(layer, pixels)
    draw_membrane(layer, pixels, Compartment.PEROXISOME)


def _draw_cores(layer: Layer, pixels: BodyPixels) -> None:
    """Draw the cores of those that have one, well within the membrane."""
    with_core = pixels.looks.first < layer.params["peroxisomes.core_share"]
    if not with_core.any():
        return
    at = pixels.at[with_core]
    distance, normal_z = _from_core(layer, pixels)
    s = np.maximum(distance[with_core], pixels.s[with_core] + 14)
    reach = layer.canvas.reach(normal_z[with_core])
    layer.canvas.cover(inside(s, reach), layer.params["peroxisomes.core_density"], at, Compartment.PEROXISOME)


def _from_core(layer: Layer, pixels: BodyPixels) -> tuple[FloatArray, FloatArray]:
    """Distance (N,) in nm from the surface of the core, and (N,) the z component of its normal."""
    tubes, looks = layer.inclusions.inclusions.tubes, pixels.looks
    radius: NDArray[np.float64] = tubes.radii.mean(axis=1).astype(np.float64)[pixels.tube]
    size = radius * (0.3 + 0.25 * looks.second)
    aside = directions(looks.third, looks.fourth) * (looks.fifth * (0.8 * radius - size))[:, None]
    centre = tubes.nodes[:, tubes.nodes.shape[1] // 2][pixels.tube] + aside
    row, column = np.divmod(pixels.at, layer.canvas.grid.shape[1])
    place = np.stack([np.full(row.shape, layer.canvas.z_nm), layer.canvas.raster.y[row], layer.canvas.raster.x[column]])
    offset = place.T - centre
    distance = np.linalg.norm(offset, axis=1)
    normal_z = offset[:, 0] / np.maximum(distance, 1e-3)
    return (distance - size).astype(np.float32), normal_z.astype(np.float32)


PEROXISOMES = Organelle(
    "peroxisomes", draw_peroxisomes, compartments=(Compartment.PEROXISOME,), body=RoundBody(roughness=0.03)
)
