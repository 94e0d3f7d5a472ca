"""Points that push each other apart, one in each cell of a lattice."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mitogen.geometry.point_process import normal_table
from mitogen.scene.spaced_points import (
    FULLEST,
    OVERLAP,
    SIDE,
    STRAY,
    Spacing,
    fill_spaced_block,
    spacing_of,
)

RADIUS_NM = 100.0
VOLUME_UM3 = 4 / 3 * np.pi * (RADIUS_NM / 1000) ** 3
EDGE_NM, JITTER = spacing_of(0.35 / VOLUME_UM3, VOLUME_UM3)
EVEN = Spacing(np.uint64(7), EDGE_NM, JITTER, RADIUS_NM, 0.0, 1.0)
"""Spheres of one size that fill 0.35 of the volume."""


def block(z: int, y: int, x: int, spacing: Spacing = EVEN) -> NDArray[np.float64]:
    """Rows of a block, with four numbers a point."""
    rows = np.empty((SIDE**3, 7))
    assert fill_spaced_block(spacing, (z, y, x), normal_table(), rows, 0) == SIDE**3
    return rows


def region(spacing: Spacing) -> NDArray[np.float64]:
    """Points of 64 blocks."""
    return np.concatenate([block(z, y, x, spacing)[:, :3] for z, y, x in np.ndindex(4, 4, 4)])


def test_hardly_any_two_overlap_not_even_across_blocks():
    points = region(EVEN)
    apart = cdist(points, points) + 1e9 * np.eye(len(points))
    too_close = apart.min(axis=1) < 2 * RADIUS_NM * (1 - OVERLAP)
    assert too_close.mean() < 0.03
    raw = region(EVEN._replace(radius=1.0))
    apart = cdist(raw, raw) + 1e9 * np.eye(len(raw))
    assert (apart.min(axis=1) < 2 * RADIUS_NM * (1 - OVERLAP)).mean() > 0.4


def test_points_stay_near_their_blocks():
    wide = EVEN._replace(jitter=1.0, radius=3 * RADIUS_NM)
    for place in np.ndindex(2, 2, 2):
        corner = np.array(place) * SIDE * EDGE_NM
        points = block(*place, wide)[:, :3] - corner
        assert points.min() >= -STRAY * EDGE_NM
        assert points.max() <= (SIDE + STRAY) * EDGE_NM


def test_every_plane_cuts_about_as_many_spheres():
    heights = region(EVEN)[:, 0]
    counts = [np.sum((heights - plane + RADIUS_NM) % EDGE_NM < 2 * RADIUS_NM) for plane in np.linspace(0, EDGE_NM, 12)]
    assert 2 * RADIUS_NM < EDGE_NM
    assert np.min(counts) > 0.85 * np.mean(counts)
    assert np.max(counts) < 1.15 * np.mean(counts)


def test_a_block_is_the_same_wherever_its_rows_lie():
    rows = np.full((2 * SIDE**3, 7), np.nan)
    assert fill_spaced_block(EVEN, (1, 2, 3), normal_table(), rows, 20) == 20 + SIDE**3
    np.testing.assert_array_equal(rows[20 : 20 + SIDE**3], block(1, 2, 3))
    assert np.isnan(rows[:20]).all()
    assert fill_spaced_block(EVEN, (1, 2, 3), normal_table(), rows, SIDE**3 + 1) == -1


def test_no_more_than_fit_are_proposed():
    edge, _ = spacing_of(1e6, VOLUME_UM3)
    assert np.isclose(VOLUME_UM3 * (1000 / edge) ** 3, FULLEST)
    sparse, jitter = spacing_of(1.0, VOLUME_UM3)
    assert np.isclose(sparse, 1000)
    assert jitter == 1
