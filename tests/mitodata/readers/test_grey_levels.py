"""The one grey scale: exact percentiles of tissue, a volume at once, the same pixels for both programs."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, from_dtype
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file
from mitodata.readers.grey_levels import measure_levels, stretch, to_grey
from mitodata.readers.inputs import open_sources

SIZE = (40.0, 8.0, 8.0)
NOISE = np.random.default_rng(0).normal(0, 1, (4, 40, 48))
NOISE[2] += 3  # another brightness in one section: scales of sections and of the volume differ
TYPES: dict[str, NDArray[Any]] = {
    "8 bits": (128 + 30 * NOISE).clip(1, 255).astype(np.uint8),
    "16 bits with offset": (31_000 + 500 * NOISE).astype(np.uint16),
    "12 bits in 16": (1500 + 200 * NOISE).clip(1, 4095).astype(np.uint16),
    "float": (0.3 + 0.01 * NOISE).astype(np.float32),
    "signed": (-40 + 9 * NOISE).astype(np.int8),
    "32 bits": (1_000_000 + 100_000 * NOISE).astype(np.int32),
}


def by_hand(volume: NDArray[Any], tissue: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The rule of docs/decisions/0012-one-grey-scale.md with numpy's percentiles."""
    if volume.dtype == np.uint8:
        return volume
    low, high = np.percentile(volume[tissue].astype(np.float64), (0.1, 99.9), method="inverted_cdf")
    return ((volume.astype(np.float64).clip(low, high) - low) * (255 / (high - low))).round().astype(np.uint8)


def save(path: Path, volume: NDArray[Any]) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, volume, photometric="minisblack", compression="zlib")
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("raw", data=volume, chunks=(1, 16, 16))
    elif path.suffix == ".zarr":
        zarr.create_array(path, data=volume, chunks=(2, 16, 16))
    else:
        Image.fromarray(volume[0]).save(path)


def predicted(path: Path) -> list[NDArray[np.uint8]]:
    with closing(open_sources(path, SIZE, None if path.suffix in (".tif", ".zarr", ".png") else "raw")) as sources:
        return [source.read((slice(0, 99), slice(0, 99), slice(0, 99))) for source in sources]


def imported(path: Path, output: Path, as_volume: bool) -> list[NDArray[np.uint8]]:
    import_to_file("images", path, output, voxel_size_nm=SIZE, as_volume=as_volume)
    with Dataset(output) as dataset:
        return [sample.raw for sample in dataset]


