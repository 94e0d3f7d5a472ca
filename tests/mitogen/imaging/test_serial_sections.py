"""Volumes: misalignment moves labels with the tissue; lost and faint sections keep their labels."""

import numpy as np
import pytest

from mitogen.geometry.point_process import streams_of
from mitogen.imaging.serial_sections import jitter_nm, jitter_reach_nm, lose_sections
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.image import render

SHAPE = (4, 96, 96)
TISSUE = [
    "mitochondria.volume_fraction=0.2",
    "mitochondria.radius_nm=110",
    "somata.density_per_um3=0",
    "section.spacing_nm=8",
    "imaging.noise=1",
    "imaging.shading=0",
    "imaging.stain_drift=0",
]


def volume(*overrides: str, shape: tuple[int, int, int] = SHAPE, index: int = 0):
    return render(load_recipe(overrides=[*TISSUE, *overrides]), 3, index, shape, compartments=True)


def best_shift(still: np.ndarray, moved: np.ndarray, reach: int) -> tuple[int, int]:
    """By how many pixels (y, x) `moved` must be shifted to lie on `still`."""
    centre = (slice(reach, -reach), slice(reach, -reach))
    scores = {
        (dy, dx): np.abs(still[centre].astype(float) - np.roll(moved, (dy, dx), (0, 1))[centre]).mean()
        for dy in range(-reach, reach + 1)
        for dx in range(-reach, reach + 1)
    }
    return min(scores, key=lambda shift: scores[shift])


def test_misalignment_moves_tissue_labels_and_compartments_alike():
    still, moved = volume("stack.jitter_nm=0"), volume("stack.jitter_nm=40")
    for name in ("raw", "label", "compartment"):
        np.testing.assert_array_equal(getattr(still, name)[0] > 0, getattr(moved, name)[0] > 0)
    np.testing.assert_array_equal(still.raw[0], moved.raw[0])
    for section in (1, 2, 3):
        y_nm, x_nm = jitter_nm(streams_of(3, 0), moved.params, section)
        shift = round(y_nm / 8), round(x_nm / 8)
        assert np.hypot(*shift) >= 1
        assert best_shift(still.raw[section], moved.raw[section], 20) == shift
        for name in ("mask", "compartment"):
            a, b = getattr(still, name)[section], np.roll(getattr(moved, name)[section], shift, (0, 1))
            # Half a pixel of shift is left: only outlines differ.
            assert np.mean(a[20:-20, 20:-20] == b[20:-20, 20:-20]) > 0.88


def test_an_image_is_the_first_section_of_a_volume_with_every_fault():
    faults = ("stack.jitter_nm=60", "stack.missing_share=1", "stack.flicker=30", "stack.low_contrast_share=1")
    stack, image = volume(*faults), volume(*faults, shape=(1, 96, 96))
    np.testing.assert_array_equal(stack.raw[0], image.raw[0])
    np.testing.assert_array_equal(stack.mask[0], image.mask[0])


def test_jitter_has_its_standard_deviation_its_reach_and_no_first_section():
    params = {"stack.jitter_nm": 20.0}
    shifts = np.array([jitter_nm(streams_of(0, 0), params, section) for section in range(400)])
    np.testing.assert_array_equal(shifts[0], 0)
    assert shifts[1:].std() == pytest.approx(20, rel=0.1)
    assert np.abs(shifts).max() <= jitter_reach_nm(params) == 60


def test_missing_sections_are_empty_or_copies_and_keep_their_labels():
    plain = volume("stack.missing_share=0")
    for copied in (0, 1):
        lost = volume("stack.missing_share=1", f"stack.copied_share={copied}")
        np.testing.assert_array_equal(lost.label, plain.label)
        for section in (1, 2, 3):
            if copied:
                np.testing.assert_array_equal(lost.raw[section], plain.raw[0])
            else:
                assert lost.raw[section].min() == lost.raw[section].max() in (0, 255)


def test_the_share_of_missing_sections_is_as_asked():
    raw = np.full((400, 2, 2), 7, np.uint8)
    lose_sections(raw, {"stack.missing_share": 0.3, "stack.copied_share": 0.0}, streams_of(0, 0))
    assert np.mean(raw[:, 0, 0] != 7) == pytest.approx(0.3, abs=0.06)
    assert {0, 7, 255} == set(np.unique(raw))


def test_sections_flicker_and_fade():
    plain = volume("imaging.noise=0")
    flickering, faint = (
        volume("imaging.noise=0", "stack.flicker=20"),
        volume("imaging.noise=0", "stack.low_contrast_share=1", "stack.low_contrast=0.3"),
    )
    means = [v.raw.mean(axis=(1, 2)) for v in (plain, flickering)]
    assert np.abs(means[1] - means[0])[1:].max() > 5
    assert means[1][0] == means[0][0]
    assert np.all(faint.raw[1:].std(axis=(1, 2)) < 0.6 * plain.raw[1:].std(axis=(1, 2)))
    assert faint.raw[0].std() == plain.raw[0].std()


@pytest.mark.parametrize("index", range(6))
def test_misalignment_leaves_a_single_section_equal_to_the_first_of_a_volume(index: int):
    stack, image = (volume("stack.jitter_nm=60", shape=(depth, 96, 96), index=index) for depth in (2, 1))
    np.testing.assert_array_equal(stack.mask[0], image.mask[0])


def test_slow_drifts_do_not_flicker_from_section_to_section():
    drifting = ("imaging.shading=30", "imaging.bias_field=0.2", "imaging.stain_drift=0.2", "imaging.contrast_drift=0.2")
    blurred = ("imaging.noise=0", "imaging.noise_floor=0", "imaging.dose_e_per_nm2=0", "section.spacing_nm=1")
    change = []
    for overrides in (blurred, blurred + drifting):
        raw = volume(*overrides, shape=(2, 96, 96)).raw.astype(float)
        change.append(
            np.abs(raw[1].reshape(4, 24, 4, 24).mean(axis=(1, 3)) - raw[0].reshape(4, 24, 4, 24).mean((1, 3)))
        )
    assert change[1].max() < change[0].max() + 3
