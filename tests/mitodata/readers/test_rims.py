"""Constant rims: found where there are some, of any grey level, and only there."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from mitodata.hdf5.dataset import Dataset, validate
from mitodata.importers import import_to_file
from mitodata.readers.inputs import open_sources
from mitodata.readers.rims import RowEnds, find_rim, rim_of

TISSUE = np.random.default_rng(0).normal(120, 25, (96, 128)).clip(1, 254).astype(np.uint8)
Y, X = np.mgrid[:96, :128]
FRAMES = {
    "left": X < 13,
    "all around": (X < 5) | (X >= 120) | (Y < 7) | (Y >= 95),
    "one row": Y == 0,
    "turned": (X - 64) * np.cos(0.2) + (Y - 48) * np.sin(0.2) < -40,
    "turned, four corners": (np.abs((X - 64) * np.cos(0.1) + (Y - 48) * np.sin(0.1)) > 55)
    | (np.abs((Y - 48) * np.cos(0.1) - (X - 64) * np.sin(0.1)) > 42),
    "bent": 12 + 6 * np.sin(Y / 20) > X,
    "everything": np.ones(TISSUE.shape, np.bool_),
}


@pytest.mark.parametrize("level", [0, 255, 120])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_found(name: str, dtype: type, level: int) -> None:
    section = np.where(FRAMES[name], level, TISSUE).astype(dtype)
    found = find_rim(section)
    # Beside the frame, a pixel of tissue may have its grey level by chance.
    missed, extra = FRAMES[name] & ~found, found & ~FRAMES[name]
    assert not missed.any()
    assert extra.sum() <= 0.002 * section.size
    assert (section[found] == level).all()


@pytest.mark.parametrize("ragged", [0, 3])
def test_a_bar_behind_a_line_is_found_however_it_ends(ragged: int) -> None:
    """Microscopes write a bar below the image, with a white line around it."""
    border = 70 + np.random.default_rng(3).integers(0, ragged + 1, X.shape[1])
    bar, line = border <= Y, Y >= 93
    section = np.where(line, 255, np.where(bar, 1, np.maximum(TISSUE, 2))).astype(np.uint8)
    found = find_rim(section)
    assert found[Y[:, 0] >= 70 + ragged].all()
    assert not found[~bar].any()


def microscope_bar() -> NDArray[np.uint8]:
    """A black bar with white text and a scale bar behind a white line, (24, 128)."""
    bar = Image.new("L", (128, 24))
    draw = ImageDraw.Draw(bar)
    draw.rectangle((0, 0, 127, 1), fill=255)
    draw.text((6, 6), "HV 5 kV  20000 x", fill=255)
    draw.rectangle((90, 19, 120, 21), fill=255)
    return np.asarray(bar)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_bar_with_text_is_found_and_does_not_count_for_the_grey_scale(dtype: type, turned: bool) -> None:
    bar = microscope_bar()
    tissue = TISSUE.astype(dtype)
    section = np.vstack([tissue, np.where(bar > 127, np.iinfo(dtype).max, 0).astype(dtype)])
    section = section[::-1] if turned else section
    rim = rim_of(RowEnds.join([RowEnds.of(section[:50]), RowEnds.of(section[50:])]))
    found = rim.mask[::-1] if turned else rim.mask
    assert found[96:].all()
    assert not found[:96].any()
    assert sum(number for _, number in rim.levels) == bar.size
    assert dict(rim.levels)[np.iinfo(dtype).max] == (section == np.iinfo(dtype).max).sum()


def blob_background() -> NDArray[np.uint8]:
    """Bright bodies on an even black background, as fluorescence shows them."""
    spots = np.zeros(TISSUE.shape, np.bool_)
    spots[np.random.default_rng(1).integers(0, 96, 25), np.random.default_rng(2).integers(0, 128, 25)] = True
    return np.where(ndimage.binary_dilation(spots, iterations=5), TISSUE, 0).astype(np.uint8)


def test_a_cell_on_even_ground_is_no_bar() -> None:
    cell = np.hypot(X - 64, Y - 48) < 44
    assert not find_rim(np.where(cell, TISSUE, 0))[cell].any()


@pytest.mark.parametrize(
    "section",
    [
        TISSUE,
        np.where(TISSUE > 150, 255, TISSUE),  # saturated resin
        np.where(ndimage.gaussian_filter(TISSUE.astype(float), 4) < 119, 0, TISSUE),
        np.where((X < 6) & (Y < 9), 0, TISSUE),  # a dark body in a corner
        np.where(Y == 50, 0, TISSUE),  # a line that the camera lost
        blob_background(),
    ],
)
def test_tissue_is_no_frame(section: NDArray[Any]) -> None:
    assert find_rim(section).mean() < 0.01


def test_a_rim_is_unknown_in_the_mask(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    body = (np.hypot(X - 60, Y - 40) < 20).astype(np.uint8)
    for name, frame in (("a", np.zeros_like(FRAMES["left"])), ("b", FRAMES["turned"])):
        Image.fromarray(np.where(frame, 0, TISSUE)).save(tmp_path / "in/images" / f"{name}.png")
        Image.fromarray(body * 255).save(tmp_path / "in/masks" / f"{name}.png")
    import_to_file("pairs", tmp_path / "in", tmp_path / "o.h5", voxel_size_nm=(40, 8, 8))
    assert validate(tmp_path / "o.h5") == []
    with Dataset(tmp_path / "o.h5") as dataset:
        whole, framed = dataset[0].mask, dataset[1].mask
    assert whole is not None
    assert framed is not None
    np.testing.assert_array_equal(whole[0], body)
    np.testing.assert_array_equal(framed[0], np.where(FRAMES["turned"], 255, body))
    share = 100 * FRAMES["turned"].mean() / 2
    assert caplog.messages == [
        f"in: constant rims, {share:.1f} % of the pixels, in 1 sections: no tissue, marked unknown in the mask"
    ]


def test_bright_bodies_on_black_keep_their_background(tmp_path: Path) -> None:
    case = tmp_path / "train" / "x"
    for folder in ("images", "masks"):
        (case / folder).mkdir(parents=True)
    one_body = np.where(np.hypot(X - 60, Y - 40) < 20, TISSUE, 0).astype(np.uint8)
    Image.fromarray(one_body).save(case / "images" / "x.png")
    Image.fromarray((one_body > 0) * np.uint8(255)).save(case / "masks" / "1.png")
    import_to_file("dsb2018", tmp_path, tmp_path / "o.h5", voxel_size_nm=(100, 100, 100))
    with Dataset(tmp_path / "o.h5") as dataset:
        mask = dataset[0].mask
    assert mask is not None
    np.testing.assert_array_equal(mask[0], one_body > 0)


@pytest.mark.parametrize("name", ["left", "all around", "turned", "everything"])
def test_frames_that_are_nearly_black_are_found(name: str) -> None:
    """As JPEG and detectors leave them; their grey levels are counted as they are."""
    traces = np.random.default_rng(5).integers(0, 4, TISSUE.shape)
    section = np.where(FRAMES[name], traces, np.maximum(TISSUE, 4)).astype(np.uint8)
    found = find_rim(section)
    np.testing.assert_array_equal(found, FRAMES[name])
    parts = [RowEnds.of(section[:50]), RowEnds.of(section[50:])]
    counted = dict(rim_of(RowEnds.join(parts)).levels)
    assert counted == dict(enumerate(np.bincount(section[found]).tolist()))


@pytest.mark.parametrize("name", ["left", "all around", "turned"])
def test_the_frame_of_a_negative_is_nearly_black_and_found_as_well(name: str, tmp_path: Path) -> None:
    traces = np.random.default_rng(5).integers(0, 4, TISSUE.shape)
    section = np.where(FRAMES[name], traces, np.maximum(TISSUE, 4)).astype(np.uint8)
    Image.fromarray(section).save(tmp_path / "a.png")
    source = next(iter(open_sources(tmp_path / "a.png", (40.0, 8.0, 8.0))))
    seen = source.negative().read((slice(0, 1), slice(0, 96), slice(0, 128)))[0]
    np.testing.assert_array_equal(find_rim(seen), FRAMES[name])
    np.testing.assert_array_equal(seen[~FRAMES[name]], 255 - section[~FRAMES[name]])


def test_dark_tissue_is_no_frame() -> None:
    dark = np.random.default_rng(6).integers(0, 12, (96, 128)).astype(np.uint8)
    assert not find_rim(dark).any()


def test_a_frame_that_jpeg_has_smeared_is_told_from_others() -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=TISSUE.shape), 2)
    tissue = (smooth / smooth.std() * 25 + 120).clip(4, 254).astype(np.uint8)
    framed = np.pad(tissue, ((37, 50), (43, 60)))
    content = BytesIO()
    Image.fromarray(framed).save(content, "JPEG", quality=85)
    smeared = np.asarray(Image.open(content))
    noisy = np.where(framed == 0, np.random.default_rng(0).integers(0, 3, framed.shape), framed).astype(np.uint8)
    found = [rim_of(RowEnds.of(section)) for section in (framed, noisy, smeared)]
    assert [rim.smeared for rim in found] == [False, False, True]
    wide = found[2].widened(8).mask
    assert wide[framed == 0].all(), "with the blocks at the border, all of the frame"
    assert not wide[37 + 16 : -50 - 16, 43 + 16 : -60 - 16].any()


@pytest.mark.parametrize("name", ["left", "all around", "turned", "one row"])
def test_a_rim_is_widened_up_and_down_and_along_rows(name: str) -> None:
    rim = rim_of(RowEnds.of(np.where(FRAMES[name], 0, TISSUE)))
    expected = ndimage.binary_dilation(rim.mask, np.ones((7, 7)))
    np.testing.assert_array_equal(rim.widened(3).mask, expected)
