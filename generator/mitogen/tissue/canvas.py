"""One section while it is being drawn: which cell is where, and how much stain each pixel holds."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import inlined
from mitogen.geometry.level_sets import Level
from mitogen.geometry.partial_volume import layer, reach_nm
from mitogen.geometry.random_fields import STRIDE, Waves
from mitogen.tissue.compartments import Compartment

_KEPT = 2
"""How many fields a canvas remembers: most are asked for several times in a row."""


class Space(NamedTuple):
    """Which cell is where on a section; every array (Y, X).

    Attributes:
        owner: int32 index of the cell that holds the pixel.
        neighbour: int32 index of the cell across the nearest plasma membrane.
        membrane: float32 distance to the middle of the gap between the two in nm, never negative.
        membrane_z: float32 z component of that membrane's normal.
        free: bool, whether an organelle may still be drawn here.
        room: float32 distance to the nearest mitochondrion or other body in nm, where one is near; of size 0 as long as
            they have no place.
    """

    owner: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    membrane: FloatArray
    membrane_z: FloatArray
    free: NDArray[np.bool_]
    room: FloatArray


def empty_space(grid: Grid) -> Space:
    """A section that one cell fills, far from any membrane."""
    return Space(
        owner=np.zeros(grid.shape, np.int32),
        neighbour=np.zeros(grid.shape, np.int32),
        membrane=np.full(grid.shape, 1e4, np.float32),
        membrane_z=np.zeros(grid.shape, np.float32),
        free=np.ones(grid.shape, np.bool_),
        room=np.zeros((0, 0), np.float32),
    )


class Raster(NamedTuple):
    """Where the pixels of a section lie, for compiled loops; all in nm.

    Attributes:
        z: height of the section's middle.
        y: (Y,) float32 of the rows.
        x: (X,) float32 of the columns.
        pixel: edge of a pixel.
        thickness: of the section.
    """

    z: float
    y: FloatArray
    x: FloatArray
    pixel: float
    thickness: float


class Paint(NamedTuple):
    """What a compiled loop draws on, and what it draws.

    Attributes:
        density: (Y, X) float32 stain.
        compartments: (Y, X) uint8, or of size 0 where nobody asked for them.
        compartment: what the drawn pixels become.
    """

    density: FloatArray
    compartments: NDArray[np.uint8]
    compartment: np.uint8


@inlined
def mark(paint: Paint, i: int, j: int) -> None:
    """Note in the compartment map, if there is one, what is drawn at a pixel."""
    if paint.compartments.size > 0:
        paint.compartments[i, j] = paint.compartment


@dataclass(frozen=True, eq=False)
class Canvas:
    """The state of one section; its arrays, all (Y, X), are changed in place by one organelle after the other.

    Attributes:
        grid: the pixels.
        z_nm: height of the section's middle in nm.
        space: which cell is where.
        density: float32 stain: 0 is clear resin, 1 the darkest membrane.
        grain: float32 granular ground to add to any watery space, of mean 0.
        compartments: uint8 compartment (see `compartments.Compartment`), or of size 0 where nobody asked for it.
    """

    grid: Grid
    z_nm: float
    space: Space
    density: FloatArray
    grain: FloatArray
    compartments: NDArray[np.uint8]
    _sections: dict[int, FloatArray] = field(default_factory=dict)

    @cached_property
    def raster(self) -> Raster:
        """Where the pixels lie, for compiled loops."""
        grid = self.grid
        return Raster(self.z_nm, grid.y_nm, grid.x_nm, grid.pixel_nm, grid.thickness_nm)

    def paint(self, compartment: Compartment) -> Paint:
        """What a compiled loop draws a compartment with."""
        return Paint(self.density, self.compartments, np.uint8(compartment))

    def on_section(self, waves: Waves) -> FloatArray:
        """Values (Y, X) float32 of a field on this section, not to be changed; the last few are kept."""
        values = self._sections.pop(id(waves), None)
        if values is None:
            values = waves.on_section(self.z_nm, self.raster.y, self.raster.x)
        while len(self._sections) >= _KEPT:
            del self._sections[next(iter(self._sections))]
        self._sections[id(waves)] = values
        return values

    def level(self, waves: Waves) -> Level:
        """A field on this section, with what tells its slope."""
        y, x = self.raster.y[::STRIDE], self.raster.x[::STRIDE]
        return Level(self.on_section(waves), waves.rise_on_section(self.z_nm, y, x))

    def reach(self, normal_z: FloatArray) -> FloatArray:
        """Range of distances that a pixel averages over, for this normal; see `partial_volume.reach_nm`."""
        return reach_nm(normal_z, self.grid.thickness_nm, self.grid.pixel_nm)

    def cover(
        self,
        share: FloatArray,
        stain: float | FloatArray,
        where: NDArray[np.intp] | None = None,
        compartment: Compartment | None = None,
    ) -> None:
        """Put material over a part of each pixel.

        Args:
            share: (Y, X) or (N,) float32, 0-1: how much of each pixel it covers.
            stain: its density, one number or one a pixel.
            where: (N,) flat indices of the pixels; all of them if left out.
            compartment: what it is; pixels that it covers by half or more belong to it from now on.
        """
        if where is None:
            self.density[...] += share * (stain - self.density)
        else:
            flat = self.density.reshape(-1)
            flat[where] += share * (stain - flat[where])
        if compartment is not None:
            self.mark(share, where, compartment)

    def cover_layer(
        self,
        distance_nm: FloatArray,
        reach: FloatArray,
        extent_nm: tuple[float, float],
        stain: float | FloatArray,
        where: NDArray[np.intp],
        compartment: Compartment | None = None,
    ) -> None:
        """Put a layer, a membrane for instance, over pixels.

        Args:
            distance_nm: (N,) float32 signed distance to a surface.
            reach: (N,) float32 from `reach`.
            extent_nm: the distances between which the layer lies, lower and upper.
            stain: its density.
            where: (N,) flat indices of the pixels.
            compartment: what it is. A layer thinner than a pixel is marked one pixel wide, from `upper` down.
        """
        lower, upper = extent_nm
        half = (upper - lower) / 2
        self.cover(layer(distance_nm, reach, (lower + upper) / 2, half), stain, where)
        if compartment is not None:
            marked = (distance_nm <= upper) & (distance_nm > min(lower, upper - self.grid.pixel_nm))
            self.mark(marked, where, compartment)

    def mark(
        self, share: FloatArray | NDArray[np.bool_], where: NDArray[np.intp] | None, compartment: Compartment
    ) -> None:
        """Note in the compartment map, if there is one, what covers pixels by half or more; arguments as in `cover`."""
        if self.compartments.size:
            half = np.flatnonzero(share >= 0.5)
            self.compartments.reshape(-1)[half if where is None else where[half]] = compartment


def blank_canvas(grid: Grid, z_nm: float, space: Space, compartments: bool) -> Canvas:
    """A canvas without stain; `compartments` says whether it has a map of them."""
    shape = grid.shape if compartments else (0, 0)
    return Canvas(
        grid,
        z_nm,
        space,
        density=np.zeros(grid.shape, np.float32),
        grain=np.zeros(grid.shape, np.float32),
        compartments=np.full(shape, Compartment.EXTRACELLULAR, np.uint8),
    )
