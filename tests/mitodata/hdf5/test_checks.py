import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, describe, validate, write_dataset

MakeSample = Callable[..., Sample]
Damage = Callable[[h5py.File], None]


def put(name: str, where: object, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file[name][where] = value

    return damage


def replace(name: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        file[name] = value
        file[name].attrs.update(attributes)

    return damage


def set_resolution(name: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file[name].attrs["resolution"] = value

    return damage


def set_attribute(name: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file.attrs[name] = value

    return damage


def make_group(name: str) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    return damage


def set_columns(value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file["params"].attrs["columns"] = value

    return damage


def set_classes(value: str) -> Damage:
    def damage(file: h5py.File) -> None:
        file["compartment"].attrs["classes"] = value

    return damage


def remove(name: str) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]

    return damage


STACKED: list[tuple[Damage, str]] = [
    (put("mask", (1, 0, 0), 7), "sample 1, from y 0, x 0: 1 mask voxels are neither 0, 1 nor 255 (ignore)"),
    (put("label", 2, 5), "instance voxels lie outside the mask"),
    (put("label", 2, 0), "mask voxels belong to no instance"),
    (put("params", (1, 0), np.nan), "params: knob_0 of sample 1 is not finite"),
    (put("params", (2, 1), np.inf), "params: knob_1 of sample 2 is not finite"),
    (replace("params", np.zeros((2, 2))), "params: float64 of shape (2, 2); expected float64 of shape (3, 2)"),
    (replace("mask", np.zeros((3, 24, 31), np.uint8)), "mask: has shape (3, 24, 31); raw has (3, 24, 32)"),
    (replace("label", np.zeros((3, 24, 32), np.int64)), "label: is int64; expected uint16 or uint32"),
    (replace("raw", np.zeros((3, 24, 32), np.float32)), "raw: is float32; expected uint8"),
    (replace("names", ["a", "b"]), "raw: has shape (3, 24, 32); expected (2, Y, X) or (2, Z, Y, X), none of them 0"),
    (remove("mask"), "the file: holds raw, label; expected raw, or raw, label and mask"),
    (remove("names"), "names: missing; expected one row a sample"),
    (set_resolution("raw", [1, 0, 1]), "raw: attribute resolution is [1, 0, 1]; expected three positive numbers"),
    (set_resolution("raw", "5 nm"), "raw: attribute resolution is"),
    (set_resolution("raw", 5.0), "raw: attribute resolution is 5.0; expected three positive numbers"),
    (
        set_resolution("raw", [5.0, 1e9, 5.0]),
        "expected three positive numbers (z, y, x) in nm, 0.3 to 2,000 (z: to 20,000)",
    ),
    (replace("names", np.arange(3)), "names: int64 of shape (3,); expected one row of text a sample"),
    (replace("names", np.array([b"\xff\xfe"] * 3)), "names: damaged, cannot be read ('ascii' codec can't decode"),
    (replace("names", "x"), "names: object of shape (); expected one row of text a sample"),
    (make_group("names"), "names: missing; expected one row a sample"),
    (make_group("raw"), "the file: holds label, mask; expected raw"),
    (replace("raw", np.uint8(3)), "raw: has shape (); expected (3, Y, X)"),
    (replace("raw", "abc"), "raw: is object; expected uint8"),
    (make_group("params"), "params: is not a dataset; expected one row a sample"),
    (set_columns(5), "params: attribute columns is 5; expected one text a column"),
    (replace("params", np.full((3, 2), np.nan)), "params: knob_0 of sample 0 is not finite"),  # and without chunks
    (set_attribute("seed", [1, 2]), "attribute seed is [1, 2]; expected a whole number"),
    (set_attribute("seed", "abc"), "attribute seed is abc; expected a whole number"),
    (set_attribute("recipe", 5), "attribute recipe is 5; expected text"),
    (lambda file: file.attrs.__delitem__("schema_version"), "attribute schema_version: missing; expected a whole"),
]

GROUPED: list[tuple[Damage, str]] = [
    (put("samples/000001/mask", 0, 1), "samples/000001, from z 0, y 0, x 0:"),
    (remove("samples/000001"), "samples/000001: missing"),
    (remove("samples/000000/raw"), "samples/000000: holds label, mask"),
    (replace("names", ["a"]), "samples/000001: not listed in names"),
    (replace("samples", 5), "samples: is not a group; expected a group a sample"),
    (replace("samples/000001", 5), "samples/000001: is not a group; expected one with raw in it"),
]


@pytest.mark.parametrize(("damage", "problem"), STACKED)
def test_problems_of_a_stacked_file(tmp_path: Path, make_sample: MakeSample, damage: Damage, problem: str) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(number) for number in range(3)], Provenance())
    assert validate(path) == []
    with h5py.File(path, "a") as file:
        damage(file)
    assert problem in "\n".join(validate(path))


@pytest.mark.parametrize(("damage", "problem"), GROUPED)
def test_problems_of_a_grouped_file(tmp_path: Path, make_sample: MakeSample, damage: Damage, problem: str) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(0), make_sample(1, (3, 10, 10))], Provenance())
    assert validate(path) == []
    with h5py.File(path, "a") as file:
        damage(file)
    assert problem in "\n".join(validate(path))


