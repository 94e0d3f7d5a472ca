"""The granular ground of the cytoplasm: proteins and debris too small to have a shape."""

from collections.abc import Mapping

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import grain
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment


def draw_ground(layer: Layer) -> None:
    """Fill every cell with its cytoplasm, and what is no cell with resin that holds nothing."""
    canvas, params = layer.canvas, layer.params
    _fill_grain(canvas, params, layer.on_section("coarse"), layer.streams)
    np.add(layer.cells.shade[canvas.space.owner], canvas.grain, out=canvas.density)
    if canvas.compartments.size:
        canvas.compartments[...] = Compartment.CYTOPLASM
    _empty(layer)


def _empty(layer: Layer) -> None:
    """Leave nothing but resin where there is no cell."""
    canvas = layer.canvas
    empty = ~layer.holding("cytoplasm")
    if not empty.any():
        return
    outside = empty[canvas.space.owner]
    canvas.grain[outside] = 0
    canvas.density[outside] = layer.cells.shade[canvas.space.owner[outside]]
    canvas.space.free[outside] = False
    canvas.mark(outside, None, Compartment.EXTRACELLULAR)


def _fill_grain(canvas: Canvas, params: Mapping[str, float], coarse: FloatArray, streams: StreamOf) -> None:
    """Give the canvas its grain, here stronger, there weaker."""
    texture = _texture(canvas, params["cells.grain_nm"], streams)
    # Clumps of stain are dark on a clear ground: the grain is skewed towards dark.
    np.multiply(texture, texture, out=canvas.grain)
    canvas.grain[...] -= 1
    canvas.grain[...] *= np.float32(0.35)
    canvas.grain[...] += texture
    strength = np.tanh(coarse, out=texture)
    strength *= np.float32(0.5)
    strength += 1
    strength *= np.float32(params["cells.grain"])
    canvas.grain[...] *= strength


def _texture(canvas: Canvas, grain_nm: float, streams: StreamOf) -> FloatArray:
    """Noise (Y, X) float32 of mean 0 and standard deviation 1, grains of which go on through neighbouring sections.

    Planes of independent noise lie one above the other, so far apart as the noise takes to forget itself within each;
    a section between two is a mixture of both that has the same variance.
    """
    size = grain_nm / canvas.grid.pixel_nm
    height = canvas.z_nm / max(2.5 * grain_nm, canvas.grid.pixel_nm)
    below = int(np.floor(height))
    angle = (height - below) * np.pi / 2
    texture = grain(streams(f"section/{below}"), canvas.grid.shape, size)
    if angle > 0:
        above = grain(streams(f"section/{below + 1}"), canvas.grid.shape, size)
        texture = np.float32(np.cos(angle)) * texture + np.float32(np.sin(angle)) * above
    return texture


CYTOPLASM = Organelle(
    "cytoplasm",
    draw_ground,
    fields={"coarse": 350.0},
    compartments=(Compartment.CYTOPLASM, Compartment.EXTRACELLULAR),
)
