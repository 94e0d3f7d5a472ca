"""Blocks of a volume that many processes write."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from mitodata import DataError
from mitoseg.io.part_arrays import PartArray

SHAPE = (2, 20, 100, 130)


@pytest.fixture
def maps() -> NDArray[np.float32]:
    found = np.random.default_rng(0).random(SHAPE, np.float32)
    found[:, :8, :64] = 0  # a block of nothing is there all the same
    return found


def make(folder: Path, maps: NDArray[np.float32]) -> PartArray:
    folder.mkdir(exist_ok=True)
    array = PartArray(folder / "z.zarr", SHAPE, (8, 60, 64), (8, 64, 64))
    array.make()
    for block in array.blocks():
        array.write(block, maps[(slice(None), *block)])
    return array


def test_blocks_are_files_of_a_sharded_zarr_that_others_can_read(tmp_path: Path, maps: NDArray[np.float32]) -> None:
    array = make(tmp_path, maps)
    assert array.edges == (8, 64, 64)
    assert len(array.blocks()) == 3 * 2 * 3
    assert all(array.path(block).is_file() for block in array.blocks())
    stored = zarr.open_array(tmp_path / "z.zarr", mode="r")
    assert stored.shards == (2, 8, 64, 64)
    assert np.array_equal(stored[:], maps)
    part = (slice(0, 1), slice(5, 17), slice(60, 70), slice(0, 130))
    assert np.array_equal(array[part], maps[part])


def test_what_was_not_written_is_not_read_as_nothing(tmp_path: Path, maps: NDArray[np.float32]) -> None:
    array = make(tmp_path, maps)
    array.path(array.blocks()[1]).unlink()
    with pytest.raises(DataError, match=r"c/0/0/0/1: is missing, or was damaged"):
        array[:, 0:1, 0:100, 0:130]
    assert array[:, 0:1, 0:100, 0:64].any()


@pytest.mark.parametrize("damage", ["short", "flipped", "empty"])
def test_a_damaged_block_is_removed_and_named(tmp_path: Path, maps: NDArray[np.float32], damage: str) -> None:
    array = make(tmp_path, maps)
    path = array.path(array.blocks()[4])
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes({"short": bytes(content[:-7]), "flipped": bytes(content), "empty": b""}[damage])
    with pytest.raises(
        DataError, match=r"c/0/0/1/1: is missing, or was damaged and is removed; predict it again$"
    ) as caught:
        array[:, 0:20, 0:100, 0:130]
    assert "\n" not in str(caught.value)
    assert not path.exists()
    assert array.path(array.blocks()[3]).exists()


def test_the_same_maps_are_the_same_bytes(tmp_path: Path, maps: NDArray[np.float32]) -> None:
    one, other = make(tmp_path / "a", maps), make(tmp_path / "b", maps)
    for block in one.blocks():
        assert one.path(block).read_bytes() == other.path(block).read_bytes()
