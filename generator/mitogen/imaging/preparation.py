"""What cutting and handling leave on a section: folds, dust, knife marks, curtains of the ion beam."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mitogen.geometry.grid import FloatArray

# Marks of a knife are tabulated at this many places a pixel.
_FINE = 4


def fold_section(density: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Lay the section over itself along `imaging.folds` dark bands of up to `imaging.fold_width_nm`.

    In a band three layers lie on top of each other: the tissue, its mirror image, and tissue from further on, the upper
    two drawn less dense than they are, because a detector saturates. The model keeps the geometry: tissue beside the
    band is not drawn together, so labels stay as they are, and under a fold they are those of the lowest layer.

    Source: Saalfeld, Fetter, Cardona and Tomancak, Nature Methods 9 (2012), on folds in series of ultra-thin sections.
    """
    for _ in range(round(params["imaging.folds"])):
        angle = rng.uniform(0, np.pi)
        across, along = _line(density.shape, angle, rng.random(2))
        size = float(max(density.shape))
        wave = rng.uniform(0.5, 2, 2) / size
        phase = rng.uniform(0, 2 * np.pi, 2)
        centre = 0.025 * size * np.sin(2 * np.pi * wave[0] * along + phase[0])
        taper = np.sqrt(np.maximum(1 - (along / (rng.uniform(0.4, 2.0) * size)) ** 2, 0))
        width = params["imaging.fold_width_nm"] / params["section.pixel_nm"]
        half = 0.5 * width * taper * (1 + 0.3 * np.sin(2 * np.pi * 2 * wave[1] * along + phase[1]))
        beyond = rng.uniform(1.5, 4) * width
        density = _lay_over(density, across - centre, half, (np.cos(angle), -np.sin(angle)), beyond)
    return density


def _lay_over(
    density: FloatArray, across: FloatArray, half: FloatArray, normal: tuple[float, float], beyond_px: float
) -> FloatArray:
    """Add the layers of a fold where `across` (Y, X), the distance in px from its centre, is less than `half` (Y, X).

    The upper layers are tissue from the other side along `normal` (y, x), and from `beyond_px` further on.
    """
    soft = 1.5 + 0.3 * half  # the section bends over, it does not break
    cover = np.clip((half - np.abs(across)) / soft + 0.5, 0, 1) * (half > 0)
    y, x = np.nonzero(cover)
    if len(y) == 0:
        return density
    s = across[y, x]
    layers = np.full(len(y), 0.3, np.float32)  # the resin of two more layers scatters too
    for share, offset in ((0.6, -2 * s), (0.4, np.full_like(s, beyond_px))):
        rows = np.clip(np.rint(y + offset * normal[0]), 0, density.shape[0] - 1).astype(int)
        columns = np.clip(np.rint(x + offset * normal[1]), 0, density.shape[1] - 1).astype(int)
        layers += np.float32(share) * density[rows, columns]
    folded = density.copy()
    folded[y, x] += cover[y, x].astype(np.float32) * layers
    return folded


