"""Cells of a power diagram and the bodies in them against what geometry says of them."""

import numpy as np
import pytest
from scipy.ndimage import label as components

from mitogen.geometry.frame import Frame, bend_of, turned
from mitogen.geometry.grid import Grid
from mitogen.geometry.packing.bodies import columns_of, cut_bodies, cut_cells, distances_at
from mitogen.geometry.packing.sites import Lattice, Packing, owners, owners_at, pack

BOX = np.full(3, -600.0), np.full(3, 600.0)


def packing(flat: bool, keep: float = 0.0, rounding: float = 0.0, box=BOX) -> Packing:
    spacing = np.array([0.0 if flat else 400.0, 420.0, 380.0])
    return pack(Lattice(np.uint64(7), spacing, 0.8, 0.5), box, keep, rounding)


def plane(z: float, size: int = 96, pixel: float = 10.0):
    y = ((np.arange(size) - size / 2) * pixel).astype(np.float32)
    y, x = np.meshgrid(y, y, indexing="ij")
    return np.full_like(y, z), y, x


@pytest.mark.parametrize("flat", [True, False])
def test_a_point_belongs_to_the_site_of_least_power(flat: bool):
    cells, places = packing(flat), plane(55.0)
    offsets = np.stack(places, axis=-1)[..., None, :] - cells.centre
    if flat:
        offsets[..., 0] = 0
    least = np.argmin(np.sum(offsets**2, axis=-1) - cells.weight, axis=-1)
    np.testing.assert_array_equal(owners(cells, *places), least)
    points = np.stack([place.ravel() for place in places], axis=1).astype(float)
    np.testing.assert_array_equal(owners_at(cells, points), least.ravel())


def test_a_cell_ends_where_two_powers_are_equal():
    cells, places = packing(False), plane(0.0)
    owner = owners(cells, *places)
    beyond, bodies = cut_cells(cells, owner, places)
    assert bodies.distance.max() <= 1e-3
    # A step to a pixel of another cell crosses the face: both pixels are close to it.
    crossed = owner[:, 1:] != owner[:, :-1]
    assert np.all(-bodies.distance[:, 1:][crossed] < 10.1)
    assert np.mean(beyond[:, :-1][crossed] == owner[:, 1:][crossed]) > 0.95


@pytest.mark.parametrize("rounding", [10.0, 120.0])
def test_bodies_are_apart_and_each_is_one_piece(rounding: float):
    keep = 15.0
    cells = packing(False, keep, rounding)
    z = np.arange(-300, 300, 20.0)
    label = np.zeros((len(z), 48, 48), int)
    for section, height in enumerate(z):
        places = plane(height, 48, 20.0)
        everywhere = np.full(places[0].shape, 1e9, np.float32)
        bodies = cut_bodies(cells, owners(cells, *places), places, everywhere, 1.0)
        label[section] = np.where(bodies.distance < 0, bodies.nearest + 1, 0)
    # No two touch, even where they are digital neighbours at a gap of 30 nm: at most by a corner.
    sides = [(label[1:], label[:-1]), (label[:, 1:], label[:, :-1]), (label[..., 1:], label[..., :-1])]
    assert not any(np.any((a != b) & (a > 0) & (b > 0)) for a, b in sides)
    assert len(np.unique(label)) > 8
    for number in np.unique(label)[1:]:
        assert components(label == number, np.ones((3, 3, 3)))[1] == 1


def test_rounding_takes_edges_off_and_nothing_else():
    points = np.random.default_rng(0).uniform(-400, 400, (3000, 3))
    sharp, smooth = (distances_at(packing(False, 20.0, rounding), points, 50.0) for rounding in (1.0, 150.0))
    assert np.all(smooth >= sharp - 1e-3)
    assert 0.4 < np.mean(smooth < 0) / np.mean(sharp < 0) < 0.98


def test_a_site_does_not_depend_on_the_box():
    small, large = packing(False), packing(False, box=(BOX[0] - 900, BOX[1] + 2000))
    points = np.random.default_rng(1).uniform(-500, 500, (200, 3))
    keys = [cells.key[owners_at(cells, points)] for cells in (small, large)]
    np.testing.assert_array_equal(*keys)
    depths = [cut_cells(c, owners_at(c, points)[:, None], columns_of(points))[1].distance for c in (small, large)]
    np.testing.assert_array_equal(*depths)


def test_a_frame_leads_back_to_the_points_it_came_from():
    rng = np.random.default_rng(2)
    axes = turned(rng, 0.7)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    axes[0] += 0.3 * axes[1]
    frame = Frame(axes, (bend_of(rng, 6000.0, 100.0, 200.0),), (500.0, -40.0, 7.0))
    points = rng.uniform(-4000, 4000, (50, 3))
    np.testing.assert_allclose(frame.back(frame.at(points)), points, atol=6.0)
    grid = Grid((40, 40), 25.0, 10.0, 10.0)
    pixels = np.stack(np.meshgrid([120.0], grid.y_nm, grid.x_nm, indexing="ij"), axis=-1).reshape(-1, 3)
    on_section = np.stack([place.ravel() for place in frame.on_section(grid, 120.0)], axis=1)
    np.testing.assert_allclose(on_section, frame.at(pixels), atol=8.0)


def test_bends_of_three_fields_at_once_are_those_of_each():
    rng = np.random.default_rng(4)
    bend = bend_of(rng, 3000.0, 100.0, 200.0)
    for count in (0, 1, 2, 5, 64, 301):
        points = rng.uniform(-4000, 4000, (count, 3))
        each = np.stack([waves.at(points) for waves in bend.fields], axis=1)
        np.testing.assert_array_equal(bend.at(points), bend.amplitude_nm * each)
