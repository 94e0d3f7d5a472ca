"""Arrays in HDF5 and Zarr whose attributes name axes, units and edges, as funlib, gunpowder, CREMI and others write."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from mitodata import DataError
from mitodata.readers.inputs import open_images, open_sources
from mitodata.readers.source import StoredImage

ZYX = np.arange(6 * 20 * 30, dtype=np.uint8).reshape(6, 20, 30)


def save(path: Path, array: np.ndarray[Any, Any], attributes: dict[str, Any], kind: str) -> Path:
    if kind == "hdf5":
        with h5py.File(path / "a.h5", "w") as file:
            file["raw"] = array
            file["raw"].attrs.update(attributes)
        return path / "a.h5"
    group = zarr.open_group(path / "a.zarr", mode="w", zarr_format=2 if kind == "zarr 2" else 3)
    made = group.create_array("volumes/raw", shape=array.shape, dtype=array.dtype, chunks=array.shape)
    made[:] = array
    made.attrs.update(attributes)
    return path / "a.zarr"


def found(path: Path) -> list[StoredImage]:
    return list(open_images(path, "volumes/raw" if path.suffix == ".zarr" else "raw"))


@pytest.mark.parametrize("kind", ["hdf5", "zarr 2", "zarr 3"])
@pytest.mark.parametrize(
    ("attributes", "order", "edges_nm"),
    [
        ({"resolution": [40, 4, 5], "offset": [0, 0, 0]}, "zyx", (40, 4, 5)),
        ({"axis_names": ["z", "y", "x"], "voxel_size": [40, 4, 5], "units": ["nm"] * 3}, "zyx", (40, 4, 5)),
        ({"axis_names": ["x", "y", "z"], "resolution": [5, 4, 40], "units": ["nm", "nm", "nm"]}, "xyz", (40, 4, 5)),
        ({"axis_names": ["z", "y", "x"], "resolution": [0.04, 0.004, 0.005], "units": ["um"] * 3}, "zyx", (40, 4, 5)),
        ({"_ARRAY_DIMENSIONS": ["y", "x", "z"]}, "yxz", (None, None, None)),
        ({"element_size_um": [0.04, 0.004, 0.005]}, "zyx", (40, 4, 5)),
    ],
)
def test_axes_and_edges_that_attributes_say(
    kind: str, attributes: dict[str, Any], order: str, edges_nm: tuple[float, ...], tmp_path: Path
) -> None:
    stored = ZYX.transpose(["zyx".index(axis) for axis in order])
    (image,) = found(save(tmp_path, stored, attributes, kind))
    np.testing.assert_array_equal(image.array[slice(0, 6), slice(0, 20), slice(0, 30)], ZYX)
    assert image.edges_nm == pytest.approx(edges_nm)


@pytest.mark.parametrize("kind", ["hdf5", "zarr 2"])
@pytest.mark.parametrize("names", [["c^", "z", "y", "x"], ["channel", "z", "y", "x"]])
def test_channels_that_attributes_name_are_no_volumes(kind: str, names: list[str], tmp_path: Path) -> None:
    said = {"axis_names": names, "resolution": [40, 4, 4]}
    with pytest.raises(DataError, match="10 channels; save the one that is meant alone"):
        found(save(tmp_path, np.zeros((10, 6, 20, 30), np.uint8), said, kind))
    (image,) = found(save(tmp_path, ZYX[np.newaxis], said, kind))
    assert image.array.shape == ZYX.shape
    assert image.edges_nm == (40, 4, 4)


@pytest.mark.parametrize("kind", ["hdf5", "zarr 3"])
@pytest.mark.parametrize("shape", [(2, 6, 20, 30), (4, 6, 20, 30), (6, 3, 20, 30)])
def test_what_may_be_channels_is_asked_for(kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="channels, or images of several"):
        found(save(tmp_path, np.zeros(shape, np.uint8), {}, kind))
    said = {"axis_names": ["t", "z", "y", "x"]}
    assert len(found(save(tmp_path, np.zeros(shape, np.uint8), said, kind))) == shape[0]


def test_matlab_turns_rows_and_columns(tmp_path: Path) -> None:
    """An array of rows, columns and sections comes out the other way round."""
    said = {"MATLAB_class": np.bytes_("uint8")}
    for name, stored, expected in (("3d", ZYX.transpose(0, 2, 1), ZYX), ("2d", ZYX[0].T, ZYX[:1])):
        (tmp_path / name).mkdir()
        (image,) = found(save(tmp_path / name, stored, said, "hdf5"))
        np.testing.assert_array_equal(image.array[slice(0, 6), slice(0, 20), slice(0, 30)], expected)
    with pytest.raises(DataError, match="2 px wide"):
        found(save(tmp_path, np.zeros((40, 30, 2), np.uint8), said, "hdf5"))


@pytest.mark.parametrize("edge", [1, 1000])
def test_sizes_that_nobody_set_are_asked_for(edge: float, tmp_path: Path) -> None:
    path = save(tmp_path, ZYX, {"resolution": [edge] * 3}, "hdf5")
    with pytest.raises(DataError, match="as programs write where nobody set it"):
        next(open_sources(path, dataset="raw"))
    assert next(open_sources(path, (edge, edge, edge), "raw")).voxel_size_nm == (edge, edge, edge)


def test_other_series_of_volumes_need_no_names(tmp_path: Path) -> None:
    assert len(found(save(tmp_path, np.zeros((5, 6, 20, 30), np.uint8), {}, "hdf5"))) == 5
    assert len(found(save(tmp_path, np.zeros((1, 3, 20, 30), np.uint8), {}, "hdf5"))) == 1


@pytest.mark.parametrize("size", [(40, 0.004, 0.004), (0.04, 4, 4), (40, 4000, 4000), (40_000, 4, 4)])
def test_sizes_in_other_units_than_said_are_refused(size: tuple[float, ...], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="check the unit"):
        next(open_sources(save(tmp_path, ZYX, {"resolution": size}, "hdf5"), dataset="raw"))