def settle_dust(density: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Cover tissue with specks: mostly black grains of stain precipitate, some bright debris that charges up.

    Labels stay as they are: they tell what is under the dust.

    Source: Hayat, Principles and Techniques of Electron Microscopy: Biological Applications, 4th ed. (2000), on
    precipitates and contamination of stained sections.
    """
    pixel = params["section.pixel_nm"]
    area_um2 = density.size * pixel**2 * 1e-6
    count = int(rng.poisson(params["imaging.dust_per_um2"] * area_um2))
    places = rng.random((count, 2)) * density.shape
    radii = params["imaging.dust_radius_nm"] / pixel * np.exp(0.4 * rng.standard_normal(count))
    stain = np.where(rng.random(count) < 0.75, rng.uniform(1.0, 1.8, count), rng.uniform(-0.3, -0.05, count))
    dusty = density.copy()
    for place, radius, value in zip(places, np.maximum(radii, 0.6), stain, strict=True):
        _settle(dusty, place, float(radius), float(value), rng)
    return dusty


def _settle(
    density: FloatArray, place: NDArray[np.float64], radius_px: float, stain: float, rng: np.random.Generator
) -> None:
    """Draw one speck of irregular outline into `density` (Y, X) at `place` (y, x) in px."""
    stretch, turn = rng.uniform(1, 1.6), rng.uniform(0, np.pi)
    waves = rng.uniform(0.05, 0.2, 4) / np.arange(1, 5)
    phases = rng.uniform(0, 2 * np.pi, 4)
    reach = 2.2 * radius_px + 2
    low = np.maximum(np.floor(place - reach), 0).astype(int)
    high = np.minimum(np.ceil(place + reach) + 1, density.shape).astype(int)
    y, x = np.arange(low[0], high[0])[:, None] - place[0], np.arange(low[1], high[1])[None] - place[1]
    u, v = (x * np.cos(turn) + y * np.sin(turn)) / stretch, (y * np.cos(turn) - x * np.sin(turn)) * stretch
    angle = np.arctan2(v, u)
    outline = 1 + sum(waves[k] * np.cos((k + 2) * angle + phases[k]) for k in range(4))
    cover = np.clip(radius_px * outline - np.hypot(u, v) + 0.5, 0, 1).astype(np.float32)
    window = density[low[0] : high[0], low[1] : high[1]]
    window += cover * (np.float32(stain) - window)


def scratch(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Draw the marks of nicks in the knife's edge: thin lines along `imaging.knife_deg`, dark with a bright lip.

    A typical mark stands out by `imaging.knife_marks` grey levels; there is about one in 80 px.

    Source: Hayat, Principles and Techniques of Electron Microscopy: Biological Applications, 4th ed. (2000), on knife
    marks in ultramicrotomy.
    """
    angle = np.deg2rad(params["imaging.knife_deg"])
    # Distance across the marks; they run along (cos, sin) in (x, y).
    y = np.arange(grey.shape[0], dtype=np.float32) * np.float32(np.cos(angle))
    x = np.arange(grey.shape[1], dtype=np.float32) * np.float32(-np.sin(angle))
    corner = float(y.min() + x.min())
    length = float(y.max() + x.max()) - corner
    profile = _marks(length, rng)
    at = ((y[:, None] + x[None] - np.float32(corner)) * np.float32(_FINE)).astype(np.intp)
    marked: FloatArray = grey + np.float32(params["imaging.knife_marks"]) * profile[at]
    return marked


def _marks(length_px: float, rng: np.random.Generator) -> FloatArray:
    """Profile of the marks across a band of `length_px`, at `_FINE` places a px; a typical mark is 1 deep."""
    at = np.arange(int(length_px * _FINE) + 2) / _FINE
    profile = np.zeros(len(at))
    # At least one: an image of a scratched block that shows no scratch would make the knob a lie.
    for _ in range(1 + int(rng.poisson(length_px / 80))):
        place, width = rng.uniform(0, length_px), rng.uniform(0.5, 1.6)
        depth = rng.choice([-1.0, 1.0], p=[0.7, 0.3]) * rng.uniform(0.5, 1.5)
        offset = (at - place) / width
        profile += depth * (np.exp(-0.5 * offset**2) - 0.4 * np.exp(-0.5 * (offset - 2.5) ** 2))
    return profile.astype(np.float32)


def draw_curtains(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Add stripes along y with a standard deviation of `imaging.curtaining` grey levels, as an ion beam leaves them.

    Source: curtaining as described by Giannuzzi and Stevie, Introduction to Focused Ion Beams (2005), ch. 10.
    """
    stripes = gaussian_filter1d(rng.standard_normal(grey.shape[1]), 1.0, mode="wrap") * 1.9
    curtains: FloatArray = grey + (params["imaging.curtaining"] * stripes).astype(np.float32)[None]
    return curtains


def _line(shape: tuple[int, ...], angle: float, place: NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
    """Distances (Y, X) in px across and along a straight line through `place`, a share (y, x) of the image."""
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(place[0] * shape[0])
    x = np.arange(shape[1], dtype=np.float32)[None] - np.float32(place[1] * shape[1])
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return y * cosine - x * sine, x * cosine + y * sine
