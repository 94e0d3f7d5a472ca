"""Coordinates of tissue that are turned against those of the sections, and bend slowly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import Box
from mitogen.geometry.random_fields import Waves, random_waves

_STEPS = 4
"""How often `Frame.back` corrects itself: bends are slow, so each step leaves a tenth of the error."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A turned and slightly bent system of coordinates in nm: s along something, u and v across it.

    Attributes:
        axes: (3, 3) float64 rows: the vectors (z, y, x) of s, u and v where nothing is bent; that of s may lean.
        warp: three fields that displace s, u and v.
        warp_nm: (3,) float64 amplitudes of the displacement in nm.
    """

    axes: NDArray[np.float64]
    warp: tuple[Waves, Waves, Waves]
    warp_nm: NDArray[np.float64]

    def on_section(self, z_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coordinates s, u and v, each (Y, X) float32 in nm, of the pixels of a section."""
        s, u, v = (
            np.float32(bend) * field.on_section(z_nm, y_nm, x_nm)
            + (np.float32(axis[1]) * y_nm[:, None] + np.float32(axis[2]) * x_nm[None] + np.float32(axis[0] * z_nm))
            for axis, field, bend in zip(self.axes, self.warp, self.warp_nm, strict=True)
        )
        return s, u, v

    def at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates (N, 3) of points (N, 3), given as (z, y, x) in nm."""
        return points_nm @ self.axes.T + self._bends(points_nm)

    def back(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) in nm that have these coordinates (N, 3)."""
        inverse = np.linalg.inv(self.axes).T
        points = coordinates @ inverse
        for _ in range(_STEPS):
            points = (coordinates - self._bends(points)) @ inverse
        return points

    def around(self, box_nm: Box) -> Box:
        """A box of coordinates that holds all points of a box."""
        low, high = box_nm
        corners = np.array([[(low, high)[(k >> axis) & 1][axis] for axis in range(3)] for k in range(8)])
        turned = corners @ self.axes.T
        # Sums of plane waves hardly ever exceed three standard deviations.
        return turned.min(axis=0) - 3 * self.warp_nm, turned.max(axis=0) + 3 * self.warp_nm

    def _bends(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([bend * field.at(points_nm) for field, bend in zip(self.warp, self.warp_nm, strict=True)], 1)


def turned(rng: np.random.Generator, tilt_rad: float) -> NDArray[np.float64]:
    """Axes (3, 3) of a frame: the first tilted out of the plane of the sections, and in any direction within it."""
    turn, roll = rng.uniform(0, 2 * np.pi, 2)
    along = np.array([np.sin(tilt_rad), np.cos(tilt_rad) * np.sin(turn), np.cos(tilt_rad) * np.cos(turn)])
    across = np.array([0.0, np.cos(turn), -np.sin(turn)])
    # Rolled about the first axis as well, or sections would run along the rows of a lattice.
    first = np.cos(roll) * across + np.sin(roll) * np.cross(along, across)
    return np.stack([along, first, np.cross(along, first)])


def bent(rng: np.random.Generator, axes: NDArray[np.float64], wave_nm: float, bend_nm: tuple[float, float]) -> Frame:
    """A frame with these axes, bent by fields of a wavelength.

    Args:
        rng: draws the fields.
        axes: (3, 3) see `Frame`.
        wave_nm: wavelength of the bends.
        bend_nm: their amplitude along the first axis, and along the two others.
    """
    s, u, v = (random_waves(rng, wave_nm, count=16) for _ in range(3))
    return Frame(axes, (s, u, v), np.array([bend_nm[0], bend_nm[1], bend_nm[1]]))
