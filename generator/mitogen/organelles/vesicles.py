"""Vesicles: packed in synaptic terminals, in small groups elsewhere, and those with a dense core."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.random_fields import Waves
from mitogen.organelles.granules import Granule, draw_granules
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment


def synaptic_vesicle(params: Mapping[str, float]) -> Granule:
    """A clear vesicle as it is packed in terminals."""
    radius = params["boutons.vesicle_radius_nm"]
    return Granule(
        radius,
        0.12,
        params["boutons.vesicle_shell_nm"],
        params["cells.membrane_density"] * params["boutons.vesicle_stain"],
        params["boutons.vesicle_lumen"],
        2 * radius * params["boutons.vesicle_spacing"],
        params["boutons.vesicle_occupancy"],
    )


def draw_packed_vesicles(
    canvas: Canvas, params: Mapping[str, float], cluster: Waves, terminal: NDArray[np.bool_], key: int
) -> None:
    """Draw the vesicle pools of terminals, and the denser matrix in which they lie.

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        cluster: a field that says where in a terminal vesicles are packed.
        terminal: (Y, X) bool, the pixels of terminals.
        key: names the lattice.
    """
    packed = terminal & (canvas.on_section(cluster) > params["boutons.cluster_level"])
    if not packed.any():
        return
    darker = np.float32(params["boutons.matrix_darkness"])
    np.add(canvas.density, darker, out=canvas.density, where=packed & canvas.free)
    draw_granules(canvas, synaptic_vesicle(params), packed, key, Compartment.VESICLE)


def draw_loose_vesicles(
    canvas: Canvas, params: Mapping[str, float], grouping: Waves, where: NDArray[np.bool_], key: int
) -> None:
    """Draw clear vesicles of unequal size in small groups.

    Args:
        canvas: its density is changed in place.
        params: the image's params.
        grouping: a field; a group lies where it is high.
        where: (Y, X) bool, the pixels that may hold vesicles.
        key: names the lattice.
    """
    if params["cells.loose_vesicles"] <= 0:
        return
    vesicle = synaptic_vesicle(params)
    loose = replace(
        vesicle,
        radius_nm=1.1 * vesicle.radius_nm,
        radius_spread=0.35,
        spacing_nm=75.0,
        occupancy=params["cells.loose_vesicles"],
    )
    draw_granules(canvas, loose, where & (canvas.on_section(grouping) > 1.2), key, Compartment.VESICLE)


def draw_dense_cores(canvas: Canvas, params: Mapping[str, float], where: NDArray[np.bool_], key: int) -> None:
    """Draw vesicles with a dark core; arguments as in `draw_loose_vesicles`."""
    core = Granule(
        params["dense_core.radius_nm"],
        0.2,
        6.0,
        params["cells.membrane_density"] * 0.7,
        params["dense_core.density"],
        160.0,
        params["dense_core.occupancy"],
    )
    draw_granules(canvas, core, where, key, Compartment.DENSE_CORE_VESICLE)
