"""Striated muscle: fibres full of myofibrils and rows of mitochondria, and capillaries between the fibres."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import Grid
from mitogen.geometry.packing.sites import Lattice, pack
from mitogen.geometry.point_process import Box, StreamOf, key_of, scatter
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.tissue.canvas import Space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.cells.large_cells import LargeCells
from mitogen.tissue.cells.vessels import NUCLEUS_NM, TYPES, Vessels, place_vessels, shades_of_vessels
from mitogen.tissue.fibres.row_bodies import RowBodies, pack_rows
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window
from mitogen.tissue.packed import NOWHERE
from mitogen.tissue.trunks import Trunks

NODES = 7
ROUNDING_NM = 1500.0
"""Radius of the edges of muscle fibres, at most."""
POLE_NM = 150.0
"""Thickness of the sarcoplasm around a nucleus."""


@dataclass(frozen=True, eq=False)
class Muscle(Layout):
    """See `Layout`; the cells are N muscle fibres, then those of vessels.

    Attributes:
        fibres: the muscle fibres.
        vessels: the capillaries between them.
        rows: what fills the fibres.
        gap_nm: width of the extracellular gap.
    """

    fibres: LargeCells
    vessels: Vessels
    rows: RowBodies
    gap_nm: float

    @property
    def packed(self) -> RowBodies:
        """See `Layout.packed`."""
        return self.rows

    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """See `Layout.hosts`; only plain sarcoplasm has room for them."""
        cell, depth = _home(self.fibres, self.vessels, self.trunks.tubes, centre_nm)
        extent = tubes.radii.max(axis=1) + np.linalg.norm(tubes.nodes[:, -1] - tubes.nodes[:, 0], axis=1) / 2
        stays = (depth > extent) & ~self.rows.meets(tubes)
        return np.where(stays, cell, NOWHERE).astype(np.int32)

    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Layout.holders`; there is no room for anything large."""
        cell, _, _ = self.fibres.at(points_nm)
        return cell.astype(np.int32), np.zeros(len(points_nm))

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """See `Layout.cut`."""
        count = len(self.fibres.packing.weight)
        space = self.fibres.fill(grid, z_nm, count)
        self.vessels.push(space, grid, z_nm, count, self.gap_nm)
        flat = np.zeros(grid.shape, np.float32)
        trunks = cut_tubes(self.trunks.tubes, grid, z_nm, 400.0, flat, np.zeros(len(self.trunks.tubes), np.float32))
        return space, trunks.nearest_only()


def place_muscle(params: Mapping[str, float], streams: StreamOf, window: Window) -> Muscle:
    """Fill space around a window with muscle."""
    rng = streams("fibres/frame")
    length, bend = params["fibres.wave_length_nm"], params["fibres.wave_nm"]
    axes = turned(rng, np.deg2rad(params["fibres.tilt_deg"]))
    # Sarcomeres are out of step from one side of a fibre to the other.
    axes[0] += params["sarcomeres.shear"] * rng.uniform(-1, 1) * axes[1]
    spacing = params["fibres.spacing_nm"]
    frame = Frame(axes, (bend_of(rng, length, 0.5 * bend, bend), bend_of(rng, 2.2 * spacing, 0.0, 0.035 * spacing)))
    whole = window.whole
    wide = 1000 * params["fibres.diameter_um"]
    lattice = Lattice(key_of(streams, "fibres/cells"), np.array([0.0, wide, 0.87 * wide]), 0.7, 0.3)
    packing = pack(lattice, frame.around(whole), params["fibres.endomysium_nm"] / 2, min(0.15 * wide, ROUNDING_NM))
    fibres = LargeCells(frame, packing)
    vessels = place_vessels(params, streams, frame, whole)
    myonuclei = _myonuclei(params, streams, frame, fibres, whole)
    nuclei = myonuclei.join(vessels.bulges)
    boxes = window.sight, whole
    rows = pack_rows(params, streams, frame, boxes, lambda points: _home(fibres, vessels, nuclei, points))
    count, endothelium = len(packing.weight), len(vessels.bulges)
    shade = params["cells.cytoplasm"]
    types = np.append(np.full(count, CellType.MUSCLE), TYPES).astype(np.int8)
    shades = np.append(np.full(count, shade, np.float32), shades_of_vessels(params))
    cells = Cells(types, shades, np.tile(frame.axes[0].astype(np.float32), (len(types), 1)))
    trunks = Trunks(
        nuclei,
        np.r_[np.full(len(myonuclei), CellType.MUSCLE), np.full(endothelium, CellType.ENDOTHELIUM)].astype(np.int8),
        np.full(len(nuclei), shade, np.float32),
        np.zeros(len(nuclei), np.float32),
        np.r_[np.full(len(myonuclei), POLE_NM), np.full(endothelium, NUCLEUS_NM)].astype(np.float32),
    )
    return Muscle(cells, trunks, fibres, vessels, rows, params["cells.gap_nm"])


def _home(
    fibres: LargeCells, vessels: Vessels, nuclei: Tubes, points_nm: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Muscle fibre (N,) at each point (N, 3), `NOWHERE` outside all, and distance (N,) from what bounds its room."""
    cell, depth, _ = fibres.at(points_nm)
    for obstacles in (vessels.around, nuclei):
        depth = np.minimum(depth, obstacles.distance_from(points_nm))
    return np.where(depth > 0, cell, NOWHERE).astype(np.int32), depth


def _myonuclei(
    params: Mapping[str, float], streams: StreamOf, frame: Frame, fibres: LargeCells, sight: Box
) -> Tubes:  # fmt: skip
    """The long nuclei of muscle fibres that may be in sight, each with a sheath of sarcoplasm."""
    reach = 8000.0
    box = (sight[0] - reach, sight[1] + reach)
    centre, u = scatter(streams, "fibres/nuclei", params["fibres.nuclei_per_1000_um3"] / 1000, box, 6, together=4.0)
    places = np.repeat(frame.at(centre)[:, None], NODES, axis=1)
    places[:, :, 0] += np.linspace(-0.5, 0.5, NODES)[None] * (5000 + 6000 * u[:, 0, None])
    line = frame.back(places.reshape(-1, 3)).reshape(places.shape)
    taper = np.array([0.2, 0.7, 0.93, 1.0, 0.93, 0.7, 0.2])
    radius = params["fibres.nucleus_nm"] * (0.7 + 0.6 * u[:, 1]) + POLE_NM
    tubes = Tubes(
        line.astype(np.float32), (radius[:, None] * taper[None]).astype(np.float32),
        np.tile(frame.axes[1], (len(radius), 1)).astype(np.float32),
    )  # fmt: skip
    _, depth, _ = fibres.at(centre)
    inside = depth > radius + 50
    return tubes.take(np.flatnonzero(inside & tubes.reaching(sight)))


MUSCLE = Arrangement("fibres", place_muscle, lambda params: True)
