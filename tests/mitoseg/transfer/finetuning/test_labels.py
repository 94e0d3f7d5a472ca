"""What a user may give as labels, and what is made of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.transfer.finetuning.labels import LabelFiles, write_labels

NM = (50.0, 8.0, 8.0)


@pytest.fixture
def stack(tmp_path: Path, draw: Callable[..., Sample]) -> Callable[..., tuple[Path, Path]]:
    """(labels (Z, Y, X)) -> a TIFF stack of images and one of these labels."""

    def make(labels: NDArray[np.integer]) -> tuple[Path, Path]:
        images = np.concatenate([draw(seed).raw for seed in range(len(labels))])
        paths = tmp_path / "stack.tif", tmp_path / "labels.tif"
        for path, array in zip(paths, (images, labels), strict=True):
            tifffile.imwrite(path, array, photometric="minisblack")
        return paths

    return make


def masks(given: LabelFiles, path: Path) -> tuple[list[NDArray[np.uint8]], list[str]]:
    notes = write_labels(given, path)
    with Dataset(path) as file:
        return [sample.mask[0] for sample in file if sample.mask is not None], notes


def test_255_beside_0_and_1_is_unknown(stack: Callable[..., tuple[Path, Path]], tmp_path: Path) -> None:
    labels = np.full((1, 64, 64), 255, np.uint8)
    labels[0, 10:50, 10:50], labels[0, 20:30, 20:30] = 0, 1
    (mask,), notes = masks(LabelFiles(stack(labels), voxel_size_nm=NM), tmp_path / "labels.h5")
    np.testing.assert_array_equal(mask, labels[0])
    assert not notes


def test_what_lies_outside_of_a_region_is_unknown(stack: Callable[..., tuple[Path, Path]], tmp_path: Path) -> None:
    labels, region = np.zeros((2, 64, 64), np.uint16), np.zeros((2, 64, 64), np.uint8)
    labels[0, 20:30, 20:30], labels[1, 5:9, 40:50] = 7, 9
    labels[0, 2:8, 2:8], labels[0, 50:55, 2:8], labels[1, 30:36, 5:9] = 3, 4, 5  # instances
    region[:, :40] = 1
    tifffile.imwrite(tmp_path / "region.tif", region, photometric="minisblack")
    given = LabelFiles(stack(labels), regions=[tmp_path / "region.tif"], voxel_size_nm=NM)
    found, _ = masks(given, tmp_path / "labels.h5")
    for mask, label, reviewed in zip(found, labels, region, strict=True):
        np.testing.assert_array_equal(mask, np.where(reviewed, label > 0, 255))


def test_a_section_without_labels_was_not_looked_at(stack: Callable[..., tuple[Path, Path]], tmp_path: Path) -> None:
    labels = np.zeros((5, 64, 64), np.uint8)
    labels[3, 20:40, 20:40] = 255
    found, (note,) = masks(LabelFiles(stack(labels), voxel_size_nm=NM), tmp_path / "labels.h5")
    assert len(found) == 1
    assert "4 of 5 sections hold no label: taken as not reviewed" in note


def test_a_dataset_file_holds_both(draw: Callable[..., Sample], make_file: Callable[..., Path], tmp_path: Path) -> None:
    volume = draw(3, (3, 64, 64))
    found, _ = masks(LabelFiles([make_file(volume), make_file(draw(4))]), tmp_path / "labels.h5")
    assert volume.mask is not None
    assert len(found) == 4
    np.testing.assert_array_equal(found[1], volume.mask[1])


def test_labels_that_teach_nothing_are_one_line_and_leave_no_file(
    stack: Callable[..., tuple[Path, Path]],
    draw: Callable[..., Sample],
    make_file: Callable[..., Path],
    tmp_path: Path,
) -> None:
    images, labels = stack(np.zeros((1, 64, 64), np.uint8))
    small, other = tmp_path / "small.tif", tmp_path / "other.tif"
    tifffile.imwrite(small, np.eye(32, dtype=np.uint8), photometric="minisblack")
    tifffile.imwrite(other, np.zeros((3, 64, 64), np.uint8), photometric="minisblack")
    sample = draw(5)
    unknown = make_file(replace(sample, mask=np.full(sample.raw.shape, 255, np.uint8)))
    bare = make_file(replace(sample, mask=None, label=None))
    for given, expected in (
        (LabelFiles([]), "no labels; expected IMAGES LABELS in turn"),
        (LabelFiles([images]), "stack.tif: no labels after it"),
        (LabelFiles([images, tmp_path / "gone.tif"]), "gone.tif: not found"),
        (LabelFiles([images, small], voxel_size_nm=NM), r"its mask is \(32, 32\) \(y, x\), the image \(64, 64\)"),
        (LabelFiles([images, other], voxel_size_nm=NM), "holds 3 sections, stack.tif 1"),
        (LabelFiles([images, labels], voxel_size_nm=NM), "no foreground in any mask"),
        (LabelFiles([images, labels], voxel_size_nm=NM, mask_values="any"), "no foreground in 1 reviewed sections"),
        (LabelFiles([unknown]), "nothing is known of any pixel"),
        (LabelFiles([bare]), "has no labels"),
        (LabelFiles([unknown], regions=[labels]), "is a dataset file"),
        (LabelFiles([images, labels], regions=[labels, labels]), "2 masks of reviewed regions for 1 of labels"),
    ):
        with pytest.raises(DataError, match=expected):
            write_labels(given, tmp_path / "labels.h5")
        assert not (tmp_path / "labels.h5").exists()
