"""Cells of many micrometres, as rounded cells of a power diagram in bent space, with a ruffled surface."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.frame import Frame
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.hashing import chains
from mitogen.geometry.packing.bodies import columns_of, cut_cells
from mitogen.geometry.packing.sites import Packing, owners, owners_at
from mitogen.geometry.point_process import Box, directions
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import Tubes
from mitogen.tissue.canvas import Space, empty_space
from mitogen.tissue.packed import NOWHERE

CLEAR_NM = 50.0
"""How far inclusions stay off membranes and nuclei."""


@dataclass(frozen=True, eq=False)
class Outline:
    """What a section shows of large cells; every array (Y, X).

    Attributes:
        cell: int64 which cell's share each pixel lies in.
        beyond: int64 the cell beyond the nearest face of that share.
        depth: float32 how deep below the surface of its cell in nm, negative outside all cells.
        normal_z: float32 z component of the outward normal.
    """

    cell: NDArray[np.int64]
    beyond: NDArray[np.int64]
    depth: FloatArray
    normal_z: FloatArray


@dataclass(frozen=True, eq=False)
class LargeCells:
    """Cells of many micrometres around a window; N of them.

    Attributes:
        frame: the coordinates in which they are convex.
        packing: their shares of space, how far they stay off one another, and how round they are.
        ruffles: fields that ruffle their surfaces, each with an amplitude in nm.
    """

    frame: Frame
    packing: Packing
    ruffles: tuple[tuple[Waves, float], ...] = ()

    def cut(self, grid: Grid, z_nm: float) -> Outline:
        """Cut them with the section at `z_nm`."""
        coordinates = self.frame.on_section(grid, z_nm)
        cell = owners(self.packing, *coordinates)
        beyond, bodies = cut_cells(self.packing, cell, coordinates)
        depth = -bodies.distance
        for field, amplitude in self.ruffles:
            depth -= np.float32(amplitude) * field.on_section(z_nm, grid.y_nm, grid.x_nm)
        normal_z = np.zeros(grid.shape, np.float32)
        for axis, normal in zip(self.frame.axes, bodies.normal, strict=True):
            normal_z += np.float32(axis[0]) * normal
        return Outline(cell, beyond, depth, normal_z)

    def at(
        self, points_nm: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
        """Cell (N,) at each point (N, 3), depth (N,) below its surface in nm, and outward normal (N, 3)."""
        places = self.frame.at(points_nm)
        cell = owners_at(self.packing, places)
        _, bodies = cut_cells(self.packing, cell[:, None], columns_of(places))
        depth = -bodies.distance[:, 0].astype(np.float64)
        for field, amplitude in self.ruffles:
            depth -= amplitude * field.at(points_nm)
        return cell, depth, np.concatenate(bodies.normal, axis=1) @ self.frame.axes

    def middles(self, box_nm: Box, margin_nm: float) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
        """(N, 3) where in nm the sites of cells around a box lie, and (N,) their keys."""
        near = self.frame.reaching(self.packing.centre, box_nm, margin_nm)
        return self.frame.back(self.packing.centre[near]), self.packing.key[near]

    def axes(self, others: int) -> FloatArray:
        """Unit vectors (N + others, 3), a random one for each cell and for some that are none."""
        u = chains(self.packing.key ^ np.uint64(0xA415), 2)
        along = directions(u[:, 0], u[:, 1])
        return np.concatenate([along, np.tile([1.0, 0.0, 0.0], (others, 1))]).astype(np.float32)

    def fill(self, grid: Grid, z_nm: float, outside: int) -> Space:
        """Which cell is where on the section at `z_nm`; what is in none of them is cell number `outside`."""
        outline = self.cut(grid, z_nm)
        space, within = empty_space(grid), outline.depth > 0
        space.owner[...] = np.where(within, outline.cell, outside)
        space.neighbour[...] = np.where(within, outside, outline.cell)
        space.membrane[...] = np.abs(outline.depth)
        space.membrane_z[...] = outline.normal_z
        return space

    def room_for(self, tubes: Tubes, *obstacles: Tubes) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
        """Where tubes have room: (T, S) bool whether a node has, and (T, S) int32 the cell in which it lies.

        Args:
            tubes: T tubes of S nodes.
            obstacles: what else they must not run into, nuclei for instance.
        """
        count, nodes = tubes.nodes.shape[:2]
        points = tubes.nodes.reshape(-1, 3).astype(np.float64)
        cell, depth, _ = self.at(points)
        for some in obstacles:
            depth = np.minimum(depth, some.distance_from(points))
        room: NDArray[np.bool_] = depth.reshape(count, nodes) > tubes.radii + CLEAR_NM
        return room, cell.reshape(count, nodes).astype(np.int32)

    def hosts(self, tubes: Tubes, *obstacles: Tubes) -> NDArray[np.int32]:
        """Cell (T,) that holds each of some tubes, `NOWHERE` for one that has no room; arguments as of `room_for`."""
        room, cell = self.room_for(tubes, *obstacles)
        stays = np.all(room, axis=1) & np.all(cell == cell[:, :1], axis=1)
        return np.where(stays, cell[:, 0], NOWHERE).astype(np.int32)

    def trim(self, tubes: Tubes, *obstacles: Tubes) -> Tubes:
        """Shorten tubes to what has room in one cell; one that has nowhere any stays as it is."""
        room, cell = self.room_for(tubes, *obstacles)
        return tubes.shortened(room, cell)

    def moved_to(self, depth_nm: float, direction: NDArray[np.float64]) -> "LargeCells":
        """The same tissue, moved so that the origin lies so deep in the cell that is nearest to it.

        Args:
            depth_nm: depth below the surface, negative outside.
            direction: (3,) unit vector from the middle of that cell to the origin, in the coordinates of the packing.
        """
        nearest = int(np.argmin(np.sum((self.packing.centre - np.array(self.frame.shift_nm)) ** 2, axis=1)))
        middle = self.packing.centre[nearest]
        steps = np.linspace(0, 1.5, 60)[:, None] * np.sqrt(np.prod(self.packing.centre.std(axis=0)) ** (2 / 3))
        places = middle + steps * direction
        _, bodies = cut_cells(self.packing, owners_at(self.packing, places)[:, None], columns_of(places))
        step = int(np.argmin(np.abs(-bodies.distance[:, 0] - depth_nm)))
        frame = replace(self.frame, shift_nm=(places[step, 0], places[step, 1], places[step, 2]))
        return replace(self, frame=frame)
