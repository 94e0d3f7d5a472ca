"""The cells of a diagram, where pixels lie among them, and what is found there.

See `diagram` for how a pixel finds its cell.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled


class Sites(NamedTuple):
    """The cells of a diagram, in warped space.

    Attributes:
        centre: (C, 3) float32 (z, y, x) in nm.
        axis: (C, 3) float32 unit vector along which a cell is elongated.
        elongation: (C,) float32 ratio of length to calibre, at least 1.
        radius: (C,) float32 calibre in nm.
        reach_nm: a cell never holds a point farther from its centre than this.
    """

    centre: FloatArray
    axis: FloatArray
    elongation: FloatArray
    radius: FloatArray
    reach_nm: float


class Warped(NamedTuple):
    """Where the pixels of a section lie in warped space.

    Attributes:
        z: (Y, X) float32 in nm.
        y: (Y, X) float32 in nm.
        x: (Y, X) float32 in nm.
        steep: change of the three with height, float32 in nm per nm, on every `STRIDE`-th pixel.
        pixel_nm: float32 edge of a pixel in the tissue.
    """

    z: FloatArray
    y: FloatArray
    x: FloatArray
    steep: tuple[FloatArray, FloatArray, FloatArray]
    pixel_nm: np.float32


class Diagram(NamedTuple):
    """What belongs to whom; every array (Y, X).

    Attributes:
        owner: int32 index of the cell that holds the pixel.
        neighbour: int32 index of the cell that comes next.
        membrane: float32 distance in nm to the surface between the two; stays as it is where there is no neighbour.
        membrane_z: float32 z component of that surface's normal.
    """

    owner: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    membrane: FloatArray
    membrane_z: FloatArray


class Metric(NamedTuple):
    """`Sites` as loops want them.

    Attributes:
        squash: (C,) float32 share of the squared distance along the axis that goes.
        inverse: (C,) float32 one over the radius, in 1/nm.
    """

    centre: FloatArray
    axis: FloatArray
    squash: FloatArray
    radius: FloatArray
    inverse: FloatArray
    reach: np.float32


@compiled
def metric_of(sites: Sites) -> Metric:
    """What loops want to know of sites."""
    squash = np.empty(len(sites.elongation), np.float32)
    for c in range(len(squash)):
        squash[c] = 1 - 1 / (sites.elongation[c] * sites.elongation[c])
    inverse = np.float32(1) / sites.radius
    return Metric(sites.centre, sites.axis, squash, sites.radius, inverse, np.float32(sites.reach_nm))
