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
from mitogen.tissue.cells import CellType

NODES = 7
LENGTH_NM = {CellType.SOMA: 0.0, CellType.MYELINATED: 4500.0, CellType.NEURITE: 3000.0}
"""Length of the straight part."""
SECTIONS = {CellType.SOMA: "somata", CellType.MYELINATED: "myelin", CellType.NEURITE: "neurites"}
"""The knobs of each kind. A trunk that touches one of an earlier kind is left out; where two of one kind meet, their
common membrane runs midway."""
_WIDEST = np.exp(0.3 * 2) * 1.15


@dataclass(frozen=True, eq=False)
class Trunks:
    """The trunks around a grid; R of them.

    Attributes:
        tubes: their shapes.
        kind: (R,) int8, see `cells.CellType`.
        shade: (R,) float32 density of their cytoplasm.
        sheath_nm: (R,) float32 thickness of the myelin, 0 for none.
        nucleus_nm: (R,) float32 depth of the nucleus under the surface, 0 for none.
    """

    tubes: Tubes
    kind: NDArray[np.int8]
    shade: FloatArray
    sheath_nm: FloatArray
    nucleus_nm: FloatArray

    def take(self, which: NDArray[np.intp]) -> "Trunks":
        """The trunks with these indices."""
        return Trunks(
            self.tubes.take(which), self.kind[which], self.shade[which], self.sheath_nm[which],
            self.nucleus_nm[which],
        )  # fmt: skip


def place_trunks(params: Mapping[str, float], streams: StreamOf, box_nm: Box) -> Trunks:
    """Find all trunks that reach into a box, and perhaps more."""
    largest = {
        kind: LENGTH_NM[kind] / 2 + 1.5 * _WIDEST * params[f"{name}.radius_nm"] for kind, name in SECTIONS.items()
    }
    found: list[Trunks] = []
    for place, kind in enumerate(SECTIONS):
        # As far as trunks of a later kind may lie that this one may displace.
        later = sum(2 * largest[other] for other in list(SECTIONS)[place + 1 :])
        wide = (box_nm[0] - later, box_nm[1] + later)
        trunks = _scatter_trunks(params, streams, (wide[0] - largest[kind], wide[1] + largest[kind]), kind)
        trunks = trunks.take(np.flatnonzero(trunks.tubes.reaching(wide)))
        for earlier in found:
            trunks = trunks.take(np.flatnonzero(~touching(trunks.tubes, earlier.tubes, 10.0)))
        found.append(trunks)
    tubes = (np.concatenate([getattr(each.tubes, name) for each in found]) for name in ("nodes", "radii", "side"))
    looks = ("kind", "shade", "sheath_nm", "nucleus_nm")
    return Trunks(Tubes(*tubes), *(np.concatenate([getattr(each, name) for each in found]) for name in looks))


def _scatter_trunks(params: Mapping[str, float], streams: StreamOf, box_nm: Box, kind: CellType) -> Trunks:
    """Scatter trunks of one kind, without regard for what else is there."""
    name = SECTIONS[kind]
    centre, u = scatter(streams, name, params[f"{name}.density_per_um3"], box_nm, 12)
    r = params[f"{name}.radius_nm"] * np.exp(0.3 * np.clip(ndtri(u[:, 0]), -2, 2))
    length = LENGTH_NM[kind] + r * u[:, 1]
    line = bend(
        centre, directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), length, 1.2 * (u[:, 6] - 0.5), NODES
    )
    swelling = 1 + 0.15 * np.sin(2 * np.pi * (u[:, 7, None] + np.linspace(0, 1.3, NODES)[None]))
    side = directions(u[:, 10], u[:, 11])
    none = np.zeros(len(r), np.float32)
    sheath = r * params["myelin.sheath_ratio"] * (0.6 + 0.8 * u[:, 8])
    nucleus = r * (0.2 + 0.3 * u[:, 8])
    shade = params["cells.cytoplasm"] + params["neurites.shade"] * (kind != CellType.SOMA) + 0.05 * (u[:, 9] - 0.5)
    return Trunks(
        Tubes(line.astype(np.float32), (r[:, None] * swelling).astype(np.float32), side.astype(np.float32)),
        np.full(len(r), kind, np.int8),
        np.maximum(shade, 0.0).astype(np.float32),
        sheath.astype(np.float32) if kind == CellType.MYELINATED else none,
        nucleus.astype(np.float32) if kind == CellType.SOMA else none,
    )
