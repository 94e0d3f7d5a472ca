"""Rounded mitochondria packed in the cytoplasm of large cells, as in liver."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.hashing import chains
from mitogen.geometry.packing.bodies import cut_bodies, distances_at, oblique_plane, points_of
from mitogen.geometry.packing.sites import Lattice, Packing, owners, owners_at, pack
from mitogen.geometry.point_process import Box, StreamOf, key_of
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.canvas import Space
from mitogen.tissue.packed import Home, Packed, PackedMap, in_sight, map_bodies, no_tubes

NODES = 9
REACH = 1.3
"""How far from its middle line a mitochondrion reaches at most, in units of its width."""
REACH_NM = 200.0
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
        coordinates = self.frame.on_section(grid, z_nm)
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
        meets: NDArray[np.bool_] = np.any(distance.reshape(-1, count) < tubes.radii + 10.0, axis=1)
        return meets


def pack_bodies(
    params: Mapping[str, float], streams: StreamOf, boxes: tuple[Box, Box], home: Home
) -> PackedBodies:  # fmt: skip
    """Pack mitochondria wherever there is a home for them.

    Args:
        params: the image's params.
        streams: the image's streams.
        boxes: what is in sight, and where else something may meet mitochondria.
        home: tells which cell may hold them.
    """
    rng = streams("packing/frame")
    radius = params["mitochondria.radius_nm"]
    axes = turned(rng, np.arcsin(rng.uniform(-1, 1)))
    frame = Frame(axes, (bend_of(rng, 9 * radius, 0.5 * radius, 0.5 * radius),))
    lattice = _lattice(params, key_of(streams, "packing/sites"))
    spacing, wide = lattice.spacing_nm, 2 * radius + params["packing.spacing_nm"]
    # Pixels know of bodies further away than what is in sight of them.
    sight, further = boxes
    known = sight[0] - REACH_NM, sight[1] + REACH_NM
    everywhere = np.minimum(known[0], further[0]), np.maximum(known[1], further[1])
    tight, share = _tightness(tuple(params[name] for name in _READ))
    packing = _pack(params, lattice, frame.around(everywhere), tight)
    chosen = chains(packing.key ^ np.uint64(0xF111), 1)[:, 0] < share
    half = (spacing[0] - spacing[1]) / 2
    near = frame.reaching(packing.centre, everywhere, half + REACH * wide)
    near = near[chosen[near]]
    line = frame.back(packing.centre[near])[:, None]
    line = line + np.linspace(-half, half, NODES)[None, :, None] * frame.axes[0]
    cell, depth = home(line[:, NODES // 2])
    kept = (cell >= 0) & (depth > 0.6 * radius)
    packing.filled[...] = False
    packing.filled[near[kept]] = True
    at, number = in_sight(line, packing.key[near], REACH * wide, known)
    at, number = at[kept[at]], number[kept[at]]
    seen, line, cell = near[at], line[at], cell[at]
    place = np.full(len(chosen), -1, np.int32)
    place[seen] = np.arange(len(seen))
    radii = np.full((len(seen), NODES), radius, np.float32)
    side = np.tile(frame.axes[1], (len(seen), 1)).astype(np.float32)
    return PackedBodies(
        Tubes(line.astype(np.float32), radii, side),
        number,
        packing.key[seen],
        cell,
        no_tubes(NODES),
        np.zeros(0, np.int32),
        frame,
        packing,
        place,
        params["mitochondria.clearance_nm"],
    )


def _lattice(params: Mapping[str, float], key: np.uint64) -> Lattice:
    """The lattice of their sites."""
    wide, stretch = 2 * params["mitochondria.radius_nm"] + params["packing.spacing_nm"], params["packing.stretch"]
    thin = wide * stretch ** (-1 / 3)
    return Lattice(key, np.array([thin * stretch, thin, thin]), 0.75, 0.45)


def _pack(params: Mapping[str, float], lattice: Lattice, box: Box, tight: float) -> Packing:
    """Fill a box with mitochondria; some are thinner than their share of space, all are rounded.

    `tight` from 0 to 1 lets them fill more of their shares than they would like to.
    """
    radius, loose = params["mitochondria.radius_nm"], 1 - tight
    keep = _CLOSEST_NM + loose * max(params["packing.spacing_nm"] / 2 - _CLOSEST_NM, 0.0)
    rounding = min(params["packing.rounding"], 0.35 + 0.65 * loose)
    packing = pack(lattice, box, keep, rounding * radius)
    thinner = chains(packing.key ^ np.uint64(0x7417), 1)[:, 0]
    packing.more[...] = 2 * loose * params["packing.thinning"] * radius * thinner
    return packing


_CLOSEST_NM = 8.0
"""Half the gap between mitochondria that are packed as tightly as they can be."""
_READ = (
    "mitochondria.radius_nm", "mitochondria.volume_fraction", "packing.spacing_nm", "packing.stretch",
    "packing.rounding", "packing.thinning",
)  # fmt: skip
"""What the share of mitochondria depends on."""


@lru_cache(maxsize=4)
def _tightness(values: tuple[float, ...]) -> tuple[float, float]:
    """How tightly mitochondria must be packed for the wanted share of the volume, and which share of sites is filled.

    It is measured on a piece of the lattice.
    """
    params = dict(zip(_READ, values, strict=True))
    lattice = _lattice(params, np.uint64(1))
    edge = np.array([1.5, 11.0, 11.0]) * lattice.spacing_nm
    plane = oblique_plane(edge, 64)
    everywhere = np.full(plane[0].shape, 1e9, np.float32)
    wanted = params["mitochondria.volume_fraction"]
    for tight in (0.0, 0.35, 0.7, 1.0):
        packing = _pack(params, lattice, (np.zeros(3), edge), tight)
        owner = owners_at(packing, points_of(plane)).reshape(everywhere.shape)
        bodies = cut_bodies(packing, owner, plane, everywhere, 1.0)
        fill = float(np.mean(bodies.distance < 0))
        if fill >= wanted:
            break
    return tight, min(wanted / max(fill, 1e-6), 1.0)
