"""Masks and instances in HDF5 files of other programs are judged as those in pictures are."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata import DataError, Sample
from mitodata.importers import import_dataset

Pixels = NDArray[Any]


def write(path: Path, **datasets: Pixels) -> Path:
    with h5py.File(path, "w") as file:
        file["raw"] = np.random.default_rng(0).integers(0, 256, (3, 20, 40), dtype=np.uint8)
        for name, pixels in datasets.items():
            file[name] = pixels
    return path


def boxes() -> Pixels:
    """Five boxes through all sections, numbered, but only the first in the last section."""
    image = np.zeros((3, 20, 40), np.int64)
    for number in range(1, 6):
        image[: 3 if number == 1 else 2, 4:9, 7 * number - 5 : 7 * number - 1] = number
    return image


def read(path: Path, **options: Any) -> Sample:
    (sample,) = import_dataset("hdf5", path, voxel_size_nm=(40, 5, 5), **options)[0]
    return sample


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_a_mask_of_numbers_holds_instances(tmp_path: Path, dtype: Any) -> None:
    path = write(tmp_path / "a.h5", truth=boxes().astype(dtype))
    np.testing.assert_array_equal(read(path, mask="truth").label, boxes())
    np.testing.assert_array_equal(read(path, label="truth").label, boxes())


def test_classes_are_asked_about_and_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", truth=np.array([0, 100, 200, 100, 200, 255], np.uint8)[boxes()])
    with pytest.raises(DataError, match=r"a\.h5/truth: values 100 \(5 regions\), 200 \(4 regions\), 255 \(2 regions\)"):
        read(path, mask="truth")
    sample = read(path, mask="truth", mask_values="100", unknown="255")
    np.testing.assert_array_equal(sample.mask, np.array([0, 1, 0, 1, 0, 255])[boxes()])


def test_instances_are_whole_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", halves=boxes() / 2, below=-boxes())
    for name in ("halves", "below"):
        with pytest.raises(DataError, match=rf"{name}: section 0: is not an instance image; expected whole numbers"):
            read(path, label=name)


@pytest.mark.parametrize("stacks", [1, 5])
def test_255_is_unknown_where_another_section_holds_1(tmp_path: Path, stacks: int) -> None:
    truth = np.zeros((stacks, 6, 20, 40), np.uint8)
    truth[0, 0, 4:12, 4:12], truth[-1, -1, :, 20:] = 1, 255
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = np.random.default_rng(0).integers(0, 256, truth.shape, dtype=np.uint8)
        file["truth"] = truth
    samples, _ = import_dataset("hdf5", tmp_path / "a.h5", voxel_size_nm=(40, 5, 5), mask="truth")
    np.testing.assert_array_equal(np.stack([sample.mask for sample in samples if sample.mask is not None]), truth)
