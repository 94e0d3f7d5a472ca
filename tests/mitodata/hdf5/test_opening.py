import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from PIL import Image

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, describe, validate, write_dataset
from mitodata.hdf5.unlabelled import Unlabelled

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
    assert_refused(tmp_path, "is a folder; expected an HDF5 file; real images are brought in with `mitogen import`")


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


def read_all(path: Path) -> None:
    with Dataset(path) as dataset:
        assert [dataset.name(index) for index in range(len(list(dataset)))]


def read_grey(path: Path) -> None:
    with Unlabelled(path) as images:
        for index in range(len(images)):
            images.voxel_size_nm(index)
            images.read(index, (slice(None), slice(None), slice(None)))


def put(name: str, value: object) -> Callable[[h5py.File], None]:
    """A function that puts something else under the name of a dataset, with its attributes; nothing for a group."""

    def damage(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        if value is None:
            file.create_group(name)
        else:
            file[name] = value
        file[name].attrs.update(attributes)

    return damage


def attribute(name: str, value: object) -> Callable[[h5py.File], None]:
    """A function that sets an attribute of raw, or of the file."""
    return lambda file: (file["raw"] if name == "resolution" else file).attrs.__setitem__(name, value)


DAMAGE = [
    put("names", "x"),
    put("names", np.arange(8)),
    put("names", None),
    put("raw", None),
    put("raw", np.zeros((3, 24, 32), np.uint8)),
    put("raw", np.uint8(3)),
    attribute("resolution", 5.0),
    attribute("resolution", "abc"),
    attribute("schema_version", "two"),
    attribute("schema_version", [1, 2]),
    attribute("format", np.array([1, 2])),
]
UNSEEN = [  # by those who read no labels
    put("mask", np.zeros((2, 24, 32), np.uint8)),
    put("mask", None),
    put("params", np.array([["x", "y"]] * 8, "S3")),
    put("params", None),
    attribute("seed", [1, 2]),
    attribute("seed", "abc"),
]


@pytest.mark.parametrize("damage", DAMAGE + UNSEEN)
def test_what_is_something_else_is_one_line(dataset_file: Path, damage: Callable[[h5py.File], None]) -> None:
    with h5py.File(dataset_file, "a") as file:
        damage(file)
    for read in (read_all, read_grey) if damage in DAMAGE else (read_all,):
        with pytest.raises(DataError) as caught:
            read(dataset_file)
        assert str(caught.value).startswith(f"{dataset_file}: ")
        assert "\n" not in str(caught.value)
    assert validate(dataset_file)


@pytest.mark.parametrize("name", ["/", "names", "raw", "params"])
def test_damaged_headers(dataset_file: Path, name: str) -> None:
    with h5py.File(dataset_file) as file:
        start = h5py.h5o.get_info(file[name].id).addr
    with dataset_file.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\xff" * 24)
    for read in (read_all, read_grey, describe) if name != "params" else (read_all, describe):
        with pytest.raises(DataError) as caught:
            read(dataset_file)
        assert str(caught.value).startswith(f"{dataset_file}: ")
        assert "\n" not in str(caught.value)
    assert validate(dataset_file)


def test_contradictions_name_the_file(dataset_file: Path) -> None:
    with h5py.File(dataset_file, "a") as file:
        file["label"][2] = 0
    with Dataset(dataset_file) as dataset, pytest.raises(DataError, match=r"a\.h5: image 2: \d+ mask voxels belong to"):
        dataset[2]
    with Dataset(dataset_file) as dataset, pytest.raises(IndexError, match="no sample 8 among 8"):
        dataset.shape(8)  # a mistake of the program, not of the file


def test_a_file_of_ours_that_another_program_packed_anew(dataset_file: Path, make_sample: MakeSample) -> None:
    with h5py.File(dataset_file, "r+") as file:
        for name in ("raw", "label", "mask"):
            values, attributes = file[name][()], dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=values, chunks=(1, 24, 32), **hdf5plugin.Blosc())
            file[name].attrs.update(attributes)
    for question, answer in (("Dataset(path)[3].raw.sum()", make_sample(3).raw.sum()), ("validate(path)", [])):
        program = (
            f"from mitodata.hdf5.dataset import Dataset, validate; path = {str(dataset_file)!r}; print({question})"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == f"{answer}\n"
