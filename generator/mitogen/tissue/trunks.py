"""Trunks: the big smooth tubes that push into the crowd of cells (dendrites, axons, myelinated axons, cell bodies)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.collisions import touching
from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import Box, StreamOf, directions, scatter
from mitogen.geometry.tubes import Tubes, bend
from mitogen.tissue.cell_types import CellType

NODES = 7
LENGTH_NM = {CellType.SOMA: 0.0, CellType.MYELINATED: 4500.0, CellType.NEURITE: 3000.0}
"""Length of the straight part."""
SECTIONS = {CellType.SOMA: "somata", CellType.MYELINATED: "myelin", CellType.NEURITE: "neurites"}
"""The knobs of each type. A trunk that touches one of an earlier type is left out; where two of one type meet, their
common membrane runs midway."""
_WIDEST = np.exp(0.3 * 2) * 1.15


@dataclass(frozen=True, eq=False)
class Trunks:
    """The trunks around a grid; R of them.

    Attributes:
        tubes: their shapes.
        cell_types: (R,) int8, see `cell_types.CellType`.
        shade: (R,) float32 density of their cytoplasm.
        sheath_nm: (R,) float32 thickness of the myelin, 0 for none.
        nucleus_nm: (R,) float32 depth of the nucleus under the surface, 0 for none.
    """

    tubes: Tubes
    cell_types: NDArray[np.int8]
    shade: FloatArray
    sheath_nm: FloatArray
    nucleus_nm: FloatArray

    def take(self, which: NDArray[np.intp]) -> "Trunks":
        """The trunks with these indices."""
        return Trunks(
            self.tubes.take(which), self.cell_types[which], self.shade[which], self.sheath_nm[which],
            self.nucleus_nm[which],
        )  # fmt: skip


def place_trunks(params: Mapping[str, float], streams: StreamOf, box_nm: Box) -> Trunks:
    """Find all trunks that reach into a box, and perhaps more."""
    largest = {
        cell_type: LENGTH_NM[cell_type] / 2 + 1.5 * _WIDEST * params[f"{name}.radius_nm"]
        for cell_type, name in SECTIONS.items()
    }
    found: list[Trunks] = []
    for place, cell_type in enumerate(SECTIONS):
        # As far as trunks of a later type may lie that this one may displace.
        later = sum(2 * largest[other] for other in list(SECTIONS)[place + 1 :])
        wide = (box_nm[0] - later, box_nm[1] + later)
        reach = largest[cell_type]
        trunks = _scatter_trunks(params, streams, (wide[0] - reach, wide[1] + reach), cell_type)
        trunks = trunks.take(np.flatnonzero(trunks.tubes.reaching(wide)))
        for earlier in found:
            trunks = trunks.take(np.flatnonzero(~touching(trunks.tubes, earlier.tubes, 10.0)))
        found.append(trunks)
    tubes = (np.concatenate([getattr(each.tubes, name) for each in found]) for name in ("nodes", "radii", "side"))
    looks = ("cell_types", "shade", "sheath_nm", "nucleus_nm")
    return Trunks(Tubes(*tubes), *(np.concatenate([getattr(each, name) for each in found]) for name in looks))


def _scatter_trunks(params: Mapping[str, float], streams: StreamOf, box_nm: Box, cell_type: CellType) -> Trunks:
    """Scatter trunks of one type, without regard for what else is there."""
    name = SECTIONS[cell_type]
    centre, u = scatter(streams, name, params[f"{name}.density_per_um3"], box_nm, 12)
    r = params[f"{name}.radius_nm"] * np.exp(0.3 * np.clip(ndtri(u[:, 0]), -2, 2))
    length = LENGTH_NM[cell_type] + r * u[:, 1]
    line = bend(
        centre, directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), length, 1.2 * (u[:, 6] - 0.5), NODES
    )
    swelling = 1 + 0.15 * np.sin(2 * np.pi * (u[:, 7, None] + np.linspace(0, 1.3, NODES)[None]))
    side = directions(u[:, 10], u[:, 11])
    none = np.zeros(len(r), np.float32)
    sheath = r * params["myelin.sheath_ratio"] * (0.6 + 0.8 * u[:, 8])
    nucleus = r * (0.2 + 0.3 * u[:, 8])
    shade = params["cells.cytoplasm"] + params["neurites.shade"] * (cell_type != CellType.SOMA) + 0.05 * (u[:, 9] - 0.5)
    return Trunks(
        Tubes(line.astype(np.float32), (r[:, None] * swelling).astype(np.float32), side.astype(np.float32)),
        np.full(len(r), cell_type, np.int8),
        np.maximum(shade, 0.0).astype(np.float32),
        sheath.astype(np.float32) if cell_type == CellType.MYELINATED else none,
        nucleus.astype(np.float32) if cell_type == CellType.SOMA else none,
    )
