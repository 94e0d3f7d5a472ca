"""Results as files that other programs open: TIFF, HDF5 in our format, OME-Zarr; each appears when it is whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import zarr
from numpy.typing import NDArray

from mitodata import export
from mitodata.files import beside
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


def write_tiff(path: Path, layer: Layer, white: int = 1) -> None:
    """Write a compressed TIFF (see `mitodata.export.write_tiff`).

    Args:
        path: of the file.
        layer: what to write.
        white: what values are multiplied by, so that masks can be seen.

    Raises:
        DataError: it cannot be written.
    """

    def sections() -> Iterator[NDArray[Any]]:
        for _, slab in layer.slabs():
            yield from slab * layer.dtype.type(white)

    export.write_tiff(path, sections(), layer.shape, layer.dtype, layer.voxel_size_nm)


def write_zarr(path: Path, image: Layer, labels: Sequence[Layer] = (), version: Version = "0.5") -> None:
    """Write an OME-Zarr of one image and its label images, all with the same levels.

    Args:
        path: of the folder.
        image: what the group holds.
        labels: what its group `labels` holds.
        version: of OME-Zarr; 0.4 for programs that do not read Zarr 3.

    Raises:
        DataError: it cannot be written.
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


def _create_dataset(file: h5py.File, layer: Layer, flat: bool) -> h5py.Dataset:
    chunks = chunk_shape(layer.shape)
    packed = {} if layer.name == "raw" else {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    shape = layer.shape if flat else (1, *layer.shape)
    dataset = file.create_dataset(
        layer.name, shape, layer.dtype, chunks=chunks if flat else (1, *chunks), fillvalue=0, **packed
    )
    write_image_attributes(dataset, layer.voxel_size_nm, "tyx" if flat else "tzyx")
    return dataset
