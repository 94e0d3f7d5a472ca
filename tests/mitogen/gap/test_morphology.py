"""Labelled statistics against discs, ellipses and edges of which the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mitodata import IGNORE
from mitogen.gap.morphology import STEPS, boundary_histograms, outline, pool_morphologies, profile_name, profile_shapes

PIXEL = (5.0, 5.0)


def ellipse(major_px: float, minor_px: float, angle_deg: float = 0, size: int = 120) -> NDArray[np.uint16]:
    """A filled ellipse with these axes (whole ones, not half) in the middle of a picture."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.3  # not on a pixel
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return (np.hypot((x * c + y * s) / major_px, (y * c - x * s) / minor_px) < 0.5).astype(np.uint16)


def values(
    raw: NDArray[np.uint8], label: NDArray[np.uint16], mask: NDArray[np.uint8] | None = None
) -> dict[str, float]:
    known = (label > 0).astype(np.uint8) if mask is None else mask
    return {name: value for name, value in outline(raw, label, known, PIXEL).values().items() if value is not None}


@pytest.mark.parametrize("radius_px", [5, 20, 40])
def test_disc(radius_px: float) -> None:
    ((area, major, minor),) = profile_shapes(ellipse(2 * radius_px, 2 * radius_px))
    assert area == pytest.approx(np.pi * radius_px**2, rel=0.04)
    assert major == pytest.approx(2 * radius_px, abs=0.4)
    assert minor == pytest.approx(2 * radius_px, abs=0.4)


@settings(max_examples=30, deadline=None)
@given(st.floats(40, 100), st.floats(0.3, 1), st.floats(0, 180))
def test_ellipse_at_any_angle(major_px: float, ratio: float, angle_deg: float) -> None:
    ((area, major, minor),) = profile_shapes(ellipse(major_px, major_px * ratio, angle_deg))
    assert area == pytest.approx(np.pi / 4 * major_px**2 * ratio, rel=0.04)
    assert major == pytest.approx(major_px, abs=1)
    assert minor == pytest.approx(major_px * ratio, abs=0.5)


def test_specks_and_threads_have_axes() -> None:
    label = np.zeros((20, 20), np.uint16)
    label[3, 3] = 1
    label[10, 2:12] = 2
    shapes = profile_shapes(label)
    assert shapes[0] == pytest.approx([1, 2 / np.sqrt(3), 2 / np.sqrt(3)])  # a square of edge 1
    assert shapes[1] == pytest.approx([10, 20 / np.sqrt(3), 2 / np.sqrt(3)])  # a rectangle of 10 x 1


def test_touching_instances_are_two_profiles_and_so_are_two_pieces_of_one() -> None:
    label = np.zeros((20, 20), np.uint16)
    label[2:8, 2:8] = 1
    label[2:8, 8:14] = 2
    label[12:16, 2:8] = 1
    assert sorted(profile_shapes(label)[:, 0]) == [24, 36, 36]


def test_no_profile() -> None:
    empty = np.zeros((20, 30), np.uint16)
    assert profile_shapes(empty).shape == (0, 3)
    found = outline(np.zeros((20, 30), np.uint8), empty, empty.astype(np.uint8), PIXEL).values()
    assert found["mito.area_fraction"] == found["number.per_section"] == found["number.per_um2"] == 0
    assert found["size.area_px"] is found["mito.grey"] is found[profile_name(-1)] is None


def test_step_edge() -> None:
    label = ellipse(60, 60)
    found = values(np.where(label > 0, 80, 140).astype(np.uint8), label)
    assert [found[profile_name(step)] for step in STEPS] == [140] * 8 + [80] * 7
    assert found["mito.grey"] == found["mito.rim_grey"] == found["mito.inside_grey"] == 80
    assert found["mito.grey_std"] == found["mito.inside_std"] == 0


def test_profile_of_a_straight_edge_pixel_by_pixel() -> None:
    raw = np.repeat(np.arange(100, 140, dtype=np.uint8)[None], 40, axis=0)
    label = np.zeros((40, 40), np.uint16)
    label[:, 20:] = 1
    found = values(raw, label)
    assert [found[profile_name(step)] for step in STEPS] == [*range(112, 120), *range(120, 127)]
    assert found["mito.rim_grey"] == 121
    assert found["mito.inside_grey"] == pytest.approx(np.mean(range(127, 140)))


def test_distances_count_to_the_nearest_mitochondrion() -> None:
    label = np.zeros((9, 30), np.uint16)
    label[:, :10] = 1
    label[:, 14:] = 2
    counts = boundary_histograms(np.zeros_like(label, np.uint8), (label > 0).astype(np.uint8)).sum(axis=1)
    assert list(counts[:8]) == [0] * 6 + [18, 18]  # the gap of 4 px: two at distance 1, two at distance 2


def test_edge_of_the_picture_is_no_boundary() -> None:
    full = np.ones((30, 30), np.uint8)
    counts = boundary_histograms(np.full((30, 30), 90, np.uint8), full)
    assert counts[-1, 90] == 900
    assert counts.sum() == 900


def test_ignored_pixels_are_on_neither_side() -> None:
    label = ellipse(60, 60)
    mask = (label > 0).astype(np.uint8)
    mask[:, :60] = IGNORE
    raw = np.where(label > 0, 80, 140).astype(np.uint8)
    raw[:, :60] = 255
    found = values(raw, label, mask)
    assert found["mito.grey"] == 80
    assert found[profile_name(-1)] == 140
    assert found["mito.area_fraction"] == pytest.approx((label > 0)[:, 60:].mean())
    assert found["size.area_px"] == (label > 0)[:, 60:].sum()
    everywhere = outline(raw, label, np.full_like(mask, IGNORE), PIXEL).values()
    assert set(everywhere.values()) == {None, 0.0}


def test_numbers_in_micrometres() -> None:
    found = values(np.zeros((120, 120), np.uint8), ellipse(60, 40))
    assert found["size.area_um2"] == pytest.approx(found["size.area_px"] * 25e-6)
    assert found["size.major_nm"] == pytest.approx(300, rel=0.02)
    assert found["number.per_um2"] == pytest.approx(1 / 0.36)
    assert found["size.aspect"] == pytest.approx(1.5, rel=0.02)
    assert found["size.elongation"] == pytest.approx(1 / 3, rel=0.05)


def test_sections_pool() -> None:
    sections = []
    for axis in (20, 40, 60):
        label = ellipse(axis, axis)
        sections.append(outline(np.zeros(label.shape, np.uint8), label, (label > 0).astype(np.uint8), PIXEL))
    pooled = pool_morphologies(sections)
    found = pooled.values()
    assert pooled.sections == 3
    assert found["size.major_px"] == pytest.approx(40, rel=0.02)
    assert found["number.per_section"] == 1
