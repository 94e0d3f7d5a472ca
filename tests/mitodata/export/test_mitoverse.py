"""MitoVerse's layout, out and in; its voxel sizes are x, y, z."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from numcodecs import Blosc

from mitodata import IGNORE, DataError, Sample
from mitodata.export import export_mitoverse
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.importers import import_to_file, recognise

MakeSample = Callable[..., Sample]

SIZE = (40.0, 5.0, 4.9)


@pytest.fixture
def volumes(make_sample: MakeSample, tmp_path: Path) -> Path:
    """Two volumes deeper than a chunk, of which the second is unknown in places."""
    samples = [replace(make_sample(number, (19, 24, 32), knobs=0), voxel_size_nm=SIZE) for number in range(2)]
    mask = samples[1].mask.copy()
    mask[17:, :5] = IGNORE
    write_dataset(tmp_path / "set.h5", [samples[0], replace(samples[1], mask=mask)], Provenance(licence="CC0"))
    return tmp_path / "set.h5"


def test_volumes_come_back(volumes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written = export_mitoverse(volumes, tmp_path / "root")
    assert written == [tmp_path / f"root/data/set/vol{number}.zarr" for number in range(2)]
    assert recognise(tmp_path / "root") == recognise(written[0]) == "mitoverse"
    import_to_file("auto", tmp_path / "root", tmp_path / "back.h5")
    with Dataset(volumes) as before, Dataset(tmp_path / "back.h5") as back:
        for first, second in zip(before, back, strict=True):
            np.testing.assert_array_equal(first.raw, second.raw)
            np.testing.assert_array_equal(first.mask, second.mask)
            np.testing.assert_array_equal(
                np.where(first.mask == IGNORE, 0, first.label), second.label * (second.mask == 1)
            )
            assert second.voxel_size_nm == SIZE
        assert [sample.name for sample in back] == ["set_vol0", "set_vol1"]
    assert [message.partition(":")[0] for message in caplog.messages] == [str(written[1])]


def test_what_is_written_is_what_mitoverse_says(volumes: Path, tmp_path: Path) -> None:
    first, second = export_mitoverse(volumes, tmp_path / "root")
    assert (first / ".zgroup").exists()
    group = zarr.open_group(first, mode="r")
    assert sorted(group.array_keys()) == ["img", "mito"]
    assert sorted(zarr.open_group(second, mode="r").array_keys()) == ["img", "mask", "mito"]
    facts = group.attrs.asdict()["mitoverse"]
    assert facts["voxel_nm"] == [4.9, 5.0, 40.0]
    assert facts["shape_zyx"] == [19, 24, 32]
    assert facts["n_instances"] == 1
    assert facts["source"]["licence"] == "CC0"
    catalogue = json.loads((tmp_path / "root" / "catalog.json").read_text())
    assert catalogue["set_vol1"]["zarr"] == "data/set/vol1.zarr"


def write_volume(path: Path, voxel_nm: object) -> None:
    """Write a volume as MitoVerse's own program does."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    raw = np.random.default_rng(0).integers(1, 255, (5, 12, 16)).astype(np.uint8)
    for name, array in (("img", raw), ("mito", (raw > 128).astype(np.uint8) * 3)):
        group.create_array(name, data=array, chunks=(5, 8, 8), compressors=Blosc(cname="zstd", clevel=5))
    group.attrs["mitoverse"] = {"volume_id": "guay21_vol0"} | ({} if voxel_nm is None else {"voxel_nm": voxel_nm})


def test_a_volume_of_theirs_is_read_and_an_odd_one_is_said(tmp_path: Path) -> None:
    write_volume(tmp_path / "vol0.zarr", [10, 10, 50])
    report = import_to_file("mitoverse", tmp_path / "vol0.zarr", tmp_path / "a.h5")
    assert (report.images, report.instances) == (1, 1)
    with Dataset(tmp_path / "a.h5") as dataset:
        assert dataset.voxel_size_nm(0) == (50, 10, 10)
        assert set(np.unique(dataset[0].label)) == {0, 3}
    for odd, said in ((None, "does not carry a voxel size"), ("10", "voxel_nm is 10; expected three numbers, x y z")):
        write_volume(tmp_path / "odd.zarr", odd)
        with pytest.raises(DataError, match=said):
            import_to_file("mitoverse", tmp_path / "odd.zarr", tmp_path / "b.h5")
    with pytest.raises(DataError, match=r"not found in there: VOLUME\.zarr"):
        import_to_file("mitoverse", tmp_path / "a.h5", tmp_path / "b.h5")
