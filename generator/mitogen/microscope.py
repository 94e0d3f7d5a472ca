"""From stain to grey levels: what a microscope, a detector and a knife do to a section, one function an artefact."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from mitogen.fields import grain, random_waves
from mitogen.grid import FloatArray
from mitogen.world import StreamOf


def photograph(density: FloatArray, drawn: Mapping[str, float], streams: StreamOf, section: int) -> NDArray[np.uint8]:
    """Image one section.

    Args:
        density: (Y, X) float32 stain: 0 is clear resin, 1 the darkest membrane.
        drawn: the image's numbers.
        streams: the image's streams.
        section: number of the section, from 0; each has noise of its own.

    Returns:
        (Y, X) uint8 grey levels; stain is dark.
    """
    image = focus(density, drawn["imaging.blur_px"])
    image = stain_unevenly(image, streams(f"stain/{section}"), drawn["imaging.stain_drift"])
    grey = drawn["imaging.white"] - drawn["imaging.contrast"] * image
    grey = shade(grey, streams(f"shade/{section}"), drawn["imaging.shading"])
    grey = draw_curtains(grey, streams(f"curtain/{section}"), drawn["imaging.curtaining"])
    grey = add_noise(grey, streams(f"noise/{section}"), drawn)
    grey = bend_tones(grey, drawn["imaging.gamma"])
    return quantise(grey)


def focus(image: FloatArray, blur_px: float) -> FloatArray:
    """Blur by the point-spread function of probe, lens and interaction volume, close to a Gaussian of `blur_px`.

    Source: Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed. (2018), ch. 5.
    """
    blurred: FloatArray = gaussian_filter(image, blur_px, mode="nearest", truncate=3.0) if blur_px > 0.15 else image
    return blurred


def stain_unevenly(image: FloatArray, rng: np.random.Generator, strength: float) -> FloatArray:
    """Let the uptake of heavy metal vary smoothly by the relative `strength` (standard deviation) over the section."""
    uneven: FloatArray = image * (1 + np.float32(strength) * _smooth(rng, image.shape))
    return uneven


def shade(grey: FloatArray, rng: np.random.Generator, strength: float) -> FloatArray:
    """Add a smooth brightness drift with a standard deviation of `strength` grey levels (detector and charging)."""
    shaded: FloatArray = grey + np.float32(strength) * _smooth(rng, grey.shape)
    return shaded


def draw_curtains(grey: FloatArray, rng: np.random.Generator, strength: float) -> FloatArray:
    """Add stripes along y with a standard deviation of `strength` grey levels, as an ion beam leaves them.

    Source: curtaining as described by Giannuzzi and Stevie, Introduction to Focused Ion Beams (2005), ch. 10.
    """
    if strength <= 0:
        return grey
    stripes = gaussian_filter1d(rng.standard_normal(grey.shape[1]), 1.0, mode="wrap") * 1.9
    curtains: FloatArray = grey + (strength * stripes).astype(np.float32)[None]
    return curtains


def add_noise(grey: FloatArray, rng: np.random.Generator, drawn: Mapping[str, float]) -> FloatArray:
    """Add shot noise, whose variance grows with the signal, and correlated detector noise.

    `imaging.noise` is the standard deviation in grey levels at mid grey (128); `imaging.shot_share` the part of its
    variance that is Poisson. Source: Timischl, Date and Nemoto, Scanning 34 (2012), statistical model of SEM signals.
    """
    noise = grain(rng, grey.shape, drawn["imaging.noise_correlation_px"])
    share = drawn["imaging.shot_share"]
    variance = (1 - share) + share * np.clip(grey, 0, 255) / 128
    noisy: FloatArray = grey + (drawn["imaging.noise"] * np.sqrt(variance)).astype(np.float32) * noise
    return noisy


def bend_tones(grey: FloatArray, gamma: float) -> FloatArray:
    """Apply the display curve grey^gamma on the range 0-255."""
    bent: FloatArray = (255 * (np.clip(grey, 0, 255) / 255) ** gamma).astype(np.float32)
    return bent


def quantise(grey: FloatArray) -> NDArray[np.uint8]:
    """Round to 8 bits; values outside 0-255 saturate as they do in a detector."""
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """A smooth field (Y, X) of standard deviation about 1 that turns once or twice over the image."""
    size = float(max(shape))
    y, x = np.arange(shape[0], dtype=np.float32), np.arange(shape[1], dtype=np.float32)
    return random_waves(rng, 1.2 * size, count=12, spread=0.5).on_section(0.0, y, x)
