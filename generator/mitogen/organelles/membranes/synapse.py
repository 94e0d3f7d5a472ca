"""Synapses: dense material along the membranes of terminals, and the T-bars of flies."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.level_sets import Level, thread, wavelength_of_threads
from mitogen.geometry.partial_volume import inside_at
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.canvas import Paint, Raster, Space, mark
from mitogen.tissue.compartments import Compartment


class _Density(NamedTuple):
    """Dense material along membranes.

    Attributes:
        lowest: level of the patches' field above which it is.
        depth: standard deviation in nm of how far it reaches.
        stain: density.
        presynaptic: strength on the side of the terminal.
    """

    lowest: float
    depth: float
    stain: float
    presynaptic: float


class _TBar(NamedTuple):
    """T-bars; lengths in nm.

    Attributes:
        width: of the table.
        height: of the table over the membrane.
        stain: density.
        face: distance of the membrane's inner face from the middle of the gap.
        mean_slope: of the fields that place them.
    """

    width: float
    height: float
    stain: float
    face: float
    mean_slope: float


def draw_synapses(layer: Layer) -> None:
    """Darken patches of the membranes between terminals and other cells, on the postsynaptic side above all."""
    canvas, params, terminal = layer.canvas, layer.params, layer.holding("synapses")
    if params["synapses.share"] <= 0 or not terminal.any():
        return
    density = _Density(
        float(-ndtri(np.clip(params["synapses.share"], 1e-6, 1 - 1e-6))),
        params["synapses.depth_nm"],
        params["synapses.density"],
        params["synapses.presynaptic"],
    )
    patch, paint = layer.on_section("patch"), canvas.paint(Compartment.SYNAPSE)
    _darken(paint, canvas.space, patch, terminal, density, canvas.grid.thickness_nm)


def draw_t_bars(layer: Layer) -> None:
    """Draw T-bars: a dark table on a pedestal at the presynaptic membrane, with faint densities opposite it.

    They stand where the curves on which two fields vanish pierce membranes.
    Source of the shape: Prokop and Meinertzhagen, Seminars in Cell & Developmental Biology 17 (2006).
    """
    canvas, params, terminal = layer.canvas, layer.params, layer.holding("synapses")
    if params["t_bars.density_per_um2"] <= 0 or not terminal.any():
        return
    t_bar = _TBar(
        params["t_bars.width_nm"],
        params["t_bars.height_nm"],
        params["t_bars.density"],
        params["cells.gap_nm"] / 2 + params["cells.membrane_nm"] / 2,
        layer.fields["t_bar_1"].mean_slope,
    )
    curves = (canvas.level(layer.fields["t_bar_1"]), canvas.level(layer.fields["t_bar_2"]))
    _stand(canvas.paint(Compartment.SYNAPSE), canvas.space, canvas.raster, curves, terminal, t_bar)


@compiled
def _darken(
    paint: Paint, space: Space, patch: FloatArray, terminal: NDArray[np.bool_], material: _Density, thickness: float
) -> None:
    density, free = paint.density, space.free
    owner, neighbour, membrane, membrane_z = space.owner, space.neighbour, space.membrane, space.membrane_z
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if patch[i, j] <= material.lowest or membrane[i, j] >= 3 * material.depth or not free[i, j]:
                continue
            before = terminal[owner[i, j]]
            if before == terminal[neighbour[i, j]]:
                continue
            # Where the membrane is cut at a grazing angle the density spreads over what the section sees of it.
            width = material.depth + 0.3 * thickness * abs(membrane_z[i, j])
            off = membrane[i, j] / width
            share = min((patch[i, j] - material.lowest) * 6, 1.0) * np.exp(-0.5 * off * off)
            if before:
                share *= material.presynaptic
            density[i, j] += np.float32(share * (material.stain - density[i, j]))
            if share >= 0.5:
                mark(paint, i, j)


@compiled
def _stand(
    paint: Paint, space: Space, raster: Raster, curves: tuple[Level, Level], terminal: NDArray[np.bool_], t_bar: _TBar
) -> None:
    density, free = paint.density, space.free
    owner, neighbour, membrane = space.owner, space.neighbour, space.membrane
    one, other = curves
    first, second = one.value, other.value
    width, height, face = t_bar.width, t_bar.height, t_bar.face
    # Fields that are larger than this vanish nowhere near.
    farthest = 0.8 * width + 0.5 * raster.pixel + 0.3 * raster.thickness + 6
    far = 3.5 * t_bar.mean_slope * farthest
    for i in range(density.shape[0]):
        for j in range(density.shape[1]):
            if abs(first[i, j]) > far or abs(second[i, j]) > far or membrane[i, j] > face + height + 20:
                continue
            mine, theirs = owner[i, j], neighbour[i, j]
            if not (terminal[mine] or terminal[theirs]) or not free[i, j]:
                continue
            beside, normal = thread(one, other, i, j, raster.pixel, farthest)
            if beside > farthest:
                continue
            reach = 0.5 * raster.pixel + 0.3 * raster.thickness * normal
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
                density[i, j] += np.float32(share * (t_bar.stain - density[i, j]))
                if share >= 0.5:
                    mark(paint, i, j)


SYNAPSES = Organelle(
    "synapses",
    draw_synapses,
    fields={"patch": lambda params: params["synapses.spacing_nm"]},
    compartments=(Compartment.SYNAPSE,),
)
T_BARS = Organelle(
    "t_bars",
    draw_t_bars,
    fields={
        "t_bar_1": lambda params: wavelength_of_threads(params["t_bars.density_per_um2"]),
        "t_bar_2": lambda params: wavelength_of_threads(params["t_bars.density_per_um2"]),
    },
    compartments=(Compartment.SYNAPSE,),
)
