"""Tiles, and what is left out in them, against a look at every tube on every pixel."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mitogen.geometry.grid import Grid
from mitogen.geometry.tube_sections import TILE, cut_tubes
from mitogen.geometry.tubes import FAR_NM, Tubes

GRID = Grid((2 * TILE + 5, 3 * TILE + 1), pixel_nm=9.0, thickness_nm=4.0, spacing_nm=4.0)
REACH_NM = 80.0


def some_tubes(seed: int) -> Tubes:
    """Winding ones, of which the last two are a ball and a tube that the section misses."""
    rng = np.random.default_rng(seed)
    nodes = rng.uniform(-1, 1, (9, 1, 3)) * (60, 150, 220) + np.cumsum(rng.normal(0, 25, (9, 6, 3)), axis=1)
    radii = rng.uniform(15, 45, (9, 6))
    nodes[7] = nodes[7, 0]
    nodes[8, :, 0] += 1e3
    return Tubes(nodes.astype(np.float32), radii.astype(np.float32), np.zeros((9, 3), np.float32))


def distances(tubes: Tubes, z_nm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, Y, X) distance of every pixel from every smooth tube, and z component of the normal."""
    z, y, x = np.meshgrid(z_nm, GRID.y_nm, GRID.x_nm, indexing="ij")
    pixels = np.stack([z[0], y[0], x[0]], axis=-1).astype(float)[None, None]
    start, end = tubes.nodes[:, :-1, None, None].astype(float), tubes.nodes[:, 1:, None, None].astype(float)
    along = end - start
    t = np.clip(np.sum((pixels - start) * along, -1) / np.maximum(np.sum(along**2, -1), 1e-9), 0, 1)
    away = pixels - start - t[..., None] * along
    first, last = tubes.radii[:, :-1, None, None], tubes.radii[:, 1:, None, None]
    far = np.sqrt(np.sum(away**2, axis=-1))
    apart = far - first - t * (last - first)
    piece = np.argmin(apart, axis=1)[:, None]
    normal = np.take_along_axis(away[..., 0] / np.maximum(far, 1e-3), piece, axis=1)
    return np.take_along_axis(apart, piece, axis=1)[:, 0], normal[:, 0]


@pytest.mark.parametrize("rough_nm", [0.0, 6.0])
def test_every_pixel_sees_its_nearest_two_tubes(rough_nm: float) -> None:
    tubes, rng = some_tubes(3), np.random.default_rng(0)
    ripple = np.clip(rng.standard_normal(GRID.shape), -2, 2).astype(np.float32)
    ripple_nm = (rough_nm * np.arange(9) / 9).astype(np.float32)
    seen = cut_tubes(tubes, GRID, 12.0, REACH_NM, ripple, ripple_nm)
    apart, normal = distances(tubes, 12.0)
    apart += ripple_nm[:, None, None] * ripple
    apart[apart > REACH_NM] = FAR_NM
    order = np.argsort(apart, axis=0)
    for rank, distance, nearest in ((0, seen.distance, seen.nearest), (1, seen.second_distance, seen.second)):
        expected = np.take_along_axis(apart, order[[rank]], axis=0)[0]
        np.testing.assert_allclose(distance, expected, atol=1e-2)
        sure = np.abs(np.diff(np.sort(apart, axis=0)[: rank + 2], axis=0)).min(axis=0) > 0.1
        np.testing.assert_array_equal(nearest[sure], np.where(expected < FAR_NM, order[rank], -1)[sure])
    inside = (seen.nearest >= 0) & (seen.second_distance - seen.distance > 0.1)
    expected = np.take_along_axis(normal, seen.nearest[None], axis=0)[0]
    assert np.mean(np.abs(seen.normal_z - expected)[inside] < 1e-2) > 0.99  # but for the seams between pieces
    assert 0.1 < np.mean(seen.second >= 0) < np.mean(seen.nearest >= 0) < 0.95


def test_no_tubes_and_tubes_out_of_reach_leave_the_section_empty() -> None:
    flat = np.zeros(GRID.shape, np.float32)
    for tubes in (some_tubes(0).take(np.array([], int)), some_tubes(0).take(np.array([8]))):
        seen = cut_tubes(tubes, GRID, 0.0, REACH_NM, flat, np.zeros(len(tubes), np.float32))
        assert np.all(seen.distance == FAR_NM)
        assert np.all(seen.nearest == -1)
