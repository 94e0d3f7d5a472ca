"""Pictures that are the sections of one volume are told from pictures that have nothing to do with each other."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.readers.source import Source
from mitoseg.io.series import ALIKE, LOOKED_AT, likeness, numbered


@pytest.mark.parametrize(
    ("names", "series"),
    [
        ([f"sec_{number:03}.tif" for number in range(7)], True),
        ([f"s2_{number}.tif" for number in (9, 10, 11, 12, 13, 14)], True),
        ([f"sec_{number}.dm3" for number in range(6)], True),
        ([f"sec_{number}.tif" for number in range(5)], False),
        ([f"sec_{number}.tif" for number in (1, 2, 3, 5, 6, 7)], False),
        ([f"{kind}_{number}.tif" for kind in "ab" for number in range(6)], False),
        ([*(f"sec_{number}.tif" for number in range(6)), "notes.tif"], False),
        ([], False),
    ],
)
def test_a_series_is_numbered_without_gaps(names: list[str], series: bool) -> None:
    found = numbered([Path("a", name) for name in names])
    assert len(found) == (LOOKED_AT if series else 0)
    if "s2_9.tif" in names:
        assert [path.name for path in found] == [f"s2_{number}.tif" for number in (9, 10, 11, 12, 13)]


def source(plane: NDArray[np.uint8]) -> Source:
    return Source(Path("a.tif"), "", plane[None], (8.0, 8.0, 8.0))


def test_neighbours_of_a_volume_are_alike_and_unrelated_images_are_not() -> None:
    noise = np.random.default_rng(0).normal(size=(5, 96, 96))
    volume = ndimage.gaussian_filter(noise, (2, 2, 2))
    unrelated = ndimage.gaussian_filter(noise, (0, 2, 2))

    def grey(images: NDArray[np.float64]) -> list[Source]:
        return [source((128 + 60 * each / each.std()).clip(0, 255).astype(np.uint8)) for each in images]

    assert likeness(grey(volume)) > 2 * ALIKE
    assert likeness(grey(unrelated)) < ALIKE
    assert likeness([*grey(volume), source(np.zeros((90, 96), np.uint8))]) == 0
    assert likeness([]) == 0
