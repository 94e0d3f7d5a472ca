"""Masks that can be read and are yet remarkable; JPEG files are those that Pillow writes."""

import io
import logging

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mitodata import DataError
from mitodata.importers.annotations.choice import Choice, parse_choice
from mitodata.importers.annotations.meaning import Meaning, judge
from mitodata.importers.annotations.numbers import Numbers, numbers_of
from mitodata.importers.annotations.survey import tabulate

Mask = NDArray[np.uint8]


def blobs(seed: int = 0, size: int = 256) -> Mask:
    """Round bodies of 0 and 1 that lie on no grid."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 8)
    return (noise > 1.2 * noise.std()).astype(np.uint8)


def through_jpeg(mask: Mask, quality: int) -> Mask:
    """The pixels of a mask that was once saved as JPEG."""
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def meaning(*images: Mask, choice: Choice | None = None) -> Meaning:
    return judge([tabulate(numbers_of(image, "here")) for image in images], choice or Choice(), "here")


@pytest.mark.parametrize("quality", [75, 85, 90, 95, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_mask_of_0_and_1_that_jpeg_smeared_is_asked_about(quality: int, seed: int) -> None:
    smeared = through_jpeg(blobs(seed), quality)
    assert len(np.unique(smeared)) > 2
    with pytest.raises(DataError, match="look like a mask of 0 and 1 that JPEG has changed"):
        meaning(smeared)
    assert not meaning(smeared, choice=parse_choice("any", None)).instances


@pytest.mark.parametrize("quality", [60, 65, 80])
def test_a_mask_whose_edges_jpeg_moved_to_its_blocks_is_asked_about(quality: int) -> None:
    blocks = through_jpeg(blobs(), quality)
    assert len(np.unique(blocks)) == 2
    with pytest.raises(DataError, match=r"here: edges lie between blocks of 8 x 8 px, .* say --mask-values any"):
        meaning(blocks)
    np.testing.assert_array_equal(meaning(blocks, choice=parse_choice("any", None)).mask(Numbers(blocks)), blocks > 0)


def test_one_small_body_that_jpeg_moved_to_its_blocks_is_asked_about() -> None:
    disc = (np.hypot(*(np.indices((64, 64)) - 30)) < 9).astype(np.uint8)
    assert not meaning(disc).instances
    with pytest.raises(DataError, match="edges lie between blocks"):
        meaning(through_jpeg(disc, 60))


def test_a_square_between_blocks_is_as_it_was_drawn() -> None:
    square = np.zeros((64, 64), np.uint8)
    square[16:24, 32:40] = 1
    np.testing.assert_array_equal(meaning(square).mask(Numbers(square)), square)


def test_masks_that_jpeg_has_emptied_are_asked_about() -> None:
    empty = through_jpeg(blobs(), 50), np.zeros((8, 8), np.uint8)
    with pytest.raises(DataError, match=r"here: there is no foreground in any mask; .* say --mask-values any"):
        meaning(*empty)
    assert not meaning(*empty, choice=parse_choice("any", None)).mask(Numbers(empty[0])).any()
    assert not meaning(*empty, blobs()).instances


def test_what_was_drawn_is_not_doubted(caplog: pytest.LogCaptureFixture) -> None:
    mask = blobs()
    with caplog.at_level(logging.WARNING):
        meaning(mask, np.zeros_like(mask))
        meaning(255 * mask)
        meaning(blobs(1) > 0)
    assert not caplog.messages
    two = mask * (1 + (np.arange(256) > 128)).astype(np.uint8)
    with pytest.raises(DataError, match="may be instances or classes"):
        meaning(two)


def test_few_numbers_that_are_taken_for_instances_are_listed(caplog: pytest.LogCaptureFixture) -> None:
    classes = np.zeros((64, 64), np.uint8)
    for number, (y, x) in enumerate([(2, 2), (2, 34), (34, 2), (34, 34)]):
        classes[y : y + 20, x : x + 20] = number + 1
    with caplog.at_level(logging.WARNING):
        assert meaning(classes, classes).instances
    assert caplog.messages == [
        "here: values 1 (2 regions), 2 (2 regions), 3 (2 regions), 4 (2 regions) are taken for instances; if they are "
        "classes, say which are foreground, as in --mask-values 1"
    ]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert meaning(classes, choice=parse_choice("instances", None)).instances
    assert not caplog.messages
