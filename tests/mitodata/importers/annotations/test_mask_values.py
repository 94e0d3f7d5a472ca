"""What the values of masks mean: every expected mask is drawn by hand, or follows from the squares that were drawn."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError
from mitodata.importers.annotations.choice import Choice, parse_choice
from mitodata.importers.annotations.meaning import Meaning, judge
from mitodata.importers.annotations.numbers import Numbers, numbers_of, read_numbers, voc_colours
from mitodata.importers.annotations.survey import tabulate
from mitodata.importers.masks import binarise, read_mask

Pixels = NDArray[Any]
SIDE, PITCH, SIZE = 8, 12, 128


def squares(count: int) -> Pixels:
    """Squares of 8 x 8 px, numbered from 1 row by row, on 128 x 128 px."""
    image = np.zeros((SIZE, SIZE), np.int64)
    for number in range(count):
        y, x = 4 + PITCH * (number // 10), 4 + PITCH * (number % 10)
        image[y : y + SIDE, x : x + SIDE] = number + 1
    return image


def meaning(*images: Pixels, choice: Choice | None = None, lossy: bool = False) -> Meaning:
    tables = [tabulate(numbers_of(image, "here", lossy=lossy)) for image in images]
    return judge(tables, choice or Choice(), "here")


def mask_of(image: Pixels, choice: Choice | None = None, lossy: bool = False) -> list[list[int]]:
    found = meaning(image, choice=choice, lossy=lossy)
    assert not found.instances
    mask: list[list[int]] = found.mask(numbers_of(image, "here", lossy=lossy)).tolist()
    return mask


def through_jpeg(image: Pixels, path: Path, quality: int = 75) -> Pixels:
    Image.fromarray(image).save(path, quality=quality)
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("value", [1, 100])
def test_two_values_are_background_and_foreground(dtype: Any, value: int) -> None:
    some, none = np.array([[0, value, value]], dtype), np.zeros((1, 3), dtype)
    assert mask_of(some) == [[0, 1, 1]]
    assert meaning(some, none).mask(Numbers(none)).tolist() == [[0, 0, 0]]


def test_masks_of_other_types() -> None:
    assert mask_of(np.array([[0, 65535]], np.uint16)) == [[0, 1]]
    assert mask_of(np.array([[False, True]])) == [[0, 1]]
    assert mask_of(np.array([[[0, 0, 0], [0, 128, 0]]], np.uint8)) == [[0, 1]]
    assert mask_of(np.array([[[0, 0, 0], [9, 9, 9]]], np.uint16)) == [[0, 1]]


def test_files_of_0_and_1_and_of_0_and_255_and_of_single_bits_are_masks_together() -> None:
    images = [np.array([[0, 1]], np.uint8), np.array([[0, 255]], np.uint8), np.array([[False, True]])]
    found = meaning(*images, np.zeros((1, 2), np.uint8))
    assert [found.mask(Numbers(image)).tolist() for image in images] == [[[0, 1]]] * 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32])
def test_numbers_of_instances_are_kept_in_any_type(dtype: Any) -> None:
    image = squares(100).astype(dtype)
    found = meaning(image)
    assert found.instances
    np.testing.assert_array_equal(found.label(Numbers(image)), squares(100).astype(np.uint16), strict=True)


def test_numbers_beyond_16_bits_are_kept() -> None:
    image = squares(5) * 100_000
    np.testing.assert_array_equal(meaning(image).label(Numbers(image)), (squares(5) * 100_000).astype(np.uint32))
    with pytest.raises(DataError, match="numbers up to 50000000000; expected at most 4294967295"):
        meaning(squares(5) * 10_000_000_000)


def test_a_file_of_one_object_counts_as_the_others_do() -> None:
    alone = np.where(squares(1) > 0, 7, 0)
    found = meaning(alone, squares(20))
    assert found.instances
    np.testing.assert_array_equal(found.label(Numbers(alone)), alone)
    with pytest.raises(DataError, match=r"here: values 100 \(1 region\), 200 \(1 region\) may be instances or classes"):
        meaning(np.array([[0, 100]], np.uint8), np.array([[0, 200]], np.uint8))


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        ([100, 200], r"100 \(20 regions\), 200 \(20 regions\)"),
        ([85, 170, 255], r"85 \(14 regions\), 170 \(13 regions\), 255 \(13 regions\)"),
        ([1, 2, 3, 4, 5], r"1 \(8 regions\), .*5 \(8 regions\)"),
    ],
)
def test_classes_are_asked_about(values: list[int], listed: str) -> None:
    image = np.array([0, *(values * 20)], np.uint8)[squares(40)]
    with pytest.raises(
        DataError, match=rf"here: values {listed} may be .* --mask-values instances, any .* {values[0]}$"
    ):
        meaning(image)
    one = mask_of(image, parse_choice(str(values[0]), None))
    assert np.sum(one) == np.count_nonzero(image == values[0])
    assert np.sum(mask_of(image, parse_choice("any", None))) == 40 * SIDE**2
    label = meaning(image, choice=parse_choice("instances", None)).label(Numbers(image))
    np.testing.assert_array_equal(label, image)


@pytest.mark.parametrize("image", [np.array([[0, 1, 2]]), np.array([[0, 100, 200]]), squares(3)])
def test_few_numbers_are_asked_about(image: Pixels) -> None:
    with pytest.raises(DataError, match="may be instances or classes"):
        meaning(image.astype(np.uint8))


def test_white_beside_numbers_may_be_what_is_unknown() -> None:
    image = squares(12).astype(np.uint8)
    image[-3:] = 255
    with pytest.raises(DataError, match=r"may be instances, but 255 may be what is unknown \(--unknown 255\)"):
        meaning(image)
    found = meaning(image, choice=parse_choice(None, "255"))
    np.testing.assert_array_equal(found.label(Numbers(image)), squares(12))
    assert (found.unknown(Numbers(image)) == 255).sum() == 3 * SIZE
    assert mask_of(np.array([[0, 1, 255]], np.uint8), parse_choice(None, "255")) == [[0, 1, 255]]
    assert mask_of(np.array([[0, 1, -1]], np.int16), parse_choice(None, "-1")) == [[0, 1, 255]]
    grey = np.repeat(np.array([[[0], [1], [9]]], np.uint8), 3, axis=-1)
    assert mask_of(grey, parse_choice(None, "9")) == [[0, 1, 255]]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0, np.nan, 1], "values that are not finite"),
        ([0, np.inf, 1], "values that are not finite"),
        ([0, 0.3], "2 values from 0 to 0.3 are fractions, .* where foreground begins, as in --mask-values 0.5-1"),
        ([0, 0.3, 0.4, 0.9], "4 values from 0 to 0.9 are fractions"),
        ([0.1, 1.0], "fractions"),
        ([-1.0, 0], "values from -1 to 0; expected none below 0; if that is what is unknown, say --unknown -1"),
        ([0, 1j], "pixels of type complex128; expected real numbers"),
        ([254, 255], r"values 254 \(1 region\), 255 \(1 region\) lack 0, which is background"),
        ([255, 255], r"values 255 \(1 region\) lack 0"),
    ],
)
def test_what_would_be_a_wrong_mask_is_refused(values: list[Any], problem: str) -> None:
    with pytest.raises(DataError, match=rf"^here: .*{problem}"):
        meaning(np.atleast_2d(values))


def test_where_a_probability_becomes_foreground_can_be_said() -> None:
    assert mask_of(np.array([[0, 0.3, 0.5, 0.9]]), parse_choice("0.5-1", None)) == [[0, 0, 1, 1]]


def test_smooth_edges_count_above_half() -> None:
    disk = np.hypot(*(np.indices((400, 400)) - 200)) < 120
    large = Image.fromarray(disk.astype(np.uint8) * 255)
    for method in (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS):
        small = np.asarray(large.resize((100, 100), method))
        assert len(np.unique(small)) > 2
        np.testing.assert_array_equal(mask_of(small), small > 127)


def test_stray_grey_pixels_do_not_count() -> None:
    image = (squares(50) > 0).astype(np.uint8) * 255
    image[0, 0], image[3, 3] = 100, 200  # one far from everything, one at a corner
    np.testing.assert_array_equal(mask_of(image), np.where(image == 200, 1, image == 255))


def test_a_thin_class_around_objects_is_no_smooth_edge() -> None:
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[20:60, 20:60] = 100
    image[21:59, 21:59] = 200
    with pytest.raises(DataError, match=r"100 \(1 region\), 200 \(1 region\) may be instances or classes"):
        meaning(image)


def test_a_small_object_of_a_lower_number_is_not_stray() -> None:
    image = squares(1).astype(np.uint8) * 2
    image[100:102, 100:102] = 1
    with pytest.raises(DataError, match="may be instances or classes"):
        meaning(image)


def test_a_small_object_that_touches_a_large_one_is_no_edge() -> None:
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[20:60, 20:60] = 2
    image[30:40, 60:62] = 1
    with pytest.raises(DataError, match=r"values 1 \(1 region\), 2 \(1 region\) may be instances or classes"):
        meaning(image)


def test_a_picture_is_no_mask() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    with pytest.raises(DataError, match=r"here: 25\d values in \d+ regions look like a picture"):
        meaning(picture)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_black_and_white_survive_jpeg(tmp_path: Path, quality: int) -> None:
    drawn = squares(50) > 0
    found = through_jpeg(drawn.astype(np.uint8) * 255, tmp_path / "a.jpg", quality)
    assert np.mean(np.array(mask_of(found, lossy=True)) != drawn) < 0.01
    Image.fromarray(found).save(tmp_path / "a.png")  # what is saved anew is no better
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), read_mask(tmp_path / "a.jpg"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1], r"JPEG with values up to \d; expected black and white: JPEG loses small numbers, .* --mask-values any"),
        ([0], "JPEG with values up to 0"),
        ([100], r"JPEG with values up to 10\d"),
        ([100, 200], "JPEG with more than black and white"),
        ([100, 255], "JPEG with more than black and white"),
    ],
)
def test_what_jpeg_loses_is_refused(tmp_path: Path, values: list[int], problem: str) -> None:
    image = np.array([0, *(values * 20)], np.uint8)[squares(20)]
    found = through_jpeg(image, tmp_path / "a.jpg")
    with pytest.raises(DataError, match=problem):
        meaning(found, lossy=True)


def test_a_tiff_that_is_packed_as_jpeg_is_lossy(tmp_path: Path) -> None:
    drawn = (squares(20) > 0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", drawn * 255, compression="jpeg")
    assert np.mean(read_mask(tmp_path / "a.tif") != drawn) < 0.01
    tifffile.imwrite(tmp_path / "a.tif", drawn, compression="jpeg")
    Image.fromarray(drawn * 0).save(tmp_path / "a.jpg")
    assert not read_mask(tmp_path / "a.jpg").any()
    with pytest.raises(DataError, match=r"a\.tif: JPEG with values up to \d; expected black and white: .* as PNG$"):
        read_mask(tmp_path / "a.tif")


def test_classes_and_special_codes_are_no_lossy_mask() -> None:
    image = np.array([0, *[1, 2, 253, 254, 255] * 4], np.uint8)[squares(20)]
    with pytest.raises(DataError, match=r"1 \(4 regions\), 2 \(4 regions\), 253 .* may be instances or classes"):
        meaning(image)


def test_colours_in_a_jpeg_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((SIZE, SIZE, 3), np.uint8)
    colours[squares(20) % 2 == 1, 0] = 255
    colours[(squares(20) % 2 == 0) & (squares(20) > 0), 1] = 255
    Image.fromarray(colours).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: JPEG with colours"):
        read_mask(tmp_path / "a.jpg")


def palette_file(path: Path, numbers: Pixels, palette: list[tuple[int, int, int]]) -> Numbers:
    image = Image.fromarray(numbers.astype(np.uint8), "L")
    image.putpalette([channel for colour in palette for channel in colour])
    image.save(path)
    return read_numbers(path)


def voc() -> list[tuple[int, int, int]]:
    return [(int(code) >> 16, int(code) >> 8 & 255, int(code) & 255) for code in voc_colours()]


def test_the_palette_of_voc() -> None:
    assert voc()[:9] == [
        *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)),
        *((128, 128, 128), (64, 0, 0)),
    ]
    assert voc()[255] == (224, 224, 192)


def test_numbers_in_a_palette_are_those_stored(tmp_path: Path) -> None:
    """As labelme writes them: number 8 looks as dark as (64, 0, 0)."""
    numbers = palette_file(tmp_path / "a.png", squares(40), voc())
    found = judge([tabulate(numbers)], Choice(), "here")
    np.testing.assert_array_equal(found.label(numbers), squares(40))
    # the same colours without a palette
    Image.open(tmp_path / "a.png").convert("RGB").save(tmp_path / "b.png")
    colours = read_numbers(tmp_path / "b.png")
    found = judge([tabulate(colours)], Choice(), "here")
    np.testing.assert_array_equal(found.label(colours), squares(40))


def test_a_palette_of_a_tiff(tmp_path: Path) -> None:
    colormap = np.array(voc(), np.uint16).T * 257
    tifffile.imwrite(tmp_path / "a.tif", squares(40).astype(np.uint8), photometric="palette", colormap=colormap)
    numbers = read_numbers(tmp_path / "a.tif")
    np.testing.assert_array_equal(judge([tabulate(numbers)], Choice(), "here").label(numbers), squares(40))


def test_a_grey_palette_counts_as_it_looks(tmp_path: Path) -> None:
    """As a program for small files writes a mask: white is number 0."""
    drawn = squares(9) > 0
    numbers = palette_file(tmp_path / "a.png", np.where(drawn, 0, 1), [(255, 255, 255), (0, 0, 0)])
    found = judge([tabulate(numbers)], Choice(), "here")
    np.testing.assert_array_equal(found.mask(numbers), drawn)


def test_a_palette_in_which_black_is_not_the_first_counts_by_its_colours(tmp_path: Path) -> None:
    drawn = squares(9) > 0
    numbers = palette_file(tmp_path / "a.png", np.where(drawn, 0, 1), [(255, 0, 0), (0, 0, 0)])
    found = judge([tabulate(numbers)], Choice(), "here")
    np.testing.assert_array_equal(found.mask(numbers), drawn)


def test_colours_are_classes_that_can_be_named() -> None:
    red, green = (squares(20) % 2 == 1), (squares(20) % 2 == 0) & (squares(20) > 0)
    colours = np.zeros((SIZE, SIZE, 3), np.uint8)
    colours[red, 0] = colours[green, 1] = 255
    with pytest.raises(DataError, match=r"#00ff00 \(10 regions\), #ff0000 \(10 regions\) may be instances or classes"):
        meaning(colours)
    np.testing.assert_array_equal(mask_of(colours, parse_choice("#ff0000", None)), red)
    np.testing.assert_array_equal(mask_of(colours, parse_choice("#FF0000,#00ff00", None)), red | green)
    with pytest.raises(DataError, match="no pixel has one of the mask values asked for; found #00ff00"):
        meaning(colours, choice=parse_choice("#0000ff", None))


def test_a_1_bit_mask(tmp_path: Path) -> None:
    drawn = squares(3) > 0
    Image.fromarray(drawn).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), drawn)
    found = read_numbers(tmp_path / "a.png")  # Pillow's True is 255, which numpy's is not
    np.testing.assert_array_equal(judge([tabulate(found)], Choice(), "here").mask(found), drawn)
    with pytest.raises(DataError, match="holds masks of one bit beside 1"):
        meaning(drawn, squares(20))


def test_true_is_foreground_as_numpy_and_tifffile_write_it(tmp_path: Path) -> None:
    drawn = squares(3) > 0
    tifffile.imwrite(tmp_path / "a.tif", drawn)  # says that white is 0
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), drawn)


def test_single_bits_go_with_grey_masks_and_choices() -> None:
    bits, grey = squares(50) > 0, (squares(50) > 0) * np.uint8(255)
    grey[0, 0] = 3
    found = meaning(bits, grey)
    assert found.threshold == 127.5
    np.testing.assert_array_equal(found.mask(Numbers(bits)), bits)
    for text, expected in (("0", ~bits), ("1", bits), ("255", bits)):
        np.testing.assert_array_equal(
            meaning(grey, bits, choice=parse_choice(text, None)).mask(Numbers(bits)), expected
        )


def test_more_foreground_than_background_is_said(caplog: pytest.LogCaptureFixture) -> None:
    image = (squares(100) == 0).astype(np.uint8)
    for pixels in (image, image > 0, image * 255):
        with caplog.at_level(logging.WARNING):
            meaning(pixels)
        assert caplog.messages == [
            "here: foreground is 61 % of the masks; if that is what lies between the objects, say --mask-values 0"
        ]
        caplog.clear()
        np.testing.assert_array_equal(mask_of(pixels, parse_choice("0", None)), squares(100) > 0)
    meaning(squares(100))
    assert not caplog.messages


def test_formats_of_masks_offer_no_choice() -> None:
    assert binarise(np.array([[0, 255, 255]], np.uint8), Path("a.png")).tolist() == [[0, 1, 1]]
    for image, problem in (
        (
            squares(2),
            r"a\.png: values 1 \(1 region\), 2 \(1 region\) may be instances or classes; expected a mask of 0",
        ),
        (squares(20), r"a\.png: values up to 20 are numbers of instances; expected a mask of 0 and 255"),
        (squares(1) * -1, r"a\.png: values from -1 to 0; expected a mask of 0 and 255"),
        (squares(1) * 0.5, r"a\.png: 2 values from 0 to 0.5 are fractions, as of probabilities; expected a mask of 0"),
    ):
        with pytest.raises(DataError, match=problem) as caught:
            binarise(image, Path("a.png"))
        assert "--" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "1,", "3-1", "#ff", "any,1", "instances,any", "1-2-3"])
def test_what_cannot_be_a_choice_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"mask values .*; expected instances, any, or values such as 1 or 100,200"):
        parse_choice(text, None)


def test_choices() -> None:
    assert parse_choice(None, None).open
    assert parse_choice("1,128-255,#0000ff,mito", "255") == Choice(
        ranges=((1, 1), (128, 255)), colours=(255,), names=("mito",), unknown=((255, 255),)
    )
    assert parse_choice("-3--1", None).ranges == ((-3, -1),)
    with pytest.raises(DataError, match="unknown values 'all'; expected numbers such as 255"):
        parse_choice(None, "all")
    with pytest.raises(DataError, match="here: has no names of classes such as mito"):
        meaning(squares(1), choice=parse_choice("mito", None))
