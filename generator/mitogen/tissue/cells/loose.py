"""Loose cells in resin, as of a culture or of blood: ruffled, with microvilli, blebs and debris around them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.packing.sites import Lattice, pack
from mitogen.geometry.point_process import StreamOf, key_of, scatter
from mitogen.geometry.random_fields import Waves, random_waves
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.tissue.bending import push
from mitogen.tissue.canvas import Space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.cells.large_cells import LargeCells
from mitogen.tissue.cells.nuclei import nuclei_of
from mitogen.tissue.cells.processes import bud, sprout
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window

FOLDS_NM = 1800.0
"""Length of the folds of nuclei."""


@dataclass(frozen=True, eq=False)
class LooseCells(Layout):
    """See `Layout`; the cells are N large ones, then resin, then debris.

    Attributes:
        bodies: the large cells.
        processes: their microvilli.
        process_cell: (P,) int32 the cell of each.
        debris: blebs and pieces of cells.
        folds: a field that folds nuclei, and how far in nm.
        gap_nm: twice the distance of a membrane's outer face from the line on which cell and resin meet.
    """

    bodies: LargeCells
    processes: Tubes
    process_cell: NDArray[np.int32]
    debris: Tubes
    folds: tuple[Waves, float]
    gap_nm: float

    def trim(self, tubes: Tubes) -> Tubes:
        """See `Layout.trim`."""
        return self.bodies.trim(tubes, self.trunks.tubes)

    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """See `Layout.hosts`."""
        return self.bodies.hosts(tubes, self.trunks.tubes)

    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Layout.holders`."""
        cell, depth, _ = self.bodies.at(points_nm)
        return cell.astype(np.int32), np.maximum(0.8 * depth, 0.0)

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """See `Layout.cut`."""
        resin = len(self.bodies.packing.weight)
        space = self.bodies.fill(grid, z_nm, resin)
        flat = np.zeros(grid.shape, np.float32)
        debris_cell = np.full(len(self.debris), resin + 1, np.int32)
        for tubes, cell, rough in ((self.debris, debris_cell, 0.15), (self.processes, self.process_cell, 0.0)):
            ripple = self.bodies.ruffles[-1][0].on_section(z_nm, grid.y_nm, grid.x_nm) if rough else flat
            uneven = (rough * tubes.radii.mean(axis=1)).astype(np.float32)
            seen = cut_tubes(tubes, grid, z_nm, 80.0 + self.gap_nm, ripple, uneven)
            push(space, seen, cell, self.gap_nm / 2)
        folds, depth = self.folds
        fold: FloatArray = folds.on_section(z_nm, grid.y_nm, grid.x_nm)
        uneven = np.full(len(self.trunks.tubes), depth, np.float32)
        return space, cut_tubes(self.trunks.tubes, grid, z_nm, 120.0, fold, uneven).nearest_only()


def place_loose_cells(params: Mapping[str, float], streams: StreamOf, window: Window) -> LooseCells:
    """Fill space around a window with cells in resin."""
    bodies = _place_bodies(params, streams, window)
    count = len(bodies.packing.weight)
    radius = 1000 * params["loose.radius_um"]
    nuclei = nuclei_of(params, bodies, radius * params["loose.nucleus"], window.whole)
    villi, owner = sprout(
        bodies.at, streams, "loose/microvilli", window.sight, params["microvilli.per_um2"],
        (params["microvilli.length_nm"], params["microvilli.radius_nm"]),
    )  # fmt: skip
    size = params["loose.debris_nm"]
    reach = 5 * size
    points, u = scatter(
        streams, "loose/debris", params["loose.debris_per_um3"], (window.sight[0] - reach, window.sight[1] + reach), 8
    )
    debris, _ = bud(bodies.at, points, u, size, 4000.0)
    shade = np.full(count + 2, params["cells.cytoplasm"], np.float32)
    shade[count] = params["loose.resin"]
    types = np.full(count + 2, CellType.CULTURED, np.int8)
    types[count:] = CellType.OUTSIDE, CellType.BLEB
    folds = random_waves(streams("loose/folds"), FOLDS_NM), params["nuclei.lobes"] * 0.03 * radius
    return LooseCells(
        Cells(types, shade, bodies.axes(2)),
        nuclei,
        bodies,
        villi,
        owner.astype(np.int32),
        debris,
        folds,
        params["cells.gap_nm"],
    )


def _place_bodies(params: Mapping[str, float], streams: StreamOf, window: Window) -> LargeCells:
    """Lay large cells around a window, in the middle of which there is often the surface of one."""
    rng = streams("loose/frame")
    radius, gap = 1000 * params["loose.radius_um"], 1000 * params["loose.gap_um"]
    spacing = np.full(3, 2 * radius + gap)
    lattice = Lattice(key_of(streams, "loose/cells"), spacing, 0.5, 0.2)
    frame = Frame(turned(rng, np.arcsin(rng.uniform(-1, 1))), (bend_of(rng, 1.2 * radius, 0.1 * radius, 0.1 * radius),))
    length, ruffle = params["loose.ruffle_length_nm"], params["loose.ruffle_nm"]
    ruffles = (random_waves(rng, length), ruffle), (random_waves(rng, 0.25 * length), 0.3 * ruffle)
    inset = gap / 2, 0.6 * radius
    origin = np.zeros(3)
    first = LargeCells(frame, pack(lattice, (origin - 1, origin + 1), *inset), ruffles)
    shallow = rng.uniform(-0.25, 1.0) * min(radius, 5000.0)
    direction = rng.standard_normal(3)
    moved = first.moved_to(shallow, direction / np.linalg.norm(direction)).frame
    return LargeCells(moved, pack(lattice, moved.around(window.whole), *inset), ruffles)


LOOSE_CELLS = Arrangement("loose cells", place_loose_cells)
