from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitoseg_napari.painted import collect, write_painted
from mitoseg_napari.pictures import open_picture
from mitoseg_napari.writer import Given

Make = Callable[..., Given]


@pytest.fixture
def image(layer: Make) -> Given:
    return layer(np.random.default_rng(0).integers(0, 256, (3, 40, 50), np.uint8))


def paint() -> NDArray[np.uint8]:
    """In the section 1 some background and two mitochondria; nothing in the others."""
    labels = np.zeros((3, 40, 50), np.uint8)
    labels[1, 5:30, 5:45] = 1
    labels[1, 10:15, 10:15], labels[1, 20:25, 30:40] = 2, 9
    return labels


def test_unpainted_is_unknown_and_sections_without_paint_are_left_out(
    image: Given, layer: Make, tmp_path: Path
) -> None:
    painted = collect(open_picture(image), image, layer(paint(), "paint"), None)
    write_painted(painted, tmp_path / "painted.h5")
    with Dataset(tmp_path / "painted.h5") as file:
        (sample,) = list(file)
    assert np.array_equal(sample.raw[0], image.data[1])
    assert sample.voxel_size_nm == (8, 8, 8)
    assert sample.mask is not None
    assert sample.label is not None
    assert set(np.unique(sample.mask)) == {0, 1, 255}
    assert np.array_equal(sample.mask[0] == 255, paint()[1] == 0)
    assert np.array_equal(sample.mask[0] == 1, paint()[1] > 1)
    assert sample.label.max() == 2


def test_inside_of_rectangles_unpainted_is_background(image: Given, layer: Make) -> None:
    labels = np.where(paint() > 1, paint(), 0)
    rectangle = (slice(1, 2), slice(0, 30), slice(0, 50))
    mask = collect(open_picture(image), image, layer(labels, "paint"), [rectangle]).known
    assert (mask[0] == 255).all()
    assert (mask[1, 30:] == 255).all()
    assert np.array_equal(mask[1, :30], labels[1, :30] > 0)


def test_labels_of_a_part_of_an_image_are_learned_from_on_that_part(image: Given, layer: Make) -> None:
    part = layer(paint()[1:2, 5:30, 5:45], "part", translate=(8, 40, 40))
    painted = collect(open_picture(image), image, part, None)
    assert painted.picture.shape == (1, 25, 40)
    everything = tuple(slice(0, length) for length in painted.picture.shape)
    assert np.array_equal(painted.picture.array[everything], image.data[1:2, 5:30, 5:45])


@pytest.mark.parametrize(
    ("value", "reviewed", "says"),
    [(1, False, "no mitochondrion is painted"), (3, False, "no background is known"), (0, True, "no mitochondrion")],
)
def test_labels_that_teach_nothing_are_refused_in_one_line(
    image: Given, layer: Make, value: int, reviewed: bool, says: str
) -> None:
    labels = layer(np.full((3, 40, 50), value, np.uint8), "paint")
    with pytest.raises(DataError, match=f"paint: {says}"):
        collect(open_picture(image), image, labels, None, all_reviewed=reviewed)


def test_without_a_voxel_size_nothing_is_written(image: Given, layer: Make, tmp_path: Path) -> None:
    painted = collect(replace(open_picture(image), voxel_size_nm=None), image, layer(paint(), "paint"), None)
    with pytest.raises(DataError, match="has no voxel size"):
        write_painted(painted, tmp_path / "painted.h5")
    assert not list(tmp_path.iterdir())
