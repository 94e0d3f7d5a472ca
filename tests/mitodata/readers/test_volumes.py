"""DM, MRC and NIfTI: what the table of formats does not show. benchmarks/formats.py measures the rest."""

import sys
import tracemalloc
from itertools import permutations
from pathlib import Path

import mrcfile
import nibabel
import numpy as np
import pytest

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from mitodata.importers import import_to_file
from mitodata.readers.inputs import open_images, open_sources
from mitodata.readers.source import Shown
from mitodata.readers.volumes.marks import volume_kind
from mitoseg.io.image_list import expand, unique_names

SIZE = (50.0, 8.0, 8.0)
GREY = np.random.default_rng(0).integers(1, 255, (3, 20, 30)).astype(np.uint8)
MASK = (GREY > 200).astype(np.int8)


def write_mrc(path: Path, stored: np.ndarray, size_angstrom: tuple[float, float, float] | None = None) -> Path:
    """Write an MRC; the size is (z, y, x)."""
    with mrcfile.new(path) as file:
        file.set_data(stored)
        if size_angstrom:
            file.voxel_size = size_angstrom[::-1]
    return path


def write_nifti(path: Path, stored: np.ndarray, size_mm: tuple[float, float, float] = (1, 1, 1)) -> Path:
    """Write a NIfTI of (Z, Y, X); the size is (z, y, x)."""
    path.parent.mkdir(exist_ok=True)
    image = nibabel.Nifti1Image(stored.T, np.diag([*size_mm[::-1], 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def test_signed_bytes_of_a_mask_stay_what_they_are(tmp_path: Path) -> None:
    image = write_mrc(tmp_path / "a.mrc", (GREY.astype(np.int16) - 128).astype(np.int8), (500, 80, 80))
    mask = write_mrc(tmp_path / "a_mask.mrc", MASK)
    np.testing.assert_array_equal(next(open_images(mask, shown=Shown.STORED)).array[:, :, :], MASK)
    report = import_to_file("pairs", image, tmp_path / "o.h5", masks=str(mask), as_volume=True)
    assert report.instances
    with Dataset(tmp_path / "o.h5") as dataset:
        np.testing.assert_array_equal(dataset[0].raw, GREY)
        np.testing.assert_array_equal(dataset[0].mask, MASK)
        assert dataset.voxel_size_nm(0) == pytest.approx(SIZE)


def test_a_folder_as_nnunet_wants_it(tmp_path: Path) -> None:
    instances = np.arange(3 * 20 * 30).reshape(3, 20, 30) // 300
    for number in range(2):
        write_nifti(tmp_path / "imagesTr" / f"em_{number:03d}_0000.nii.gz", GREY, (5e-5, 8e-6, 8e-6))
        write_nifti(tmp_path / "labelsTr" / f"em_{number:03d}.nii.gz", instances.astype(np.float32))
    import_to_file("auto", tmp_path, tmp_path / "o.h5", as_volume=True, mask_values="instances")
    with Dataset(tmp_path / "o.h5") as dataset:
        assert [sample.name for sample in dataset] == ["em_000_0000", "em_001_0000"]
        np.testing.assert_array_equal(dataset[1].label, instances)
        assert dataset.voxel_size_nm(1) == pytest.approx(SIZE)


@pytest.mark.parametrize("turned", [(-1, 1, 1), (1, -1, 1), (1, 1, -1), "swapped"])
def test_labels_that_lie_otherwise_in_space_than_their_image_are_refused(tmp_path: Path, turned: object) -> None:
    """As a viewer saves them that flips what it reads: pixel by pixel they would be those of a mirrored image."""
    image = write_nifti(tmp_path / "a.nii", GREY, (5e-5, 8e-6, 8e-6))
    affine = np.diag([8e-6, 8e-6, 5e-5, 1.0])
    affine = affine[[1, 0, 2, 3]] if turned == "swapped" else affine @ np.diag([*np.array(turned), 1])
    mask = tmp_path / "a_mask.nii"
    nibabel.save(nibabel.Nifti1Image(MASK.T, affine), mask)
    with pytest.raises(
        DataError, match=r"a_mask\.nii: its axes point to [A-Z]{3}, those of a\.nii to RAS: one of them"
    ):
        import_to_file("pairs", image, tmp_path / "o.h5", masks=str(mask), as_volume=True)
    assert not (tmp_path / "o.h5").exists()


def test_labels_that_do_not_say_where_they_lie_are_as_they_are_stored(tmp_path: Path) -> None:
    image, mask = write_nifti(tmp_path / "a.nii", GREY, (5e-5, 8e-6, 8e-6)), tmp_path / "a_mask.nii"
    unplaced = nibabel.Nifti1Image(MASK.T, None)
    assert not unplaced.header["sform_code"]
    assert not unplaced.header["qform_code"]
    nibabel.save(unplaced, mask)
    import_to_file("pairs", image, tmp_path / "o.h5", masks=str(mask), as_volume=True)
    with Dataset(tmp_path / "o.h5") as dataset:
        np.testing.assert_array_equal(dataset[0].mask, MASK)


@pytest.mark.parametrize("order", list(permutations("xyz")), ids="".join)
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float32])
def test_an_mrc_whose_axes_are_stored_in_any_order(tmp_path: Path, order: tuple[str, str, str], dtype: type) -> None:
    """Columns, rows and sections run along the axes that mapc, mapr and maps name."""
    lengths, edges = {"x": 6, "y": 4, "z": 3}, {"x": 60.0, "y": 40.0, "z": 500.0}
    expected = np.array([[[20 * z + 6 * y + x for x in range(6)] for y in range(4)] for z in range(3)], dtype)
    column, row, section = order
    stored = np.zeros((lengths[section], lengths[row], lengths[column]), dtype)
    for place in np.ndindex(stored.shape):
        at = dict(zip((section, row, column), place, strict=True))
        stored[place] = expected[at["z"], at["y"], at["x"]]
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(stored)
        for name, axis in zip(("mapc", "mapr", "maps"), order, strict=True):
            file.header[name] = "xyz".index(axis) + 1
        for axis in "xyz":
            file.header[f"m{axis}"] = lengths[axis]
            file.header.cella[axis] = lengths[axis] * edges[axis]
        file.header.ispg = 1  # a volume
    found = next(open_images(tmp_path / "a.mrc", shown=Shown.STORED))
    np.testing.assert_array_equal(found.array[:, :, :], expected)
    assert found.edges_nm == pytest.approx((50.0, 4.0, 6.0))


def test_names_of_results_and_folders_of_volumes(tmp_path: Path) -> None:
    paths = [write_nifti(tmp_path / "b.nii.gz", GREY), write_mrc(tmp_path / "c.REC", MASK)]
    (tmp_path / "notes.gz").write_bytes(b"")
    assert expand([tmp_path]) == paths
    assert unique_names(paths) == ["b", "c"]
    with pytest.raises(DataError, match=r"notes\.gz: unknown kind of file; expected one of .*\.dm4, \.mrc"):
        expand([tmp_path / "notes.gz"])


def test_a_size_that_no_microscope_sees_is_said_and_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_nifti(tmp_path / "a.nii", GREY, (50, 8, 8))
    with pytest.raises(DataError, match=r"a\.nii: carries no voxel size; give it in nm"):
        next(open_sources(path))
    assert caplog.messages == [
        f"{path}: says that a voxel is 50 x 8 x 8 mm; no electron microscope sees that: not believed"
    ]
    assert next(open_sources(path, SIZE)).voxel_size_nm == SIZE


def test_volumes_are_read_in_parts(tmp_path: Path) -> None:
    large = np.zeros((64, 256, 256), np.int16)
    large[:, ::2] = 1000
    size = (5e-5, 8e-6, 8e-6)
    for path in (
        write_mrc(tmp_path / "a.mrc", large, (500, 80, 80)),
        write_nifti(tmp_path / "a.nii", large, size),
        write_nifti(tmp_path / "a.nii.gz", large, size),
    ):
        next(open_images(path)).section(0)  # libraries are loaded before memory is counted
        tracemalloc.start()
        section = next(open_images(path)).section(40)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_array_equal(section, large[40])
        assert peak < large.nbytes / 2


def test_the_content_counts_before_the_name(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", GREY.astype(np.uint16)).rename(tmp_path / "a.nii")
    np.testing.assert_array_equal(next(open_images(path)).section(2), GREY[2])
    assert volume_kind(b"\x89PNG\r\n\x1a\n", "a.mrc") == ""
    assert volume_kind(b"", "a.png") == ""


def test_without_ncempy_a_dm_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncempy.io.dm", None)
    (tmp_path / "a.dm3").write_bytes(bytes(100))
    with pytest.raises(DataError, match=r"a\.dm3: DM files need ncempy, .*: pip install mitogen-em\[dm\]"):
        next(open_images(tmp_path / "a.dm3"))


@pytest.mark.parametrize("name", ["a.dm3", "a.dm4", "a.mrc", "a.st", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("content", [b"", b"\0\0\0\3", b"\x1f\x8b\x08", bytes(2000), b"\xff" * 2000])
def test_damage_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: ") as found:
        next(open_images(tmp_path / name))
    assert "\n" not in str(found.value)


def test_headers_of_random_damage_are_one_line(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", GREY.astype(np.uint16), (500, 80, 80))
    write_nifti(tmp_path / "a.nii", GREY, (5e-5, 8e-6, 8e-6))
    random = np.random.default_rng(0)
    for path in (tmp_path / "a.mrc", tmp_path / "a.nii"):
        whole = path.read_bytes()
        for _ in range(60):
            content = bytearray(whole)
            for place in random.integers(0, 348, 6):
                content[place] = random.integers(256)
            path.write_bytes(content)
            said = ""
            try:
                for found in open_images(path):
                    found.section(0)
            except DataError as error:
                said = str(error)
            assert "\n" not in said
