"""Distances in nm from surfaces and curves on which smooth fields vanish, to first order.

A level of a field is a curved sheet, the curve on which two fields vanish a winding thread: this lays out cisternae,
tubules and threads through all of space without a list of them. Widths are true in every direction because the slope
is that in three dimensions: two neighbours in the plane give two of its components, the waves themselves the third.
"""

from typing import NamedTuple

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import inlined
from mitogen.geometry.random_fields import between


class Level(NamedTuple):
    """A field on a section.

    Attributes:
        value: (Y, X) float32.
        rise: float32 its change per nm of height on every `STRIDE`-th pixel.
    """

    value: FloatArray
    rise: FloatArray


@inlined
def slope(level: Level, i: int, j: int, pixel: float) -> tuple[float, float, float]:
    """Gradient (z, y, x) of a field per nm at one pixel."""
    value = level.value
    top, bottom = max(i - 1, 0), min(i + 1, value.shape[0] - 1)
    left, right = max(j - 1, 0), min(j + 1, value.shape[1] - 1)
    gy = (value[bottom, j] - value[top, j]) / (max(bottom - top, 1) * pixel)
    gx = (value[i, right] - value[i, left]) / (max(right - left, 1) * pixel)
    return float(between(level.rise, i, j)), gy, gx


@inlined
def thread(first: Level, second: Level, i: int, j: int, pixel: float, farthest: float) -> tuple[float, float]:
    """Distance in nm of a pixel from the curve on which two fields vanish, and the z component of the way there.

    Distances beyond `farthest` may come out as any larger number.

    The nearest point lies at -G' (G G')^-1 f, where the rows of G are the two gradients: the smallest step that brings
    both fields to zero to first order.
    """
    az, ay, ax = slope(first, i, j, pixel)
    aa = az * az + ay * ay + ax * ax
    f, g = first.value[i, j], second.value[i, j]
    # The curve is no nearer than the surface on which the first field vanishes.
    if f * f > farthest * farthest * aa:
        return 2 * farthest, 0.0
    bz, by, bx = slope(second, i, j, pixel)
    bb, ab = bz * bz + by * by + bx * bx, az * bz + ay * by + ax * bx
    determinant = max(aa * bb - ab * ab, 0.05 * aa * bb + 1e-30)
    u, v = (bb * f - ab * g) / determinant, (aa * g - ab * f) / determinant
    z, y, x = u * az + v * bz, u * ay + v * by, u * ax + v * bx
    distance = np.sqrt(z * z + y * y + x * x)
    return distance, abs(z) / max(distance, 1e-6)


def wavelength_of_threads(density_per_um2: float) -> float:
    """Wavelength in nm of two fields whose common zeros cross any surface this many times a square micrometre.

    Two isotropic unit fields whose slopes along an axis have variance v vanish together on curves of length v / pi in a
    unit volume (Adler and Taylor, Random Fields and Geometry, 2007, ch. 15), and a surface meets half as many.
    """
    # The mean square of the wave number exceeds that of the median wavelength by the scatter of `random_waves`.
    square = 6 * np.pi * max(density_per_um2, 1e-3) / np.exp(2 * 0.35**2)
    return float(2000 * np.pi / np.sqrt(square))
