"""Rows of mitochondria between myofibrils, with the lipid droplets that dent them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.packing.bodies import columns_of, oblique_plane, points_of
from mitogen.geometry.packing.sites import Coordinates, Lattice, owners, owners_at, pack
from mitogen.geometry.point_process import Box, StreamOf, key_of
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.canvas import Space
from mitogen.tissue.fibres.row_sections import cut_rows
from mitogen.tissue.fibres.rows import Column, Habit, Rows, lay_rows
from mitogen.tissue.packed import Home, Packed, PackedMap, in_sight, map_bodies

NODES = 9
REACH = 1.5
"""How far from its middle line a mitochondrion reaches at most, in units of the distance between columns."""
REACH_NM = 60.0
"""How far outside mitochondria pixels know of them."""
_MEASURED = 14
"""How many columns a side the piece has on which the share of mitochondria is measured."""


@dataclass(frozen=True, eq=False)
class RowBodies(Packed):
    """See `Packed`.

    Attributes:
        frame: the coordinates of the fibres.
        rows: the columns along them.
        place: (C, K) int32 which of the tubes begins at each division, -1 for none.
        margin_nm: how far bodies stay off the sarcolemma.
    """

    frame: Frame
    rows: Rows
    place: NDArray[np.int32]
    margin_nm: float
    _last: dict[tuple[Grid, float], NDArray[np.int64]] = field(default_factory=dict, init=False)

    def columns(self, grid: Grid, z_nm: float) -> tuple[NDArray[np.int64], Coordinates]:
        """Column (Y, X) and coordinates of the fibres, each (Y, X), of the pixels of a section."""
        coordinates = self.frame.on_section(grid, z_nm)
        if (grid, z_nm) not in self._last:
            self._last.clear()
            self._last[grid, z_nm] = owners(self.rows.packing, *coordinates)
        return self._last[grid, z_nm], coordinates

    def cut(self, grid: Grid, z_nm: float, space: Space, border_nm: FloatArray) -> PackedMap:
        """See `Packed.cut`."""
        owner, coordinates = self.columns(grid, z_nm)
        bodies = cut_rows(self.rows, owner, coordinates, border_nm - np.float32(self.margin_nm), REACH_NM)
        return map_bodies(bodies, self.place.reshape(-1), self.frame, self.cell, space)

    def meets(self, tubes: Tubes) -> NDArray[np.bool_]:
        """See `Packed.meets`; fibrils are as solid as mitochondria."""
        if len(tubes) == 0:
            return np.zeros(0, np.bool_)
        count = tubes.nodes.shape[1]
        places = self.frame.at(tubes.nodes.reshape(-1, 3).astype(np.float64))
        owner = owners_at(self.rows.packing, places)
        border = np.full((len(places), 1), 1e9, np.float32)
        reach = float(tubes.radii.max()) + 20.0
        bodies = cut_rows(self.rows, owner[:, None], columns_of(places), border, reach)
        plain = self.rows.kind[owner] == Column.SARCOPLASM
        clear = bodies.distance[:, 0].reshape(-1, count) > tubes.radii + 10.0
        meets: NDArray[np.bool_] = ~np.all(clear & plain.reshape(-1, count), axis=1)
        return meets


def pack_rows(
    params: Mapping[str, float], streams: StreamOf, frame: Frame, boxes: tuple[Box, Box], home: Home
) -> RowBodies:  # fmt: skip
    """Lay rows of mitochondria between fibrils, wherever there is a home for them.

    Args:
        params: the image's params.
        streams: the image's streams.
        frame: the coordinates of the fibres.
        boxes: what is in sight, and where else something may meet mitochondria.
        home: tells which cell may hold them.
    """
    sight, everywhere = boxes
    box = frame.around(everywhere)
    packing = pack(lattice_of(params, key_of(streams, "fibres/columns")), box)
    shares = row_share(_hashable(params)), params["fibres.sarcoplasm"], params["fibres.fused"]
    along = float(box[0][0]), float(box[1][0])
    rows = lay_rows(packing, habit_of(params), shares, along, params["sarcomeres.jitter_nm"])
    return bodies_of(rows, frame, sight, home, params["fibres.margin_nm"])


def bodies_of(rows: Rows, frame: Frame, sight: Box, home: Home, margin_nm: float) -> RowBodies:
    """Find the mitochondria of rows and the lipid droplets between them that may be in sight.

    Args:
        rows: what lies side by side.
        frame: the coordinates along and across them.
        sight: where they must be.
        home: tells which cell may hold them.
        margin_nm: how far they stay off what bounds their room.
    """
    packing = rows.packing
    column, begin, end = _bodies_in(rows, frame, sight)
    line = _lines(rows, frame, column, begin, end)
    key = packing.key[column] ^ (begin + rows.first).astype(np.int64).view(np.uint64)
    seen, number = in_sight(line, key, REACH * rows.spacing_nm, sight)
    cell, _ = home(line[seen, NODES // 2])
    seen, number, cell = seen[cell >= 0], number[cell >= 0], cell[cell >= 0]
    column, begin, line, key = column[seen], begin[seen], line[seen], key[seen]
    nearest = packing.faces[column, 0]
    inner = np.maximum(nearest["below"] - nearest["keep"] - rows.divisions["thinner"][column, begin], 20.0)
    tubes = Tubes(
        line.astype(np.float32),
        np.repeat(inner[:, None], NODES, axis=1).astype(np.float32),
        np.tile(frame.axes[1], (len(column), 1)).astype(np.float32),
    )
    place = np.full(rows.divisions.shape, -1, np.int32)
    place[column, begin] = np.arange(len(column))
    droplets = _droplets(rows, frame, sight)
    droplet_cell, _ = home(droplets.nodes[:, 0].astype(np.float64))
    kept = np.flatnonzero(droplet_cell >= 0)
    return RowBodies(
        tubes, number, key, cell,
        droplets.take(kept), droplet_cell[kept], frame, rows, place, margin_nm,
    )  # fmt: skip


def lattice_of(params: Mapping[str, float], key: np.uint64) -> Lattice:
    """The lattice of columns: nearly hexagonal."""
    spacing = params["fibres.spacing_nm"]
    return Lattice(key, np.array([0.0, 1.075 * spacing, 0.93 * spacing]), 0.75, 0.6)


def habit_of(params: Mapping[str, float]) -> Habit:
    """What the rows of an image share."""
    sarcomere, length = params["sarcomeres.length_nm"], params["packing.length_nm"]
    longest = max(int(np.ceil(2.5 * length / sarcomere * 2)), 2)
    # Divisions a sarcomere, without those that come after the longest stretch; a sixth of them between Z lines.
    often = max(sarcomere / length - 2 / longest, 0.0)
    return Habit(
        sarcomere,
        at_z=min(often / 1.2, 1.0),
        at_m=min(max(often / 6, often - 1.0), 1.0),
        longest=longest,
        jitter=params["packing.jitter_nm"],
        gap=params["packing.gap_nm"],
        clearance=params["mitochondria.clearance_nm"],
        rounding=params["packing.rounding"],
        thinning=params["packing.thinning"],
        vacant=params["packing.vacancy"],
        droplets=params["packing.droplets"],
        droplet=params["packing.droplet_nm"],
        paired=params["packing.paired"],
        notch=params["packing.notch_nm"],
    )


_READ = (
    "sarcomeres.length_nm", "packing.length_nm", "packing.jitter_nm", "packing.gap_nm", "mitochondria.clearance_nm",
    "packing.rounding", "packing.thinning", "packing.vacancy", "packing.droplets", "packing.droplet_nm",
    "packing.paired", "packing.notch_nm", "fibres.spacing_nm", "fibres.sarcoplasm",
    "mitochondria.volume_fraction",
)  # fmt: skip
"""What the share of mitochondria depends on."""


def _hashable(params: Mapping[str, float]) -> tuple[float, ...]:
    return tuple(params[name] for name in _READ)


@lru_cache(maxsize=4)
def row_share(values: tuple[float, ...]) -> float:
    """Share of the columns that must be rows for the wanted share of mitochondria in a muscle fibre.

    It is measured on a piece of tissue: how full rows are, and the few mitochondria in plain sarcoplasm.
    """
    params = dict(zip(_READ, values, strict=True))
    wanted, plain = params["mitochondria.volume_fraction"], params["fibres.sarcoplasm"]
    if wanted <= 0:
        return 0.0
    lattice = lattice_of(params, np.uint64(1))
    edge = np.array([4 * params["sarcomeres.length_nm"], *(_MEASURED * lattice.spacing_nm[1:])])
    packing = pack(lattice, (np.zeros(3), edge))
    plane = oblique_plane(edge, 64)
    owner = owners_at(packing, points_of(plane)).reshape(plane[0].shape)
    border = np.full(owner.shape, 1e9, np.float32)
    share = min(wanted / 0.75, 1 - plain)
    for _ in range(2):
        rows = lay_rows(packing, habit_of(params), (share, plain, 0.0), (0.0, float(edge[0])), 0.0)
        within = cut_rows(rows, owner, plane, border, 1.0).distance < 0
        kind = rows.kind[owner]
        full = max(_mean(within, kind == Column.ROW, 0.8), 0.01)
        share = float(np.clip((wanted - plain * _mean(within, kind == Column.SARCOPLASM, 0.2)) / full, 0.0, 1 - plain))
    return share


def _mean(values: NDArray[np.bool_], where: NDArray[np.bool_], instead: float) -> float:
    return float(values[where].mean()) if where.sum() > 50 else instead


def _bodies_in(
    rows: Rows, frame: Frame, sight: Box
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:  # fmt: skip
    """Column, first and last division of each mitochondrion that may be in sight, and of a few that are not."""
    divisions, packing = rows.divisions, rows.packing
    nodes = divisions.shape[1]
    whole = divisions["filled"] & (divisions["below"] == np.arange(nodes)) & (divisions["above"] < nodes)
    whole &= (rows.kind != Column.FIBRIL)[:, None]
    column, begin = np.nonzero(whole)
    end = divisions["above"][column, begin]
    low, high = frame.around(sight)
    spare = REACH * rows.spacing_nm
    # First by coordinates, which is quick, then by where they would be if nothing were bent.
    first, last = (divisions["place"][column, node] - rows.phase[column] for node in (begin, end))
    across = packing.centre[column, 1:]
    beside = np.all((across > low[1:] - spare) & (across < high[1:] + spare), axis=1)
    kept = np.flatnonzero(beside & (last > low[0] - spare) & (first < high[0] + spare))
    column, begin, end, first, last = column[kept], begin[kept], end[kept], first[kept], last[kept]
    ends = np.repeat(packing.centre[column, None], 2, axis=1)
    ends[:, 0, 0], ends[:, 1, 0] = first, last
    straight = frame.straight(ends.reshape(-1, 3)).reshape(ends.shape)
    spare += frame.farthest_nm
    near = np.all((straight.max(axis=1) > sight[0] - spare) & (straight.min(axis=1) < sight[1] + spare), axis=1)
    return column[near], begin[near], end[near]


def _lines(
    rows: Rows, frame: Frame, column: NDArray[np.intp], begin: NDArray[np.intp], end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Middle line (T, NODES, 3) in nm of each mitochondrion."""
    divisions = rows.divisions
    first = divisions["place"][column, begin] + divisions["after"][column, begin] - rows.phase[column]
    last = divisions["place"][column, end] - divisions["before"][column, end] - rows.phase[column]
    places = np.empty((len(column), NODES, 3))
    places[:, :, 0] = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, NODES)[None]
    places[:, :, 1:] = rows.packing.centre[column, None, 1:]
    # Bends are slow: a parabola through three nodes will do.
    known = frame.back(places[:, :: NODES // 2].reshape(-1, 3)).reshape(len(column), 3, 3)
    t = np.linspace(0, 1, NODES)
    weights = np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)], axis=1)
    line: NDArray[np.float64] = np.einsum("nk,tkc->tnc", weights, known)
    return line


def _droplets(rows: Rows, frame: Frame, sight: Box) -> Tubes:
    """The lipid droplets that may be in sight."""
    column, node = np.nonzero(rows.divisions["droplet"] > 0)
    radius = rows.divisions["droplet"][column, node]
    places = np.concatenate(
        [(rows.divisions["place"][column, node] - rows.phase[column])[:, None], rows.packing.centre[column, 1:]], axis=1
    )
    low, high = frame.around(sight)
    near = np.flatnonzero(np.all((places > low - radius[:, None]) & (places < high + radius[:, None]), axis=1))
    middle = np.repeat(frame.back(places[near])[:, None], NODES, axis=1)
    radii = np.repeat(radius[near, None], NODES, axis=1)
    side = np.tile(frame.axes[1], (len(near), 1))
    tubes = Tubes(middle.astype(np.float32), radii.astype(np.float32), side.astype(np.float32))
    return tubes.take(np.flatnonzero(tubes.reaching(sight)))
