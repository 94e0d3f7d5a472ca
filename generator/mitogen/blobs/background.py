"""What lies around bodies under a light microscope: haze, fibres, debris and what is out of focus."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.jit import compiled
from mitogen.geometry.random_fields import Waves, smooth


def haze(field: Waves, grid: Grid, z_nm: float, strength: float) -> FloatArray:
    """Uneven light (Y, X) float32 with a mean of half of `strength`, never negative."""
    value = field.on_section(z_nm, grid.y_nm, grid.x_nm)
    light: FloatArray = np.float32(strength) * expit(np.float32(1.5) * value)
    return light


def fibres(line: Waves, patch: Waves, grid: Grid, z_nm: float, strength: float) -> FloatArray:
    """Faint winding lines (Y, X) float32, where the field `line` is near zero, in parts of the image."""
    ridge = np.exp(-np.square(line.on_section(z_nm, grid.y_nm, grid.x_nm) / np.float32(0.13)))
    share = expit(np.float32(3) * patch.on_section(z_nm, grid.y_nm, grid.x_nm))
    lines: FloatArray = np.float32(strength) * ridge * share
    return lines


def spread(light: FloatArray, sd_px: float) -> FloatArray:
    """Smooth (Y, X) float32 by a wide Gaussian of `sd_px`, on coarser pixels where that makes no difference."""
    step = max(int(min(sd_px, min(light.shape)) / 2.5), 1)
    rows, columns = (-(-size // step) for size in light.shape)
    padded = np.pad(light, ((0, rows * step - light.shape[0]), (0, columns * step - light.shape[1])), mode="edge")
    blocks = padded.reshape(rows, step, -1).mean(axis=1).reshape(rows, columns, step).mean(axis=2)
    return refine(smooth(blocks, max(min(sd_px, max(light.shape)) / step, 0.1)), step, light.shape)


def refine(coarse: FloatArray, step: int, shape: tuple[int, ...]) -> FloatArray:
    """Interpolate between blocks of `step` pixels, and keep the first (Y, X) = `shape` pixels."""
    along = []
    for size in shape:
        place = np.clip((np.arange(size) + 0.5) / step - 0.5, 0, -(-size // step) - 1)
        along.append(np.maximum(1 - np.abs(place[:, None] - np.arange(-(-size // step))), 0).astype(np.float32))
    fine: FloatArray = along[0] @ coarse @ along[1].T
    return fine


def specks(
    y_nm: FloatArray, x_nm: FloatArray, place: NDArray[np.float64], brightness: NDArray[np.float64], bluntness: int
) -> FloatArray:
    """Draw spots whose light falls as exp(-d^bluntness), d the distance in half axes.

    Args:
        y_nm: (Y,) middles of the pixels.
        x_nm: (X,) the same across.
        place: (S, 5) middle (y, x) and half axes in nm, direction of the first one in rad from x towards y.
        brightness: (S,) of each.
        bluntness: an even number: 2 is a Gaussian, more gives an edge.

    Returns:
        (Y, X) float32 sum of them all.
    """
    light = np.zeros((len(y_nm), len(x_nm)), np.float32)
    if len(place):
        turn = np.stack([np.cos(place[:, 4]), np.sin(place[:, 4]), brightness], axis=1)
        _add_specks(np.hstack([place[:, :4], turn]).astype(np.float32), y_nm, x_nm, bluntness // 2, light)
    return light


@compiled
def _add_specks(table: FloatArray, ys: FloatArray, xs: FloatArray, power: int, light: FloatArray) -> None:
    for s in range(len(table)):
        cy, cx, long, short, cos, sin, brightness = table[s]
        far = max(long, short) * np.float32(4.6) ** (np.float32(0.5) / power)  # where a hundredth of the light is left
        first, last = np.searchsorted(ys, cy - far), np.searchsorted(ys, cy + far)
        left, right = np.searchsorted(xs, cx - far), np.searchsorted(xs, cx + far)
        for i in range(first, last):
            for j in range(left, right):
                y, x = ys[i] - cy, xs[j] - cx
                d2 = ((x * cos + y * sin) / long) ** 2 + ((y * cos - x * sin) / short) ** 2
                fall = d2
                for _ in range(power - 1):
                    fall *= d2
                if fall < 4.6:
                    light[i, j] += brightness * np.exp(-fall)
