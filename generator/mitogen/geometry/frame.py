"""Coordinates of tissue that are turned against those of the sections, and bend slowly."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import Grid
from mitogen.geometry.packing.sites import Coordinates
from mitogen.geometry.point_process import Box
from mitogen.geometry.random_fields import Waves, random_waves

_STEPS = 4
"""How often `Frame.back` corrects itself: bends are slow, so each step leaves a tenth of the error."""


@dataclass(frozen=True, eq=False)
class Bend:
    """Waves of one length that displace the coordinates of a frame.

    Attributes:
        fields: three fields, for s, u and v, of as many waves.
        amplitude_nm: (3,) float64 how far each displaces (standard deviation).
    """

    fields: tuple[Waves, Waves, Waves]
    amplitude_nm: NDArray[np.float64]

    def at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far points (N, 3) are displaced, (N, 3) in nm; the three fields at once, with the bytes of each."""
        k, phase = self._together
        count = len(k) // 3
        waves = np.cos(points_nm @ k.T + phase).reshape(len(points_nm), 3, count)
        moved: NDArray[np.float64] = self.amplitude_nm * (np.sqrt(2.0 / count) * waves.sum(axis=2))
        return moved

    @cached_property
    def _together(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wave vectors (3 K, 3) and phases (3 K,) of the three fields."""
        return np.concatenate([one.k for one in self.fields]), np.concatenate([one.phase for one in self.fields])


@dataclass(frozen=True, eq=False)
class Frame:
    """A turned and slightly bent system of coordinates in nm: s along something, u and v across it.

    Attributes:
        axes: (3, 3) float64 rows: the vectors (z, y, x) of s, u and v where nothing is bent; that of s may lean.
        bends: what displaces s, u and v; fields of several wavelengths.
        shift_nm: coordinates of the origin of the tissue where nothing is bent.
    """

    axes: NDArray[np.float64]
    bends: tuple[Bend, ...]
    shift_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _last: dict[tuple[Grid, float], Coordinates] = field(default_factory=dict, init=False)

    def on_section(self, grid: Grid, z_nm: float) -> Coordinates:
        """Coordinates s, u and v, each (Y, X) float32 in nm, of the pixels of a section; not to be changed.

        Those of the last section are remembered: several ask for them in a row.
        """
        if (grid, z_nm) not in self._last:
            self._last.clear()
            self._last[grid, z_nm] = self._on_section(grid, z_nm)
        return self._last[grid, z_nm]

    def _on_section(self, grid: Grid, z_nm: float) -> Coordinates:
        y_nm, x_nm = grid.y_nm, grid.x_nm
        s, u, v = (
            np.float32(axis[1]) * y_nm[:, None] + np.float32(axis[2]) * x_nm[None] + np.float32(axis[0] * z_nm + shift)
            for axis, shift in zip(self.axes, self.shift_nm, strict=True)
        )
        for bend in self.bends:
            for place, waves, amplitude in zip((s, u, v), bend.fields, bend.amplitude_nm, strict=True):
                place += np.float32(amplitude) * waves.on_section(z_nm, y_nm, x_nm)
        return s, u, v

    def at(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates (N, 3) of points (N, 3), given as (z, y, x) in nm."""
        places: NDArray[np.float64] = points_nm @ self.axes.T + self._bends(points_nm) + np.array(self.shift_nm)
        return places

    def back(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) in nm that have these coordinates (N, 3)."""
        inverse = np.linalg.inv(self.axes).T
        coordinates = coordinates - np.array(self.shift_nm)
        points = coordinates @ inverse
        for _ in range(_STEPS):
            points = (coordinates - self._bends(points)) @ inverse
        return points

    def straight(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) in nm that would have these coordinates (N, 3) if nothing were bent."""
        points: NDArray[np.float64] = (coordinates - np.array(self.shift_nm)) @ np.linalg.inv(self.axes).T
        return points

    def reaching(self, coordinates: NDArray[np.float64], box_nm: Box, margin_nm: float) -> NDArray[np.intp]:
        """Indices of the coordinates (N, 3) that may lie within a box grown by a margin, and of a few that do not."""
        straight = self.straight(coordinates)
        spare = margin_nm + self.farthest_nm
        return np.flatnonzero(np.all((straight > box_nm[0] - spare) & (straight < box_nm[1] + spare), axis=1))

    @property
    def farthest_nm(self) -> float:
        """How far bends displace anything along one axis at most."""
        return float(self._farthest.max())

    @property
    def _farthest(self) -> NDArray[np.float64]:
        """(3,) how far bends displace at most: sums of plane waves hardly ever exceed three standard deviations."""
        farthest: NDArray[np.float64] = 3 * np.sum([bend.amplitude_nm for bend in self.bends], axis=0)
        return farthest

    def around(self, box_nm: Box) -> Box:
        """A box of coordinates that holds all points of a box."""
        low, high = box_nm
        corners = np.array([[(low, high)[(k >> axis) & 1][axis] for axis in range(3)] for k in range(8)])
        turned = corners @ self.axes.T + np.array(self.shift_nm)
        return turned.min(axis=0) - self._farthest, turned.max(axis=0) + self._farthest

    def _bends(self, points_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = np.zeros(points_nm.shape)
        for bend in self.bends:
            moved += bend.at(points_nm)
        return moved


def turned(rng: np.random.Generator, tilt_rad: float) -> NDArray[np.float64]:
    """Axes (3, 3) of a frame: the first tilted out of the plane of the sections, and in any direction within it."""
    turn, roll = rng.uniform(0, 2 * np.pi, 2)
    along = np.array([np.sin(tilt_rad), np.cos(tilt_rad) * np.sin(turn), np.cos(tilt_rad) * np.cos(turn)])
    across = np.array([0.0, np.cos(turn), -np.sin(turn)])
    # Rolled about the first axis as well, or sections would run along the rows of a lattice.
    first = np.cos(roll) * across + np.sin(roll) * np.cross(along, across)
    return np.stack([along, first, np.cross(along, first)])


def bend_of(rng: np.random.Generator, wave_nm: float, along_nm: float, across_nm: float) -> Bend:
    """Draw waves of a length, with an amplitude along the first axis and one along the two others."""
    s, u, v = (random_waves(rng, wave_nm, count=16) for _ in range(3))
    return Bend((s, u, v), np.array([along_nm, across_nm, across_nm]))
