"""Smooth random fields in three dimensions that can be cut by any section, and grain within a section.

A field is a sum of a few dozen random plane waves (the spectral method of Shinozuka and Deodatis, Appl. Mech. Rev.
44, 1991). Plane waves are products of functions of z, of y and of x, so a section costs a few multiplications a pixel,
and every section of a volume agrees with its neighbours without a 3D grid being held anywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.grid import FloatArray
from mitogen.kernels import compiled
from mitogen.smoothing import kernel_of, smooth


@dataclass(frozen=True, eq=False)
class Waves:
    """A stationary random field with mean 0 and standard deviation 1 in three dimensions.

    Attributes:
        k: (K, 3) float64 wave vectors (z, y, x) in rad/nm.
        phase: (K,) float64 phases in rad.
    """

    k: NDArray[np.float64]
    phase: NDArray[np.float64]

    def on_section(self, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Values (Y, X) float32 on the pixels of the section at `z_nm`."""
        start = self.k[:, 0] * z_nm + self.phase
        along_y = start[:, None] + self.k[:, 1, None] * y_nm[None].astype(np.float64)
        along_x = self.k[:, 2, None] * x_nm[None].astype(np.float64)
        amplitude = np.sqrt(2.0 / len(self.k))
        return _separable_cosines(
            (amplitude * np.cos(along_y)).astype(np.float32),
            (amplitude * np.sin(along_y)).astype(np.float32),
            np.cos(along_x).astype(np.float32),
            np.sin(along_x).astype(np.float32),
        )

    def at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (N,) at points (N, 3), given as (z, y, x) in nm."""
        waves: NDArray[np.float64] = np.cos(points_nm @ self.k.T + self.phase)
        values: NDArray[np.float64] = np.sqrt(2.0 / len(self.k)) * waves.sum(axis=1)
        return values


def random_waves(rng: np.random.Generator, wavelength_nm: float, *, count: int = 24, spread: float = 0.35) -> Waves:
    """Draw an isotropic field; the logarithms of its wavelengths scatter by `spread` around that of `wavelength_nm`."""
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = wavelength_nm * np.exp(spread * rng.standard_normal(count))
    return Waves(direction * (2 * np.pi / length)[:, None], rng.uniform(0, 2 * np.pi, count))


def grain(rng: np.random.Generator, shape: tuple[int, int], correlation_px: float) -> FloatArray:
    """White noise (Y, X) float32, smoothed by a Gaussian of `correlation_px`, with mean 0 and standard deviation 1."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if correlation_px < 0.2:
        return noise
    half = kernel_of(correlation_px)
    # The variance that the filter leaves of white noise is the squared sum of squares of its kernel.
    left = 2 * np.square(half).sum() - half[0] ** 2
    scaled: FloatArray = smooth(noise, correlation_px, wrap=True) / left
    return scaled


@compiled
def _separable_cosines(cos_y: FloatArray, sin_y: FloatArray, cos_x: FloatArray, sin_x: FloatArray) -> FloatArray:
    """Sum over waves of cos(a_y + a_x), from (K, Y) and (K, X) tables."""
    out = np.zeros((cos_y.shape[1], cos_x.shape[1]), np.float32)
    for row in range(out.shape[0]):
        line = out[row]
        for wave in range(cos_y.shape[0]):
            c = cos_y[wave, row]
            s = sin_y[wave, row]
            for column in range(line.size):
                line[column] += c * cos_x[wave, column] - s * sin_x[wave, column]
    return out
