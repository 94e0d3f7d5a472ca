"""Trunks: the big smooth tubes that push into the crowd of cells (dendrites, axons, myelinated axons, cell bodies).

Mitochondria that are scattered in any direction hardly ever fit into an axon with a stiff sheath. Such axons hold some
of their own, which lie along them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.collisions import roomy, touching
from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import chains
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

STRUNG_NODES = 9
"""As many as other mitochondria have."""

MOST_STRUNG = 6
"""How many mitochondria lie along an axon at most."""

STRUNG_SHARE = 0.4
"""Share of the length of an axon along which there is a mitochondrion, at most."""

CLEAR_NM = 30.0
"""Cytoplasm between a mitochondrion and the sheath."""

THINNEST_NM = 40.0
"""Radius below which a mitochondrion does not fit."""


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


class Strung(NamedTuple):
    """Mitochondria that lie along myelinated axons, one behind the other; T of them.

    Attributes:
        tubes: their shapes.
        trunk: (T,) int64 the trunk that holds each.
        key: (T,) uint64 names each.
    """

    tubes: Tubes
    trunk: NDArray[np.intp]
    key: NDArray[np.uint64]

    def take(self, which: NDArray[np.intp]) -> "Strung":
        """The mitochondria with these indices."""
        return Strung(self.tubes.take(which), self.trunk[which], self.key[which])


def longest_strung_nm(params: Mapping[str, float]) -> float:
    """How long a mitochondrion along an axon can be at most; 0 if there are no myelinated axons."""
    if params["myelin.density_per_um3"] == 0:
        return 0.0
    return float(LENGTH_NM[CellType.MYELINATED] + 2 * _WIDEST * params["myelin.radius_nm"]) / MOST_STRUNG


def string_mitochondria(trunks: Trunks, params: Mapping[str, float], box_nm: Box) -> Strung:
    """Lay mitochondria along myelinated axons; those of an axon depend on it and on what it meets alone.

    They take the share of the axoplasm that mitochondria have of the volume, as far as one behind the other can. Each
    has a piece of the axon to itself.
    """
    laid = _lay_along(trunks, np.flatnonzero(trunks.sheath_nm > 0), params)
    near = laid.take(np.flatnonzero(laid.tubes.reaching(box_nm)))
    # Where two axons meet there is no sheath, and their common membrane runs midway.
    return near.take(np.flatnonzero(roomy(near.tubes, trunks.tubes, near.trunk, CLEAR_NM)))


def _lay_along(trunks: Trunks, axon: NDArray[np.intp], params: Mapping[str, float]) -> Strung:
    """Lay mitochondria along axons, whatever these meet.

    An axon is cut into pieces of one length. Each piece holds one or none; the longer they are, the fewer pieces do.
    """
    line, radii = trunks.tubes.nodes[axon].astype(np.float64), trunks.tubes.radii[axon].astype(np.float64)
    room = radii.min(axis=1, keepdims=True) - trunks.sheath_nm[axon, None] - CLEAR_NM
    at = np.concatenate([np.zeros((len(axon), 1)), np.linalg.norm(np.diff(line, axis=1), axis=2).cumsum(axis=1)], 1)
    piece = at[:, -1:] / MOST_STRUNG
    u = chains(np.ascontiguousarray(line[:, 0, 0]).view(np.uint64), 8 * MOST_STRUNG)
    u = u.reshape(len(axon), MOST_STRUNG, 8)
    scatter_of_radii = np.exp(params["mitochondria.radius_spread"] * np.clip(ndtri(u[..., 0]), -2, 2))
    radius = np.minimum(params["mitochondria.radius_nm"] * scatter_of_radii, 0.9 * room)
    longest = params["mitochondria.longest_nm"]
    usual = np.minimum(2 * radius * np.maximum(params["mitochondria.aspect"] - 1, 0.5), longest)
    length = np.minimum(usual * (0.4 + 1.2 * u[..., 1]), np.maximum(piece - 2 * radius - CLEAR_NM, 0))
    filled = params["mitochondria.volume_fraction"] * (room + CLEAR_NM) ** 2 / np.maximum(radius, 1) ** 2
    chance = np.minimum(filled, STRUNG_SHARE) * piece / np.maximum(length + 1.5 * radius, 1)
    held = (u[..., 2] < chance) & (radius > THINNEST_NM) & (piece > 2 * radius + CLEAR_NM)
    row, place = np.nonzero(held)
    u, radius, length = u[held], radius[held], length[held]
    begin = piece[row, 0] * place + radius + (piece[row, 0] - length - 2 * radius) * u[:, 3]
    nodes = _along(line[row], at[row], begin[:, None] + length[:, None] * np.linspace(0, 1, STRUNG_NODES))
    across = np.cross(line[row, -1] - line[row, 0], directions(u[:, 4], u[:, 5]))
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    nodes += (across * ((room[row, 0] - radius) * u[:, 6])[:, None])[:, None]
    waves = np.sin(2 * np.pi * (u[:, 7, None] + np.linspace(0, 1.5, STRUNG_NODES)))
    widths = radius[:, None] * (1 - 0.5 * params["mitochondria.unevenness"] * (1 + waves) / 2)
    tubes = Tubes(nodes.astype(np.float32), widths.astype(np.float32), across.astype(np.float32))
    return Strung(tubes, axon[row], np.ascontiguousarray(nodes[:, 0, 0]).view(np.uint64))


def _along(line: NDArray[np.float64], at: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (T, S, 3) of lines (T, N, 3) at some distances (T, S) along them; their nodes lie at distances (T, N)."""
    after = np.clip((at[:, None, :] <= wanted[..., None]).sum(axis=2), 1, at.shape[1] - 1)
    rows = np.arange(len(line))[:, None]
    first, last = at[rows, after - 1], at[rows, after]
    part = ((wanted - first) / np.maximum(last - first, 1e-9))[..., None]
    found: NDArray[np.float64] = line[rows, after - 1] * (1 - part) + line[rows, after] * part
    return found
