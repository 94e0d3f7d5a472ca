"""Neuropil: a crowd of tortuous cells, and trunks (dendrites, axons, myelinated axons, cell bodies) pushed into it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.collisions import deepest, nest
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.tissue.bending import push
from mitogen.tissue.canvas import Space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.crowd import Crowd, crowd_at, cut_crowd, place_crowd
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window
from mitogen.tissue.packed import NOWHERE
from mitogen.tissue.trunks import Strung, Trunks, longest_strung_nm, place_trunks, string_mitochondria

SHARES = {
    CellType.BOUTON: "boutons.share",
    CellType.GLIA: "glia.share",
    CellType.DENDRITE: "filaments.share",
    CellType.DARK: "cells.dark_share",
}
"""The knob for the share of the crowd that is of each type; the rest is plain."""


@dataclass(frozen=True, eq=False)
class Neuropil(Layout):
    """See `Layout`; the trunks in sight are cells too and come last.

    Attributes:
        crowd: the cells that fill space.
        obstacles: all trunks that an inclusion may meet.
        shown: (R,) which of them are in sight.
        gap_nm: width of the extracellular gap.
        along_axons: the mitochondria along all myelinated axons among the obstacles; None where there can be none.
    """

    crowd: Crowd
    obstacles: Trunks
    shown: NDArray[np.intp]
    gap_nm: float
    along_axons: Strung | None

    @property
    def trunk_cell(self) -> NDArray[np.int32]:
        """(R,) index of the cell that each trunk in sight is."""
        return (len(self.crowd.radius) + np.arange(len(self.shown))).astype(np.int32)

    @property
    def strung(self) -> tuple[Strung, NDArray[np.int32]] | None:
        """See `Layout.strung`."""
        if self.along_axons is None:
            return None
        cell = np.full(len(self.obstacles.tubes), NOWHERE, np.int32)
        cell[self.shown] = self.trunk_cell
        return self.along_axons, cell[self.along_axons.trunk]

    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """See `Layout.hosts`; nothing crosses the border of a trunk."""
        lies = nest(tubes, self.obstacles.tubes, self.obstacles.sheath_nm, self.obstacles.nucleus_nm)
        within = lies[:, self.shown] == 1
        host = np.full(len(tubes), NOWHERE, np.int32)
        stays = ~np.any(lies == -1, axis=1)
        held = within.any(axis=1)
        free = stays & ~held
        host[free] = crowd_at(self.crowd, centre_nm[free])
        held &= stays
        if held.any():
            host[held] = self.trunk_cell[np.argmax(within[held], axis=1)]
        return host

    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Layout.holders`."""
        host = crowd_at(self.crowd, points_nm)
        room = 0.8 * self.crowd.radius[host].astype(np.float64)
        if len(self.trunks.tubes):
            trunk, depth = deepest(self.trunks.tubes, points_nm)
            host = np.where(depth > 0, self.trunk_cell[trunk], host)
            room = np.where(depth > 0, 60 + 0.8 * depth, room)
        return host, room

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """See `Layout.cut`."""
        space = cut_crowd(self.crowd, grid, z_nm)
        flat, smooth = np.zeros(grid.shape, np.float32), np.zeros(len(self.shown), np.float32)
        trunks = cut_tubes(self.trunks.tubes, grid, z_nm, 120.0, flat, smooth)
        push(space, trunks, self.trunk_cell, self.gap_nm / 2)
        return space, trunks.nearest_only()


def place_neuropil(params: Mapping[str, float], streams: StreamOf, window: Window) -> Neuropil:
    """Fill space around a window with neuropil."""
    longest = longest_strung_nm(params)
    obstacles = place_trunks(params, streams, (window.bodies[0] - longest, window.bodies[1] + longest))
    shown = np.flatnonzero(obstacles.tubes.reaching(window.sight))
    trunks = obstacles.take(shown)
    crowd, numbers = place_crowd(params, streams, window.points)
    cell_types = _cell_types(params, numbers[:, 0])
    cells = Cells(
        np.concatenate([cell_types, trunks.cell_types]),
        np.concatenate([_shades(params, cell_types, numbers[:, 1]), trunks.shade]),
        np.concatenate([crowd.axis, _unit(trunks.tubes.nodes[:, -1] - trunks.tubes.nodes[:, 0])]),
    )
    strung = string_mitochondria(obstacles, params, window.bodies) if longest > 0 else None
    return Neuropil(cells, trunks, crowd, obstacles, shown, params["cells.gap_nm"], strung)


NEUROPIL = Arrangement("neuropil", place_neuropil)


def _cell_types(params: Mapping[str, float], u: NDArray[np.float64]) -> NDArray[np.int8]:
    """Types (N,) of the cells of the crowd from numbers in 0-1."""
    found = np.full(u.shape, CellType.PLAIN, np.int8)
    start = 0.0
    for cell_type, knob in SHARES.items():
        found[(u >= start) & (u < start + params[knob])] = cell_type
        start += params[knob]
    return found


def _shades(params: Mapping[str, float], cell_types: NDArray[np.int8], u: NDArray[np.float64]) -> FloatArray:
    """Density (N,) of the cytoplasm of the cells of the crowd."""
    shade = params["cells.cytoplasm"] + params["cells.cytoplasm_spread"] * ndtri(np.clip(u, 0.01, 0.99))
    shade = np.where(cell_types == CellType.DARK, params["cells.dark_cytoplasm"], shade)
    shade = np.where(cell_types == CellType.GLIA, shade + params["glia.darkness"], shade)
    shade = np.where(cell_types == CellType.BOUTON, shade + params["boutons.darkness"], shade)
    return np.maximum(shade, 0.0).astype(np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = np.where(length > 0, vectors / np.maximum(length, 1e-9), np.array([1.0, 0.0, 0.0])).astype(
        np.float32
    )
    return unit
