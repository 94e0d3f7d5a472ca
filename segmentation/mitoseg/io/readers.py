"""Files of each kind, opened as sources: pictures, HDF5 and OME-Zarr."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr

from mitodata import DataError, VoxelSize
from mitodata.hdf5.layout import FORMAT_NAME, sample_count, sample_images, sample_thickness, sample_voxel_size
from mitodata.hdf5.opening import open_file, open_hdf5
from mitoseg.io.ome_zarr import parse_multiscale
from mitoseg.io.pictures import read_picture
from mitoseg.io.source import UNKNOWN, Source, readable


def open_picture(path: Path) -> Iterator[Source]:
    """Open a picture: grey or colour, of unknown voxel size."""
    with readable(path, "picture"):
        pixels = read_picture(path)
    yield Source(path, "", pixels, UNKNOWN)


def open_samples(path: Path, dataset: str | None) -> Iterator[Source]:
    """Open the samples of a file of our format, or the dataset that is named in another's."""
    # Parts are read once, in the order in which they lie in the file: a cache of chunks would only cost memory.
    with open_hdf5(path, cache_bytes=2**20) as file:
        if dataset is None and file.attrs.get("format") == FORMAT_NAME:
            open_file(path).close()
            with readable(path, "mitodata file"):
                count = sample_count(file)
            if not count:
                raise DataError(f"{path}: holds no samples; expected at least one image")
            for number in range(count):
                with readable(path, "mitodata file"):
                    raw, size_nm = sample_images(file, number)["raw"], sample_voxel_size(file, number)
                    thickness_nm = sample_thickness(file, number)
                lead = (number,) if "raw" in file else ()
                yield Source(path, f"-{number:04d}" if count > 1 else "", raw, size_nm, lead, section_nm=thickness_nm)
            return
        found = file.get(dataset) if dataset else None
        if not isinstance(found, h5py.Dataset):
            named = f"has no dataset {dataset}" if dataset else f"not a {FORMAT_NAME} file"
            raise DataError(
                f"{path}: {named}; name one with --dataset: {', '.join(_datasets(file)) or 'it holds none'}"
            )
        if found.shape is None:
            raise DataError(f"{path}: {dataset} is empty; expected (Y, X) or (Z, Y, X)")
        lead = (0,) * max(0, found.ndim - 3)
        if any(length != 1 for length in found.shape[: len(lead)]):
            raise DataError(f"{path}: {dataset} has shape {found.shape}; expected (Y, X) or (Z, Y, X)")
        yield Source(path, "", found, _hdf5_voxel_size(found) or UNKNOWN, lead)


def _datasets(file: h5py.File) -> list[str]:
    """Names of what could be images."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) and item.ndim > 1 else None)
    return names


def _hdf5_voxel_size(dataset: h5py.Dataset) -> VoxelSize | None:
    """The voxel size in nm from the attributes `resolution` (nm) or `element_size_um`."""
    for name, factor in (("resolution", 1.0), ("element_size_um", 1e3)):
        edges = np.asarray(dataset.attrs.get(name, ()))
        if edges.shape == (3,) and edges.dtype.kind in "uif":
            z, y, x = (float(edge) * factor for edge in edges)
            return (z, y, x)
    return None


def open_zarr(path: Path, dataset: str | None) -> Iterator[Source]:
    """Open the finest level of an OME-Zarr, or the array that is named."""
    with readable(path, "Zarr"):
        node: Any = zarr.open(path, mode="r")
        try:
            node = node[dataset] if dataset else node
        except KeyError:
            raise DataError(
                f"{path}: holds no {dataset}; found {', '.join(sorted(node.keys())) or 'nothing'}"
            ) from None
        size_nm, axes = UNKNOWN, ""
        if isinstance(node, zarr.Group):
            image = parse_multiscale(node.attrs.asdict())
            if image is None:
                raise DataError(
                    f"{path}: is a Zarr group without OME metadata; name an array with --dataset: "
                    f"{', '.join(sorted(node.keys())) or 'it holds none'}"
                )
            node, size_nm, axes = node[image.path], image.voxel_size_nm or UNKNOWN, "".join(image.axes)
            if not isinstance(node, zarr.Array):
                raise DataError(f"{path}: its OME metadata name {image.path!r} as finest level; expected an array")
    lead = (0,) * max(0, node.ndim - 3)
    if any(length != 1 for length in node.shape[: len(lead)]) or (axes and not "zyx".endswith(axes[len(lead) :])):
        raise DataError(f"{path}: shape {node.shape} with axes {axes or 'unknown'}; expected one channel of (z, y, x)")
    yield Source(path, "", node, size_nm, lead)
