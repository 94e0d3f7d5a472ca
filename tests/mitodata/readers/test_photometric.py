"""What the pixels of TIFF files mean: white at 0, tables of colours, and what is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError
from mitodata.importers.masks import read_mask
from mitodata.readers.inputs import open_images, open_sources, read_grey, read_pixels
from mitodata.readers.rasters.photometric import apply_photometric
from mitodata.readers.source import Shown

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
MASK = (GREY > 100).astype(np.uint8)
FALLING = np.repeat(np.arange(255, -1, -1, dtype=np.uint16)[np.newaxis], 3, axis=0)  # a palette from white to black
INVERTED: list[tuple[NDArray[Any], Mapping[str, Any]]] = [
    (255 - GREY, {"photometric": "miniswhite"}),
    (255 - GREY, {"photometric": "miniswhite", "compression": "zlib"}),
    (255 - GREY, {"photometric": "palette", "colormap": FALLING * 257}),
    (255 - GREY, {"photometric": "palette", "colormap": FALLING * 256}),
    (255 - GREY, {"photometric": "palette", "colormap": FALLING}),  # counts to 255, as some programs do
]


@pytest.mark.parametrize(("stored", "options"), INVERTED)
def test_what_is_shown_counts(tmp_path: Path, stored: NDArray[Any], options: Mapping[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, **options)
    np.testing.assert_array_equal(read_grey(path), GREY)
    np.testing.assert_array_equal(read_pixels(path, Shown.STORED), stored)
    tifffile.imwrite(path, np.stack([stored] * 3), **options)
    page = next(open_images(path, shown=Shown.COLOURS)).section(2)
    np.testing.assert_array_equal(page if page.ndim == 2 else page[..., 1], GREY)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.int16])
def test_white_at_0_of_every_whole_type(tmp_path: Path, dtype: type) -> None:
    shown = MASK.astype(dtype) if dtype is np.bool_ else np.where(MASK, np.iinfo(dtype).max, 0).astype(dtype)
    stored = ~shown
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif", Shown.COLOURS), shown, strict=True)
    # tifffile writes bits like this unless it is told otherwise, of a mask as well: there True is foreground
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), stored if dtype is np.bool_ else MASK)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:  # a window is enough
        np.testing.assert_array_equal(apply_photometric(stored[2:4, 1:], file.series[0].keyframe), shown[2:4, 1:])


@pytest.mark.parametrize("grey", [GREY, GREY.astype(np.uint16) * 200], ids=["8 bits", "16 bits"])
def test_white_at_0_that_only_pillow_can_unpack(tmp_path: Path, grey: NDArray[Any]) -> None:
    options = {"compression": "tiff_lzw", "tiffinfo": {262: 0}}
    Image.fromarray(grey).save(tmp_path / "a.tif", **options)
    Image.fromarray(grey).save(tmp_path / "b.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_pixels(tmp_path / "b.tif"), grey)
    found = read_pixels(tmp_path / "a.tif", Shown.COLOURS)
    with Image.open(tmp_path / "a.tif") as image:
        assert image.tag_v2[262] == 0
    stored = grey if grey.dtype == np.uint16 else 255 - grey  # Pillow writes 8 bits inverted, 16 as they are
    np.testing.assert_array_equal(found, np.iinfo(grey.dtype).max - stored)


def test_other_colours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for photometric in ("separated", "cielab"):
        colours = np.zeros((6, 8, 4 if photometric == "separated" else 3), np.uint8)
        tifffile.imwrite(path, colours, photometric=photometric)
        with pytest.raises(DataError, match=r"a\.tif: the TIFF is (CMYK|CIELab); expected grey, RGB") as caught:
            read_pixels(path)
        assert "\n" not in str(caught.value)
    tifffile.imwrite(path, GREY.astype(np.float32), photometric="miniswhite")
    with pytest.raises(DataError, match="is float32 with white at 0; expected whole numbers"):
        read_pixels(path)


@pytest.mark.parametrize("samples", [2, 3, 4, 6])
def test_several_values_of_grey_a_pixel_are_channels(tmp_path: Path, samples: int) -> None:
    """Only the first, or the mean of three, was looked at."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, samples), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig")
    with pytest.raises(DataError, match=f"holds {samples} values a pixel, as of channels"):
        read_pixels(tmp_path / "a.tif")


def test_a_palette_too_short_for_its_pixels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="palette", colormap=FALLING * 257)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        with pytest.raises(DataError, match="its palette has 256 colours, too few for its pixels"):
            apply_photometric(GREY.astype(np.uint16) * 9, file.pages.first)
        np.testing.assert_array_equal(apply_photometric(GREY > 0, file.pages.first)[0, :2, 0], [255, 254])


def test_pages_that_are_turned_otherwise_than_the_first_are_refused(tmp_path: Path) -> None:
    grey = np.arange(60, dtype=np.uint8).reshape(6, 10)
    for name, tags in (("alike", (4, 4, 4)), ("mixed", (1, 4, 1)), ("first", (4, 1, 1))):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            for tag in tags:
                turned = grey[::-1] if tag == 4 else grey
                extra = [(274, "H", 1, tag, True)]
                file.write(turned, photometric="minisblack", extratags=extra, metadata=None)
    stack = next(iter(open_sources(tmp_path / "alike.tif", (8.0, 8.0, 8.0))))
    np.testing.assert_array_equal(stack.read((slice(0, 3), slice(0, 6), slice(0, 10))), np.stack([grey] * 3))
    for name in ("mixed", "first"):
        with pytest.raises(DataError, match=r"some pages are turned, others are not .*; expected all alike"):
            next(iter(open_sources(tmp_path / f"{name}.tif", (8.0, 8.0, 8.0))))
