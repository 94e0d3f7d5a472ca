"""Grey images without their labels: the same grey levels, and no label is opened."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.hdf5.unlabelled import Unlabelled

FIXTURES = Path(__file__).parents[1] / "fixtures"
ALL = (slice(None), slice(None), slice(None))


@pytest.mark.parametrize("name", ["schema-1-stacked.h5", "schema-1-groups.h5"])
def test_grey_levels_are_those_of_the_dataset(name: str) -> None:
    with Dataset(FIXTURES / name) as dataset, Unlabelled(FIXTURES / name) as images:
        assert (len(images), images.is_2d) == (len(dataset), dataset.is_2d)
        for index in range(len(dataset)):
            assert images.shape(index) == dataset.shape(index)
            assert images.voxel_size_nm(index) == dataset.voxel_size_nm(index)
            window = (slice(0, 1), slice(1, 5), slice(2, 7))
            sample = images.read(index, window)
            assert np.array_equal(sample.raw, dataset.read(index, window).raw)
            assert (sample.label, sample.mask, sample.compartment, sample.params) == (None, None, None, {})


def test_no_label_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    open_one = h5py.Group.__getitem__

    def refuse(group: h5py.Group, name: object) -> object:
        assert not any(word in str(name) for word in ("label", "mask", "compartment", "params")), name
        return open_one(group, name)

    monkeypatch.setattr(h5py.Group, "__getitem__", refuse)
    for name in ("schema-1-stacked.h5", "schema-1-groups.h5"):
        with Unlabelled(FIXTURES / name) as images:
            assert all(images.read(index, ALL).raw.size for index in range(len(images)))
    with pytest.raises(AssertionError):  # the trap works
        Dataset(FIXTURES / name)[0]


def test_a_volume_keeps_its_sections(tmp_path: Path) -> None:
    raw = np.arange(2 * 16 * 16, dtype=np.uint8).reshape(2, 16, 16)
    write_dataset(tmp_path / "a.h5", [Sample(raw, (5.0, 5.0, 5.0))], Provenance())
    with Unlabelled(tmp_path / "a.h5") as images:
        assert not images.is_2d
        assert np.array_equal(images.read(0, ALL).raw, raw)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Unlabelled(tmp_path / "none.h5")
    whole = (FIXTURES / "schema-1-stacked.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="truncated"):
        Unlabelled(tmp_path / "cut.h5")
    (tmp_path / "less.h5").write_bytes(whole)
    with h5py.File(tmp_path / "less.h5", "a") as file:
        del file["names"]
    with pytest.raises(DataError, match="damaged"):
        Unlabelled(tmp_path / "less.h5")
