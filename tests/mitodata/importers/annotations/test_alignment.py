"""Masks that are turned, mirrored, shifted or in another order are noticed; those in place are not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.importers import import_dataset
from mitodata.importers.annotations.alignment import Pair, doubt_alignment
from mitodata.importers.annotations.doubts import doubt_outlines

Array = NDArray[Any]


def draw(seed: int, shape: tuple[int, int] = (200, 200)) -> Pair:
    """Dark bodies with darker rims among other lines, and the mask of the bodies."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.normal(size=shape), 7) for _ in range(2)]
    bodies, others = (field / field.std() for field in fields)
    inside = bodies > 1.2
    raw = 150 - 30 * inside - 40 * ndimage.gaussian_filter((inside & (bodies < 1.6)).astype(float), 0.7)
    raw -= 50 * (np.abs(others) < 0.08)
    raw += rng.normal(0, 8, shape)
    return raw.clip(0, 255).astype(np.uint8), inside.astype(np.uint8)


PAIRS = [draw(seed) for seed in (1, 2, 3)]


def test_masks_in_place_are_not_doubted() -> None:
    assert doubt_alignment(PAIRS) == ""
    assert doubt_alignment(PAIRS[:1]) == ""
    beside = [(raw, np.roll(mask, (2, -2), (0, 1))) for raw, mask in PAIRS]
    assert doubt_alignment(beside) == ""


def test_masks_of_other_images_and_empty_ones_tell_nothing() -> None:
    assert doubt_alignment([(raw, draw(seed + 9)[1]) for seed, (raw, _) in enumerate(PAIRS)]) == ""
    assert doubt_alignment([(raw, np.zeros_like(raw)) for raw, _ in PAIRS]) == ""
    assert doubt_alignment([(raw, np.full_like(raw, 255)) for raw, _ in PAIRS]) == ""
    assert doubt_alignment([]) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.flipud, "better mirrored up and down ("),
        (np.fliplr, "better mirrored left and right ("),
        (np.rot90, "better turned by -90 degrees ("),
        (np.transpose, "better with rows and columns exchanged ("),
        (lambda mask: mask[::-1, ::-1], "better turned by 180 degrees ("),
        (lambda mask: np.roll(mask, (9, -6), (0, 1)), "better moved -9 px down and +6 px right ("),
        (lambda mask: np.roll(mask[::-1], 12, 1), "better mirrored up and down and moved +0 px down and -12 px right"),
    ],
)
@pytest.mark.parametrize("number", [1, 3])
def test_masks_out_of_place_are_noticed(change: Callable[[Array], Array], words: str, number: int) -> None:
    assert words in doubt_alignment([(raw, change(mask)) for raw, mask in PAIRS[:number]])


def test_masks_in_reverse_order_are_noticed() -> None:
    masks = [mask for _, mask in PAIRS][::-1]
    assert "better in reverse order (" in doubt_alignment(
        [(raw, mask) for (raw, _), mask in zip(PAIRS, masks, strict=True)]
    )


def test_outlines_that_nobody_filled_are_noticed() -> None:
    masks = [mask for _, mask in PAIRS]
    assert doubt_outlines(masks) == doubt_outlines([]) == doubt_outlines([np.zeros_like(masks[0])]) == ""
    outlines = [mask & ~ndimage.binary_erosion(mask).astype(np.uint8) for mask in masks]
    inside = sum(int((mask - outline).sum()) for mask, outline in zip(masks, outlines, strict=True))
    times = inside / sum(int(outline.sum()) for outline in outlines)
    assert times > 1
    found = re.search(r"enclose ([0-9.]+) times as many pixels as they cover", doubt_outlines(outlines))
    assert found is not None
    assert float(found[1]) == pytest.approx(times, abs=0.25)  # some are cut by the ends of the image


def test_the_import_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / "images/a.tif", np.stack([raw for raw, _ in PAIRS]), photometric="minisblack")
    turned = np.stack([np.rot90(mask) for _, mask in PAIRS]) * np.uint8(255)
    tifffile.imwrite(tmp_path / "masks/a.tif", turned, photometric="minisblack")
    import_dataset("pairs", tmp_path, voxel_size_nm=(40, 5, 5))
    assert "the masks fit the image better turned by -90 degrees" in caplog.text
