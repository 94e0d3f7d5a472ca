"""Where the pixels of a section lie in the tissue, in nm."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """The pixel centres of parallel sections through the scene, whose origin is the centre of section `0`.

    Attributes:
        shape: number of pixels (Y, X) of one section.
        pixel_nm: edge length of a pixel in nm (square pixels).
        thickness_nm: thickness of a section in nm: what the beam averages over.
        spacing_nm: distance between the middles of neighbouring sections in nm.
        sections: number of sections Z, the first of them at z = 0.
        shift_nm: how far (y, x) in nm the pixels lie beside those of the first section.
        slack_nm: the farthest that a section may be shifted along one axis.
    """

    shape: tuple[int, int]
    pixel_nm: float
    thickness_nm: float
    spacing_nm: float
    sections: int = 1
    shift_nm: tuple[float, float] = (0.0, 0.0)
    slack_nm: float = 0.0

    def shifted(self, shift_nm: tuple[float, float]) -> "Grid":
        """The same pixels, moved by (y, x) in nm through the tissue."""
        return replace(self, shift_nm=shift_nm)

    @cached_property
    def y_nm(self) -> FloatArray:
        """(Y,) float32: y of the pixel rows in nm, centred on the shift."""
        places = (np.arange(self.shape[0]) - (self.shape[0] - 1) / 2) * self.pixel_nm
        return (places + self.shift_nm[0]).astype(np.float32)

    @cached_property
    def x_nm(self) -> FloatArray:
        """(X,) float32: x of the pixel columns in nm, centred on the shift."""
        places = (np.arange(self.shape[1]) - (self.shape[1] - 1) / 2) * self.pixel_nm
        return (places + self.shift_nm[1]).astype(np.float32)

    @cached_property
    def z_nm(self) -> FloatArray:
        """(Z,) float32: middle of each section in nm, from 0 upwards."""
        return (np.arange(self.sections) * self.spacing_nm).astype(np.float32)

    def box(self, margin_nm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner (z, y, x) in nm of all pixels of all sections, grown by `margin_nm`."""
        half = np.array(self.shape, float) / 2 * self.pixel_nm + self.slack_nm
        low = np.array([0.0, -half[0], -half[1]]) - margin_nm
        high = np.array([float(self.z_nm[-1]), half[0], half[1]]) + margin_nm
        return low, high
