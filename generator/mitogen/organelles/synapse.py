"""Synapses: dense material along the membrane between a terminal full of vesicles and its partner."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.parts import Part


def draw_densities(canvas: Canvas, drawn: Mapping[str, float], patches: Waves, terminal: NDArray[np.bool_]) -> None:
    """Darken patches of the membranes between terminals and other cells, on the postsynaptic side above all.

    Args:
        canvas: its density is changed in place.
        drawn: the image's numbers.
        patches: a field that decides where along a membrane a synapse is.
        terminal: (N,) bool, which cells are terminals.
    """
    pre, post = terminal[canvas.owner], terminal[canvas.neighbour]
    depth = drawn["synapses.depth_nm"]
    level = np.float32(-ndtri(np.clip(drawn["synapses.share"], 1e-6, 1 - 1e-6)))
    near = np.flatnonzero((pre != post) & (canvas.membrane < 3 * depth) & canvas.free)
    if near.size == 0:
        return
    patch = canvas.on_section(patches).reshape(-1)[near]
    inside_patch = np.clip((patch - level) * 4, 0, 1)
    distance = canvas.membrane.reshape(-1)[near]
    # Where the membrane is cut at a grazing angle the density spreads over the width that the section sees of it.
    width = depth + 0.3 * canvas.grid.thickness_nm * np.abs(canvas.membrane_z.reshape(-1)[near])
    side = np.where(pre.reshape(-1)[near], np.float32(drawn["synapses.presynaptic"]), np.float32(1))
    weight = inside_patch * side * np.exp(-0.5 * (distance / width) ** 2)
    canvas.cover(weight.astype(np.float32), drawn["synapses.density"], near, Part.SYNAPSE)
