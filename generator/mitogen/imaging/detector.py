"""What a detector adds: counting statistics, scatter of its gain, noise of its electronics.

All strengths are standard deviations at mid grey (128) or relative ones, so that they can be read off an image.
"""

from collections.abc import Mapping

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.random_fields import grain

_MID_GREY = 128.0


def count_electrons(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Count whole electrons: at mid grey `imaging.dose_e_per_nm2` of them reach the detector from a nm2.

    The counts are Poisson distributed; the standard deviation at mid grey is 128 / sqrt(electrons a pixel), so finer
    pixels are noisier at the same dose.

    Source: Reimer, Scanning Electron Microscopy, 2nd ed. (1998), on shot noise and the electron probe.
    """
    electrons = params["imaging.dose_e_per_nm2"] * params["section.pixel_nm"] ** 2 / _MID_GREY
    counts = rng.poisson(np.maximum(grey, 0).astype(np.float64) * electrons)
    counted: FloatArray = (counts / electrons).astype(np.float32)
    return counted


def scatter_gain(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Multiply every pixel by a gain of mean 1 that is gamma distributed, `imaging.gain_noise` its standard deviation.

    Source: the gain of a multiplication register, Basden, Haniff and Mackay, Monthly Notices of the Royal Astronomical
    Society 345 (2003): n electrons leave it as a gamma distributed signal.
    """
    shape = params["imaging.gain_noise"] ** -2.0
    gain = rng.standard_gamma(shape, grey.shape, dtype=np.float32) / np.float32(shape)
    scattered: FloatArray = grey * gain
    return scattered


def add_noise(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Add shot noise, whose variance grows with the signal, and correlated detector noise.

    `imaging.noise` is the standard deviation in grey levels at mid grey (128); `imaging.shot_share` the part of its
    variance that is Poisson. Source: Timischl, Date and Nemoto, Scanning 34 (2012), statistical model of SEM signals.
    """
    noise = grain(rng, grey.shape, params["imaging.noise_correlation_px"])
    share = params["imaging.shot_share"]
    variance = (1 - share) + share * np.clip(grey, 0, 255) / _MID_GREY
    noisy: FloatArray = grey + (params["imaging.noise"] * np.sqrt(variance)).astype(np.float32) * noise
    return noisy


def add_floor(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Add white noise of the electronics behind the detector, `imaging.noise_floor` grey levels everywhere.

    It is not blurred: above the frequencies that the probe resolves the power spectrum of an image is flat.

    Source: the additive noise of the amplifier in Timischl, Date and Nemoto, Scanning 34 (2012).
    """
    noise = rng.standard_normal(grey.shape, dtype=np.float32)
    floored: FloatArray = grey + np.float32(params["imaging.noise_floor"]) * noise
    return floored
