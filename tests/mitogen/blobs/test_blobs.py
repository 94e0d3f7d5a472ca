"""The two scenes of cell-like bodies: labels, sizes, agreement of sections and volumes, and what single knobs do."""

import numpy as np
import pytest
from blob_measures import SECTION, even, own_knobs, patchiness, per_body, profile, recipe_of, whole_bodies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation
from scipy.ndimage import label as components

from mitodata import RecipeError
from mitogen.blobs.outlines import ANGLES, Profiles, press
from mitogen.recipe.blob_knobs import SHARED
from mitogen.recipe.catalogue import SCENES
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import render

BOTH = pytest.mark.parametrize("scene", SECTION)


@st.composite
def any_values(draw, scene: str) -> dict[str, float]:
    """Values for a third of a scene's knobs, anywhere in their allowed range, the ends included."""
    values = {}
    for knob in own_knobs(scene):
        u = draw(st.floats(0, 3))
        if u <= 1:
            values[knob.name] = min(knob.low + u * (knob.high - knob.low), knob.high)
    # Bodies of a few pixels at least: what is thinner than a pixel cannot hang together.
    values[f"{SECTION[scene]}.radius_nm"] = draw(st.floats(3000, 9000))
    return values | {"section.spacing_nm": draw(st.sampled_from([100, 250, 600]))}


@BOTH
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_labels_of_any_recipe_are_right(scene: str, data: st.DataObject):
    recipe = Recipe(scene).override(data.draw(any_values(scene)))
    seed = data.draw(st.integers(0, 1000))
    volume = render(recipe, seed, 0, (6, 48, 40))
    np.testing.assert_array_equal(render(recipe, seed, 0, (1, 48, 40)).label[0], volume.label[0])
    for body in whole_bodies(volume).values():
        assert components(body, np.ones((3, 3, 3)))[1] == 1
        assert all(components(profile, np.ones((3, 3)))[1] <= 1 for profile in body)


@BOTH
def test_an_image_is_the_same_whenever_it_is_rendered(scene: str):
    recipe = load_recipe(scene)
    first = render(recipe, 7, 3, (1, 96, 96))
    other = render(recipe, 7, 4, (1, 96, 96))
    again = render(recipe, 7, 3, (1, 96, 96))
    np.testing.assert_array_equal(first.raw, again.raw)
    np.testing.assert_array_equal(first.label, again.label)
    assert not np.array_equal(first.raw, other.raw)


@BOTH
def test_numbers_agree_with_a_taller_volume(scene: str):
    recipe = recipe_of(scene, radius_nm=2500, section__spacing_nm=500)
    low, tall = (render(recipe, 4, 1, (z, 80, 64)) for z in (4, 40))
    np.testing.assert_array_equal(low.label, tall.label[:4])
    numbers = [set(np.unique(tall.label[z])) - {0} for z in (0, 39)]
    assert all(numbers)
    assert not numbers[0] & numbers[1]


@BOTH
@pytest.mark.parametrize("end", ["low", "high"])
def test_every_knob_renders_at_both_ends_of_its_range(scene: str, end: str):
    for name, knob in SCENES[scene].items():
        sample = render(Recipe(scene).override({name: getattr(knob, end)}), 0, 0, (2, 32, 32))
        assert sample.params[name] == getattr(knob, end)


@BOTH
def test_all_knobs_at_one_end_render(scene: str):
    for end in ("low", "high"):
        recipe = Recipe(scene).override({knob.name: getattr(knob, end) for knob in own_knobs(scene)})
        assert render(recipe, 0, 0, (2, 64, 64)).raw.shape == (2, 64, 64)


@BOTH
def test_lone_bodies_have_the_radius_that_was_drawn(scene: str):
    apart = {"overlap": -0.3, "height": 0.5} if scene == "blobs" else {"spacing": 1.6, "jitter": 0.2, "height": 0.5}
    areas = []
    for index in range(3):
        sample = render(even(scene, **apart, radius_nm=5000, section__spacing_nm=500), 1, index, (24, 160, 160))
        areas += [body.sum(axis=(1, 2)).max() for body in whole_bodies(sample).values() if not body[[0, -1]].any()]
    radius = np.sqrt(np.array(areas) / np.pi) * 250
    assert len(radius) > 5
    np.testing.assert_allclose(radius, 5000, rtol=0.02)


@BOTH
@settings(max_examples=15, deadline=None)
@given(radius=st.floats(2500, 9000), spread=st.floats(0, 0.3), seed=st.integers(0, 999))
def test_no_body_is_larger_than_the_drawn_range(scene: str, radius: float, spread: float, seed: int):
    bent = {} if scene == "blobs" else {"warp": 0, "wobble": 0}
    sample = render(recipe_of(scene, radius_nm=radius, radius_spread=spread, **bent), seed, 0, (1, 96, 96))
    largest = np.pi * (radius * np.exp(2 * spread) / 250 + 1) ** 2
    assert max(np.bincount(sample.label.ravel())[1:], default=0) <= 1.05 * largest


@BOTH
def test_complexity_0_is_plain(scene: str):
    sample = render(even(scene, complexity=0.0, **({"haze": 0.5, "mottle": 0.5} if scene == "blobs" else {})), 0, 0)
    inner = sample.mask[0] & ~binary_dilation(sample.mask[0] == 0, iterations=2)
    assert sample.raw[0][inner == 1].std() < 3
    assert sample.raw[0][~binary_dilation(sample.mask[0] == 1, iterations=2)].std() < 3


