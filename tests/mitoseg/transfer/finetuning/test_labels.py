"""What a user may give as labels, and what is made of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.transfer.finetuning.labels import LabelFiles, Regions, write_labels

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


def shapes_of(rows: slice) -> str:
    """Shapes of labelme: a rectangle through some rows of an image of 64 x 64 px."""
    points = [[10, rows.start], [30, rows.stop]]
    shapes = [{"label": "mito", "points": points, "shape_type": "rectangle", "group_id": None, "flags": {}}]
    return json.dumps({"shapes": shapes, "imageHeight": 64, "imageWidth": 64})


@pytest.fixture
def folders(tmp_path: Path, draw: Callable[..., Sample]) -> list[Path]:
    """Three images, labels of which the first are shapes of labelme, and a region of other rows for each."""
    folders = [tmp_path / name for name in ("images", "labels", "region")]
    for place, name in enumerate("abc"):
        label, region = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
        label[4:60, 10:30], region[16 * place : 16 * place + 16] = 255, 255
        for folder, pixels in zip(folders, (draw(place).raw[0], label, region), strict=True):
            folder.mkdir(exist_ok=True)
            tifffile.imwrite(folder / f"{name}.tif", pixels, photometric="minisblack")
    (folders[1] / "a.tif").unlink()
    (folders[1] / "a.json").write_text(shapes_of(slice(4, 60)))
    return folders


def test_each_image_has_its_own_region_where_some_labels_are_shapes(folders: list[Path], tmp_path: Path) -> None:
    *files, region = folders
    write_labels(LabelFiles(files, regions=[region], voxel_size_nm=NM), tmp_path / "labels.h5")
    with Dataset(tmp_path / "labels.h5") as file:
        found = {sample.name: sample.mask[0] for sample in file if sample.mask is not None}
    assert sorted(found) == ["a.tif", "b.tif", "c.tif"]
    for place, name in enumerate("abc"):
        reviewed = np.zeros((64, 64), bool)
        reviewed[16 * place : 16 * place + 16] = True
        np.testing.assert_array_equal(found[f"{name}.tif"] != 255, reviewed)


def test_an_image_without_a_region_is_named(folders: list[Path], tmp_path: Path) -> None:
    *files, region = folders
    (region / "c.tif").unlink()
    with pytest.raises(DataError, match=r"c\.tif: has no mask in .*region; expected one of the same name") as caught:
        write_labels(LabelFiles(files, regions=[region], voxel_size_nm=NM), tmp_path / "labels.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "problem"),
    [("ab", "region: has no region for c; expected one for each image"), ("abcd", "region: has a region for d, which")],
)
def test_regions_of_other_sections_are_refused(names: str, problem: str) -> None:
    pixels = np.zeros((1, 4, 4), np.uint8)
    sections, regions = (
        [Sample(pixels, NM, pixels.astype(np.uint16), pixels, name=name) for name in each] for each in ("cab", names)
    )
    reviewed = Regions(iter(regions), Path("region"))

    def take_all() -> None:
        for section in sections:
            reviewed.of(section)
        reviewed.check_taken()

    with pytest.raises(DataError, match=problem):
        take_all()


def test_255_is_unknown_where_it_is_in_another_section_than_1(
    stack: Callable[..., tuple[Path, Path]], tmp_path: Path
) -> None:
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[::2, 20:30, 20:30], labels[1, :, 32:] = 1, 255
    given = LabelFiles(stack(labels), voxel_size_nm=NM, regions=[tmp_path / "region.tif"])
    tifffile.imwrite(tmp_path / "region.tif", np.ones_like(labels), photometric="minisblack")
    found, _ = masks(given, tmp_path / "labels.h5")
    np.testing.assert_array_equal(np.stack(found), labels)
