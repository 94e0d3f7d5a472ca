import json
import multiprocessing
import os
import pickle
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, describe, validate, write_dataset, write_volume

MakeSample = Callable[..., Sample]
FIXTURES = Path(__file__).parents[1] / "fixtures"
SECTION, VOLUME = (1, 24, 32), (20, 24, 32)
PROVENANCE = Provenance("a test", "[recipe]\nx = 1", 7, "", "CC0", "nobody", "rendered")


def assert_same(found: Sample, expected: Sample) -> None:
    for name in ("raw", "label", "mask", "compartment"):
        one, other = getattr(found, name), getattr(expected, name)
        if other is None:
            assert one is None
        else:
            np.testing.assert_array_equal(one, other, strict=True)
    assert found.voxel_size_nm == expected.voxel_size_nm
    assert dict(found.params) == dict(expected.params)
    assert found.name == expected.name


@pytest.mark.parametrize(
    "shapes",
    [[SECTION] * 3, [VOLUME] * 2, [SECTION, VOLUME], [SECTION, SECTION, (1, 30, 10), SECTION], [SECTION]],
    ids=["sections", "volumes", "mixed", "changes late", "one"],
)
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("knobs", "mapped"), [(2, False), (2, True), (0, False)])
def test_what_is_written_is_read(
    tmp_path: Path,
    make_sample: MakeSample,
    shapes: list[tuple[int, int, int]],
    labelled: bool,
    knobs: int,
    mapped: bool,
) -> None:
    samples = [make_sample(number, shape, knobs, labelled, mapped) for number, shape in enumerate(shapes)]
    write_dataset(tmp_path / "a.h5", iter(samples), PROVENANCE)
    with Dataset(tmp_path / "a.h5") as dataset:
        assert len(dataset) == len(samples)
        assert dataset.labelled is labelled
        assert dataset.is_2d is all(shape[0] == 1 for shape in shapes)
        for number, (found, expected) in enumerate(zip(dataset, samples, strict=True)):
            assert_same(found, expected)
            assert dataset.shape(number) == expected.raw.shape
            assert dataset.name(number) == expected.name
            assert dataset.voxel_size_nm(number) == expected.voxel_size_nm
        assert_same(dataset[-1], samples[-1])
        assert {name: list(column) for name, column in dataset.params.items()} == {
            f"knob_{k}": [float(k + number) for number in range(len(samples))] for k in range(knobs)
        }
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_provenance_is_kept(tmp_path: Path, make_sample: MakeSample) -> None:
    write_dataset(tmp_path / "a.h5", [make_sample()], PROVENANCE)
    with Dataset(tmp_path / "a.h5") as dataset:
        found = dataset.provenance
    assert found.software.startswith("mitogen-em")
    assert found == Provenance(**{**vars(PROVENANCE), "software": found.software})
    write_dataset(tmp_path / "b.h5", [make_sample()], Provenance())
    assert Dataset(tmp_path / "b.h5").provenance.seed is None


@pytest.mark.parametrize("shapes", [[SECTION] * 2, [SECTION, VOLUME]], ids=["stacked", "groups"])
def test_names_of_classes_are_kept(tmp_path: Path, make_sample: MakeSample, shapes: list[tuple[int, int, int]]) -> None:
    classes = {0: "extracellular", 5: "membrane", 10: "matrix"}
    samples = [make_sample(number, shape, mapped=True) for number, shape in enumerate(shapes)]
    write_dataset(tmp_path / "a.h5", samples, Provenance(classes=classes))
    assert Dataset(tmp_path / "a.h5").provenance.classes == classes
    with h5py.File(tmp_path / "a.h5") as file:
        parent = file if "raw" in file else file["samples/000001"]
        assert list(parent)[:4] == ["raw", "label", "mask", "compartment"]
        assert (parent["compartment"].compression, parent["compartment"].shuffle) == ("gzip", True)
        assert json.loads(parent["compartment"].attrs["classes"]) == {
            "0": "extracellular",
            "5": "membrane",
            "10": "matrix",
        }
        np.testing.assert_array_equal(parent["compartment"].attrs["resolution"], [40, 5, 4.5])


def test_a_map_for_only_some_samples_goes_to_groups(tmp_path: Path, make_sample: MakeSample) -> None:
    samples = [make_sample(0), make_sample(1, mapped=True), make_sample(2, labelled=False, mapped=True)]
    write_dataset(tmp_path / "a.h5", samples, Provenance(classes={0: "extracellular", 5: "membrane", 10: "matrix"}))
    with Dataset(tmp_path / "a.h5") as dataset:
        for found, expected in zip(dataset, samples, strict=True):
            assert_same(found, expected)
        assert dataset.provenance.classes == {0: "extracellular", 5: "membrane", 10: "matrix"}


