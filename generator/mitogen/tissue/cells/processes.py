"""What sticks out of a cell's surface: microvilli, and blebs cut free of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import chains
from mitogen.geometry.packing.sites import Lattice, pack
from mitogen.geometry.point_process import Box, StreamOf, directions, key_of
from mitogen.geometry.tubes import Tubes, bend
from mitogen.tissue.packed import NOWHERE, no_tubes

NODES = 5
ROOT_NM = 60.0
"""How deep below the surface a process begins, so that it is one with its cell."""

NEAR_NM = 1000.0
"""How far from a lumen its cells are known."""

Surface = Callable[[NDArray[np.float64]], tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]
"""Gives of points (N, 3) in nm the cell (N,), the depth (N,) below its surface in nm, and its outward normal (N, 3)."""


@dataclass(frozen=True, eq=False)
class TubeSurface:
    """The cells around lumens, seen from these.

    Attributes:
        lumens: tubes.
        cell_at: what cells there would be without them.
    """

    lumens: Tubes
    cell_at: Surface

    def __call__(
        self, points_nm: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """See `Surface`."""
        depth, normal = self.lumens.distance_from(points_nm), -self.lumens.normal_at(points_nm)
        cell = np.full(len(points_nm), NOWHERE, np.int64)
        near = np.flatnonzero(np.abs(depth) < NEAR_NM)
        cell[near], _, _ = self.cell_at(points_nm[near])
        return cell, depth, normal


def sprout(
    surface: Surface, streams: StreamOf, stage: str, box_nm: Box, per_um2: float, shape_nm: tuple[float, float]
) -> tuple[Tubes, NDArray[np.int64]]:
    """Let microvilli grow from a surface.

    Args:
        surface: what they grow from.
        streams: the image's streams.
        stage: names their lattice.
        box_nm: where they must be to be seen.
        per_um2: how many grow from a square micrometre.
        shape_nm: mean length and radius; lengths scatter.

    Returns:
        The microvilli, and the cell of each.
    """
    if per_um2 <= 0:
        return no_tubes(NODES), np.zeros(0, np.int64)
    length, radius = shape_nm
    spacing_nm = 1000 / np.sqrt(per_um2)
    low, high = box_nm[0] - 1.6 * length, box_nm[1] + 1.6 * length
    lattice = Lattice(key_of(streams, stage), np.full(3, spacing_nm), 0.7, 0.0)
    sites = pack(lattice, (low, high))
    near = np.flatnonzero(np.all((sites.centre >= low) & (sites.centre <= high), axis=1))
    cell, depth, normal = surface(sites.centre[near])
    # One of the lattice's layers lies next to the surface.
    rooted = np.flatnonzero((np.abs(depth) < 0.5 * spacing_nm) & (cell >= 0))
    cell, normal = cell[rooted], normal[rooted]
    root = sites.centre[near[rooted]] + depth[rooted, None] * normal
    u = chains(sites.key[near[rooted]], 7)
    upright = normal + 0.5 * directions(u[:, 0], u[:, 1])
    upright /= np.linalg.norm(upright, axis=1, keepdims=True)
    reach = length * (0.4 + 1.2 * u[:, 2])
    middle = root + upright * (reach / 2 - ROOT_NM)[:, None]
    line = bend(middle, upright, directions(u[:, 3], u[:, 4]), reach, 1.4 * (u[:, 5] - 0.5), NODES)
    width = np.repeat(radius * (0.8 + 0.4 * u[:, 6, None]), NODES, axis=1)
    tubes = Tubes(line.astype(np.float32), width.astype(np.float32), normal.astype(np.float32))
    seen = np.flatnonzero(tubes.reaching(box_nm))
    return tubes.take(seen), cell[seen]


def bud(
    surface: Surface, points_nm: NDArray[np.float64], u: NDArray[np.float64], radius_nm: float, within_nm: float
) -> tuple[Tubes, NDArray[np.intp]]:
    """Put blebs and debris into the room within `within_nm` of a surface.

    Args:
        surface: what they came off.
        points_nm: (N, 3) where some may be.
        u: (N, 8) numbers in 0-1 of each.
        radius_nm: their mean radius.
        within_nm: how far from the surface they are found.

    Returns:
        The blebs, and which of the points (N,) each is.
    """
    _, depth, _ = surface(points_nm)
    # Most lie close by.
    there = np.flatnonzero((depth < 0) & (-depth < within_nm * u[:, 0] ** 2))
    u = u[there]
    radius = radius_nm * np.exp(1.2 * (u[:, 1] - 0.5) * 1.5)
    line = bend(
        points_nm[there], directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), 3 * radius * u[:, 6] ** 2,
        2.5 * (u[:, 7] - 0.5), NODES,
    )  # fmt: skip
    swelling: FloatArray = (1 + 0.3 * np.sin(5 * u[:, 1, None] + 1.5 * np.arange(NODES)[None])).astype(np.float32)
    side = directions(u[:, 3], u[:, 5]).astype(np.float32)
    return Tubes(line.astype(np.float32), radius[:, None].astype(np.float32) * swelling, side), there
