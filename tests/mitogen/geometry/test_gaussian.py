"""Gaussian smoothing agrees with scipy's."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mitogen.geometry.random_fields import grain, smooth


@pytest.mark.parametrize("shape", [(40, 57), (3, 200), (1, 1), (5, 4)])
@pytest.mark.parametrize("sd_px", [0.2, 0.7, 2.0, 8.0])
@pytest.mark.parametrize("wrap", [False, True])
def test_smoothing_is_that_of_scipy(shape: tuple[int, int], sd_px: float, wrap: bool):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    expected = gaussian_filter(image, sd_px, mode="wrap" if wrap else "nearest", truncate=3.0)
    smoothed = smooth(image, sd_px, wrap=wrap)
    assert smoothed.dtype == np.float32
    np.testing.assert_allclose(smoothed, expected, atol=2e-6)


@pytest.mark.parametrize("correlation_px", [0.1, 0.3, 1.0, 4.0])
def test_grain_has_a_standard_deviation_of_one_however_coarse_it_is(correlation_px: float):
    fields = [grain(np.random.default_rng(seed), (256, 256), correlation_px) for seed in range(4)]
    assert np.std(fields) == pytest.approx(1, rel=0.03)
