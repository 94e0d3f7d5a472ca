"""Muscle: what its structures measure, and that sections and volumes show the same."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.ndimage import label as components

from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.image import render
from mitogen.tissue.compartments import Compartment

ALONG = {
    "fibres.tilt_deg": 0, "fibres.wave_nm": 0, "fibres.diameter_um": 100, "vessels.per_1000_um2": 0,
    "fibres.nuclei_per_1000_um3": 0, "section.pixel_nm": 20, "section.thickness_nm": 10,
}  # fmt: skip


def muscle(**changed: float) -> Recipe:
    return load_recipe("heart").override(ALONG | {name.replace("__", "."): value for name, value in changed.items()})


def test_z_lines_follow_each_other_at_the_length_of_a_sarcomere():
    recipe = muscle(mitochondria__volume_fraction=0, sarcomeres__length_nm=1800, sarcomeres__jitter_nm=0,
                    sarcomeres__shear=0, imaging__noise=0, sarcomeres__filaments=0)  # fmt: skip
    grey = render(recipe, 1, 0, (1, 400, 400)).raw[0].astype(float)
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(400, 20.0), np.fft.fftfreq(400, 20.0), indexing="ij"))
    power[frequency < 1 / 4000] = 0
    assert 1 / frequency.ravel()[np.argmax(power)] == pytest.approx(1800, rel=0.08)


@pytest.mark.parametrize("wanted", [0.15, 0.4, 0.65])
def test_mitochondria_fill_the_share_that_is_asked_for(wanted: float):
    recipe = muscle(mitochondria__volume_fraction=wanted, section__pixel_nm=50, fibres__spacing_nm=600,
                    fibres__tilt_deg=40)  # fmt: skip
    shares = [(render(recipe, 2, index, (1, 160, 160)).label > 0).mean() for index in range(6)]
    assert np.mean(shares) == pytest.approx(wanted, rel=0.1)


def test_neighbours_are_as_far_apart_as_asked():
    recipe = muscle(packing__gap_nm=100, packing__rounding=0.05, packing__thinning=0, packing__notch_nm=0,
                    mitochondria__volume_fraction=0.7, mitochondria__roughness=0, section__pixel_nm=10)  # fmt: skip
    closest = []
    for index in range(3):
        label = render(recipe, 3, index, (1, 200, 200)).label[0]
        for number in np.unique(label[label > 0]):
            others = (label > 0) & (label != number)
            if others.any():
                closest.append(distance_transform_edt(~others)[label == number].min() * 10)
    # Of pixels, not of outlines: one more. Oblique cuts are wider.
    assert np.percentile(closest, 10) == pytest.approx(110, abs=25)
    assert min(closest) > 60


@pytest.mark.parametrize("preset", ["heart", "liver", "kidney"])
def test_a_section_alone_is_the_first_of_the_volume_and_each_mitochondrion_one_piece(preset: str):
    recipe = load_recipe(preset).override(
        {"section.pixel_nm": 20, "section.spacing_nm": 20, "section.thickness_nm": 20, "vessels.per_1000_um2": 0}
    )
    seen = 0
    for index in range(2):
        alone = render(recipe, 4, index, (1, 96, 96), compartments=True)
        volume = render(recipe, 4, index, (24, 96, 96), compartments=True)
        for one, first in ((alone.raw, volume.raw), (alone.label, volume.label)):
            np.testing.assert_array_equal(one[0], first[0])
        np.testing.assert_array_equal(alone.compartment[0], volume.compartment[0])
        label = volume.label
        for number in np.unique(label[label > 0]):
            where = np.argwhere(label == number)
            # What the window cuts may be in pieces within it.
            if np.all(where.min(axis=0) > 0) and np.all(where.max(axis=0) < np.array(label.shape) - 1):
                assert components(label == number, np.ones((3, 3, 3)))[1] == 1
            seen += 1
    assert seen > 5


def test_fibrils_and_mitochondria_keep_to_their_places():
    sample = render(muscle(mitochondria__volume_fraction=0.4), 5, 1, (1, 200, 200), compartments=True)
    fibril = sample.compartment[0] == Compartment.MYOFIBRIL
    assert not np.any(fibril & (sample.label[0] > 0))
    assert fibril.mean() > 0.15