@pytest.mark.parametrize(
    "compartment", [np.zeros((1, 24, 31), np.uint8), np.zeros((24, 32), np.uint8), np.zeros((1, 24, 32), np.uint16)]
)
def test_a_map_must_fit_its_image(make_sample: MakeSample, compartment: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"compartment is .*; expected uint8 of shape \(1, 24, 32\)"):
        Sample(make_sample().raw, (1, 1, 1), compartment=compartment)


def test_slabs_keep_their_map(tmp_path: Path, make_sample: MakeSample) -> None:
    slabs = [make_sample(number, VOLUME, mapped=True) for number in range(2)]
    slabs = [replace(slab, params=slabs[0].params) for slab in slabs]
    write_volume(tmp_path / "a.h5", slabs, Provenance(classes={0: "extracellular", 5: "membrane", 10: "matrix"}))
    whole = Dataset(tmp_path / "a.h5")[0].compartment
    np.testing.assert_array_equal(whole, np.concatenate([slab.compartment for slab in slabs]))


def test_files_of_schema_1_are_read(make_sample: MakeSample) -> None:
    """Written by the program as it was before schema 2."""
    for name, shapes in (("stacked", [SECTION] * 2), ("groups", [SECTION, (3, 9, 10)])):
        path = FIXTURES / f"schema-1-{name}.h5"
        assert validate(path) == []
        assert describe(path)["schema_version"] == 1
        with Dataset(path) as dataset:
            assert dataset.provenance == Provenance(
                "mitogen render", "[section]\npixel_nm = 5\n", 7, "mitogen-em 0.1.0", "CC0", "nobody", "rendered"
            )
            for number, (found, shape) in enumerate(zip(dataset, shapes, strict=True)):
                params = {"section.pixel_nm": 5.0, "cells.gap_nm": float(number)}
                assert_same(found, replace(make_sample(number, shape), params=params))


def test_a_long_recipe_fits(tmp_path: Path, make_sample: MakeSample) -> None:
    recipe = "x = 1\n" * 50_000
    write_dataset(tmp_path / "a.h5", [make_sample()], Provenance(recipe=recipe))
    assert Dataset(tmp_path / "a.h5").provenance.recipe == recipe


def test_names_that_are_no_text(tmp_path: Path, make_sample: MakeSample) -> None:
    """As Linux gives those of files whose bytes are no UTF-8."""
    odd = os.fsdecode(b"bad\xff.png")
    write_dataset(tmp_path / "a.h5", [replace(make_sample(), name=odd)], Provenance(source=odd))
    with Dataset(tmp_path / "a.h5") as dataset:
        assert (dataset.name(0), dataset.provenance.source) == ("bad?.png", "bad?.png")


def test_mixed_labels_go_to_groups(tmp_path: Path, make_sample: MakeSample) -> None:
    write_dataset(tmp_path / "a.h5", [make_sample(0), make_sample(1, labelled=False)], Provenance())
    with Dataset(tmp_path / "a.h5") as dataset:
        assert not dataset.labelled
        assert [sample.labelled for sample in dataset] == [True, False]


def test_same_samples_give_the_same_bytes(tmp_path: Path, make_sample: MakeSample) -> None:
    shapes = {"sections": [SECTION] * 300, "volumes": [VOLUME] * 2, "mixed": [SECTION, VOLUME]}
    samples = {name: [make_sample(*numbered) for numbered in enumerate(each)] for name, each in shapes.items()}
    for folder in (tmp_path / "a", tmp_path / "b"):
        if folder.name == "b":
            time.sleep(1.1)  # HDF5's own time stamps count seconds
        folder.mkdir()
        for name, each in samples.items():
            write_dataset(folder / f"{name}.h5", each, PROVENANCE)
    for name in samples:
        assert (tmp_path / "a" / f"{name}.h5").read_bytes() == (tmp_path / "b" / f"{name}.h5").read_bytes(), name


def test_writing_holds_few_samples(tmp_path: Path, make_sample: MakeSample) -> None:
    alive: weakref.WeakSet[Sample] = weakref.WeakSet()
    most = 0

    def samples() -> Iterator[Sample]:
        nonlocal most
        for number in range(20):
            sample = make_sample(number)
            alive.add(sample)
            most = max(most, len(alive))
            yield sample

    write_dataset(tmp_path / "a.h5", samples(), Provenance())
    assert most <= 3


def test_shards_are_put_together(tmp_path: Path, make_sample: MakeSample) -> None:
    for shard in range(3):
        samples = [make_sample(shard * 4 + number) for number in range(4)]
        write_dataset(tmp_path / f"{shard}.h5", samples, PROVENANCE)
    joined = (sample for shard in range(3) for sample in Dataset(tmp_path / f"{shard}.h5"))
    write_dataset(tmp_path / "all.h5", joined, PROVENANCE)
    write_dataset(tmp_path / "direct.h5", (make_sample(number) for number in range(12)), PROVENANCE)
    assert (tmp_path / "all.h5").read_bytes() == (tmp_path / "direct.h5").read_bytes()


