"""What all round bodies share while they are drawn: the pixels that show them, their membrane, and what lies within."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.partial_volume import inside
from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.organelle import Layer
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment

MEMBRANE_NM = 7.0


class BodyLooks(NamedTuple):
    """Numbers in 0-1 that tell bodies of one organelle apart; each (N,) float64.

    Attributes:
        shade: how dark a body is among them.
        first, second: for what an organelle likes.
        priority: has decided which bodies stay: it is low of those in a crowd, and best left alone.
        third, fourth, fifth, sixth: as the first.
    """

    shade: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    priority: NDArray[np.float64]
    third: NDArray[np.float64]
    fourth: NDArray[np.float64]
    fifth: NDArray[np.float64]
    sixth: NDArray[np.float64]


class BodyPixels(NamedTuple):
    """The pixels on which a section shows the bodies of one organelle; N of them.

    Attributes:
        at: (N,) flat indices.
        tube: (N,) int32 which body each shows.
        s: (N,) float32 signed distance in nm from its surface.
        reach: (N,) float32 from `Canvas.reach`.
        looks: (N,) each.
    """

    at: NDArray[np.intp]
    tube: NDArray[np.int32]
    s: FloatArray
    reach: FloatArray
    looks: BodyLooks

    def of(self, values: FloatArray) -> FloatArray:
        """Values (N,) on these pixels of an image (Y, X)."""
        return values.reshape(-1)[self.at]


def find_pixels(layer: Layer) -> BodyPixels | None:
    """The pixels that show the organelle's bodies; none if the section shows none."""
    at, tube = layer.inclusions.of(layer.species)
    if at.size == 0:
        return None
    seen = layer.inclusions.map
    reach = layer.canvas.reach(seen.normal_z.reshape(-1)[at])
    looks = BodyLooks(*layer.inclusions.inclusions.looks[tube].T)
    return BodyPixels(at, tube, seen.distance.reshape(-1)[at], reach, looks)


def fill(layer: Layer, pixels: BodyPixels, stain: NDArray[np.float64] | FloatArray, compartment: Compartment) -> None:
    """Fill bodies with stain, one value a pixel."""
    share = inside(pixels.s, pixels.reach)
    layer.canvas.cover(share, np.maximum(stain, 0.0).astype(np.float32), pixels.at, compartment)


def draw_membrane(layer: Layer, pixels: BodyPixels, compartment: Compartment) -> None:
    """Draw the one membrane around bodies."""
    stain = layer.params["cells.membrane_density"] * 0.9
    layer.canvas.cover_layer(pixels.s, pixels.reach, (-MEMBRANE_NM, 0.0), stain, pixels.at, compartment)


def draw_within(canvas: Canvas, at: NDArray[np.intp], granule: Granule, key: int, compartment: Compartment) -> None:
    """Draw granules whose centres fall on these pixels, whatever else is there."""
    centres = np.zeros(canvas.grid.shape, np.bool_)
    centres.reshape(-1)[at] = True
    space = canvas.space
    free = space._replace(membrane=np.full_like(space.membrane, 1e3), free=np.ones_like(space.free))
    draw_granules(replace(canvas, space=free), granule, centres, key, compartment)
