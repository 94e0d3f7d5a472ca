"""Labels of the shape of an image that lie elsewhere, or are of other voxels, are not taken for its labels."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from mitodata import DataError
from mitodata.importers import import_dataset

SHAPE = (4, 20, 30)
RAW = np.random.default_rng(0).integers(60, 200, SHAPE).astype(np.uint8)
IDS = np.zeros(SHAPE, np.uint16)
IDS[1:3, 5:12, 5:12] = 7


def save_hdf5(path: Path, image: dict[str, Any], label: dict[str, Any]) -> Path:
    with h5py.File(path / "a.h5", "w") as file:
        for name, array, attributes in (("raw", RAW, image), ("ids", IDS, label)):
            file[name] = array
            file[name].attrs.update(attributes)
    return path / "a.h5"


def save_zarr(path: Path, scale: list[float], moved: list[float]) -> Path:
    root = zarr.open_group(path / "a.zarr", mode="w", zarr_format=2)
    root.create_group("labels").attrs["labels"] = ["mito"]
    placed: list[tuple[Any, np.ndarray[Any, Any], list[float], list[float]]] = [
        (root, RAW, [40, 5, 5], [0, 0, 0]),
        (root.create_group("labels/mito"), IDS, scale, moved),
    ]
    for group, array, edges, corner in placed:
        group.create_array("0", shape=SHAPE, dtype=array.dtype, chunks=SHAPE)[:] = array
        changes = [{"type": "scale", "scale": edges}, {"type": "translation", "translation": corner}]
        axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
        datasets = [{"path": "0", "coordinateTransformations": changes}]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return path / "a.zarr"


@pytest.mark.parametrize(
    ("image", "label", "problem"),
    [
        ({}, {"offset": [40, 0, 0]}, "label /ids begins at 40 x 0 x 0 nm"),
        ({"offset": [40, 0, 0]}, {"offset": [40, 0, 10]}, "begins at 40 x 0 x 10 nm"),
        ({}, {"resolution": [40, 10, 10]}, "has voxels of 40 x 10 x 10 nm"),
        ({}, {"offset": [0.04, 0, 0], "units": "um"}, "begins at 40 x 0 x 0 nm"),
    ],
)
def test_labels_in_hdf5_that_lie_elsewhere(
    image: dict[str, Any], label: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    path = save_hdf5(tmp_path, {"resolution": [40, 5, 5], **image}, label)
    with pytest.raises(DataError, match=problem):
        import_dataset("hdf5", path, raw="raw", label="ids")


def test_labels_in_hdf5_at_the_same_place(tmp_path: Path) -> None:
    said = {"resolution": [40, 5, 5], "offset": [400, 0, 0]}
    ((sample,), _) = import_dataset("hdf5", save_hdf5(tmp_path, said, said), raw="raw", label="ids")
    np.testing.assert_array_equal(sample.label, IDS)


@pytest.mark.parametrize(
    ("scale", "moved", "problem"),
    [
        ([40, 5, 5], [0, 50, 50], "labels/mito begins at 0 x 50 x 50 nm"),
        ([40, 10, 10], [0, 0, 0], "labels/mito has voxels of 40 x 10 x 10 nm"),
    ],
)
def test_label_images_that_lie_elsewhere(scale: list[float], moved: list[float], problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=problem):
        import_dataset("ome-zarr", save_zarr(tmp_path, scale, moved))


def test_a_label_image_at_the_same_place(tmp_path: Path) -> None:
    ((sample,), _) = import_dataset("ome-zarr", save_zarr(tmp_path, [40, 5, 5], [0, 2, 0]))
    np.testing.assert_array_equal(sample.label, IDS)
