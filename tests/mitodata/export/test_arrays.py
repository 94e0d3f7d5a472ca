"""One sample as plain arrays, for programs that know nothing of dataset files."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from mitodata import Sample
from mitodata.errors import DataError
from mitodata.export import export_sample
from mitodata.hdf5.dataset import Provenance, write_dataset

MakeSample = Callable[..., Sample]

ARRAYS = ("raw", "label", "mask", "compartment")


@pytest.fixture
def volumes(make_sample: MakeSample, tmp_path: Path) -> Path:
    """Three volumes that are deeper than a chunk."""
    samples = [make_sample(number, (19, 24, 32), mapped=True) for number in range(3)]
    write_dataset(tmp_path / "in.h5", samples, Provenance(classes={0: "outside", 5: "inside", 10: "wall"}))
    return tmp_path / "in.h5"


def test_a_volume_becomes_three_dimensional_datasets(volumes: Path, make_sample: MakeSample, tmp_path: Path) -> None:
    assert export_sample(volumes, tmp_path / "out.h5", 2) == [tmp_path / "out.h5"]
    expected = make_sample(2, (19, 24, 32), mapped=True)
    with h5py.File(tmp_path / "out.h5") as file:
        for name in ARRAYS:
            np.testing.assert_array_equal(file[name][()], getattr(expected, name))
            assert file[name].attrs["resolution"].tolist() == [40.0, 5.0, 4.5]
        assert file["volumes/labels/mitochondria"].shape == (19, 24, 32)
        assert "wall" in file["compartment"].attrs["classes"]


def test_a_volume_becomes_tiff_stacks(volumes: Path, make_sample: MakeSample, tmp_path: Path) -> None:
    written = export_sample(volumes, tmp_path / "out.tif", 1)
    assert [path.name for path in written] == ["out.tif", "out_label.tif", "out_mask.tif", "out_compartment.tif"]
    expected = make_sample(1, (19, 24, 32), mapped=True)
    for name, path in zip(ARRAYS, written, strict=True):
        np.testing.assert_array_equal(tifffile.imread(path), getattr(expected, name))
    with tifffile.TiffFile(written[1]) as file:
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["spacing"] == pytest.approx(0.04)
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[1] == pytest.approx(
            1000 / 4.5, rel=1e-4
        )


def test_a_section_without_labels_has_one_section_and_no_label(make_sample: MakeSample, tmp_path: Path) -> None:
    write_dataset(tmp_path / "in.h5", [make_sample(labelled=False)], Provenance())
    export_sample(tmp_path / "in.h5", tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert sorted(file) == ["main", "raw", "volumes"]
        assert file["main"].shape == (1, 24, 32)


def test_what_cannot_be_exported_is_one_line(volumes: Path, tmp_path: Path) -> None:
    for output, number, message in (
        ("a.h5", None, "holds 3 images; name one with --volume, 0 to 2"),
        ("a.h5", 3, "holds no image 3; expected 0 to 2"),
        ("a.zip", 0, r"expected a name that ends in \.h5"),
        ("in.h5", 0, "is the dataset itself"),
    ):
        with pytest.raises(DataError, match=message):
            export_sample(volumes, tmp_path / output, number)
    (tmp_path / "a_mask.tif").touch()
    with pytest.raises(DataError, match=r"a_mask\.tif: exists already"):
        export_sample(volumes, tmp_path / "a.tif", 0)
    assert not (tmp_path / "a.tif").exists()
    assert len(export_sample(volumes, tmp_path / "a.tif", 0, overwrite=True)) == 4


@pytest.mark.parametrize("name", ["x.h5", "../%s/x.h5"])
def test_a_dataset_does_not_replace_itself(make_sample: Callable[..., Sample], tmp_path: Path, name: str) -> None:
    write_dataset(tmp_path / "x.h5", [make_sample(0), make_sample(1)], Provenance())
    before = (tmp_path / "x.h5").read_bytes()
    output = tmp_path / (name % tmp_path.name if "%" in name else name)
    with pytest.raises(DataError, match=r"x\.h5: is the dataset itself"):
        export_sample(tmp_path / "x.h5", output, 0, overwrite=True)
    assert (tmp_path / "x.h5").read_bytes() == before