def test_a_window_is_read_alone(tmp_path: Path, make_sample: MakeSample) -> None:
    sample = make_sample(1, VOLUME)
    write_dataset(tmp_path / "a.h5", [make_sample(0, VOLUME), sample], Provenance())
    window = (slice(3, 9), slice(-10, None), slice(5, 100))
    with Dataset(tmp_path / "a.h5") as dataset:
        found = dataset.read(1, window)
        assert found.mask is not None
        assert sample.mask is not None
        np.testing.assert_array_equal(found.raw, sample.raw[window])
        np.testing.assert_array_equal(found.mask, sample.mask[window])
        with pytest.raises(DataError, match="is empty or has steps"):
            dataset.read(1, (slice(5, 5), slice(None), slice(None)))
        with pytest.raises(DataError, match="is empty or has steps"):
            dataset.read(1, (slice(0, 5, 2), slice(None), slice(None)))
        with pytest.raises(IndexError, match="no sample 2 among 2"):
            dataset.read(2)


def test_slabs_grow_a_volume(tmp_path: Path, make_sample: MakeSample) -> None:
    whole = make_sample(3, (37, 24, 32))
    assert whole.label is not None
    assert whole.mask is not None
    slabs = [
        Sample(whole.raw[z : z + 16], whole.voxel_size_nm, whole.label[z : z + 16], whole.mask[z : z + 16])
        for z in range(0, 37, 16)
    ]
    write_volume(tmp_path / "a.h5", slabs, Provenance(), name="a volume")
    with Dataset(tmp_path / "a.h5") as dataset:
        assert len(dataset) == 1
        assert dataset.name(0) == "a volume"
        np.testing.assert_array_equal(dataset[0].raw, whole.raw)
        np.testing.assert_array_equal(dataset[0].label, whole.label)
    odd = [slabs[0], make_sample(0, (16, 24, 30))]
    with pytest.raises(DataError, match="expected the same size as the first"):
        write_volume(tmp_path / "b.h5", odd, Provenance())
    assert not (tmp_path / "b.h5").exists()


def test_other_tools_find_their_names(tmp_path: Path, make_sample: MakeSample) -> None:
    write_dataset(tmp_path / "a.h5", [make_sample(0), make_sample(1)], Provenance())
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file)[:3] == ["raw", "label", "mask"]
        assert file["main"] == file["raw"]
        assert file["volumes/raw"] == file["raw"]
        assert file["labels"] == file["volumes/labels/mitochondria"] == file["label"]
        assert file["raw"].chunks == (1, 24, 32)
        assert file["label"].compression == "gzip"
        assert file["label"].shuffle
        assert file["raw"].compression is None
        np.testing.assert_array_equal(file["raw"].attrs["resolution"], [40, 5, 4.5])
        np.testing.assert_allclose(file["raw"].attrs["element_size_um"], [0.04, 0.005, 0.0045])
        np.testing.assert_array_equal(file["raw"].attrs["offset"], [0, 0, 0])
        assert [axis["key"] for axis in json.loads(file["raw"].attrs["axistags"])["axes"]] == ["t", "y", "x"]
        assert file.attrs["schema_version"] == 2
        assert "compartment" not in file
    write_dataset(tmp_path / "b.h5", [make_sample(0, labelled=False)], Provenance())
    with h5py.File(tmp_path / "b.h5") as file:
        assert "labels" not in file


def test_a_dataset_can_be_pickled(tmp_path: Path, make_sample: MakeSample) -> None:
    write_dataset(tmp_path / "a.h5", [make_sample(0)], Provenance())
    dataset = Dataset(tmp_path / "a.h5")
    copy = pickle.loads(pickle.dumps(dataset))
    dataset.close()
    assert_same(copy[0], make_sample(0))
    assert_same(dataset[0], make_sample(0))  # opens again


def test_a_dataset_works_in_another_process(tmp_path: Path, make_sample: MakeSample) -> None:
    write_dataset(tmp_path / "a.h5", [make_sample(0)], Provenance())
    with Dataset(tmp_path / "a.h5") as dataset, multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(dataset.name, [0]) == ["image 0"]


def test_params_must_fit(tmp_path: Path, make_sample: MakeSample) -> None:
    with pytest.raises(DataError, match="image 1: its params are not those of image 0: knob_2"):
        write_dataset(tmp_path / "a.h5", [make_sample(0, knobs=2), make_sample(1, knobs=3)], Provenance())
    bad = Sample(make_sample().raw, (1, 1, 1), params={"x": float("nan")})
    with pytest.raises(DataError, match="image 0: x is nan"):
        write_dataset(tmp_path / "a.h5", [bad], Provenance())
    with pytest.raises(DataError, match="no images to write"):
        write_dataset(tmp_path / "a.h5", [], Provenance())
    assert not list(tmp_path.iterdir())
