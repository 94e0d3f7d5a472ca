"""Our HDF5 files as layers: nothing is read before it is shown."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np

from mitodata import VoxelSize
from mitodata.hdf5.damage import one_line
from mitodata.hdf5.layout import (
    FORMAT_NAME,
    read_provenance,
    sample_count,
    sample_images,
    sample_thickness,
    sample_voxel_size,
)
from mitodata.hdf5.opening import open_file
from mitodata.readers.hdf5 import SUFFIXES
from mitoseg_napari.pictures import OURS

LayerData = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of: data, keywords, kind of layer."""

MOST_SAMPLES = 16
"""Images of different shapes that are shown of one file, a layer each."""

LABELS = ("label", "mask", "compartment")
"""Arrays of a file that are layers of labels; the first is shown."""

NAMES = {"raw": "", "label": " mitochondria", "mask": " mask", "compartment": " compartments"}
"""What is added to the name of a file, by array."""


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Give what reads a file, if it is one of ours; else None, so that others may try.

    Args:
        path: a file, or several, of which all must be ours.
    """
    paths = _paths(path)
    return read_layers if paths and all(is_ours(each) for each in paths) else None


def is_ours(path: Path) -> bool:
    """Whether a file says that it is in our format.

    Args:
        path: whatever a user has dropped.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with h5py.File(path) as file:
            return bool(file.attrs.get("format") == FORMAT_NAME)
    except OSError:
        return False


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Open files as layers of dask arrays, with the voxel size in nm as scale.

    Images of one shape are one layer, whose first axis counts them; of others each is a layer, up to `MOST_SAMPLES`.

    Raises:
        DataError: a file is damaged, or of a newer version.
    """
    return [layer for each in _paths(path) for layer in _read_file(each)]


def lazy(dataset: h5py.Dataset) -> Any:
    """A dataset of an open file as a dask array, whose blocks are those of the file."""
    return da.from_array(dataset, chunks=dataset.chunks or "auto", name=False)


def _paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(each) for each in path]


def _read_file(path: Path) -> Iterator[LayerData]:
    file = open_file(path)  # stays open as long as the layers are there
    with one_line(path, "; `mitogen validate` says more"):
        count = sample_count(file)
        classes = read_provenance(file).classes
        if "raw" in file:
            yield from _layers(path.stem, file, 0, count, classes)
            return
        for index in range(min(count, MOST_SAMPLES)):
            name = str(file["names"].asstr()[index]) or f"{index:04d}"
            yield from _layers(f"{path.stem} {name}", file, index, None, classes)


def _layers(name: str, file: h5py.File, index: int, count: int | None, classes: Any) -> Iterator[LayerData]:
    """The layers of a sample, or of all `count` samples of one shape."""
    images, size_nm = sample_images(file, index), sample_voxel_size(file, index)
    parent = images["raw"].parent
    if "probability" in parent:
        images["probability"] = parent["probability"]
    note = {"file": str(file.filename), "thickness_nm": sample_thickness(file, index)}
    for array, dataset in images.items():
        data = lazy(dataset)
        volume = data.ndim - (count is not None) == 3
        if count == 1 or (count is None and data.shape[0] == 1):
            data, volume = data[0], data.ndim - 1 == 3
        apart = data.ndim == 3 and not volume
        yield _layer(name, array, data, size_nm, {**note, "array": array, "apart": apart}, classes)


def _layer(name: str, array: str, data: Any, size_nm: VoxelSize, note: dict[str, Any], classes: Any) -> LayerData:
    spatial = 2 if data.ndim == 2 or note["apart"] else 3
    leading = data.ndim - spatial
    keywords: dict[str, Any] = {
        "name": f"{name}{NAMES.get(array, f' {array}')}",
        "scale": (*(1.0,) * leading, *size_nm[3 - spatial :]),
        "units": (*("pixel",) * leading, *("nm",) * spatial),
        "metadata": {OURS: note},
        "visible": array in ("raw", "label"),
    }
    if array not in LABELS:
        limits = (0, 255) if data.dtype == np.uint8 else (0.0, 1.0)
        colour = "gray" if array == "raw" else "magma"
        return data, {**keywords, "contrast_limits": limits, "colormap": colour, "multiscale": False}, "image"
    if array == "compartment":
        keywords["features"] = {"index": list(classes), "compartment": list(classes.values())}
    return data, {**keywords, "opacity": 0.5}, "labels"
