"""What drifts smoothly over an image: staining, contrast, gain and brightness."""

from collections.abc import Mapping

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.random_fields import random_waves


def stain_unevenly(image: FloatArray, rng: np.random.Generator, strength: float) -> FloatArray:
    """Let the uptake of heavy metal vary smoothly by the relative `strength` (standard deviation) over the section.

    Source: Hayat, Principles and Techniques of Electron Microscopy: Biological Applications, 4th ed. (2000), on the
    penetration of stains.
    """
    uneven: FloatArray = image * (1 + np.float32(strength) * slow_field(rng, image.shape))
    return uneven


def drift_contrast(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Let the contrast around the mean grey level vary by the relative `imaging.contrast_drift` (standard deviation).

    Source: Tasdizen et al., Journal of Neuroscience Methods 193 (2010), on contrast that differs within sections.
    """
    mean = np.float32(grey.mean())
    gain = np.exp(np.float32(params["imaging.contrast_drift"]) * slow_field(rng, grey.shape))
    drifted: FloatArray = mean + gain * (grey - mean)
    return drifted


def light_unevenly(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Multiply by a smooth gain that varies by the relative `imaging.bias_field` (standard deviation).

    Source: the multiplicative part of the model of Likar, Maintz, Viergever and Pernus, J. Microscopy 197 (2000).
    """
    gain = np.exp(np.float32(params["imaging.bias_field"]) * slow_field(rng, grey.shape))
    lit: FloatArray = grey * gain
    return lit


def shade(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Add a smooth brightness drift with a standard deviation of `imaging.shading` grey levels.

    Source: the additive part of the model of Likar, Maintz, Viergever and Pernus, J. Microscopy 197 (2000).
    """
    shaded: FloatArray = grey + np.float32(params["imaging.shading"]) * slow_field(rng, grey.shape)
    return shaded


def slow_field(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """A smooth field (Y, X) of standard deviation about 1 that turns once or twice over the image."""
    size = float(max(shape))
    y, x = np.arange(shape[0], dtype=np.float32), np.arange(shape[1], dtype=np.float32)
    return random_waves(rng, 1.2 * size, count=12, spread=0.5).on_section(0.0, y, x)
