"""One section while it is being drawn: which cell is where, and how much stain each pixel holds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.grid import FloatArray, Grid
from mitogen.profiles import reach_nm


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
        density: float32 stain: 0 is clear resin, 1 the darkest membrane.
        grain: float32 granular ground to add to any watery space, of mean 0.
    """

    grid: Grid
    z_nm: float
    owner: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    membrane: FloatArray
    membrane_z: FloatArray
    free: NDArray[np.bool_]
    density: FloatArray
    grain: FloatArray

    def reach(self, normal_z: FloatArray) -> FloatArray:
        """Range of distances that a pixel averages over for surfaces with this normal; see `profiles.reach_nm`."""
        return reach_nm(normal_z, self.grid.thickness_nm, self.grid.pixel_nm)

    def cover(self, share: FloatArray, stain: float | FloatArray, where: NDArray[np.intp] | None = None) -> None:
        """Put material of density `stain` over `share` (0-1) of each pixel, or of the flat indices `where`."""
        if where is None:
            self.density[...] += share * (stain - self.density)
        else:
            flat = self.density.reshape(-1)
            flat[where] += share * (stain - flat[where])