MAPPED: list[tuple[Damage, str]] = [
    (put("compartment", (1, 0, 0), 7), "sample 1, from y 0, x 0: compartment 7 has no name in the attribute classes"),
    (replace("compartment", np.zeros((3, 24, 32), np.uint16)), "compartment: is uint16; expected uint8"),
    (replace("compartment", np.zeros((3, 24, 31), np.uint8)), "compartment: has shape (3, 24, 31); raw has"),
    (set_classes('["membrane"]'), "compartment: attribute classes: expected a JSON object of number -> name"),
    (set_classes('{"5": "mem'), "compartment: attribute classes: expected a JSON object of number -> name"),
    (set_classes(""), "compartment: attribute classes: expected a JSON object of number -> name"),
    (set_classes('{"0": "extracellular", "5": "membrane"}'), "compartment 10 has no name in the attribute classes"),
]


@pytest.mark.parametrize(("damage", "problem"), MAPPED)
def test_problems_of_a_map(tmp_path: Path, make_sample: MakeSample, damage: Damage, problem: str) -> None:
    path = tmp_path / "a.h5"
    samples = [make_sample(number, mapped=True) for number in range(3)]
    write_dataset(path, samples, Provenance(classes={0: "extracellular", 5: "membrane", 10: "matrix"}))
    assert validate(path) == []
    with h5py.File(path, "a") as file:
        damage(file)
    assert problem in "\n".join(validate(path))


def test_ignored_voxels_may_hold_anything(tmp_path: Path) -> None:
    label = np.array([[[0, 3, 3, 0]]], np.uint16)
    mask = np.array([[[255, 255, 1, 0]]], np.uint8)
    write_dataset(tmp_path / "a.h5", [Sample(mask, (1, 1, 1), label, mask)], Provenance())
    assert validate(tmp_path / "a.h5") == []


def test_describe(tmp_path: Path, make_sample: MakeSample) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(number) for number in range(3)], Provenance(source="a test"))
    found = describe(path)
    assert json.loads(json.dumps(found))["shapes"] == [[1, 24, 32]]
    assert (found["samples"], found["labelled"], found["compartments"], found["layout"]) == (3, 3, 0, "stacked")
    assert found["voxel_sizes_nm"] == [(40.0, 5.0, 4.5)]
    assert found["params"] == ["knob_0", "knob_1"]
    write_dataset(path, [make_sample(0), make_sample(1, (3, 9, 9), labelled=False)], Provenance(), overwrite=True)
    found = describe(path)
    assert (found["samples"], found["labelled"], found["layout"]) == (2, 1, "groups")
    assert found["shapes"] == [(1, 24, 32), (3, 9, 9)]
    mapped = [make_sample(number, mapped=True) for number in range(3)]
    write_dataset(path, mapped, Provenance(classes={0: "extracellular", 5: "membrane", 10: "matrix"}), overwrite=True)
    assert describe(path)["compartments"] == 3
