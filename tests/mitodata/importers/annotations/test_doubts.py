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
from mitodata.importers.annotations.numbers import numbers_of
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
def test_a_mask_whose_edges_jpeg_moved_to_its_blocks_is_doubted(quality: int, caplog: pytest.LogCaptureFixture) -> None:
    blocks = through_jpeg(blobs(), quality)
    assert len(np.unique(blocks)) == 2
    with caplog.at_level(logging.WARNING):
        assert not meaning(blocks).instances
    assert [message.partition(",")[0] for message in caplog.messages] == ["here: edges lie between blocks of 8 x 8 px"]


def test_masks_that_jpeg_has_emptied_are_doubted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        meaning(through_jpeg(blobs(), 50), np.zeros((8, 8), np.uint8))
    assert caplog.messages == ["here: there is no foreground in any mask"]


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
