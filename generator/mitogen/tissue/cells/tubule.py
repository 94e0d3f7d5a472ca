"""The wall of a kidney tubule: infoldings that hold long parallel mitochondria below, a brush border above."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import Grid
from mitogen.geometry.hashing import chains, mix, open_unit, place
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.packing.bodies import columns_of
from mitogen.geometry.packing.sites import FACES, Coordinates, Lattice, make_faces, owners_at, pack
from mitogen.geometry.point_process import Box, StreamOf, key_of
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import TubeMap, Tubes
from mitogen.tissue.canvas import Space, empty_space
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.cells.nuclei import DEPTH_NM
from mitogen.tissue.fibres.row_bodies import RowBodies, bodies_of
from mitogen.tissue.fibres.rows import Habit, Rows, lay_rows
from mitogen.tissue.layout import Arrangement, Cells, Layout, Window
from mitogen.tissue.packed import NOWHERE
from mitogen.tissue.trunks import Trunks

NODES = 7
SHEETS = 2.5
"""How much wider than the distance between infoldings the sheets of cytoplasm between them are."""
PITCH_NM = 2.6
"""Distance of neighbouring microvilli of a brush border, in units of their radius."""


class Wall(NamedTuple):
    """The layers of the wall of a tubule from its base at height 0; lengths in nm.

    Attributes:
        height: of its cells.
        folds: how high infoldings reach at most, in units of the height.
        villus, villus_radius: mean length and radius of microvilli; a radius of 0 for none.
        under: thickness of the connective tissue below the cells.
        vessel: thickness of the wall of the capillary below that.
        key: names everything that is decided by chance.
    """

    height: float
    folds: float
    villus: float
    villus_radius: float
    under: float
    vessel: float
    key: np.uint64


@dataclass(frozen=True, eq=False)
class Tubule(Layout):
    """See `Layout`; the cells are N columns of the wall, then connective tissue, endothelium and lumens.

    Columns are not parted by membranes above the infoldings.

    Attributes:
        frame: height above the base, and two directions along it.
        wall: its layers.
        rows: the columns between infoldings, and the mitochondria in them.
        gap_nm: width of the gap between cells.
    """

    frame: Frame
    wall: Wall
    rows: RowBodies
    gap_nm: float

    @property
    def packed(self) -> RowBodies:
        """See `Layout.packed`."""
        return self.rows

    def hosts(self, tubes: Tubes, centre_nm: NDArray[np.float64]) -> NDArray[np.int32]:
        """See `Layout.hosts`."""
        count, nodes = tubes.nodes.shape[:2]
        if count == 0:
            return np.zeros(0, np.int32)
        points = tubes.nodes.reshape(-1, 3).astype(np.float64)
        column, room = self._at(points)
        room = np.minimum(room, self.trunks.tubes.distance_from(points)).reshape(count, nodes)
        stays = np.all(room > tubes.radii + 30.0, axis=1)
        stays &= ~self.rows.meets(tubes)
        return np.where(stays, column.reshape(count, nodes)[:, nodes // 2], NOWHERE).astype(np.int32)

    def holders(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Layout.holders`."""
        column, room = self._at(points_nm)
        return column.astype(np.int32), np.maximum(0.8 * room, 0.0)

    def cut(self, grid: Grid, z_nm: float) -> tuple[Space, TubeMap]:
        """See `Layout.cut`."""
        column, coordinates = self.rows.columns(grid, z_nm)
        space = empty_space(grid)
        lay_wall(space, self.rows.rows, self.wall, column, coordinates, self.frame.axes)
        trunks = self.trunks.tubes
        flat = np.zeros(grid.shape, np.float32)
        return space, cut_tubes(trunks, grid, z_nm, 300.0, flat, np.zeros(len(trunks), np.float32)).nearest_only()

    def _at(self, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Column (N,) at each point, and distance (N,) from what bounds its cell; negative outside all."""
        return _room(self.frame, self.rows.rows, self.wall, points_nm)


def place_tubule(params: Mapping[str, float], streams: StreamOf, window: Window) -> Tubule:
    """Fill space around a window with the wall of a tubule."""
    rng = streams("tubule/frame")
    height = 1000 * params["tubule.height_um"]
    frame = Frame(
        turned(rng, np.arcsin(rng.uniform(-0.6, 0.6))),
        (bend_of(rng, 8000.0, 150.0, 150.0), bend_of(rng, 1500.0, 25.0, 25.0)),
        # More often below than above: there are the mitochondria.
        (rng.uniform(-0.08, 1.05) * rng.uniform(0.4, 1.0) * height, 0.0, 0.0),
    )
    wall = Wall(
        height, params["tubule.folds"], params["microvilli.length_nm"],
        params["microvilli.radius_nm"] if params["tubule.brush_border"] > 0 else 0.0,
        params["vessels.around_nm"], params["vessels.wall_nm"], key_of(streams, "tubule/wall"),
    )  # fmt: skip
    whole = window.whole
    box = frame.around(whole)
    apart = params["tubule.fold_nm"]
    lattice = Lattice(key_of(streams, "tubule/columns"), np.array([0.0, apart, SHEETS * apart]), 0.6, 0.3)
    packing = pack(lattice, box)
    habit = _habit(params)
    rows = lay_rows(packing, habit, (params["tubule.filled"], 0.0, 0.0), (float(box[0][0]), float(box[1][0])), 200.0)
    nuclei = _nuclei(params, streams, frame, wall, whole)

    def home(points: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        column, room = _room(frame, rows, wall, points)
        above = frame.at(points)[:, 0]
        room = np.minimum(room, nuclei.distance_from(points))
        lies = (room > 0) & (above < (wall.folds + 0.15) * wall.height)
        return np.where(lies, column, NOWHERE).astype(np.int32), room

    bodies = bodies_of(rows, frame, window.sight, home, params["mitochondria.clearance_nm"])
    count, trunk_count = len(packing.weight), len(nuclei)
    types = np.full(count + 3, CellType.TUBULE, np.int8)
    types[count:] = CellType.CONNECTIVE, CellType.ENDOTHELIUM, CellType.OUTSIDE
    shade = np.full(count + 3, params["cells.cytoplasm"], np.float32)
    shade[count] = params["vessels.around_density"]
    shade[count + 2] = params["vessels.lumen_density"]
    trunks = Trunks(
        nuclei, np.full(trunk_count, CellType.TUBULE, np.int8),
        np.full(trunk_count, params["cells.cytoplasm"], np.float32), np.zeros(trunk_count, np.float32),
        np.full(trunk_count, DEPTH_NM, np.float32),
    )  # fmt: skip
    cells = Cells(types, shade, np.tile(frame.axes[0].astype(np.float32), (count + 3, 1)))
    return Tubule(cells, trunks, frame, wall, bodies, params["cells.gap_nm"])


def _habit(params: Mapping[str, float]) -> Habit:
    """Mitochondria in rows that nothing keeps in step."""
    length = params["packing.length_nm"]
    return Habit(
        sarcomere=length, at_z=0.65, at_m=0.15, longest=5, jitter=0.15 * length, gap=params["packing.gap_nm"],
        clearance=params["cells.gap_nm"] / 2 + params["mitochondria.clearance_nm"], rounding=params["packing.rounding"],
        thinning=params["packing.thinning"], vacant=params["packing.vacancy"], droplets=0.0, droplet=0.0, paired=0.0,
        notch=0.0,
    )  # fmt: skip


def _nuclei(params: Mapping[str, float], streams: StreamOf, frame: Frame, wall: Wall, box_nm: Box) -> Tubes:
    """Round nuclei in one layer above the infoldings."""
    wide = 1000 * params["epithelium.diameter_um"]
    radius = 0.5 * wide * params["epithelium.nucleus"]
    lattice = Lattice(key_of(streams, "tubule/nuclei"), np.array([0.0, wide, wide]), 0.4, 0.0)
    sites = pack(lattice, frame.around(box_nm))
    places = sites.centre.copy()
    places[:, 0] = min((wall.folds + 0.08) * wall.height + radius, 0.7 * wall.height)
    u = chains(sites.key ^ np.uint64(0x2C1E), 1)
    line = np.repeat(frame.back(places)[:, None], NODES, axis=1).astype(np.float32)
    radii = np.repeat(radius * (0.8 + 0.3 * u) + DEPTH_NM, NODES, axis=1).astype(np.float32)
    tubes = Tubes(line, radii, np.tile(frame.axes[1], (len(u), 1)).astype(np.float32))
    return tubes.take(np.flatnonzero(tubes.reaching(box_nm)))


def _room(
    frame: Frame, rows: Rows, wall: Wall, points_nm: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Column (N,) at each point (N, 3), and distance (N,) in nm from what bounds its cell; negative outside all."""
    places = frame.at(points_nm)
    column = owners_at(rows.packing, places)
    grid = Grid((len(places), 1), 1.0, 1.0, 1.0)
    space = empty_space(grid)
    lay_wall(space, rows, wall, column[:, None], columns_of(places), frame.axes)
    inside = space.owner[:, 0] < len(rows.packing.weight)
    return column, np.where(inside, space.membrane[:, 0], -space.membrane[:, 0]).astype(np.float64)


@compiled
def lay_wall(
    space: Space, rows: Rows, wall: Wall, column: NDArray[np.int64], coordinates: Coordinates, axes: NDArray[np.float64]
) -> None:
    """Say which cell is where, and how far its membrane is.

    Args:
        space: filled.
        rows: the columns of the wall.
        wall: its layers.
        column: (Y, X) column of each pixel.
        coordinates: of the pixels, the height first.
        axes: those of the coordinates.
    """
    first, second, third = coordinates
    count = len(rows.packing.weight)
    for i in range(column.shape[0]):
        for j in range(column.shape[1]):
            s, u, v = np.float64(first[i, j]), np.float64(second[i, j]), np.float64(third[i, j])
            c = column[i, j]
            if s < 0:
                _lay_below(space, wall, (i, j), s, count, c)
                space.membrane_z[i, j] = axes[0, 0]
                continue
            above, nu, nv = _above(wall, s, u, v)
            space.owner[i, j] = c if above < 0 else count + 2
            space.neighbour[i, j] = count + 2 if above < 0 else c
            distance, normal = abs(above), axes[0, 0] + (axes[1, 0] - axes[0, 0]) * nu + (axes[2, 0]) * nv
            if above < 0 and s < distance:
                distance, space.neighbour[i, j], normal = s, count, axes[0, 0]
            if above < 0 and s < wall.folds * wall.height + 200:
                side, f = _beside(rows, wall, c, s, u, v)
                if side < distance:
                    distance = side
                    face = rows.packing.faces[c, f]
                    space.neighbour[i, j] = face.other
                    normal = face.n1 * axes[1, 0] + face.n2 * axes[2, 0]
            space.membrane[i, j], space.membrane_z[i, j] = distance, normal


@inlined
def _lay_below(space: Space, wall: Wall, pixel: tuple[int, int], s: float, count: int, c: int) -> None:
    """Connective tissue below the cells, the wall of a capillary below that, and its lumen."""
    i, j = pixel
    depth = -s - wall.under
    if depth < 0:
        space.owner[i, j] = count
        space.neighbour[i, j] = c if -s < -depth else count + 1
        space.membrane[i, j] = min(-s, -depth)
    elif depth < wall.vessel:
        space.owner[i, j] = count + 1
        space.neighbour[i, j] = count if depth < wall.vessel - depth else count + 2
        space.membrane[i, j] = min(depth, wall.vessel - depth)
    else:
        space.owner[i, j], space.neighbour[i, j] = count + 2, count + 1
        space.membrane[i, j] = depth - wall.vessel


@inlined
def _beside(rows: Rows, wall: Wall, c: int, s: float, u: float, v: float) -> tuple[float, int]:
    """Distance in nm from the nearest infolding, each of which ends at a height of its own, and its face."""
    packing = rows.packing
    make_faces(packing, c)
    du, dv = u - packing.centre[c, 1], v - packing.centre[c, 2]
    away = np.sqrt(du * du + dv * dv)
    least, found = 1e9, 0
    for f in range(FACES):
        face = packing.faces[c, f]
        if face.other < 0 or face.below - away > least:
            break
        depth = face.below + face.n1 * du + face.n2 * dv
        top = wall.height * wall.folds * (0.45 + 0.55 * open_unit(mix(packing.key[c] ^ packing.key[face.other])))
        if s > top:
            depth = np.sqrt(depth * depth + (s - top) ** 2)
        if depth < least:
            least, found = depth, f
    return least, found


@inlined
def _above(wall: Wall, s: float, u: float, v: float) -> tuple[float, float, float]:
    """Distance in nm from the upper surface with its microvilli, negative inside, and its direction across."""
    over = s - wall.height
    if wall.villus_radius <= 0 or over < -300:
        return over, 0.0, 0.0
    radius, pitch = wall.villus_radius, PITCH_NM * wall.villus_radius
    best, nu, nv = over, 0.0, 0.0
    row = int(np.floor(v / (0.87 * pitch)))
    for b in range(row - 1, row + 2):
        shift = 0.5 * (b & 1)
        middle = int(np.floor(u / pitch - shift))
        for a in range(middle - 1, middle + 2):
            state = place(wall.key, a, b, 7)
            du = u - (a + shift + 0.5 + 0.35 * (open_unit(mix(state)) - 0.5)) * pitch
            dv = v - (b + 0.5 + 0.35 * (open_unit(mix(state + np.uint64(1))) - 0.5)) * 0.87 * pitch
            tip = wall.villus * (0.75 + 0.5 * open_unit(state)) - radius
            up = max(over - tip, 0.0)
            away = np.sqrt(du * du + dv * dv + up * up)
            if away - radius < best:
                best, nu, nv = away - radius, du / max(away, 1e-6), dv / max(away, 1e-6)
    return best, nu, nv


TUBULE = Arrangement("tubule", place_tubule, lambda params: True)
