"""Smooth random fields in three dimensions that can be cut by any section, and grain within a section.

A field is a sum of a few dozen random plane waves (the spectral method of Shinozuka and Deodatis, Appl. Mech. Rev.
44, 1991). Plane waves are products of functions of z, of y and of x, so a section costs a few multiplications a pixel,
and every section of a volume agrees with its neighbours without a 3D grid being held anywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled


def kernel_of(sd_px: float) -> FloatArray:
    """Half of a Gaussian kernel of sum 1: (R + 1,) float32 from its middle to three standard deviations."""
    radius = int(3.0 * sd_px + 0.5)
    half = np.exp(-0.5 * (np.arange(radius + 1) / sd_px) ** 2)
    kernel: FloatArray = (half / (2 * half.sum() - 1)).astype(np.float32)
    return kernel


def smooth(image: FloatArray, sd_px: float, *, wrap: bool = False) -> FloatArray:
    """Smooth (Y, X) float32 by a Gaussian of `sd_px` > 0.

    Args:
        image: what to smooth.
        sd_px: standard deviation in px.
        wrap: whether the image goes on at its other side; else its outermost pixels are repeated.
    """
    half = kernel_of(sd_px)
    padded = np.pad(np.asarray(image, np.float32), len(half) - 1, mode="wrap" if wrap else "edge")
    return _smooth(padded, half)


@compiled
def _smooth(padded: FloatArray, half: FloatArray) -> FloatArray:
    """Correlate (Y + 2 R, X + 2 R) with a symmetric kernel, given from its middle (R + 1,); gives (Y, X)."""
    radius = half.size - 1
    rows, columns = padded.shape[0] - 2 * radius, padded.shape[1] - 2 * radius
    out = np.empty((rows, columns), np.float32)
    line = np.empty(padded.shape[1], np.float32)
    for row in range(rows):
        middle = padded[row + radius]
        for column in range(line.size):
            line[column] = half[0] * middle[column]
        for step in range(1, radius + 1):
            above, below, weight = padded[row + radius - step], padded[row + radius + step], half[step]
            for column in range(line.size):
                line[column] += weight * (above[column] + below[column])
        target = out[row]
        for column in range(columns):
            target[column] = half[0] * line[column + radius]
        for step in range(1, radius + 1):
            left, right, weight = line[radius - step :], line[radius + step :], half[step]
            for column in range(columns):
                target[column] += weight * (left[column] + right[column])
    return out


SHIFT = 2
STRIDE = 1 << SHIFT
"""How a field changes with height is known on every so many pixels: that varies little from one to the next."""


@dataclass(frozen=True, eq=False)
class Waves:
    """A stationary random field with mean 0 and standard deviation 1 in three dimensions.

    Attributes:
        k: (K, 3) float64 wave vectors (z, y, x) in rad/nm.
        phase: (K,) float64 phases in rad.
    """

    k: NDArray[np.float64]
    phase: NDArray[np.float64]

    @property
    def mean_slope(self) -> float:
        """Standard deviation of the change per nm along an axis."""
        return float(np.sqrt(np.mean(np.sum(self.k**2, axis=1)) / 3))

    def on_section(self, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Values (Y, X) float32 on the pixels of the section at `z_nm`.

        A field that is smooth on the scale of the pixels is summed on every `step`-th of them, at least eight to its
        mean wavelength, and interpolated in between (Catmull and Rom, Computer Aided Geometric Design, 1974).
        """
        # np.mean and np.sum would take longer than a small section.
        mean_k = float(np.sqrt(np.add.reduce(np.add.reduce(np.square(self.k[:, 1:]), axis=1)) / len(self.k)))
        return _on_section(self.k, self.phase, float(z_nm), y_nm, x_nm, _step(mean_k, y_nm, x_nm))

    def rise_on_section(self, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Change (Y, X) float32 per nm of height at these pixels of the section at `z_nm`."""
        start = self.k[:, 0] * z_nm + self.phase + np.pi / 2
        amplitude = np.sqrt(2.0 / len(self.k)) * self.k[:, 0]
        return _sum_waves(self.k, start, amplitude, y_nm.astype(np.float64), x_nm.astype(np.float64))

    def at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (N,) at points (N, 3), given as (z, y, x) in nm."""
        waves: NDArray[np.float64] = np.cos(points_nm @ self.k.T + self.phase)
        values: NDArray[np.float64] = np.sqrt(2.0 / len(self.k)) * waves.sum(axis=1)
        return values


def random_waves(rng: np.random.Generator, wavelength_nm: float, *, count: int = 24, spread: float = 0.35) -> Waves:
    """Draw an isotropic field; the logarithms of its wavelengths scatter by `spread` around that of `wavelength_nm`."""
    direction = rng.standard_normal((count, 3))
    direction /= np.sqrt(np.add.reduce(np.square(direction), axis=1, keepdims=True))
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


def _step(mean_k: float, y_nm: FloatArray, x_nm: FloatArray) -> int:
    """Every how many pixels a field with this mean wave number in rad/nm must be known."""
    pixel_nm = max(_pixel_nm(y_nm), _pixel_nm(x_nm))
    samples = 2 * np.pi / (mean_k * pixel_nm) if mean_k * pixel_nm > 0 else 1.0
    return int(min(max(samples / 8, 1), 32))


def _pixel_nm(axis_nm: FloatArray) -> float:
    """Distance of pixels; 0 if there is only one."""
    return float(axis_nm[1] - axis_nm[0]) if len(axis_nm) > 1 else 0.0


@compiled
def _on_section(
    k: NDArray[np.float64], phase: NDArray[np.float64], z_nm: float, y_nm: FloatArray, x_nm: FloatArray, step: int
) -> FloatArray:  # fmt: skip
    """Sum waves of equal amplitude on every `step`-th pixel (see `Waves.on_section`) and interpolate, (Y, X)."""
    start, amplitude = np.empty(len(k)), np.full(len(k), np.sqrt(2.0 / len(k)))
    for wave in range(len(k)):
        start[wave] = k[wave, 0] * z_nm + phase[wave]
    coarse = _sum_waves(k, start, amplitude, _knots(y_nm, step), _knots(x_nm, step))
    return coarse if step == 1 else _interpolate(coarse, step, y_nm.size, x_nm.size)


@compiled
def _knots(axis_nm: FloatArray, step: int) -> NDArray[np.float64]:
    """Positions in nm of every `step`-th pixel, with one before the first and enough after the last."""
    if step == 1:
        return axis_nm.astype(np.float64)
    pixel = np.float64(axis_nm[1] - axis_nm[0]) if axis_nm.size > 1 else 1.0
    knots = np.empty((axis_nm.size - 1) // step + 4)
    for knot in range(knots.size):
        knots[knot] = np.float64(axis_nm[0]) + pixel * step * (knot - 1.0)
    return knots


@compiled
def _sum_waves(
    k: NDArray[np.float64], start: NDArray[np.float64], amplitude: NDArray[np.float64],
    ys: NDArray[np.float64], xs: NDArray[np.float64],
) -> FloatArray:  # fmt: skip
    """Sum over waves of amplitude x cos(start + k_y y + k_x x), (Y, X), by products of functions of y and of x."""
    cos_x, sin_x = np.empty((len(k), xs.size), np.float32), np.empty((len(k), xs.size), np.float32)
    for wave in range(len(k)):
        for column in range(xs.size):
            cos_x[wave, column] = np.cos(k[wave, 2] * xs[column])
            sin_x[wave, column] = np.sin(k[wave, 2] * xs[column])
    out = np.zeros((ys.size, xs.size), np.float32)
    for row in range(ys.size):
        line = out[row]
        for wave in range(len(k)):
            angle = start[wave] + k[wave, 1] * ys[row]
            c, s = np.float32(amplitude[wave] * np.cos(angle)), np.float32(amplitude[wave] * np.sin(angle))
            for column in range(xs.size):
                line[column] += c * cos_x[wave, column] - s * sin_x[wave, column]
    return out


@compiled
def _interpolate(coarse: FloatArray, step: int, height: int, width: int) -> FloatArray:
    """Cubic interpolation (height, width) between knots of which the second lies on the first pixel."""
    weights = np.empty((step, 4), np.float32)
    for i in range(step):
        t = i / step
        weights[i, 0] = ((2 - t) * t - 1) * t / 2
        weights[i, 1] = ((3 * t - 5) * t * t + 2) / 2
        weights[i, 2] = ((4 - 3 * t) * t + 1) * t / 2
        weights[i, 3] = (t - 1) * t * t / 2
    between = coarse.shape[1] - 3  # so many pixels follow their knot by 0, 1, ... pixels
    wide = np.empty((coarse.shape[0], between * step), np.float32)
    for knot in range(coarse.shape[0]):
        first, second, third, fourth = coarse[knot], coarse[knot, 1:], coarse[knot, 2:], coarse[knot, 3:]
        for i in range(step):
            a, b, c, d = weights[i, 0], weights[i, 1], weights[i, 2], weights[i, 3]
            line = wide[knot, i:]
            for n in range(between):
                line[n * step] = a * first[n] + b * second[n] + c * third[n] + d * fourth[n]
    out = np.empty((height, width), np.float32)
    for row in range(height):
        w, top = weights[row % step], row // step
        a, b, c, d = w[0], w[1], w[2], w[3]
        first, second, third, fourth = wide[top], wide[top + 1], wide[top + 2], wide[top + 3]
        for column in range(width):
            out[row, column] = a * first[column] + b * second[column] + c * third[column] + d * fourth[column]
    return out


@compiled
def between(knots: FloatArray, i: int, j: int) -> np.float32:
    """Value at pixel (i, j) of what is known on every `STRIDE`-th pixel, interpolated linearly."""
    row, column, v, u = weights(knots, i, j)
    below, beside = min(row + 1, knots.shape[0] - 1), min(column + 1, knots.shape[1] - 1)
    upper = knots[row, column] + u * (knots[row, beside] - knots[row, column])
    lower = knots[below, column] + u * (knots[below, beside] - knots[below, column])
    return np.float32(upper + v * (lower - upper))


@compiled
def weights(knots: FloatArray, i: int, j: int) -> tuple[int, int, np.float32, np.float32]:
    """The knot above and left of pixel (i, j), and how far the pixel lies towards the next ones, 0-1."""
    row, column = min(i >> SHIFT, knots.shape[0] - 1), min(j >> SHIFT, knots.shape[1] - 1)
    share = np.float32(1 / STRIDE)
    return row, column, np.float32(i - (row << SHIFT)) * share, np.float32(j - (column << SHIFT)) * share
