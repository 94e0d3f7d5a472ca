import numpy as np
import pytest

from mitodata import DataError
from mitoseg_napari.regions import full, region

SHAPE = (8, 100, 200)


def test_without_corners_all_sections_or_one_are_taken() -> None:
    assert full(region("stack", SHAPE), SHAPE)
    assert region("stack", SHAPE, section=3) == (slice(3, 4), slice(0, 100), slice(0, 200))
    assert region("stack", SHAPE, section=99)[0] == slice(7, 8)


def test_a_rectangle_is_cut_off_at_the_edges() -> None:
    corners = np.array([[-20.0, 150.2], [40.0, 150.2], [40.0, 900.0]])
    assert region("stack", SHAPE, corners) == (slice(0, 8), slice(0, 41), slice(150, 200))


@pytest.mark.parametrize(
    "corners", [[[200.0, 0.0], [300.0, 50.0]], [[5.0, 5.0], [8.0, 90.0]], [[0.0, 0.0], [0.0, 0.0]]]
)
def test_a_region_outside_or_too_small_is_refused_in_one_line(corners: list[list[float]]) -> None:
    with pytest.raises(DataError, match=r"stack: .* expected at least 16 x 16"):
        region("stack", SHAPE, corners)
