"""Shapes of round bodies: spheres and short, bent tubes."""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import normal_at, point_on_sphere
from mitogen.geometry.tubes import arc

NODES = 9
ASPECT = 2.0
"""Largest ratio of length to width of the bodies that have no knob for it."""
PRIORITY = 11
"""Which of its numbers decides which of two bodies stays where they overlap."""


def mean_volume_um3(radius_nm: float, spread: float, aspect: float) -> float:
    """Mean volume of the bodies that `extent_of_body` gives."""
    cylinder = 2 * (aspect - 1) / 3
    return float(1e-9 * np.pi * (4 / 3 + cylinder) * radius_nm**3 * np.exp(4.5 * spread**2))


@compiled
def extent_of_body(
    u: NDArray[np.float64], radius_nm: float, spread: float, aspect: float, quantiles: NDArray[np.float64]
) -> tuple[float, float]:
    """Length of the middle line and radius in nm of a body with numbers `u` in 0-1.

    `radius_nm` is the median of its organelle, `spread` the standard deviation of the logarithm of radii, `aspect` the
    largest ratio of length to width there.
    """
    r = radius_nm * np.exp(spread * min(max(normal_at(u[0], quantiles), -2.0), 2.0))
    return r * 2.0 * (aspect - 1.0) * u[1] ** 2, r


@compiled
def shape_body(
    centre: NDArray[np.float64], u: NDArray[np.float64], extent: tuple[float, float], nodes: FloatArray,
    radii: FloatArray, side: FloatArray,
) -> int:  # fmt: skip
    """Shape a body around its centre (3,) from its numbers and its `extent_of_body`.

    It fills the first of `nodes` (2, 9, 3), of `radii` (2, 9) and of `side` (2, 3), see `Tubes`, and returns 1: the
    number of its tubes.
    """
    direction, turn, line = np.empty(3), np.empty(3), np.empty((NODES, 3))
    point_on_sphere(u[2], u[3], direction)
    point_on_sphere(u[4], u[5], turn)
    arc(centre, direction, turn, extent[0], u[6] - 0.5, line)
    point_on_sphere(u[7], u[8], direction)
    for node in range(NODES):
        radii[0, node] = extent[1]
        for k in range(3):
            nodes[0, node, k] = line[node, k]
    for k in range(3):
        side[0, k] = direction[k]
    return 1
