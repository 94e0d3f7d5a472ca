"""Bodies that an arrangement lays out itself, because random placement could never pack them so densely."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.packing.bodies import BodyMap
from mitogen.geometry.point_process import Box
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.canvas import Space

NOWHERE = -1
"""Stands for the cell of an inclusion that may not lie where it is."""

Home = Callable[[NDArray[np.float64]], tuple[NDArray[np.int32], NDArray[np.float64]]]
"""Gives of points (N, 3) in nm the cell (N,) that may hold a mitochondrion there, or `NOWHERE`, and its room in nm."""


class PackedMap(NamedTuple):
    """What the pixels of one section see of packed bodies; every array (Y, X).

    Attributes:
        distance: float32 signed distance in nm to the nearest one, large where none is within reach.
        nearest: int32 which one that is, -1 where none is within reach.
        normal_z: float32 z component of its surface's normal.
    """

    distance: FloatArray
    nearest: NDArray[np.int32]
    normal_z: FloatArray


@dataclass(frozen=True, eq=False)
class Packed(ABC):
    """Mitochondria packed side by side, and lipid droplets between them; T and D in sight.

    Attributes:
        tubes: a tube through the middle of each mitochondrion, for what it holds: its outline is another.
        number: (T,) int32 number of each from 1, the same in every window that shows it.
        key: (T,) uint64 names each.
        cell: (T,) int32 the cell that holds it.
        droplets: the droplets, with outlines of their own.
        droplet_cell: (D,) int32 the cell that holds each.
    """

    tubes: Tubes
    number: NDArray[np.int32]
    key: NDArray[np.uint64]
    cell: NDArray[np.int32]
    droplets: Tubes
    droplet_cell: NDArray[np.int32]

    @abstractmethod
    def cut(self, grid: Grid, z_nm: float, space: Space, border_nm: FloatArray) -> PackedMap:
        """Cut the mitochondria with the section at `z_nm`.

        Args:
            grid: the pixels.
            z_nm: height of the section's middle.
            space: which cell is where.
            border_nm: (Y, X) distance from the membranes and nuclei that bound their room, positive on either side.
        """

    @abstractmethod
    def meets(self, tubes: Tubes) -> NDArray[np.bool_]:
        """Which of some tubes (N,) run into a packed mitochondrion."""


def in_sight(
    line_nm: NDArray[np.float64], key: NDArray[np.uint64], reach_nm: float, sight: Box
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Which bodies may be in sight, and their numbers from 1.

    They are counted by where they begin, seen from the first section: a deeper window only adds numbers.

    Args:
        line_nm: (T, S, 3) nodes of the middle lines of bodies, among them all that may be in sight.
        key: (T,) names each.
        reach_nm: how far from its middle line a body reaches at most.
        sight: lower and upper corner (z, y, x).
    """
    # Lines are followed in steps so short that all of a line lies close to one of them.
    steps = np.linspace(0, line_nm.shape[1] - 1, 4 * line_nm.shape[1])
    before = np.minimum(steps.astype(np.int64), line_nm.shape[1] - 2)
    part = (steps - before)[None, :, None]
    points = line_nm[:, before] * (1 - part) + line_nm[:, before + 1] * part
    aside = np.maximum(np.maximum(sight[0][1:] - points[..., 1:], points[..., 1:] - sight[1][1:]), 0)
    half = np.sqrt(np.maximum(reach_nm**2 - np.sum(aside**2, axis=2), 0))
    # From which height to which height each point may be seen through the window's area.
    first = np.where(half > 0, points[..., 0] - half, np.inf)
    last = np.where(half > 0, points[..., 0] + half, -np.inf)
    seen = np.flatnonzero(np.any((first <= sight[1][0]) & (last >= sight[0][0]), axis=1))
    number = np.empty(len(seen), np.int32)
    number[np.lexsort((key[seen], first[seen].min(axis=1)))] = 1 + np.arange(len(seen))
    return seen, number


def no_tubes(nodes: int) -> Tubes:
    """No tubes at all."""
    return Tubes(np.zeros((0, nodes, 3), np.float32), np.zeros((0, nodes), np.float32), np.zeros((0, 3), np.float32))


def map_bodies(
    bodies: BodyMap, place: NDArray[np.int32], frame: Frame, cell: NDArray[np.int32], space: Space
) -> PackedMap:
    """Turn what pixels see of bodies into what a section knows of packed ones: none crosses the border of its cell.

    Args:
        bodies: in the coordinates of a frame.
        place: which of the tubes each body has, -1 for none.
        frame: the coordinates.
        cell: (T,) the cell of each tube.
        space: which cell is where on the section.
    """
    nearest = np.where(bodies.nearest >= 0, place[bodies.nearest], np.int32(-1))
    home = np.append(cell, np.int32(NOWHERE))[nearest]
    nearest[home != space.owner] = -1
    normal_z = np.zeros(nearest.shape, np.float32)
    for axis, normal in zip(frame.axes, bodies.normal, strict=True):
        normal_z += np.float32(axis[0]) * normal
    return PackedMap(np.where(nearest >= 0, bodies.distance, np.float32(1e6)), nearest, normal_z)
