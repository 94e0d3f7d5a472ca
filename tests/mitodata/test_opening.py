from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from mitodata import DataError, Sample
from mitodata.store import Dataset, Provenance, describe, validate, write_dataset

MakeSample = Callable[..., Sample]


@pytest.fixture
def dataset_file(tmp_path: Path, make_sample: MakeSample) -> Path:
    write_dataset(tmp_path / "a.h5", [make_sample(number) for number in range(8)], Provenance())
    return tmp_path / "a.h5"


def assert_refused(path: Path, message: str) -> None:
    for function in (Dataset, describe):
        with pytest.raises(DataError, match=message) as caught:
            function(path)
        assert "\n" not in str(caught.value)
    assert len(validate(path)) == 1


def test_missing_and_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path / "no.h5", r"no\.h5: no such file")
    assert_refused(tmp_path, "is a folder; expected an HDF5 file")


def test_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    image = Image.fromarray(np.zeros((8, 8), np.uint8))
    for kind, name in {"PNG": "PNG", "JPEG": "JPEG", "TIFF": "TIFF", "BMP": "BMP"}.items():
        image.save(path, kind)
        assert_refused(path, f"is a {name}, not HDF5")
    path.write_text("hello")
    assert_refused(path, "is not HDF5")
    path.write_bytes(b"")
    assert_refused(path, "is an empty file")


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_truncated(dataset_file: Path, kept: float) -> None:
    data = dataset_file.read_bytes()
    dataset_file.write_bytes(data[: int(len(data) * kept)])
    assert_refused(dataset_file, "truncated HDF5")


def test_foreign_and_newer(tmp_path: Path, dataset_file: Path) -> None:
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros(3)
    assert_refused(tmp_path / "foreign.h5", "HDF5, but not a mitodata file; import it with `mitogen import hdf5`")
    with h5py.File(dataset_file, "a") as file:
        file.attrs["schema_version"] = 3
    assert_refused(dataset_file, "has schema version 3, this program reads up to 2; update mitogen-em")


def test_damaged_data(dataset_file: Path) -> None:
    with h5py.File(dataset_file) as file:
        chunk = file["mask"].id.get_chunk_info(3)
    with dataset_file.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(b"\xff" * chunk.size)
    with Dataset(dataset_file) as dataset:
        dataset[2]
        with pytest.raises(DataError, match="damaged mitodata file"):
            dataset[3]
    assert validate(dataset_file) == ["sample 3, from y 0, x 0: damaged, cannot be read"]
