"""One PNG an instance: what is written is what the importer of that layout reads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mitodata import IGNORE, Sample
from mitodata.export import export_instances
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.importers import import_to_file

MakeSample = Callable[..., Sample]


def numbered(sample: Sample) -> Sample:
    """The same with an instance in each column."""
    columns = np.broadcast_to(np.arange(1, sample.raw.shape[2] + 1, dtype=np.uint16), sample.raw.shape)
    return replace(sample, label=np.where(sample.mask == 1, columns, 0).astype(np.uint16))


def test_sections_and_their_instances_come_back(make_sample: MakeSample, tmp_path: Path) -> None:
    samples = [numbered(make_sample(number, (2, 24, 8))) for number in range(2)]
    write_dataset(tmp_path / "in.h5", samples, Provenance())
    export_instances(tmp_path / "in.h5", tmp_path / "out")
    import_to_file("auto", tmp_path / "out", tmp_path / "back.h5", voxel_size_nm=(40.0, 5.0, 4.8))
    with Dataset(tmp_path / "back.h5") as back:
        assert [sample.name for sample in back] == ["000000_z0000", "000000_z0001", "000001_z0000", "000001_z0001"]
        for number, sample in enumerate(back):
            expected = samples[number // 2]
            np.testing.assert_array_equal(sample.raw[0], expected.raw[number % 2])
            np.testing.assert_array_equal(sample.label[0], expected.label[number % 2])


def test_unknown_truth_is_said_to_be_lost(
    make_sample: MakeSample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = make_sample()
    mask = sample.mask.copy()
    mask[0, 0] = IGNORE
    write_dataset(tmp_path / "in.h5", [replace(sample, mask=mask)], Provenance())
    export_instances(tmp_path / "in.h5", tmp_path / "out")
    assert caplog.messages == [
        f"{tmp_path / 'in.h5'}: in 1 sections some truth is unknown, which this layout cannot say: background"
    ]


def test_an_image_without_an_instance_comes_back_as_background(
    make_sample: MakeSample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = make_sample(1)
    nothing = replace(sample, label=np.zeros_like(sample.label), mask=np.zeros_like(sample.mask))
    write_dataset(tmp_path / "in.h5", [make_sample(0), nothing], Provenance())
    export_instances(tmp_path / "in.h5", tmp_path / "out")
    import_to_file("dsb2018", tmp_path / "out", tmp_path / "back.h5", voxel_size_nm=(40.0, 5.0, 4.8))
    assert "images without a mask: 1; there all is background" in caplog.text
    with Dataset(tmp_path / "back.h5") as back:
        assert [sample.label.any() for sample in back] == [True, False]
        np.testing.assert_array_equal(back[1].mask, nothing.mask)
