"""Importers on real data: the folder named by MITO_REAL; nothing of it is kept here."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mitodata.hdf5.dataset import Dataset, validate
from mitodata.importers import import_dataset, import_to_file, recognise


@pytest.fixture
def real() -> Callable[[str], Path]:
    """A function that finds a folder of real data, or skips the test."""

    def find(name: str) -> Path:
        if "MITO_REAL" not in os.environ:
            pytest.skip("MITO_REAL does not name a folder of real data")
        folder = Path(os.environ["MITO_REAL"]) / name
        if not folder.is_dir():
            pytest.skip(f"MITO_REAL holds no {name}")
        return folder

    return find


def test_vnc(tmp_path: Path, real: Callable[[str], Path]) -> None:
    assert recognise(real("vnc")) == "vnc"
    import_to_file("vnc", real("vnc"), tmp_path / "vnc.h5")
    assert validate(tmp_path / "vnc.h5") == []
    with Dataset(tmp_path / "vnc.h5") as dataset:
        assert len(dataset) == 20
        for sample in dataset:
            assert sample.raw.shape == (1, 1024, 1024)
            assert sample.mask is not None
            assert 0.005 < np.mean(sample.mask) < 0.15
            # mitochondria are darker than what is around them: the masks lie where they should
            assert sample.raw[sample.mask == 1].mean() < sample.raw[sample.mask == 0].mean() - 20


def test_dsb2018(tmp_path: Path, real: Callable[[str], Path]) -> None:
    assert recognise(real("dsb2018")) == "dsb2018"
    import_to_file("dsb2018", real("dsb2018"), tmp_path / "dsb.h5", voxel_size_nm=(300, 300, 300))
    assert validate(tmp_path / "dsb.h5") == []
    with Dataset(tmp_path / "dsb.h5") as dataset:
        assert len(dataset) == 32
        for sample in dataset:
            assert sample.label is not None
            masks = list((real("dsb2018") / "stage1_train" / sample.name / "masks").glob("*.png"))
            assert len(np.unique(sample.label)) == len(masks) + 1
            assert sample.raw[sample.label > 0].mean() > sample.raw[sample.label == 0].mean() + 3


def test_epfl(real: Callable[[str], Path]) -> None:
    """Reads some sections; the whole volume takes ten seconds."""
    assert recognise(real("epfl")) == "epfl"
    samples, provenance = import_dataset("epfl", real("epfl"), as_volume=False)
    assert "165 sections" in provenance.source
    for sample, _ in zip(samples, range(3), strict=False):
        assert sample.raw.shape == (1, 768, 1024)
        assert sample.mask is not None
        assert 0.01 < np.mean(sample.mask) < 0.15
        assert sample.raw[sample.mask == 1].mean() < sample.raw[sample.mask == 0].mean() - 20


@pytest.mark.slow
def test_epfl_volume(tmp_path: Path, real: Callable[[str], Path]) -> None:
    import_to_file("epfl", real("epfl"), tmp_path / "epfl.h5")
    assert validate(tmp_path / "epfl.h5") == []
    with Dataset(tmp_path / "epfl.h5") as dataset:
        assert dataset.shape(0) == (165, 768, 1024)
        sample = dataset.read(0, (slice(80, 82), slice(0, 300), slice(None)))
        assert sample.label is not None
        assert len(np.unique(sample.label)) > 5
