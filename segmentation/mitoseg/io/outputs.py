"""Results as files that other programs open: TIFF, HDF5 in our format, OME-Zarr; each appears when it is whole."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
import zarr

from mitodata import RunError
from mitodata.hdf5.draft import Draft
from mitodata.hdf5.layout import ALIASES, Provenance, chunk_shape, write_image_attributes, write_provenance
from mitoseg.io.blocks import Layer
from mitoseg.io.ome_zarr import (
    ZARR_FORMATS,
    Version,
    image_attributes,
    label_attributes,
    labels_attributes,
    plan_levels,
    write_levels,
)

_LARGEST_IMAGEJ = 2**31


def write_tiff(path: Path, layer: Layer, white: int = 1) -> None:
    """Write a compressed TIFF: ImageJ's if ImageJ can hold it, else an OME-BigTIFF; both carry the voxel size.

    Args:
        path: of the file.
        layer: what to write.
        white: what values are multiplied by, so that masks can be seen.

    Raises:
        RunError: it cannot be written.
    """
    z, y, x = layer.voxel_size_nm
    size = int(np.prod(layer.shape)) * layer.dtype.itemsize
    options: dict[str, Any] = {"shape": layer.shape, "dtype": layer.dtype, "compression": "zlib"}
    if size < _LARGEST_IMAGEJ and layer.dtype.name in ("uint8", "uint16", "float32"):
        kind: dict[str, Any] = {"imagej": True}
        options |= {"resolution": (1000 / x, 1000 / y), "metadata": {"axes": "ZYX", "spacing": z / 1000, "unit": "um"}}
    else:
        kind = {"ome": True, "bigtiff": True}
        sizes = {f"PhysicalSize{axis}": edge for axis, edge in zip("ZYX", layer.voxel_size_nm, strict=True)}
        units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
        options["metadata"] = {"axes": "ZYX", **sizes, **units}
    with beside(path) as temporary, tifffile.TiffWriter(temporary, **kind) as file:
        file.write((section for _, slab in layer.slabs() for section in slab * layer.dtype.type(white)), **options)


def write_zarr(path: Path, image: Layer, labels: Sequence[Layer] = (), version: Version = "0.5") -> None:
    """Write an OME-Zarr of one image and its label images, all with the same levels.

    Args:
        path: of the folder.
        image: what the group holds.
        labels: what its group `labels` holds.
        version: of OME-Zarr; 0.4 for programs that do not read Zarr 3.

    Raises:
        RunError: it cannot be written.
    """
    levels, size_nm = plan_levels(image.shape, image.voxel_size_nm), image.voxel_size_nm
    with beside(path) as temporary:
        root = zarr.open_group(temporary, mode="w", zarr_format=ZARR_FORMATS[version])
        root.attrs.update(image_attributes(path.name.partition(".")[0], size_nm, levels, version))
        write_levels(root, image, levels, labels=False)
        if labels:
            group = root.create_group("labels")
            group.attrs.update(labels_attributes([layer.name for layer in labels], version))
            for layer in labels:
                own = group.create_group(layer.name)
                own.attrs.update(label_attributes(layer.name, size_nm, levels, version))
                write_levels(own, layer, levels, labels=True)


def write_hdf5(path: Path, layers: Sequence[Layer], provenance: Provenance) -> None:
    """Write a dataset file of ours with one sample; `layers` are raw, label, mask, and others after them.

    Raises:
        DataError: it cannot be written.
    """
    flat = layers[0].shape[0] == 1
    with Draft(path, overwrite=True) as draft:
        with draft.checked():
            file = draft.create()
            write_provenance(file, provenance)
            datasets = {layer.name: _create_dataset(file, layer, flat) for layer in layers}
            file.create_dataset("names", data=[path.stem], dtype=h5py.string_dtype())
        for layer in layers:
            for z, slab in layer.slabs(chunk_shape(layer.shape)[0]):
                with draft.checked():
                    datasets[layer.name][z if flat else (0, z)] = slab
        with draft.checked():
            for alias, target in ALIASES.items():
                if target in datasets:
                    file[alias] = h5py.SoftLink(f"/{target}")
        draft.keep()


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A hidden name beside `path` that becomes `path` when the block is done, and is gone if it fails.

    Raises:
        RunError: the disk is full, or refuses.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        _remove(temporary)
        yield temporary
        if temporary.is_dir():
            old = path.with_name(f".{path.name}.old")
            _remove(old)
            if path.exists():
                path.rename(old)
            temporary.rename(path)
            _remove(old)
        else:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            _remove(path) if path.is_dir() else None
            temporary.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _create_dataset(file: h5py.File, layer: Layer, flat: bool) -> h5py.Dataset:
    chunks = chunk_shape(layer.shape)
    packed = {} if layer.name == "raw" else {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    shape = layer.shape if flat else (1, *layer.shape)
    dataset = file.create_dataset(
        layer.name, shape, layer.dtype, chunks=chunks if flat else (1, *chunks), fillvalue=0, **packed
    )
    write_image_attributes(dataset, layer.voxel_size_nm, "tyx" if flat else "tzyx")
    return dataset
