"""One section while it is being drawn: which cell is where, and how much stain each pixel holds."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.partial_volume import layer, reach_nm
from mitogen.geometry.random_fields import Waves
from mitogen.tissue.compartments import Compartment

_KEPT = 2
"""How many fields a canvas remembers: most are asked for several times in a row."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """The state of one section; its arrays, all (Y, X), are changed in place by one stage after the other.

    Attributes:
        grid: the pixels.
        z_nm: height of the section's middle in nm.
        owner: int32 index of the cell that holds the pixel.
        neighbour: int32 index of the cell across the nearest plasma membrane.
        membrane: float32 distance to the middle of the gap between the two in nm, never negative.
        membrane_z: float32 z component of that membrane's normal.
        free: bool, whether an organelle may still be drawn here.
        room: float32 distance to the nearest mitochondrion or other body in nm, where one is near; of size 0 as long as
            they have no place.
        density: float32 stain: 0 is clear resin, 1 the darkest membrane.
        grain: float32 granular ground to add to any watery space, of mean 0.
        compartments: uint8 compartment (see `compartments.Compartment`), or of size 0 where nobody asked for it.
    """

    grid: Grid
    z_nm: float
    owner: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    membrane: FloatArray
    membrane_z: FloatArray
    free: NDArray[np.bool_]
    room: FloatArray
    density: FloatArray
    grain: FloatArray
    compartments: NDArray[np.uint8]
    _sections: dict[int, FloatArray] = field(default_factory=dict)

    def on_section(self, waves: Waves) -> FloatArray:
        """Values (Y, X) float32 of a field on this section, not to be changed; the last few are kept."""
        values = self._sections.pop(id(waves), None)
        if values is None:
            values = waves.on_section(self.z_nm, self.grid.y_nm, self.grid.x_nm)
        while len(self._sections) >= _KEPT:
            del self._sections[next(iter(self._sections))]
        self._sections[id(waves)] = values
        return values

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
