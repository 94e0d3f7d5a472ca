"""Results as files that other programs open: TIFF, HDF5 in our format, OME-Zarr; each appears when it is whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from mitodata import export
from mitodata.export.multiscales import write_zarr
from mitodata.hdf5.draft import Draft
from mitodata.hdf5.layout import ALIASES, Provenance, chunk_shape, write_image_attributes, write_provenance
from mitoseg.io.blocks import Layer

__all__ = ["write_hdf5", "write_tiff", "write_zarr"]


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
            for part, voxels in layer.parts(chunk_shape(layer.shape)):
                with draft.checked():
                    datasets[layer.name][part if flat else (0, *part)] = voxels
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
