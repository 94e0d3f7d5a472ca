"""Vesicles: packed in synaptic terminals, in small groups elsewhere, and those with a dense core."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.random_fields import Waves
from mitogen.organelles.granules import Granule, draw_granules
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Part


def synaptic_vesicle(drawn: Mapping[str, float]) -> Granule:
    """A clear vesicle as it is packed in terminals."""
    radius = drawn["boutons.vesicle_radius_nm"]
    return Granule(
        radius,
        0.12,
        drawn["boutons.vesicle_shell_nm"],
        drawn["cells.membrane_density"] * drawn["boutons.vesicle_stain"],
        drawn["boutons.vesicle_lumen"],
        2 * radius * drawn["boutons.vesicle_spacing"],
        drawn["boutons.vesicle_occupancy"],
    )


def draw_packed_vesicles(
    canvas: Canvas, drawn: Mapping[str, float], cluster: Waves, terminal: NDArray[np.bool_], key: int
) -> None:
    """Draw the vesicle pools of terminals, and the denser matrix in which they lie.

    Args:
        canvas: its density is changed in place.
        drawn: the image's numbers.
        cluster: a field that says where in a terminal vesicles are packed.
        terminal: (Y, X) bool, the pixels of terminals.
        key: names the lattice.
    """
    packed = terminal & (canvas.on_section(cluster) > drawn["boutons.cluster_level"])
    if not packed.any():
        return
    darker = np.float32(drawn["boutons.matrix_darkness"])
    np.add(canvas.density, darker, out=canvas.density, where=packed & canvas.free)
    draw_granules(canvas, synaptic_vesicle(drawn), packed, key, Part.VESICLE)


def draw_loose_vesicles(
    canvas: Canvas, drawn: Mapping[str, float], grouping: Waves, where: NDArray[np.bool_], key: int
) -> None:
    """Draw clear vesicles of unequal size in small groups.

    Args:
        canvas: its density is changed in place.
        drawn: the image's numbers.
        grouping: a field; a group lies where it is high.
        where: (Y, X) bool, the pixels that may hold vesicles.
        key: names the lattice.
    """
    if drawn["cells.loose_vesicles"] <= 0:
        return
    vesicle = synaptic_vesicle(drawn)
    loose = replace(
        vesicle,
        radius_nm=1.1 * vesicle.radius_nm,
        radius_spread=0.35,
        spacing_nm=75.0,
        occupancy=drawn["cells.loose_vesicles"],
    )
    draw_granules(canvas, loose, where & (canvas.on_section(grouping) > 1.2), key, Part.VESICLE)


def draw_dense_cores(canvas: Canvas, drawn: Mapping[str, float], where: NDArray[np.bool_], key: int) -> None:
    """Draw vesicles with a dark core; arguments as in `draw_loose_vesicles`."""
    core = Granule(
        drawn["dense_core.radius_nm"],
        0.2,
        6.0,
        drawn["cells.membrane_density"] * 0.7,
        drawn["dense_core.density"],
        160.0,
        drawn["dense_core.occupancy"],
    )
    draw_granules(canvas, core, where, key, Part.DENSE_CORE_VESICLE)
