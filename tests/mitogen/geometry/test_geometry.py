"""Fields, profiles and signed distances against what theory says of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitogen.geometry.grid import Grid
from mitogen.geometry.partial_volume import inside, layer, reach_nm
from mitogen.geometry.point_process import scatter, streams_of
from mitogen.geometry.random_fields import grain, random_waves
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import Tubes, bend

GRID = Grid((96, 96), pixel_nm=4.0, thickness_nm=4.0, spacing_nm=4.0, sections=1)


def sphere(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Tubes:
    nodes = np.array([[centre, centre]], np.float32)
    return Tubes(nodes, np.full((1, 2), radius, np.float32), np.array([[0, 0, 1]], np.float32))


def cut(tubes: Tubes, grid: Grid, z_nm: float, reach: float = 1e4):
    flat = np.zeros(grid.shape, np.float32)
    return cut_tubes(tubes, grid, z_nm, reach, flat, np.zeros(len(tubes), np.float32))


@pytest.mark.parametrize(("wavelength_nm", "tolerance"), [(30.0, 2e-4), (120.0, 0.1), (900.0, 0.1)])
def test_field_on_a_section_equals_field_at_its_points(wavelength_nm: float, tolerance: float):
    waves = random_waves(np.random.default_rng(0), wavelength_nm)
    plane = waves.on_section(30.0, GRID.y_nm, GRID.x_nm)
    y, x = np.meshgrid(GRID.y_nm, GRID.x_nm, indexing="ij")
    points = np.stack([np.full(y.size, 30.0), y.ravel(), x.ravel()], axis=1)
    np.testing.assert_allclose(plane.ravel(), waves.at(points), atol=tolerance)
    assert np.sqrt(np.mean((plane.ravel() - waves.at(points)) ** 2)) < 0.2 * tolerance


def test_fields_have_mean_zero_and_unit_deviation():
    y = np.arange(0, 8000, 40, dtype=np.float32)
    planes = [random_waves(np.random.default_rng(i), 150.0).on_section(0.0, y, y) for i in range(8)]
    assert abs(np.mean(planes)) < 0.05
    assert np.std(planes) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("correlation", [0.0, 0.7, 2.5])
def test_grain_has_unit_deviation_at_any_size(correlation: float):
    noise = grain(np.random.default_rng(0), (512, 512), correlation)
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1, abs=0.03)


@settings(max_examples=50, deadline=None)
@given(
    distance=st.floats(-60, 60), normal=st.floats(-1, 1), thickness=st.floats(1, 80), half=st.floats(1, 20),
    centre=st.floats(-20, 20),
)  # fmt: skip
def test_layer_is_the_mean_over_the_range_of_distances(distance, normal, thickness, half, centre):
    reach = reach_nm(np.array([normal], np.float32), thickness, 4.0)
    closed = layer(np.array([distance], np.float32), reach, centre, half)[0]
    samples = distance + np.linspace(-1, 1, 20001) * float(reach[0])
    assert closed == pytest.approx(np.mean(np.abs(samples - centre) < half), abs=2e-3)
    within = inside(np.array([distance], np.float32), reach)[0]
    assert within == pytest.approx(np.mean(samples < 0), abs=2e-3)


def test_oblique_membrane_is_broader_and_fainter():
    distance = np.linspace(-60, 60, 241, dtype=np.float32)
    steep = layer(distance, reach_nm(np.zeros(241, np.float32), 50.0, 4.0), 0.0, 4.0)
    grazing = layer(distance, reach_nm(np.full(241, 0.9, np.float32), 50.0, 4.0), 0.0, 4.0)
    assert steep.sum() == pytest.approx(grazing.sum(), rel=0.02)
    assert grazing.max() < 0.5 * steep.max()


@pytest.mark.parametrize("z_nm", [0.0, 60.0, 80.0])
def test_section_of_a_sphere_is_a_disc(z_nm: float):
    tubes = cut(sphere(100.0), GRID, z_nm)
    area = np.count_nonzero(tubes.distance < 0) * GRID.pixel_nm**2
    assert area == pytest.approx(np.pi * (100.0**2 - z_nm**2), rel=0.05)
    y, x = np.meshgrid(GRID.y_nm, GRID.x_nm, indexing="ij")
    np.testing.assert_allclose(tubes.distance, np.sqrt(y**2 + x**2 + z_nm**2) - 100, atol=1e-2)


def test_volume_of_a_sphere_within_one_per_cent():
    grid = Grid((64, 64), 4.0, 4.0, 4.0)
    counted = sum(np.count_nonzero(cut(sphere(100.0), grid, z).distance < 0) for z in np.arange(-102, 103, 4.0))
    assert counted * 64 == pytest.approx(4 / 3 * np.pi * 100**3, rel=0.01)


def test_area_of_a_tube():
    centre, direction = np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]])
    line = bend(centre, direction, np.array([[0.0, 1.0, 0.0]]), np.array([200.0]), np.array([0.0]), 9)
    tubes = Tubes(line.astype(np.float32), np.full((1, 9), 40, np.float32), np.array([[0, 1, 0]], np.float32))
    seen = cut(tubes, GRID, 0.0)
    assert np.count_nonzero(seen.distance < 0) * 16 == pytest.approx(200 * 80 + np.pi * 40**2, rel=0.03)


def test_bent_lines_keep_their_length():
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((20, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = rng.uniform(100, 2000, 20)
    line = bend(np.zeros((20, 3)), direction, rng.standard_normal((20, 3)), length, rng.uniform(-1.5, 1.5, 20), 40)
    np.testing.assert_allclose(np.linalg.norm(np.diff(line, axis=1), axis=2).sum(axis=1), length, rtol=0.01)


def test_what_a_window_shows_does_not_depend_on_its_size():
    streams = streams_of(3, 4)
    small = (np.array([-100.0, -800, -800]), np.array([100.0, 800, 800]))
    large = (np.array([-1500.0, -3000, -3000]), np.array([1500.0, 3000, 3000]))
    few, few_numbers = scatter(streams, "things", 8.0, small, 3)
    many, many_numbers = scatter(streams, "things", 8.0, large, 3)
    within = np.all((many >= small[0]) & (many <= small[1]), axis=1)
    order = np.lexsort(few.T), np.lexsort(many[within].T)
    np.testing.assert_array_equal(few[order[0]], many[within][order[1]])
    np.testing.assert_array_equal(few_numbers[order[0]], many_numbers[within][order[1]])
    assert len(many) == pytest.approx(8.0 * 3 * 6 * 6, rel=0.15)
