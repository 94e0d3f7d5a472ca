from collections.abc import Callable

import numpy as np
import pytest

from mitodata import DataError
from mitoseg_napari.pictures import (
    OURS,
    cover,
    open_picture,
    parse_voxel_size,
    part_of,
    place,
    shaped,
    voxel_size_text,
)
from mitoseg_napari.writer import Given

Make = Callable[..., Given]
ALL = (slice(None), slice(None), slice(None))


def test_a_section_has_the_thickness_that_our_reader_noted_else_that_of_a_pixel(layer: Make) -> None:
    data = np.zeros((20, 30), np.uint8)
    assert open_picture(layer(data)).voxel_size_nm == (8, 8, 8)
    noted = layer(data, metadata={OURS: {"thickness_nm": 40.0}})
    assert open_picture(noted).voxel_size_nm == (40, 8, 8)
    assert open_picture(noted).shape == (1, 20, 30)


def test_units_of_length_become_nm_and_others_are_not_believed(layer: Make) -> None:
    data = np.zeros((5, 20, 30), np.uint8)
    um = layer(data, scale=(0.05, 0.004, 0.004), units=("micrometer",) * 3)
    assert open_picture(um).voxel_size_nm == pytest.approx((50, 4, 4))
    assert open_picture(layer(data, units=("pixel",) * 3)).voxel_size_nm is None


def test_of_more_dimensions_the_place_in_the_viewer_chooses(layer: Make) -> None:
    data = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    picture = open_picture(layer(data), (1, 0, 0, 0))
    assert picture.index == (1,)
    assert np.array_equal(picture.array[ALL], data[1])
    assert open_picture(layer(data), (7, 0, 0, 0)).index == (1,)
    assert shaped(np.zeros((3, 4, 5)), picture).shape == (1, 3, 4, 5)


def test_a_part_of_a_part_is_where_it_says(layer: Make) -> None:
    data = np.arange(600, dtype=np.uint16).reshape(6, 10, 10)
    cut = open_picture(layer(data)).cut((slice(1, 5), slice(2, 9), slice(3, 8))).cut((slice(1, 3), *[slice(1, 4)] * 2))
    assert cut.shape == (2, 3, 3)
    assert np.array_equal(cut.array[ALL], data[2:4, 3:6, 4:7])


def test_colours_are_seen_as_their_luminance(layer: Make) -> None:
    data = np.zeros((20, 30, 3), np.uint8)
    data[..., 1] = 100
    picture = open_picture(layer(data, rgb=True))
    assert picture.shape == (1, 20, 30)
    assert set(np.unique(picture.array[ALL])) == {59}


def test_the_finest_of_several_resolutions_is_taken(layer: Make) -> None:
    fine, coarse = np.ones((20, 30), np.uint8), np.zeros((10, 15), np.uint8)
    many = Given([fine, coarse], {"name": "pyramid", "multiscale": True, "scale": (8, 8), "units": ("nm", "nm")})
    assert open_picture(many).shape == (1, 20, 30)


@pytest.mark.parametrize("data", [np.zeros(5, np.uint8), np.zeros((0, 4), np.uint8), np.zeros((4, 4), complex)])
def test_what_is_no_image_is_refused_in_one_line(layer: Make, data: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"stack: .*; expected"):
        open_picture(layer(data))


def test_a_result_lies_where_its_region_lies(layer: Make) -> None:
    image = layer(np.zeros((6, 20, 30), np.uint8), scale=(50, 4, 4), translate=(100, 8, 0))
    part = (slice(2, 3), slice(5, 9), slice(10, 20))
    placed = place(image, open_picture(image), part)
    assert placed["translate"] == (200, 28, 40)
    assert placed["scale"] == (50, 4, 4)
    labels = layer(np.zeros((1, 4, 10), np.uint8), "found", **placed)
    assert part_of(labels, image) == part


def test_of_a_row_of_volumes_labels_belong_to_the_one_on_which_they_lie(layer: Make) -> None:
    image = layer(np.zeros((3, 4, 20, 30), np.uint8), scale=(1, 8, 8, 8))
    labels = layer(np.full((1, 4, 20, 30), 7), "second", scale=(1, 8, 8, 8), translate=(1, 0, 0, 0))
    part, found = cover(labels, image, open_picture(image, (1, 0, 0, 0)))
    assert part == (slice(0, 4), slice(0, 20), slice(0, 30))
    assert found.shape == (4, 20, 30)
    with pytest.raises(DataError, match="second: holds nothing of the image that is shown"):
        cover(labels, image, open_picture(image, (2, 0, 0, 0)))


@pytest.mark.parametrize(
    ("shape", "keywords"),
    [
        ((6, 20, 31), {}),
        ((20, 30), {}),
        ((6, 20, 30), {"scale": (8, 8, 9)}),
        ((4, 4, 4), {"translate": (0, 0, 3)}),
        ((4, 4, 4), {"translate": (-8, 0, 0)}),
        ((6, 20, 30), {"units": ("micrometer",) * 3}),
    ],
)
def test_labels_that_fit_no_image_are_refused_in_one_line(
    layer: Make, shape: tuple[int, ...], keywords: dict[str, object]
) -> None:
    image, labels = layer(np.zeros((6, 20, 30), np.uint8)), layer(np.zeros(shape, np.uint8), "labels", **keywords)
    with pytest.raises(DataError, match=r"labels: .*expected a layer on the voxels of stack"):
        part_of(labels, image)


def test_a_voxel_size_is_read_as_people_type_it() -> None:
    assert parse_voxel_size(" 50 4.6, 4.6 nm") == (50, 4.6, 4.6)
    assert parse_voxel_size("50x4x4") == (50, 4, 4)
    assert parse_voxel_size("  ") is None
    assert parse_voxel_size(voxel_size_text((50.0, 4.6, 4.6))) == (50, 4.6, 4.6)
    for text in ("5", "a b c", "5 5 0", "5 5 nan"):
        with pytest.raises(DataError, match="expected three"):
            parse_voxel_size(text)
