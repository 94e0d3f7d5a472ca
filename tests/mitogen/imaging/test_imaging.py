"""The microscope: every artefact does what its knob says, and nothing at 0."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve, gaussian_filter, label

from mitogen.geometry.point_process import streams_of
from mitogen.imaging import detector, drift, encoding, optics, preparation
from mitogen.imaging.pipeline import IN_GREY_LEVELS, ON_THE_SECTION, photograph
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS

Image = np.ndarray
OFF = {name: 0.0 for name, *_ in (*ON_THE_SECTION, *IN_GREY_LEVELS)} | {
    "imaging.blur_px": 0.0,
    "imaging.defocus_px": 0.0,
    "imaging.astigmatism_px": 0.0,
    "imaging.astigmatism_deg": 0.0,
    "imaging.stain_drift": 0.0,
    "imaging.white": 228.0,
    "imaging.contrast": 200.0,
    "imaging.gamma": 1.0,
    "imaging.shot_share": 0.0,
    "imaging.noise_correlation_px": 0.0,
    "imaging.clahe": 0.0,
    "imaging.jpeg_loss": 0.0,
    "section.pixel_nm": 8.0,
}
"""Numbers of an image on which no artefact acts: grey 228 is clear resin, 128 a density of a half."""


def numbers(**knobs: float) -> dict[str, float]:
    return draw(load_recipe(), 0, 0) | OFF | {f"imaging.{name}": value for name, value in knobs.items()}


def flat(density: float = 0.5, shape: tuple[int, int] = (192, 192)) -> Image:
    return np.full(shape, density, np.float32)


def tissue(shape: tuple[int, int] = (192, 192)) -> Image:
    """Something with edges, flat parts and clear resin, at many scales."""
    rng = np.random.default_rng(5)
    field = sum(s * gaussian_filter(rng.standard_normal(shape), s, mode="wrap") for s in (2, 6, 20))
    return np.clip(np.where(np.abs(field) < 0.15, 0.9, 0.25 + 0.2 * np.sign(field)), 0, 1).astype(np.float32)


def shoot(density: Image, **knobs: float) -> Image:
    return photograph(density, numbers(**knobs), streams_of(3, 4), 0).astype(float)


def immerkaer(grey: Image) -> float:
    """Standard deviation of white noise, by Immerkaer, Computer Vision and Image Understanding 64 (1996)."""
    laplace = convolve(grey.astype(float), np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]))[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(laplace).mean() / 6)


def coarse(grey: Image) -> Image:
    """Means of blocks of 16 pixels: what is left of an image when noise and tissue are averaged away."""
    return grey.reshape(grey.shape[0] // 16, 16, grey.shape[1] // 16, 16).mean(axis=(1, 3))


def test_without_artefacts_an_image_is_the_density_in_grey_levels():
    density = tissue()
    np.testing.assert_array_equal(shoot(density), np.clip(np.rint(228 - 200 * density), 0, 255))


@pytest.mark.parametrize("knob", [knob for knob in KNOBS if knob.startswith("imaging.")])
@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("shape", [(32, 32), (1, 1), (40, 97)])
def test_every_knob_photographs_at_both_ends_of_its_range(knob: str, end: str, shape: tuple[int, int]):
    for density in (flat(0.3, shape), tissue(shape) if min(shape) > 30 else flat(1.0, shape)):
        # A fold or a speck for the knobs that say how wide they are.
        params = numbers(folds=2, dust_per_um2=5, clahe=0.5) | {knob: getattr(KNOBS[knob], end)}
        image = photograph(density, params, streams_of(0, 0), 0)
        assert image.shape == shape
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, photograph(density, params, streams_of(0, 0), 0))


def test_all_artefacts_at_once_are_possible():
    params = numbers() | {name: knob.high for name, knob in KNOBS.items() if name.startswith("imaging.")}
    assert photograph(tissue((32, 48)), params, streams_of(0, 0), 0).shape == (32, 48)


def far_from_flat(grey: Image) -> float:
    return float(np.abs(grey - 128).mean())


def blockiness(grey: Image) -> float:
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    return float(steps[7::8].mean() / steps.mean())


@pytest.mark.parametrize(
    ("knob", "values", "density", "statistic"),
    [
        ("blur_px", (0.3, 1.0, 3.0), tissue(), lambda g: -immerkaer(g)),
        ("defocus_px", (0, 1.5, 6), tissue(), lambda g: -immerkaer(g)),
        ("astigmatism_px", (0, 1.5, 6), tissue(), lambda g: -immerkaer(g)),
        ("stain_drift", (0, 0.1, 0.4), flat(), lambda g: coarse(g).std()),
        ("contrast_drift", (0, 0.1, 0.5), tissue((512, 512)), lambda g: gaussian_filter(abs(g - g.mean()), 40).std()),
        ("bias_field", (0, 0.05, 0.3), flat(), lambda g: coarse(g).std()),
        ("shading", (0, 5, 40), flat(), lambda g: coarse(g).std()),
        ("curtaining", (0, 2, 20), flat(), lambda g: g.mean(axis=0).std()),
        ("knife_marks", (0, 5, 60), flat(), far_from_flat),
        ("charging", (0, 10, 50), tissue(), np.mean),
        ("dust_per_um2", (0, 1, 5), flat(0.5, (400, 400)), lambda g: np.mean(g != 128)),
        ("folds", (0, 1, 4), flat(0.2), lambda g: np.mean(g < 150)),
        ("dose_e_per_nm2", (100, 10, 0.5), flat(), immerkaer),
        ("gain_noise", (0, 0.03, 0.2), flat(), immerkaer),
        ("noise_floor", (0, 2, 20), flat(), immerkaer),
        ("noise", (0, 2, 20), flat(), immerkaer),
        ("clahe", (0, 0.5, 1), tissue(), np.std),
        ("jpeg_loss", (0, 60, 90), gaussian_filter(tissue(), 4), blockiness),
        ("gamma", (0.5, 1, 2), tissue(), lambda g: -g.mean()),
    ],
)
def test_a_knob_moves_what_it_says(
    knob: str, values: tuple[float, ...], density: Image, statistic: Callable[[Image], float]
):
    measured = [statistic(shoot(density, **{knob: value})) for value in values]
    assert measured[0] < measured[1] < measured[2]


@pytest.mark.parametrize(
    ("knobs", "sd"),
    [
        ({"noise": 6}, 6.0),
        ({"noise_floor": 6}, 6.0),
        ({"gain_noise": 6 / 128}, 6.0),
        ({"dose_e_per_nm2": (128 / 6) ** 2 / 64}, 6.0),
        ({"noise": 6, "noise_floor": 8}, 10.0),
        ({"noise": 6, "shot_share": 1}, 6.0),
    ],
)
def test_noise_at_mid_grey_is_as_strong_as_its_knob_says(knobs: dict[str, float], sd: float):
    assert immerkaer(shoot(flat(0.5, (256, 256)), **knobs)) == pytest.approx(sd, rel=0.03)


def test_correlated_noise_keeps_its_strength():
    for correlation in (0.5, 1.0, 3.0):
        grey = shoot(flat(0.5, (256, 256)), noise=8, noise_correlation_px=correlation)
        assert grey.std() == pytest.approx(8, rel=0.06)


@settings(max_examples=20, deadline=None)
@given(grey=st.floats(20, 220), dose=st.floats(0.5, 50), pixel=st.floats(4, 20))
def test_the_variance_of_counted_electrons_follows_signal_and_dose(grey: float, dose: float, pixel: float):
    params = {"imaging.dose_e_per_nm2": dose, "section.pixel_nm": pixel}
    counted = detector.count_electrons(flat(grey, (200, 200)), params, np.random.default_rng(1))
    assert counted.mean() == pytest.approx(grey, rel=0.05)
    assert counted.var() == pytest.approx(grey * 128 / (dose * pixel**2), rel=0.06)


def test_the_noise_floor_is_white_where_noise_is_not():
    def slope(**knobs: float) -> float:
        grey = shoot(flat(0.5, (256, 256)), **knobs)
        power = np.abs(np.fft.rfft(grey - grey.mean(), axis=1)) ** 2
        return float(power[:, 100:].mean() / power[:, 1:29].mean())

    assert slope(noise_floor=8) == pytest.approx(1, abs=0.05)
    assert slope(noise=8, noise_correlation_px=1) < 0.05


@settings(max_examples=25, deadline=None)
@given(along=st.floats(0, 8), across=st.floats(0, 8), angle=st.floats(0, np.pi))
def test_a_probe_is_an_even_ellipse(along: float, across: float, angle: float):
    probe = optics.probe_of(along, across, angle).astype(float)
    assert probe.sum() == pytest.approx(1, abs=1e-4)
    at = np.arange(len(probe)) - len(probe) // 2
    y, x = np.meshgrid(at, at, indexing="ij")
    assert (probe * x).sum() == pytest.approx(0, abs=1e-4)
    assert (probe * y).sum() == pytest.approx(0, abs=1e-4)
    # An evenly filled ellipse has a variance of a quarter of its squared half axis; a pixel adds up to a twelfth.
    u = x * np.cos(angle) + y * np.sin(angle)
    assert (probe * u * u).sum() == pytest.approx(along**2 / 4, abs=0.2 + 0.02 * along**2)


def test_defocus_without_astigmatism_is_round_and_with_it_is_not():
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1.0
    for angle, knobs in ((0, {"defocus_px": 4}), (0, {"defocus_px": 3, "astigmatism_px": 2})):
        blurred = optics.defocus(point, numbers(**knobs, astigmatism_deg=angle)).astype(float)
        at = np.arange(41) - 20
        along_x, along_y = (blurred * at[None] ** 2).sum(), (blurred * at[:, None] ** 2).sum()
        assert blurred.sum() == pytest.approx(1, abs=1e-3)
        if "astigmatism_px" in knobs:
            assert along_x > 5 * along_y
        else:
            assert along_x == pytest.approx(along_y, rel=0.05)


def test_a_blurred_flat_image_stays_flat_up_to_its_border():
    blurred = optics.defocus(flat(0.5, (20, 30)), numbers(defocus_px=5, astigmatism_px=2))
    np.testing.assert_allclose(blurred, 0.5, atol=1e-5)


def test_knife_marks_run_along_the_direction_of_cutting():
    along_rows = shoot(flat(), knife_marks=30, knife_deg=0)
    np.testing.assert_array_equal(along_rows, np.repeat(along_rows[:, :1], 192, axis=1))
    down_columns = shoot(flat(), knife_marks=30, knife_deg=90)
    assert np.ptp(down_columns, axis=0).max() <= 1 < np.ptp(down_columns)


def test_knife_marks_are_at_the_same_place_in_all_sections():
    params, streams = numbers(knife_marks=30), streams_of(1, 1)
    first, later = photograph(flat(), params, streams, 0), photograph(flat(), params | STILL, streams, 7)
    np.testing.assert_array_equal(first, later)
    assert first.std() > 1


STILL = {"stack.flicker": 0.0, "stack.low_contrast_share": 0.0}


def test_dust_grows_with_its_radius_and_comes_in_the_number_asked_for():
    covered = [
        np.mean(shoot(flat(0.2, (400, 400)), dust_per_um2=2, dust_radius_nm=radius) != 188) for radius in (20, 80)
    ]
    assert covered[1] > 4 * covered[0] > 0
    params = numbers(dust_per_um2=1, dust_radius_nm=20)
    specks = [
        label(np.abs(photograph(flat(0.2, (250, 250)), params, streams_of(0, i), 0).astype(float) - 188) > 9)[1]
        for i in range(40)
    ]
    assert np.mean(specks) == pytest.approx(4, rel=0.2)  # 2 x 2 um


def test_a_fold_is_dark_and_as_wide_as_it_is_said_to_be():
    for width in (100, 400):
        widest = 0
        for index in range(8):
            params = numbers(folds=1, fold_width_nm=width)
            dark = photograph(flat(0.2, (400, 400)), params, streams_of(2, index), 0) < 165
            widest = max(widest, dark.sum() / max(np.hypot(*(np.ptp(i) for i in np.nonzero(dark))), 1) * 8)
        assert 0.4 * width < widest < 1.6 * width


def test_charging_is_brighter_to_the_right_of_resin_than_to_its_left():
    density = flat(0.5, (128, 256))
    density[:, 100:130] = 0
    charged = np.mean([photograph(density, numbers(charging=40), streams_of(0, i), 0) for i in range(10)], axis=0)
    assert charged[:, 135:150].mean() > charged[:, 80:95].mean() + 5


def test_drifts_are_as_strong_as_their_knobs_say():
    def spread(change):
        return np.mean([change(np.random.default_rng(i)).std() for i in range(60)])

    grey = flat(100.0)
    params = {"imaging.shading": 10.0, "imaging.bias_field": 0.1}
    assert spread(lambda r: drift.shade(grey, params, r)) == pytest.approx(10, rel=0.2)
    assert spread(lambda r: drift.light_unevenly(grey, params, r)) == pytest.approx(10, rel=0.2)
    assert spread(lambda r: preparation.draw_curtains(grey, {"imaging.curtaining": 10.0}, r)) == pytest.approx(
        10, rel=0.1
    )


def test_a_jpeg_is_close_to_the_image_and_a_lossless_one_is_the_image():
    image = np.rint(228 - 200 * tissue()).astype(np.uint8)
    np.testing.assert_array_equal(encoding.compress(image, 0), image)
    errors = [np.abs(encoding.compress(image, loss).astype(float) - image).mean() for loss in (5, 50, 95)]
    assert 0 < errors[0] < 4 < errors[2]
    assert errors[0] < errors[1] < errors[2]
    assert encoding.compress(image[:1, :3], 50).shape == (1, 3)


def test_equalised_contrast_is_alike_everywhere():
    density = tissue((256, 256))
    density[:, :128] *= np.float32(0.2)
    plain, equal = (shoot(density, clahe=share, clahe_clip=20) for share in (0, 1))
    ratio = [image[:, :128].std() / image[:, 128:].std() for image in (plain, equal)]
    assert ratio[0] < 0.3 < ratio[1]


def test_most_images_of_the_preset_are_clean():
    recipe = load_recipe(preset="mito")
    rare = ("folds", "dust_per_um2", "knife_marks", "charging", "clahe", "jpeg_loss", "defocus_px", "astigmatism_px")
    params = [draw(recipe, 0, index) for index in range(400)]
    for name in rare:
        assert 0 < np.mean([d[f"imaging.{name}"] > 0 for d in params]) < 0.15
    assert np.mean([all(d[f"imaging.{name}"] == 0 for name in rare) for d in params]) > 0.6
