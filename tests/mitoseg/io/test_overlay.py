"""The picture that shows what was found: outlines where objects end, grey as it was, large sections shrunk."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mitoseg.io import overlay
from mitoseg.io.blocks import Layer
from mitoseg.io.overlay import draw_overlay


def layer(name: str, values: NDArray[np.integer]) -> Layer:
    return Layer(name, values.shape, values.dtype, (50.0, 8.0, 8.0), values.__getitem__)


def test_an_overlay_outlines_the_objects_of_the_middle_section_and_leaves_the_rest_grey() -> None:
    raw = np.full((3, 40, 60), 90, np.uint8)
    numbers = np.zeros(raw.shape, np.uint16)
    numbers[1, 10:20, 10:20], numbers[1, 10:20, 20:30] = 1, 2
    numbers[0, 30:35, 40:50] = 3  # not the middle section
    picture = np.asarray(draw_overlay(layer("raw", raw), layer("instances", numbers)))
    assert picture.shape == (40, 60, 3)
    coloured = np.ptp(picture.astype(int), axis=2) > 0
    inside = np.zeros_like(coloured)
    inside[11:19, 11:19] = inside[11:19, 21:29] = True
    expected = (numbers[1] > 0) & ~inside  # two that touch stay apart
    np.testing.assert_array_equal(coloured, expected)
    assert (picture[~coloured] == 90).all()
    assert tuple(picture[10, 10]) != tuple(picture[10, 25])


@pytest.mark.parametrize(("height", "width"), [(1, 3000), (3000, 1), (2, 5000)])
def test_a_strip_that_is_narrower_than_a_square_is_drawn(height: int, width: int) -> None:
    raw = np.full((1, height, width), 90, np.uint8)
    picture = np.asarray(draw_overlay(layer("raw", raw), layer("mask", np.zeros_like(raw))))
    assert max(picture.shape[:2]) == max(height, width) // -(-max(height, width) // overlay.LONGEST_PX)
    assert min(picture.shape[:2]) == 1
    assert (picture == 90).any()


@pytest.mark.parametrize("band", [1, 2**24])
def test_a_large_section_is_shrunk_whatever_is_read_at_a_time(band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "LONGEST_PX", 20)
    monkeypatch.setattr(overlay, "BAND_PIXELS", band)
    raw = np.zeros((1, 41, 60), np.uint8)
    raw[0, :, 30:] = 200
    numbers = np.zeros(raw.shape, np.uint8)
    numbers[0, 12:27, 33:48] = 1
    picture = np.asarray(draw_overlay(layer("raw", raw), layer("mask", numbers)))
    assert picture.shape == (13, 20, 3)
    assert (picture[:, :10] == 0).all()
    coloured = np.ptp(picture.astype(int), axis=2) > 0
    assert coloured.sum() == 16  # the rim of 5 x 5
    assert coloured[4:9, 11:16].sum() == 16
