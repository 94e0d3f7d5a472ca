"""Endoplasmic reticulum: curved sheets (cisternae) and tubules, as level sets of smooth fields."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.canvas import Canvas
from mitogen.fields import Waves
from mitogen.parts import Part
from mitogen.profiles import inside


def draw_cisternae(
    canvas: Canvas, drawn: Mapping[str, float], fields: tuple[Waves, Waves], where: NDArray[np.bool_]
) -> None:
    """Draw flattened cisternae: parallel sheets where a phase field is near a whole number.

    Args:
        canvas: its density is changed in place.
        drawn: the image's numbers.
        fields: the phase field, and one that bounds the patches in which sheets occur.
        where: (Y, X) bool, the pixels that may hold reticulum.
    """
    grid = canvas.grid
    patch = canvas.on_section(fields[1])
    here = where & canvas.free & (patch > _quantile(drawn["reticulum.cisternae_share"]))
    here &= canvas.membrane > 20
    at = np.flatnonzero(here)
    if at.size == 0:
        return
    phase = canvas.on_section(fields[0]) * np.float32(drawn["reticulum.sheets"])
    gy, gx = np.gradient(phase, grid.pixel_nm)
    slope = np.sqrt(gy * gy + gx * gx).reshape(-1)[at]
    # Out of the plane a field changes as fast as within it: a typical slope stands in where it is flat.
    typical = np.float32(np.sqrt(np.mean(gy * gy + gx * gx) / 2))
    fold = phase.reshape(-1)[at]
    distance = (fold - np.round(fold)) / np.sqrt(slope * slope + typical * typical)
    normal_z = (typical / np.sqrt(slope * slope + typical * typical)).astype(np.float32)
    reach = canvas.reach(normal_z)
    lumen, width = drawn["reticulum.lumen_nm"] / 2, 7.0
    from_sheet = np.abs(distance).astype(np.float32)
    canvas.cover(inside(from_sheet - np.float32(lumen), reach), drawn["reticulum.lumen_density"], at, Part.RETICULUM)
    canvas.cover_layer(
        from_sheet, reach, (lumen, lumen + width), drawn["reticulum.membrane_density"], at, Part.RETICULUM
    )


def draw_tubules(
    canvas: Canvas, drawn: Mapping[str, float], fields: tuple[Waves, Waves], where: NDArray[np.bool_]
) -> None:
    """Draw smooth tubules around the curves on which both fields vanish; arguments as in `draw_cisternae`."""
    first = canvas.on_section(fields[0])
    second = canvas.on_section(fields[1])
    # Mean slope of a unit field is 2 pi / wavelength / sqrt(3) an axis; both fields share the wavelength.
    slope = np.float32(np.sqrt(np.mean(np.sum(fields[0].k ** 2, axis=1)) / 3) * np.sqrt(2))
    distance = np.sqrt(first * first + second * second) / slope
    radius = drawn["reticulum.tubule_radius_nm"]
    here = where & canvas.free & (distance < radius + 20) & (canvas.membrane > radius * 0.6)
    at = np.flatnonzero(here)
    if at.size == 0:
        return
    surface = (distance.reshape(-1)[at] - np.float32(radius)).astype(np.float32)
    reach = canvas.reach(np.full(at.shape, 0.4, np.float32))
    canvas.cover(inside(surface, reach), drawn["reticulum.lumen_density"], at, Part.RETICULUM)
    canvas.cover_layer(surface, reach, (-3.5, 3.5), drawn["reticulum.membrane_density"], at, Part.RETICULUM)


def _quantile(share: float) -> np.float32:
    """Level that a unit normal field exceeds on `share` of the points."""
    return np.float32(-ndtri(np.clip(share, 1e-6, 1 - 1e-6)))
