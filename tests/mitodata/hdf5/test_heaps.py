"""Damage on which the HDF5 library would loop for ever is found before it is let near the file."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, describe, validate, write_dataset
from mitodata.hdf5.heaps import stuck_heap
from mitodata.readers.inputs import open_images

SIGNATURE = b"GCOL\x01\0\0\0"


@pytest.fixture
def path(tmp_path: Path, make_sample: Callable[..., Sample]) -> Path:
    write_dataset(tmp_path / "a.h5", [make_sample(number) for number in range(3)], Provenance("a microscope"))
    return tmp_path / "a.h5"


def put(path: Path, offset: int, content: bytes) -> int:
    """Write into the first heap, and say where that lies."""
    start = path.read_bytes().index(SIGNATURE)
    with path.open("r+b") as file:
        file.seek(start + offset)
        file.write(content)
    return start


@pytest.mark.parametrize(
    ("offset", "content"),
    [
        (16, bytes(16)),  # the first object is the rest, and has no size: HDF5 2.0 loops
        (24, (2**64 - 16).to_bytes(8, "little")),  # a size that leads back to where it began
        (24, (10**6).to_bytes(8, "little")),
    ],
)
def test_an_object_that_leads_nowhere_is_damage(path: Path, offset: int, content: bytes) -> None:
    start = put(path, offset, content)
    assert stuck_heap(path) == start
    for read in (Dataset, describe):
        with pytest.raises(DataError, match=rf"a\.h5: damaged HDF5 \(texts at byte {start}\); copy or render it again"):
            read(path)
    assert validate(path) == [f"{path}: damaged HDF5 (texts at byte {start}); copy or render it again"]


def test_sound_files_have_sound_heaps(path: Path, tmp_path: Path) -> None:
    assert stuck_heap(path) is None
    for version in ("earliest", "latest"):
        with h5py.File(tmp_path / "b.h5", "w", libver=version) as file:
            texts = file.create_dataset("texts", (3000,), h5py.string_dtype())
            texts[:] = ["x" * (number % 70) for number in range(3000)]
            texts[::7] = ["longer than before" * 4] * len(texts[::7])  # leaves holes
            file.attrs["long"] = "y" * 30_000
        with h5py.File(tmp_path / "b.h5", "r+") as file:
            del file.attrs["long"]
            file["texts"][5] = ""
        assert stuck_heap(tmp_path / "b.h5") is None


@pytest.mark.parametrize("size", [0, 17, 4096, 2**60])
@pytest.mark.parametrize("user_block", [0, 512])
def test_pixels_that_look_like_a_damaged_heap_are_pixels(tmp_path: Path, size: int, user_block: int) -> None:
    raw = np.zeros((1, 128, 128), np.uint8)
    look = SIGNATURE + size.to_bytes(8, "little")
    raw[0, 5, 3 : 3 + len(look)] = list(look)
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=user_block) as file:
        file["raw"] = raw
        file.attrs["text"] = "in a sound heap" * 9
    assert look in (tmp_path / "a.h5").read_bytes()
    (found,) = open_images(tmp_path / "a.h5")
    assert np.array_equal(found.section(0), raw[0])


def test_a_damaged_heap_behind_a_user_block_is_found(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=512) as file:
        file.create_dataset("texts", (3,), h5py.string_dtype())[:] = ["some", "short", "texts"]
    assert stuck_heap(tmp_path / "a.h5") is None
    assert put(tmp_path / "a.h5", 16, bytes(16)) == stuck_heap(tmp_path / "a.h5")


def test_a_heap_that_is_cut_by_the_end_of_what_is_scanned_is_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = path.read_bytes().index(SIGNATURE)
    for length in range(start + 8, start + 80, 9):
        monkeypatch.setattr("mitodata.hdf5.heaps._SCANNED_BYTES", length)
        assert stuck_heap(path) is None
