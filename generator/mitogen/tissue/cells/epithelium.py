"""Epithelium of liver, glands and islets: polygonal cells, small lumens between them, and vessels along them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import Grid
from mitogen.geometry.packing.sites import Lattice, pack
from mitogen.geometry.point_process import Box, StreamOf, directions, key_of, scatter
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes, bend
from mitogen.tissue.bending import push
from mitogen.tissue.canvas import Space, empty_space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.cells.large_cells import LargeCells
from mitogen.tissue.cells.nuclei import nuclei_of
from mitogen.tissue.cells.packed_bodies import PackedBodies, pack_bodies
from mitogen.tissue.cells.processes import TubeSurface, sprout
from mitogen.tissue.cells.vessels import NUCLEUS_NM, TYPES, Vessels, place_vessels, shades_of_vessels
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window
from mitogen.tissue.packed import NOWHERE
from mitogen.tissue.trunks import Trunks

NODES = 7


@dataclass(frozen=True, eq=False)
class Epithelium(Layout):
    """See `Layout`; the cells are N epithelial ones, then those of vessels.

    Attributes:
        bodies: the epithelial cells.
        vessels: the vessels along them.
        lumens: the small lumens between them.
        villi: microvilli in both.
        villus_cell: (M,) int32 the cell of each.
        bodies_packed: the mitochondria, where they are packed.
        gap_nm: width of the gap between cells.
    """

    bodies: LargeCells
    vessels: Vessels
    lumens: Tubes
    villi: Tubes
    villus_cell: NDArray[np.int32]
    bodies_packed: PackedBodies | None
    gap_nm: float

    @property
    def packed(self) -> PackedBodies | None:
        """See `Layout.packed`."""
        return self.bodies_packed

    def trim(self, tubes: Tubes) -> Tubes:
        """See `Layout.trim`."""
        return self.bodies.trim(tubes, self.trunks.tubes, self.vessels.around, self.lumens)

    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """See `Layout.hosts`."""
        host = self.bodies.hosts(tubes, self.trunks.tubes, self.vessels.around, self.lumens)
        if self.bodies_packed is not None:
            host[self.bodies_packed.meets(tubes)] = NOWHERE
        return host

    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Layout.holders`."""
        cell, depth = _home(self.bodies, self.vessels, self.lumens, self.trunks.tubes, points_nm)
        return np.maximum(cell, 0), np.where(cell >= 0, np.maximum(0.8 * depth, 0.0), 0.0)

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """See `Layout.cut`."""
        outline = self.bodies.cut(grid, z_nm)
        count = len(self.bodies.packing.weight)
        space = empty_space(grid)
        space.owner[...], space.neighbour[...] = outline.cell, outline.beyond
        space.membrane[...] = np.maximum(outline.depth, 0)
        space.membrane_z[...] = outline.normal_z
        flat = np.zeros(grid.shape, np.float32)
        lumen = np.full(len(self.lumens), count + 2, np.int32)
        self.vessels.push(space, grid, z_nm, count, self.gap_nm)
        for tubes, cell in ((self.lumens, lumen), (self.villi, self.villus_cell)):
            seen = cut_tubes(tubes, grid, z_nm, 80.0 + self.gap_nm, flat, np.zeros(len(tubes), np.float32))
            push(space, seen, cell, self.gap_nm / 2)
        trunks = self.trunks.tubes
        seen = cut_tubes(trunks, grid, z_nm, 300.0, flat, np.zeros(len(trunks), np.float32))
        return space, seen.nearest_only()


def place_epithelium(params: Mapping[str, float], streams: StreamOf, window: Window) -> Epithelium:
    """Fill space around a window with epithelium."""
    bodies = _place_bodies(params, streams, window)
    everywhere = window.whole
    vessels = place_vessels(params, streams, bodies.frame, everywhere)
    lumens = _lumens(params, streams, bodies, everywhere)
    radius = 500 * params["epithelium.diameter_um"]
    size = radius * params["epithelium.nucleus"]
    nuclei = nuclei_of(params, bodies, size, everywhere)
    surface = TubeSurface(vessels.around.join(lumens), bodies.at)
    villi, owner = sprout(
        surface, streams, "epithelium/microvilli", window.sight, params["microvilli.per_um2"],
        (params["microvilli.length_nm"], params["microvilli.radius_nm"]),
    )  # fmt: skip
    trunks = _join(nuclei, vessels.bulges, params)
    packed = None
    if packs(params):
        packed = pack_bodies(
            params,
            streams,
            (window.sight, everywhere),
            lambda points: _home(bodies, vessels, lumens, trunks.tubes, points),
        )
    cells = _cells(params, bodies)
    return Epithelium(
        cells, trunks, bodies, vessels, lumens, villi, owner.astype(np.int32), packed, params["cells.gap_nm"]
    )


