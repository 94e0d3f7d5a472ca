"""Rounded mitochondria packed in the cytoplasm of large cells, as in liver."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.hashing import chains
from mitogen.geometry.packing import Lattice, Packing, cut_bodies, distances_at, owners, pack
from mitogen.geometry.point_process import Box, StreamOf, key_of
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.canvas import Space
from mitogen.tissue.packed import Home, Packed, PackedMap, count_from_first, map_bodies, no_tubes

NODES = 9
REACH_NM = 260.0
"""How far outside mitochondria pixels know of them: cisternae wrap them in layers."""


@dataclass(frozen=True, eq=False)
class PackedBodies(Packed):
    """See `Packed`; N sites.

    Attributes:
        frame: the coordinates in which they are convex.
        packing: their shares of space, and how they fill them.
        place: (N,) int32 which of the tubes each site has, -1 for none.
        clearance_nm: how far they stay off membranes.
    """

    frame: Frame
    packing: Packing
    place: NDArray[np.int32]
    clearance_nm: float

    def cut(self, grid: Grid, z_nm: float, space: Space, border_nm: FloatArray) -> PackedMap:
        """See `Packed.cut`."""
        coordinates = self.frame.on_section(z_nm, grid.y_nm, grid.x_nm)
        owner = owners(self.packing, *coordinates)
        border = border_nm - np.float32(self.clearance_nm)
        bodies = cut_bodies(self.packing, owner, coordinates, border, REACH_NM)
        return map_bodies(bodies, self.place, self.frame, self.cell, space)

    def meets(self, tubes: Tubes) -> NDArray[np.bool_]:
        """See `Packed.meets`."""
        if len(tubes) == 0:
            return np.zeros(0, np.bool_)
        count = tubes.nodes.shape[1]
        places = self.frame.at(tubes.nodes.reshape(-1, 3).astype(np.float64))
        distance = distances_at(self.packing, places, float(tubes.radii.max()) + 20.0)
        return np.any(distance.reshape(-1, count) < tubes.radii + 10.0, axis=1)


def pack_bodies(params: Mapping[str, float], streams: StreamOf, sight: Box, home: Home) -> PackedBodies:
    """Pack mitochondria around what is in sight, wherever there is a home for them."""
    rng = streams("packing/frame")
    radius, stretch = params["mitochondria.radius_nm"], params["packing.stretch"]
    axes = turned(rng, np.arcsin(rng.uniform(-1, 1)))
    frame = Frame(axes, (bend_of(rng, 9 * radius, 0.5 * radius, 0.5 * radius),))
    wide, thin = 2 * radius + params["packing.spacing_nm"], stretch ** (-1 / 3)
    spacing = np.array([wide * thin * stretch, wide * thin, wide * thin])
    lattice = Lattice(key_of(streams, "packing/sites"), spacing, 0.75, params["packing.spread"])
    packing = _pack(params, lattice, frame.around((sight[0] - REACH_NM, sight[1] + REACH_NM)))
    share = min(params["mitochondria.volume_fraction"] / _fill(lattice, params), 1.0)
    middle = frame.back(packing.centre)
    cell, depth = home(middle)
    u = chains(packing.key ^ np.uint64(0xF111), 1)[:, 0]
    packing.filled[...] = (u < share) & (cell >= 0) & (depth > 0.6 * radius)
    near = np.all((middle > sight[0] - 2 * wide * stretch) & (middle < sight[1] + 2 * wide * stretch), axis=1)
    seen = np.flatnonzero(packing.filled & near)
    place = np.full(len(u), -1, np.int32)
    place[seen] = np.arange(len(seen))
    line = np.linspace(-0.5, 0.5, NODES)[None, :, None] * frame.axes[0] * (spacing[0] - spacing[1])
    radii = np.full((len(seen), NODES), radius, np.float32)
    side = np.tile(frame.axes[1], (len(seen), 1)).astype(np.float32)
    return PackedBodies(
        Tubes((middle[seen, None] + line).astype(np.float32), radii, side),
        count_from_first(middle[seen, 0]),
        packing.key[seen],
        cell[seen],
        no_tubes(NODES),
        np.zeros(0, np.int32),
        frame,
        packing,
        place,
        params["mitochondria.clearance_nm"],
    )


def _pack(params: Mapping[str, float], lattice: Lattice, box: Box) -> Packing:
    """Fill a box with mitochondria; some are thinner than their share of space, all are rounded."""
    radius = params["mitochondria.radius_nm"]
    packing = pack(lattice, box, params["packing.spacing_nm"] / 2, params["packing.rounding"] * radius)
    thinner = chains(packing.key ^ np.uint64(0x7417), 1)[:, 0]
    packing.more[...] = 2 * params["packing.thinning"] * radius * thinner
    return packing


def _fill(lattice: Lattice, params: Mapping[str, float]) -> float:
    """Share of space that mitochondria take if every site holds one, measured on a piece of the lattice."""
    edge = 4 * lattice.spacing_nm
    points = np.random.default_rng(0).random((4000, 3)) * edge
    packing = _pack(params, lattice._replace(key=np.uint64(1)), (np.zeros(3), edge))
    return float(np.mean(distances_at(packing, points, 1.0) < 0))