@pytest.mark.parametrize("border", [False, True])
@pytest.mark.parametrize("suffix", [".tif", ".h5", ".zarr"])
@pytest.mark.parametrize("name", TYPES)
def test_import_and_predict_see_the_same_pixels(name: str, suffix: str, border: bool, tmp_path: Path) -> None:
    volume = TYPES[name].copy()
    tissue = np.ones(volume.shape, np.bool_)
    if border:
        volume[:, :, :8] = 0
        volume[1, -6:] = 0
        tissue = volume != 0
    save(tmp_path / f"a{suffix}", volume)
    expected = by_hand(volume, tissue)
    (seen,) = predicted(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(seen, expected)
    (whole,) = imported(tmp_path / f"a{suffix}", tmp_path / "v.h5", True)
    np.testing.assert_array_equal(whole, expected)
    # A section of a stack keeps the scale of the stack, also where only some are kept.
    sections = imported(tmp_path / f"a{suffix}", tmp_path / "s.h5", False)
    np.testing.assert_array_equal(np.concatenate(sections), expected)
    import_to_file("images", tmp_path / f"a{suffix}", tmp_path / "c.h5", voxel_size_nm=SIZE, sections=(1, 3))
    with Dataset(tmp_path / "c.h5") as kept:
        np.testing.assert_array_equal(kept[0].raw, expected[1:2])


@pytest.mark.parametrize("name", ["8 bits", "16 bits with offset", "12 bits in 16"])
def test_independent_images_have_scales_of_their_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    volume = TYPES[name]
    for z, section in enumerate(volume):
        Image.fromarray(section).save(tmp_path / "in" / f"{z}.png")
    expected = [by_hand(section[None], np.ones((1, *section.shape), np.bool_)) for section in volume]
    for z, image in enumerate(imported(tmp_path / "in", tmp_path / "o.h5", False)):
        np.testing.assert_array_equal(image, expected[z])
        np.testing.assert_array_equal(predicted(tmp_path / "in" / f"{z}.png")[0], expected[z])
    (whole,) = imported(tmp_path / "in", tmp_path / "v.h5", True)
    np.testing.assert_array_equal(whole, by_hand(volume, np.ones(volume.shape, np.bool_)))


def test_a_volume_of_pictures_of_several_types_is_refused(tmp_path: Path) -> None:
    Image.fromarray(TYPES["8 bits"][0]).save(tmp_path / "0.png")
    Image.fromarray(TYPES["12 bits in 16"][1]).save(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"1\.png: is uint16, the first section uint8; a volume needs sections of one"):
        imported(tmp_path, tmp_path / "v.h5", True)
    assert len(imported(tmp_path, tmp_path / "v.h5", False)) == 2


NUMBERS = st.sampled_from([np.uint16, np.int16, np.uint32, np.int32, np.int64, np.float16, np.float32, np.float64])


@settings(max_examples=150, deadline=None)
@given(st.data(), NUMBERS, st.integers(1, 7))
def test_percentiles_are_exact_for_every_type(data: st.DataObject, dtype: type, rows: int) -> None:
    elements = {"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else {}
    image = data.draw(arrays(dtype, (7, 9), elements=from_dtype(np.dtype(dtype), **elements)))

    def read() -> Iterator[tuple[int, NDArray[Any]]]:
        return ((0, image[start : start + rows]) for start in range(0, len(image), rows))

    order = np.sort(image.ravel())
    expected = order[max(0, int(np.ceil(0.001 * order.size)) - 1)], order[int(np.ceil(0.999 * order.size)) - 1]
    # Less than 8 px high: no rim.
    assert measure_levels(read, len(image), image.dtype, "here") == (float(expected[0]), float(expected[1]))


def test_hot_pixels_do_not_take_the_grey_levels_of_the_rest() -> None:
    image = NOISE[0].copy()
    image[5, 5] = 1e30
    assert len(np.unique(to_grey(image, "here"))) > 150


@pytest.mark.parametrize(("dtype", "fill"), [("uint16", 0), ("uint16", 65_535), ("float32", -3.4e38), ("int32", -9999)])
def test_a_missing_tile_does_not_take_the_grey_levels_of_the_rest(dtype: str, fill: float) -> None:
    whole = (31_000 + 500 * NOISE[0]).astype(dtype)
    image = whole.copy()
    image[10:22, 10:22] = fill
    seen = np.ones(image.shape, np.bool_)
    seen[10:22, 10:22] = False
    np.testing.assert_array_equal(to_grey(image, "here")[seen], by_hand(image, seen)[seen])


@pytest.mark.parametrize("share", [0.05, 0.45, 0.8])
@pytest.mark.parametrize("gain", [20, 100, 150, 200, 240])
def test_saturated_resin_does_not_take_the_grey_levels_of_cells(gain: int, share: float) -> None:
    """Whatever the gain of the detector was: what is bright but not saturated lies a little, or far, below white."""
    rng = np.random.default_rng(0)
    cells = rng.normal(150, 25, (64, 64)).clip(20, 225)
    image = (cells * gain + 5000).astype(np.uint16)
    resin = rng.random(image.shape) < share
    image[resin] = 65_535
    np.testing.assert_array_equal(to_grey(image, "here"), by_hand(image, ~resin))


def test_saturated_pixels_and_an_even_background_are_no_fill() -> None:
    everywhere = np.ones(NOISE[0].shape, np.bool_)
    saturated = (31_000 + 500 * NOISE[0]).astype(np.uint16).clip(30_500, 31_500)
    objects = np.where(NOISE[0] > 1, 31_000 + 500 * NOISE[0], 0).astype(np.uint16)
    for image in (saturated, objects):
        np.testing.assert_array_equal(to_grey(image, "here"), by_hand(image, everywhere))


def test_a_flat_image_is_black_and_bits_are_black_and_white() -> None:
    assert to_grey(np.full((9, 9), 3.5), "here").max() == 0
    assert np.unique(to_grey(NOISE[0] > 0, "here")).tolist() == [0, 255]
    assert stretch(np.array([3, 9], np.uint8), None).tolist() == [3, 9]
