"""Synapses: dense material along the membranes of terminals, and the T-bars of flies."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.partial_volume import inside_at
from mitogen.geometry.random_fields import Waves
from mitogen.organelles.level_sets import level, thread
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment


def draw_densities(canvas: Canvas, params: Mapping[str, float], patches: Waves, terminal: NDArray[np.bool_]) -> None:
    """Darken patches of the membranes between terminals and other cells, on the postsynaptic side above all.

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        patches: a field that decides where along a membrane a synapse is.
        terminal: (N,) bool, which cells are terminals.
    """
    if params["synapses.share"] <= 0 or not terminal.any():
        return
    lowest = float(-ndtri(np.clip(params["synapses.share"], 1e-6, 1 - 1e-6)))
    _darken(
        canvas.density, canvas.compartments, np.uint8(Compartment.SYNAPSE), canvas.owner, canvas.neighbour,
        canvas.membrane,
        canvas.membrane_z, canvas.free, terminal, canvas.on_section(patches), lowest, canvas.grid.thickness_nm,
        params["synapses.depth_nm"], params["synapses.density"], params["synapses.presynaptic"],
    )  # fmt: skip


def draw_t_bars(
    canvas: Canvas, params: Mapping[str, float], fields: tuple[Waves, Waves], terminal: NDArray[np.bool_]
) -> None:
    """Draw T-bars: a dark table on a pedestal at the presynaptic membrane, with faint densities opposite it.

    Source of the shape: Prokop and Meinertzhagen, Seminars in Cell & Developmental Biology 17 (2006).

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        fields: the curves on which both vanish pierce membranes where T-bars stand.
        terminal: (N,) bool, which cells are terminals.
    """
    if params["t_bars.density_per_um2"] <= 0 or not terminal.any():
        return
    _stand(
        canvas.density, canvas.compartments, np.uint8(Compartment.SYNAPSE), canvas.owner, canvas.neighbour,
        canvas.membrane,
        canvas.free, terminal, *level(canvas, fields[0]), *level(canvas, fields[1]), canvas.grid.pixel_nm,
        canvas.grid.thickness_nm, params["t_bars.width_nm"], params["t_bars.height_nm"], params["t_bars.density"],
        params["cells.gap_nm"] / 2 + params["cells.membrane_nm"] / 2, fields[0].mean_slope,
    )  # fmt: skip


@compiled
def _darken(
    density: FloatArray, compartments: NDArray[np.uint8], compartment: np.uint8, owner: NDArray[np.int32],
    neighbour: NDArray[np.int32], membrane: FloatArray, membrane_z: FloatArray, free: NDArray[np.bool_],
    terminal: NDArray[np.bool_], patch: FloatArray, lowest: float, thickness: float, depth: float, stain: float,
    presynaptic: float,
) -> None:  # fmt: skip
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if patch[i, j] <= lowest or membrane[i, j] >= 3 * depth or not free[i, j]:
                continue
            before = terminal[owner[i, j]]
            if before == terminal[neighbour[i, j]]:
                continue
            # Where the membrane is cut at a grazing angle the density spreads over what the section sees of it.
            width = depth + 0.3 * thickness * abs(membrane_z[i, j])
            off = membrane[i, j] / width
            share = min((patch[i, j] - lowest) * 6, 1.0) * np.exp(-0.5 * off * off)
            if before:
                share *= presynaptic
            density[i, j] += np.float32(share * (stain - density[i, j]))
            if compartments.size > 0 and share >= 0.5:
                compartments[i, j] = compartment


@compiled
def _stand(
    density: FloatArray, compartments: NDArray[np.uint8], compartment: np.uint8, owner: NDArray[np.int32],
    neighbour: NDArray[np.int32], membrane: FloatArray, free: NDArray[np.bool_], terminal: NDArray[np.bool_],
    first: FloatArray, first_rise: FloatArray, second: FloatArray, second_rise: FloatArray, pixel: float,
    thickness: float, width: float, height: float, stain: float, face: float, mean_slope: float,
) -> None:  # fmt: skip
    # Fields that are larger than this vanish nowhere near.
    farthest = 0.8 * width + 0.5 * pixel + 0.3 * thickness + 6
    far = 3.5 * mean_slope * farthest
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if abs(first[i, j]) > far or abs(second[i, j]) > far or membrane[i, j] > face + height + 20:
                continue
            mine, theirs = owner[i, j], neighbour[i, j]
            if not (terminal[mine] or terminal[theirs]) or not free[i, j]:
                continue
            beside, normal = thread(first, first_rise, second, second_rise, i, j, pixel, farthest)
            if beside > farthest:
                continue
            reach = 0.5 * pixel + 0.3 * thickness * normal
            # Between two terminals one side only bears the T-bar.
            if terminal[mine] and (mine > theirs or not terminal[theirs]):
                up = membrane[i, j] - face
                foot = max(beside - 0.17 * width, up - height)
                # The table bends towards the membrane at its ends.
                table = max(beside - 0.5 * width, abs(up - height + 0.08 * beside) - 9)
                share = inside_at(min(foot, table), reach)
            else:
                share = 0.6 * inside_at(max(beside - 0.8 * width, membrane[i, j] - face - 16), reach + 6)
            if share > 0:
                density[i, j] += np.float32(share * (stain - density[i, j]))
                if compartments.size > 0 and share >= 0.5:
                    compartments[i, j] = compartment