def discs(apart_nm: float, radii_nm: tuple[float, float]) -> Profiles:
    """Two round outlines side by side."""
    table = np.repeat(np.array(radii_nm, np.float32)[:, None], ANGLES, axis=1)
    return Profiles(np.arange(2), np.array([[0, 0], [0, apart_nm]], np.float32), table, np.zeros(2, np.float32))


def inside(profiles: Profiles, which: int, points: np.ndarray) -> np.ndarray:
    """Whether points (N, 2) lie within one outline, by its definition: linear between its directions."""
    y, x = (points - profiles.centre[which]).T
    turn = np.arctan2(y, x) % (2 * np.pi) * ANGLES / (2 * np.pi)
    table = profiles.radii[which]
    return np.hypot(y, x) < np.interp(turn, np.arange(ANGLES + 1), np.append(table, table[0]))


@given(st.floats(1500, 12000), st.floats(2000, 6000), st.floats(2000, 6000), st.booleans(), st.booleans())
def test_outlines_that_meet_share_no_point_and_keep_their_middles(apart, a, b, stacked, swapped):
    pressed = press(discs(apart, (a, b)), np.array([0.3, 0.6] if swapped else [0.6, 0.3]), float(stacked))
    assert np.all(pressed.radii > 0)
    points = np.random.default_rng(0).uniform(-8000, 20000, (20000, 2))
    both = inside(pressed, 0, points) & inside(pressed, 1, points)
    # Between two directions of the table a cut is straight only nearly.
    assert both.mean() < 2e-3


def test_of_two_stacked_bodies_the_upper_keeps_its_outline():
    def area(profiles):
        return np.mean(np.square(profiles.radii), axis=1)

    alone = discs(5000, (3500, 3500))
    flat, stacked = (area(press(alone, np.array([0.6, 0.3]), share)) / area(alone) for share in (0.0, 1.0))
    assert flat[0] == pytest.approx(flat[1])
    assert flat[0] < 0.95
    assert stacked[0] == pytest.approx(1)
    assert stacked[1] < flat[1]


def bodies_of_volume(**values: float) -> list[tuple[np.ndarray, ...]]:
    """Voxels (z, y, x) of the bodies that lie wholly within a volume."""
    volume = render(even("blobs", **values, volume_fraction=1, section__spacing_nm=800), 2, 0, (36, 160, 160))
    return [np.nonzero(body) for body in whole_bodies(volume).values() if not body[[0, -1]].any()]


def test_height_is_the_extent_along_z_over_the_width():
    for height in (0.5, 1.5):
        extents = [1 + np.ptp(z) for z, _, _ in bodies_of_volume(height=height)]
        assert np.mean(extents) == pytest.approx(2 * height * 4000 / 800, abs=1)


def test_leaning_bodies_shift_with_height():
    shifts = [
        np.mean([np.hypot(*(np.polyfit(z, axis, 1)[0] for axis in (y, x))) for z, y, x in bodies_of_volume(lean=lean)])
        for lean in (0.0, 0.5)
    ]
    assert shifts[0] < 0.2
    assert shifts[1] == pytest.approx(0.5 * 800 / 250, rel=0.2)


def test_clustered_bodies_leave_gaps():
    even_handed, clustered = (
        np.mean([patchiness(render(even("blobs", clustering=c, radius_nm=2500), 3, i)) for i in range(6)])
        for c in (0.0, 1.0)
    )
    assert clustered > 1.2 * even_handed


def test_height_of_colonies():
    counts = []
    for height in (0.3, 2.0):
        volume = render(even("blobs-shifted", height=height, section__spacing_nm=500), 2, 0, (32, 64, 64))
        counts.append(len(np.unique(volume.label)))
    assert counts[0] > 2 * counts[1]


@BOTH
def test_dark_bodies_on_a_bright_ground(scene: str):
    bright, dark = (
        render(even(scene, imaging__contrast=contrast, imaging__white=white), 0, 0, (1, 128, 128))
        for contrast, white in ((-100, 20), (100, 200))
    )
    assert bright.raw[bright.mask == 1].mean() > bright.raw[bright.mask == 0].mean() + 50
    assert dark.raw[dark.mask == 1].mean() < dark.raw[dark.mask == 0].mean() - 50


@BOTH
def test_thicker_sections_blur_leaning_sides(scene: str):
    thin, thick = (
        np.mean([per_body(profile(0, 4))(render(even(scene, section__thickness_nm=t), 3, i)) for i in range(4)])
        for t in (10, 4000)
    )
    assert thick < thin


@BOTH
def test_shared_knobs_are_those_of_tissue(scene: str):
    shared = {name for name in KNOBS if name.partition(".")[0] in SHARED}
    assert shared == {name for name in SCENES[scene] if name.partition(".")[0] in SHARED}


@BOTH
def test_there_are_no_compartments(scene: str):
    with pytest.raises(RecipeError, match="has none"):
        render(load_recipe(scene), 0, 0, (1, 32, 32), compartments=True)


def test_more_instances_than_a_label_holds_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mitogen.rendering.image._MOST_INSTANCES", 20)
    with pytest.raises(RecipeError, match="smaller images or larger objects"):
        render(recipe_of("blobs-shifted", confluence=1), 0, 0)