def packs(params: Mapping[str, float]) -> bool:
    """Whether mitochondria are packed in the cytoplasm, not scattered."""
    return params["epithelium.packed"] > 0


def _place_bodies(params: Mapping[str, float], streams: StreamOf, window: Window) -> LargeCells:
    """Lay polygonal cells around a window, in the middle of which there may be a wall."""
    rng = streams("epithelium/frame")
    wide = 1000 * params["epithelium.diameter_um"]
    lattice = Lattice(key_of(streams, "epithelium/cells"), np.full(3, wide), 0.5, 0.15)
    bends = bend_of(rng, 0.5 * wide, 0.02 * wide, 0.02 * wide), bend_of(rng, 1200.0, 30.0, 30.0)
    frame = Frame(turned(rng, np.arcsin(rng.uniform(-1, 1))), bends)
    origin = np.zeros(3)
    first = LargeCells(frame, pack(lattice, (origin - 1, origin + 1)))
    direction = rng.standard_normal(3)
    moved = first.moved_to(rng.uniform(0, 0.3) * wide, direction / np.linalg.norm(direction)).frame
    return LargeCells(moved, pack(lattice, moved.around(window.whole)))


def _lumens(params: Mapping[str, float], streams: StreamOf, bodies: LargeCells, box_nm: Box) -> Tubes:
    """Small lumens that run along the walls between two cells."""
    radius, length = params["epithelium.lumen_nm"], 6000.0
    reach = length / 2 + 2 * radius
    box = box_nm[0] - reach, box_nm[1] + reach
    centre, u = scatter(
        streams, "epithelium/lumens", params["epithelium.lumens_per_1000_um3"] / 1000, box, 7, together=4.0
    )
    _, depth, normal = bodies.at(centre)
    wall = np.flatnonzero(depth < 0.1 * 1000 * params["epithelium.diameter_um"])
    centre, normal, u = centre[wall] + depth[wall, None] * normal[wall], normal[wall], u[wall]
    along = np.cross(normal, directions(u[:, 0], u[:, 1]))
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    line = bend(centre, along, np.cross(normal, along), np.full(len(u), length), 1.5 * (u[:, 2] - 0.5), NODES)
    size = (
        radius * (0.6 + 0.8 * u[:, 3, None]) * (1 + 0.35 * np.sin(6.3 * u[:, 4, None] + 1.8 * np.arange(NODES)[None]))
    )
    tubes = Tubes(line.astype(np.float32), size.astype(np.float32), normal.astype(np.float32))
    return tubes.take(np.flatnonzero(tubes.reaching(box_nm)))


def _home(
    bodies: LargeCells, vessels: Vessels, lumens: Tubes, nuclei: Tubes, points_nm: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Cell (N,) at each point (N, 3), `NOWHERE` in what is none, and distance (N,) in nm from what bounds its room."""
    cell, depth, _ = bodies.at(points_nm)
    for obstacles in (vessels.around, lumens, nuclei):
        depth = np.minimum(depth, obstacles.distance_from(points_nm))
    return np.where(depth > 0, cell, NOWHERE).astype(np.int32), depth


def _join(nuclei: Trunks, bulges: Tubes, params: Mapping[str, float]) -> Trunks:
    """Nuclei of epithelial cells and of the walls of vessels."""
    count, all_of_them = len(bulges), len(bulges) + len(nuclei.tubes)
    return Trunks(
        nuclei.tubes.join(bulges),
        np.concatenate([nuclei.cell_types, np.full(count, CellType.ENDOTHELIUM, np.int8)]),
        np.full(all_of_them, params["cells.cytoplasm"], np.float32),
        np.zeros(all_of_them, np.float32),
        np.concatenate([nuclei.nucleus_nm, np.full(count, NUCLEUS_NM, np.float32)]),
    )


def _cells(params: Mapping[str, float], bodies: LargeCells) -> Cells:
    """What the cells are: epithelial ones of the type that the recipe names, and what is around them."""
    count = len(bodies.packing.weight)
    shade = np.full(count, params["cells.cytoplasm"], np.float32)
    types = np.full(count, EPITHELIA[int(params["epithelium.cells"])])
    return Cells(
        np.append(types, TYPES).astype(np.int8),
        np.append(shade, shades_of_vessels(params)),
        bodies.axes(len(TYPES)),
    )


EPITHELIA = (CellType.HEPATOCYTE, CellType.ACINAR, CellType.ISLET)
"""The types of cells in the order of the knob `epithelium.cells`."""
EPITHELIUM = Arrangement("epithelium", place_epithelium, packs)
