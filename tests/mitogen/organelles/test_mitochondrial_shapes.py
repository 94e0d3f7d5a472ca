"""Shapes of mitochondria: areas and volumes, sizes, necks and branches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import mitochondria_of
from mitochondria_views import draw_on, draw_one, length_of, numbers, place, rod
from skimage.measure import label

from mitogen.geometry.grid import Grid
from mitogen.geometry.random_fields import random_waves
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import Tubes, bend
from mitogen.organelles.mitochondria.centrelines import local_coordinates, midlines
from mitogen.organelles.mitochondria.shapes import (
    NODES,
    NUMBERS,
    extent_of_mitochondrion,
    sizes_of,
)
from mitogen.tissue.compartments import Compartment


@settings(max_examples=20, deadline=None)
@given(length=st.floats(0, 500), radius=st.floats(60, 160), angle=st.floats(0, 3.1), pixel=st.sampled_from([4.0, 8.0]))
def test_area_of_a_straight_tube_within_one_per_cent(length, radius, angle, pixel):
    grid = Grid((int(900 / pixel), int(900 / pixel)), pixel, 1.0, 1.0)
    flat = np.zeros(grid.shape, np.float32)
    tubes = rod(length, radius, (0.0, np.sin(angle), np.cos(angle)))
    areas = []
    # The mean over places within a pixel, or the counting of pixels would be tested.
    for shift in np.linspace(-0.5, 0.5, 4, endpoint=False) * pixel:
        moved = Tubes(tubes.nodes + np.array([0, shift, 2.3 * shift], np.float32), tubes.radii, tubes.side)
        distance = cut_tubes(moved, grid, 0.0, 120.0, flat, np.zeros(1, np.float32)).distance
        areas.append(np.count_nonzero(distance < 0) * pixel**2)
    assert np.mean(areas) == pytest.approx(2 * radius * length + np.pi * radius**2, rel=0.012)


@settings(max_examples=20, deadline=None)
@given(
    length=st.floats(0, 300), angle=st.floats(0, 3.1), membrane=st.floats(5, 12), pixel=st.sampled_from([3.0, 5.0, 8.0])
)  # fmt: skip
def test_stain_and_compartments_begin_at_the_outer_face(length, angle, membrane, pixel):
    grid = Grid((96, 96), pixel, 1.0, 1.0)
    params = numbers(mitochondria__membrane_nm=membrane, mitochondria__membrane_density=1.0, cells__cytoplasm=0.0)
    canvas, distance = draw_one(params, rod(length, 110.0, (0.0, np.sin(angle), np.cos(angle))), grid=grid)
    assert canvas.density[distance > 0.55 * pixel].max(initial=0) == 0
    within_half_a_pixel = (distance < -0.5 * pixel) & (distance > -0.5 * pixel - 1.5)
    assert canvas.density[within_half_a_pixel].min(initial=1) > 0.3
    np.testing.assert_array_equal(canvas.compartments != Compartment.CYTOPLASM, distance <= 0)


def test_volume_of_a_straight_tube_within_one_per_cent():
    tubes = rod(300.0, 100.0, (1.0, 0.4, 0.2))
    grid = Grid((160, 160), 4.0, 4.0, 4.0)
    flat = np.zeros(grid.shape, np.float32)
    none = np.zeros(1, np.float32)
    counted = sum(
        np.count_nonzero(cut_tubes(tubes, grid, z, 50.0, flat, none).distance < 0) for z in np.arange(-260, 261, 4.0)
    )
    assert counted * 64 == pytest.approx(np.pi * 100**2 * 300 + 4 / 3 * np.pi * 100**3, rel=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000), bent=st.floats(-1.5, 1.5), where=st.floats(-0.45, 0.45), off=st.floats(0, 120),
    around=st.floats(0, 6.3),
)  # fmt: skip
def test_own_coordinates_are_continuous_and_measure_lengths(seed, bent, where, off, around):
    rng = np.random.default_rng(seed)
    direction, turn = rng.standard_normal((2, 1, 3))
    direction /= np.linalg.norm(direction)
    line = bend(np.zeros((1, 3)), direction, turn, np.array([900.0]), np.array([bent]), NODES)
    side = np.cross(direction, turn)
    side /= np.linalg.norm(side)
    lines = midlines(Tubes(line.astype(np.float32), np.full((1, NODES), 150, np.float32), side.astype(np.float32)))
    exact = bend(np.zeros((1, 3)), direction, turn, np.array([900.0]), np.array([bent]), 2001)[0]
    middle = exact[int(1000 + 2000 * where)]
    tangent = exact[int(1001 + 2000 * where)] - middle
    tangent /= np.linalg.norm(tangent)
    point = middle + off * (np.cos(around) * side[0] + np.sin(around) * np.cross(tangent, side[0]))
    (a, b, c), facing = local_coordinates(lines, 0, *point)
    assert a == pytest.approx(900 * (where + 0.5), abs=6)
    assert np.hypot(b, c) == pytest.approx(off, abs=6)
    assert np.linalg.norm(facing) == pytest.approx(1, abs=0.02) or abs(np.linalg.norm(facing)) <= 1.02
    step = rng.standard_normal(3)
    step /= np.linalg.norm(step)
    (a2, b2, c2), _ = local_coordinates(lines, 0, *(point + step))
    # The inside of a bend is compressed, its outside stretched: by a fifth here.
    assert np.linalg.norm([a2 - a, b2 - b, c2 - c]) == pytest.approx(1, abs=0.35)


def test_sizes_reach_from_spheres_to_long_tubes():
    tubes, _, _ = place()
    radius = np.median(tubes.radii, axis=1)
    assert np.median(radius) == pytest.approx(numbers()["mitochondria.radius_nm"], rel=0.1)
    slimness = length_of(tubes) / (2 * radius)
    assert np.percentile(slimness, 5) < 0.5
    assert np.percentile(slimness, 95) > 5


def test_a_neck_narrows_only_those_that_are_constricted():
    usual, _, _ = place(mitochondria__constricted_share=0.0)
    some, _, _ = place(mitochondria__constricted_share=0.5, mitochondria__neck=0.4)
    narrower = np.any(some.radii < 0.99 * usual.radii, axis=1)
    slim = length_of(usual) > 3.2 * numbers()["mitochondria.radius_nm"] * 1.4
    assert 0.3 < np.mean(narrower[slim]) < 0.7
    ratio = (some.radii / usual.radii).min(axis=1)[narrower]
    assert 0.3 < ratio.min() < ratio.max() < 0.55


def test_branches_start_in_their_mitochondrion_and_stay_within_its_reach():
    tubes, branches, stems = place(mitochondria__branching=0.6)
    assert len(branches) > 20
    middle = tubes.nodes[:, NODES // 2].astype(float)
    reach = np.linalg.norm(tubes.nodes - middle[:, None], axis=2).max(axis=1) + tubes.radii.max(axis=1)
    for branch, stem in enumerate(stems):
        assert np.linalg.norm(tubes.nodes[stem] - branches.nodes[branch, 0], axis=1).min() < 1.0
        far = np.linalg.norm(branches.nodes[branch] - middle[stem], axis=1) + branches.radii[branch]
        assert far.max() < 1.2 * reach[stem]
        np.testing.assert_allclose(np.linalg.norm(branches.side[branch]), 1, atol=1e-3)
    assert len(place(mitochondria__branching=0.0)[1]) == 0


def test_none_reaches_further_than_is_said_of_its_size():
    tubes, branches, stems = place(mitochondria__branching=0.6, mitochondria__unevenness=0.4, mitochondria__bend_rad=0)
    rng = np.random.default_rng(0)
    sizes = sizes_of(numbers(mitochondria__unevenness=0.4, mitochondria__bend_rad=0))
    u = rng.random((400, NUMBERS))
    centre = rng.uniform(-1e4, 1e4, (400, 3))
    extent = np.array([extent_of_mitochondrion(v, sizes) for v in u])
    bound = extent[:, 0] / 2 + 1.4 * extent[:, 1]
    for chosen, owner in ((tubes, np.arange(400)), (branches, stems)):
        far = np.linalg.norm(chosen.nodes - centre[owner, None], axis=2) + chosen.radii
        assert np.all(far.max(axis=1) <= bound[owner] + 0.01)


def test_a_branch_is_open_to_its_stem():
    stem, branch = rod(500.0, 100.0), rod(300.0, 80.0, (0, 1, 0))
    branch = Tubes(branch.nodes + np.array([0, 150, 0], np.float32), branch.radii, branch.side)
    both = Tubes(*(np.concatenate([getattr(stem, name), getattr(branch, name)]) for name in ("nodes", "radii", "side")))
    params = numbers(cristae__share=0.0)
    shares = {}
    for name, instance in (("one", [1, 1]), ("two", [1, 2])):
        canvas, _ = draw_one(params, rod(0.0, 1.0))
        looks = np.tile(np.random.default_rng(0).random((1, 8)), (2, 1))
        draw_on(canvas, params, mitochondria_of(both, instance, looks))
        crossing = (slice(105, 140), slice(100, 124))
        shares[name] = np.mean(canvas.compartments[crossing] == Compartment.OUTER_MEMBRANE)
    assert shares["one"] == 0
    assert shares["two"] > 0.05


def test_branched_and_constricted_mitochondria_are_in_one_piece():
    """Each alone in a volume, as rough as it gets in the preset."""
    ripple = random_waves(np.random.default_rng(1), 380.0)
    tubes, branches, stems = place(
        60, mitochondria__branching=1.0, mitochondria__constricted_share=0.5, mitochondria__neck=0.2,
        mitochondria__radius_nm=90.0, mitochondria__aspect=5.0,
    )  # fmt: skip
    branched = stems[:4]
    constricted = np.flatnonzero(tubes.radii.min(axis=1) < 0.4 * np.median(tubes.radii, axis=1))[:2]
    assert len(branched) == 4
    assert len(constricted) == 2
    for chosen in (*branched, *constricted):
        branch = np.flatnonzero(stems == chosen)
        mine = Tubes(*(
            np.concatenate([getattr(tubes, name)[[chosen]], getattr(branches, name)[branch]])
            for name in ("nodes", "radii", "side")
        ))  # fmt: skip
        mine = Tubes(mine.nodes - mine.nodes[0, NODES // 2], mine.radii, mine.side)
        grid = Grid((100, 100), 20.0, 20.0, 20.0)
        rough = np.full(len(mine), 0.1 * 90.0, np.float32)
        solid = [
            cut_tubes(mine, grid, z, 60.0, ripple.on_section(z, grid.y_nm, grid.x_nm), rough).distance < 0
            for z in np.arange(-1000, 1001, 20.0)
        ]
        assert label(np.array(solid)).max() == 1
