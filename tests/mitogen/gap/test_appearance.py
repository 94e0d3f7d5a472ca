"""Label-free statistics against images of which the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitodata import DataError
from mitogen.gap.appearance import (
    BANDS,
    PERCENTILES,
    appearance_of,
    crofton_perimeter_px,
    find_lines,
    look_at,
    mean_and_std,
    noise_sigma,
    percentiles,
    radial_spectrum,
    spectral_slope,
    wasserstein,
)

Image = NDArray[np.uint8]


def to_grey(values: NDArray[np.float64], mean: float = 128, std: float = 30) -> Image:
    scaled = mean + std * (values - values.mean()) / values.std()
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def power_law(shape: tuple[int, int], slope: float, seed: int = 0) -> Image:
    """An image whose power falls with frequency^slope, white above 8-bit rounding."""
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal(shape))
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    radius[0, 0] = 1
    return to_grey(np.fft.irfft2(spectrum * radius ** (slope / 2), shape))


def histogram(values: list[int]) -> NDArray[np.int64]:
    return np.bincount(values, minlength=256)


@pytest.mark.parametrize("sigma", [2, 10, 25])
def test_noise_sigma_of_white_noise(sigma: float) -> None:
    image = to_grey(np.random.default_rng(1).standard_normal((256, 256)), std=sigma)
    assert noise_sigma(image) == pytest.approx(sigma, rel=0.03)


def test_noise_sigma_is_blind_to_shading_and_hardly_sees_edges() -> None:
    ramp = np.add.outer(np.arange(100), np.arange(100)).astype(np.uint8)
    assert noise_sigma(ramp) == 0
    step = np.full((100, 100), 60, np.uint8)
    step[:, 50:] = 200
    assert noise_sigma(step) == 0
    noisy = to_grey(np.random.default_rng(1).standard_normal((100, 100)), mean=60, std=8)
    noisy[:, 50:] += 120
    assert noise_sigma(noisy) == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize("shape", [(512, 512), (300, 421)])
@pytest.mark.parametrize("slope", [0.0, -1.5, -2.5])
def test_slopes_of_power_laws(shape: tuple[int, int], slope: float) -> None:
    look = appearance_of(power_law(shape, slope, seed) for seed in range(4))
    for band in BANDS:
        assert look.slopes[band] == pytest.approx(slope, abs=0.12), band


def test_spectrum_is_calibrated() -> None:
    """White noise of sigma 20 has a power spectral density of 400 at every frequency."""
    frequency, power, count = radial_spectrum(to_grey(np.random.default_rng(0).standard_normal((256, 256)), std=20))
    assert np.average(power, weights=count) == pytest.approx(400, rel=0.03)
    assert 1 / 256 < frequency[0] < frequency[-1] < 0.5


def test_a_sine_wave_is_found_at_its_frequency() -> None:
    wave = to_grey(np.sin(2 * np.pi * 0.125 * np.arange(256))[None] * np.ones((256, 1)))
    frequency, power, _ = radial_spectrum(wave)
    assert frequency[np.argmax(power)] == pytest.approx(0.125, abs=0.004)


def test_slopes_of_bands_that_an_image_cannot_hold() -> None:
    small = look_at(power_law((32, 32), -2))
    assert small.slopes["low"] is None
    assert small.slopes["middle"] is not None
    assert spectral_slope(radial_spectrum(np.full((64, 64), 9, np.uint8)), 0.05, 0.195) is None
    mixed = appearance_of([power_law((32, 32), -2), power_law((256, 256), -2)])
    assert mixed.slopes["low"] == pytest.approx(-2, abs=0.4)  # of the image that has one


@pytest.mark.parametrize("level", [0, 100, 255])
def test_constant_images_have_no_nan(level: int) -> None:
    values = appearance_of([np.full((64, 80), level, np.uint8)] * 2).values()
    assert values["grey.mean"] == level
    assert values["grey.std"] == values["noise.sigma"] == values["membrane.share"] == 0
    assert values["membrane.grey"] is values["spectrum.low"] is None
    assert all(value is None or np.isfinite(value) for value in values.values())


def test_grey_levels() -> None:
    image = np.repeat(np.arange(100, dtype=np.uint8), 100).reshape(100, 100)
    counts = np.bincount(image.ravel(), minlength=256)
    assert mean_and_std(counts) == (pytest.approx(49.5), pytest.approx(image.std()))
    assert percentiles(counts) == [share - 1 for share in PERCENTILES]
    assert set(percentiles(histogram([77] * 5))) == {77.0}


def test_wasserstein_of_known_histograms() -> None:
    assert wasserstein(histogram([10]), histogram([10, 10])) == 0
    assert wasserstein(histogram([10, 20, 30]), histogram([17, 27, 37])) == pytest.approx(7)
    assert wasserstein(histogram([0, 255]), histogram([255])) == pytest.approx(127.5)


@given(*[st.lists(st.integers(0, 255), min_size=1, max_size=20)] * 3)
def test_wasserstein_is_a_metric(a: list[int], b: list[int], c: list[int]) -> None:
    x, y, z = map(histogram, (a, b, c))
    assert wasserstein(x, y) == pytest.approx(wasserstein(y, x))
    assert wasserstein(x, z) <= wasserstein(x, y) + wasserstein(y, z) + 1e-9


def lines(width: int, dark: int = 80, angle_deg: float = 20) -> tuple[Image, NDArray[np.bool_]]:
    """Parallel lines 40 px apart, of a Gaussian-free picture, and where they are."""
    y, x = np.mgrid[:200, :200]
    across = (x * np.cos(np.deg2rad(angle_deg)) + y * np.sin(np.deg2rad(angle_deg))) % 40
    there = across < width
    image = np.where(there, dark, 160) + np.random.default_rng(0).normal(0, 5, there.shape)
    return np.clip(image, 0, 255).astype(np.uint8), there


@pytest.mark.parametrize("angle_deg", [0, 20, 45, 90])
def test_dark_lines_are_found_where_they_are(angle_deg: float) -> None:
    image, there = lines(5, angle_deg=angle_deg)
    found = find_lines(image)
    assert found[there].mean() > 0.6
    assert found[~there].mean() < 0.03
    look = look_at(image)
    assert 0.6 < look.line_share / there.mean() < 1.1  # the core of the line
    assert look.line_grey == pytest.approx(80, abs=8)
    assert look.line_width_px == pytest.approx(4.2, abs=1)


def test_lines_are_dark_and_narrow() -> None:
    image, there = lines(5, dark=240)
    assert find_lines(image)[there].mean() < 0.01  # bright
    disc = np.full((200, 200), 160, np.uint8)
    y, x = np.mgrid[-100:100, -100:100]
    disc[np.hypot(y, x) < 70] = 60
    assert not find_lines(disc)[np.hypot(y, x) < 55].any()
    assert not find_lines(np.full((50, 50), 7, np.uint8)).any()


def test_thicker_lines_are_wider() -> None:
    widths = [look_at(lines(width)[0]).line_width_px or 0 for width in (3, 5, 7)]
    assert widths == sorted(widths)


def test_lines_do_not_depend_on_contrast() -> None:
    image, _ = lines(5)
    flat = (60 + image * 0.5).astype(np.uint8)
    assert np.mean(find_lines(image) != find_lines(flat)) < 0.01


def test_perimeter_of_a_disc() -> None:
    y, x = np.mgrid[-60:60, -60:60]
    assert crofton_perimeter_px(np.hypot(y, x) < 40) == pytest.approx(2 * np.pi * 40, rel=0.03)


def test_images_pool() -> None:
    one, other = power_law((128, 128), -2), to_grey(np.random.default_rng(0).standard_normal((64, 96)), std=12)
    both = appearance_of([one, other])
    assert both.images == 2
    assert both.histogram.sum() == one.size + other.size
    assert both.noise_sigma == pytest.approx((noise_sigma(one) + noise_sigma(other)) / 2)
    assert np.all(np.diff(both.frequency) > 0)
    alone = appearance_of([one])
    assert alone.values() == look_at(one).values()


@pytest.mark.parametrize("image", [np.zeros((15, 40), np.uint8), np.zeros((3, 40, 40), np.uint8)])
def test_images_that_are_too_small_or_no_images(image: Image) -> None:
    with pytest.raises(DataError, match="expected at least 16 x 16"):
        look_at(image)


def test_no_image() -> None:
    with pytest.raises(DataError, match="expected at least one"):
        appearance_of([])
