"""Levels of an OME-Zarr."""

import json
from itertools import pairwise
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from ome_zarr_models import v04, v05

from mitodata import VoxelSize
from mitodata.export.layer import Layer
from mitodata.export.multiscales import Version, level_shape, plan_levels, write_zarr
from mitodata.readers.inputs import open_sources


def make_layer(name: str, values: NDArray[np.generic], size: VoxelSize) -> Layer:
    z, y, x = values.shape
    return Layer(name, (z, y, x), values.dtype, size, lambda part: values[part])


def stored(root: zarr.Group, name: str) -> NDArray[np.generic]:
    array = root[name]
    assert isinstance(array, zarr.Array)
    return np.asarray(array[:])


@pytest.mark.parametrize(
    ("shape", "size", "levels"),
    [
        ((165, 768, 1024), (5, 5, 5), [(1, 1, 1), (2, 2, 2), (4, 4, 4)]),
        ((100, 4096, 300), (40, 8, 8), [(1, 1, 1), (1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 16, 16)]),
        ((1, 600, 256), (50, 4, 4), [(1, 1, 1), (1, 2, 2), (1, 4, 4)]),
        ((9, 256, 256), (5, 5, 5), [(1, 1, 1)]),
        ((1, 300, 1), (5, 5, 0.1), [(1, 1, 1), (1, 2, 1)]),
    ],
)
def test_voxels_become_cubes_until_a_section_is_small(
    shape: tuple[int, int, int], size: VoxelSize, levels: list[tuple[int, int, int]]
) -> None:
    assert plan_levels(shape, size) == levels


@given(st.tuples(*[st.integers(1, 9000)] * 3), st.tuples(*[st.floats(0.1, 100)] * 3))
def test_every_array_has_an_end_of_levels(shape: tuple[int, int, int], size: VoxelSize) -> None:
    assert max(level_shape(shape, plan_levels(shape, size)[-1])[1:]) <= 256


def test_levels_are_means_and_labels_stay_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # More than a chunk at every level, and odd lengths.
    shape, size = (19, 261, 1030), (10.0, 5.0, 4.0)
    raw = rng.integers(0, 255, shape).astype(np.uint8)
    labels = rng.integers(0, 70000, shape).astype(np.uint32)
    layers = make_layer("raw", raw, size), make_layer("instances", labels, size)
    write_zarr(tmp_path / "a.zarr", layers[0], layers[1:])
    root = zarr.open_group(tmp_path / "a.zarr", mode="r")
    levels = root.attrs.asdict()["ome"]["multiscales"][0]["datasets"]
    assert [level["path"] for level in levels] == ["0", "1", "2", "3"]
    assert [level["coordinateTransformations"] for level in levels[:2]] == [
        [{"type": "scale", "scale": [10.0, 5.0, 4.0]}],
        [{"type": "scale", "scale": [10.0, 10.0, 8.0]}, {"type": "translation", "translation": [0.0, 2.5, 2.0]}],
    ]
    again = root["labels/instances"].attrs.asdict()["ome"]["multiscales"][0]["datasets"]
    assert again == levels
    factors = np.array([level["coordinateTransformations"][0]["scale"] for level in levels]) / size
    assert factors.tolist() == [[1, 1, 1], [1, 2, 2], [2, 4, 4], [4, 8, 8]]
    fine = raw.astype(np.float64)
    for number, (before, after) in enumerate(pairwise(factors), start=1):
        z, y, x = (after / before).astype(int)
        fine = np.pad(fine, [(0, -length % step) for length, step in zip(fine.shape, (z, y, x), strict=True)], "edge")
        parts = [fine[a::z, b::y, c::x] for a in range(z) for b in range(y) for c in range(x)]
        fine = np.mean(parts, axis=0).round()
        np.testing.assert_array_equal(stored(root, str(number)), fine)
        z, y, x = after.astype(int)
        np.testing.assert_array_equal(stored(root, f"labels/instances/{number}"), labels[::z, ::y, ::x])
    source = next(open_sources(tmp_path / "a.zarr", square=False))
    assert source.shape == shape
    assert source.voxel_size_nm == size


def test_probabilities_are_averaged(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((1, 301, 40)).astype(np.float32)
    write_zarr(tmp_path / "p.zarr", make_layer("probability", values, (50.0, 4.0, 4.0)))
    coarse = zarr.open_array(tmp_path / "p.zarr" / "1", mode="r")[:]
    assert np.asarray(coarse).shape == (1, 151, 20)
    np.testing.assert_allclose(
        np.asarray(coarse)[0, :150], values[0, :300].reshape(150, 2, 20, 2).mean((1, 3)), atol=1e-6
    )
    np.testing.assert_allclose(np.asarray(coarse)[0, 150], values[0, 300].reshape(20, 2).mean(1), atol=1e-6)


@pytest.mark.parametrize(("version", "models"), [("0.4", v04), ("0.5", v05)])
def test_both_versions_are_what_their_specification_wants(version: Version, models: object, tmp_path: Path) -> None:
    values = np.arange(2 * 300 * 40, dtype=np.uint32).reshape(2, 300, 40)
    layers = [make_layer(name, values, (50.0, 4.0, 4.0)) for name in ("raw", "instances")]
    write_zarr(tmp_path / "a.zarr", layers[0], layers[1:], version)
    for place, module, kind in (
        ("", "image", "ImageAttrs"),
        ("labels", "labels", "LabelsAttrs"),
        ("labels/instances", "image_label", "ImageLabelAttrs"),
    ):
        folder = tmp_path / "a.zarr" / place
        found = json.loads((folder / ".zattrs").read_text()) if version == "0.4" else metadata_of(folder)
        getattr(getattr(models, module), kind).model_validate(found)  # raises what does not comply
    source = next(open_sources(tmp_path / "a.zarr"))
    assert source.voxel_size_nm == (50.0, 4.0, 4.0)


def metadata_of(folder: Path) -> object:
    """What the group of an OME-Zarr 0.5 says of itself."""
    return json.loads((folder / "zarr.json").read_text())["attributes"]["ome"]


def test_version_0_4_can_be_read_without_zarr_3(tmp_path: Path) -> None:
    # By the text of the specification of Zarr 2: chunks are files named by their place, padded to the whole chunk.
    values = np.random.default_rng(0).integers(0, 70000, (17, 20, 300)).astype(np.uint32)
    layers = [make_layer(name, values, (5.0, 5.0, 5.0)) for name in ("raw", "instances")]
    write_zarr(tmp_path / "a.zarr", layers[0], layers[1:], "0.4")
    assert not list((tmp_path / "a.zarr").rglob("zarr.json"))
    array = tmp_path / "a.zarr" / "labels" / "instances" / "0"
    header = json.loads((array / ".zarray").read_text())
    assert (header["zarr_format"], header["dimension_separator"], header["order"]) == (2, "/", "C")
    codec = numcodecs.get_codec(header["compressor"])
    found = np.zeros((32, 20, 512), header["dtype"])
    for z in range(2):
        for x in range(2):
            chunk = np.frombuffer(codec.decode((array / f"{z}/0/{x}").read_bytes()), header["dtype"])
            found[16 * z : 16 * z + 16, :, 256 * x : 256 * x + 256] = chunk.reshape(header["chunks"])
    np.testing.assert_array_equal(found[:17, :, :300], values)
