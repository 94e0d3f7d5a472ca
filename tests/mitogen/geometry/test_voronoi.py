"""The diagram against a look at every cell on every pixel."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mitogen.geometry.random_fields import STRIDE
from mitogen.geometry.voronoi.diagram import holders, nearest_two
from mitogen.geometry.voronoi.sites import Diagram, Sites, Warped
from mitogen.geometry.voronoi.tiles import TILES

PIXEL_NM = 5.0


def some_sites(seed: int, count: int = 400, reach_nm: float = 900.0) -> Sites:
    rng = np.random.default_rng(seed)
    axis = rng.standard_normal((count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    centre = rng.uniform((-500, -300, -900), (500, 300, 900), (count, 3))
    shape = rng.uniform(1, 4, count), rng.uniform(40, 120, count)
    return Sites(*(array.astype(np.float32) for array in (centre, axis, *shape)), reach_nm)


def straight(shape: tuple[int, int], z_nm: float = 0.0) -> Warped:
    """Space that is not warped."""
    y, x = ((np.arange(n, dtype=np.float32) - n / 2) * np.float32(PIXEL_NM) for n in shape)
    z, y, x = (np.ascontiguousarray(np.broadcast_to(a, shape)) for a in (np.float32(z_nm), y[:, None], x))
    knots = y[::STRIDE, ::STRIDE].shape
    steep = (np.ones(knots, np.float32), np.zeros(knots, np.float32), np.zeros(knots, np.float32))
    return Warped(z, y, x, steep, np.float32(PIXEL_NM))


def divide(sites: Sites, warped: Warped) -> Diagram:
    shape = warped.z.shape
    owner, neighbour = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    diagram = Diagram(owner, neighbour, np.full(shape, 1e4, np.float32), np.zeros(shape, np.float32))
    nearest_two(sites, warped, diagram)
    return diagram


def scores(sites: Sites, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, C) score of every cell at every point."""
    away = points[:, None] - sites.centre.astype(float)
    squared = np.sum(away**2, axis=-1)
    along = np.sum(away * sites.axis, axis=-1)
    score = np.sqrt(squared - (1 - 1 / sites.elongation.astype(float) ** 2) * along**2) / sites.radius
    return np.where(squared > sites.reach_nm**2, np.inf, score)


@pytest.mark.parametrize("shape", [(TILES[0] + 11, 45), (21, TILES[0] + TILES[-1])])
def test_every_pixel_belongs_to_the_cell_of_lowest_score(shape: tuple[int, int]) -> None:
    sites, warped = some_sites(1), straight(shape, 7.0)
    diagram = divide(sites, warped)
    points = np.stack([warped.z, warped.y, warped.x], axis=-1).reshape(-1, 3).astype(float)
    found = scores(sites, points)
    order = np.argsort(found, axis=1)[:, :3]
    best = np.take_along_axis(found, order, axis=1)
    clear = best[:, 1] - best[:, 0] > 1e-4
    np.testing.assert_array_equal(diagram.owner.ravel()[clear], order[clear, 0])
    clear &= best[:, 2] - best[:, 1] > 1e-4
    np.testing.assert_array_equal(diagram.neighbour.ravel()[clear], order[clear, 1])
    assert np.mean(clear) > 0.95
    assert len(np.unique(diagram.owner)) > 10
    np.testing.assert_array_equal(holders(points, sites)[clear], order[clear, 0])


def test_the_membrane_between_two_equal_balls_is_the_plane_midway() -> None:
    centre = np.array([[-40, -30, 0], [40, 30, 0]], np.float32)
    ones = np.ones(2, np.float32)
    sites = Sites(centre, np.eye(3, dtype=np.float32)[:2], ones, 100 * ones, 900.0)
    diagram = divide(sites, straight((24, 32)))
    y = straight((24, 32)).y
    near = np.abs(y) < 20
    # The plane's normal is (0.8, 0.6, 0).
    np.testing.assert_allclose(diagram.membrane[near], np.abs(0.6 * y)[near], atol=0.6)
    np.testing.assert_allclose(np.abs(diagram.membrane_z[near]), 0.8, atol=0.03)
    assert np.all(diagram.owner == (y > 0))
    assert np.all(diagram.neighbour == (y <= 0))


def test_a_cell_ends_where_it_no_longer_reaches() -> None:
    diagram = divide(some_sites(2, 1, reach_nm=50.0), straight((16, 16)))
    assert np.all(diagram.owner == 0)
    assert np.all(diagram.membrane == 1e4)  # with nobody beside it there is no membrane
