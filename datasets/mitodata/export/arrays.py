"""One sample of a dataset file as plain arrays (Z, Y, X), for programs that know nothing of ours."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from mitodata.errors import DataError
from mitodata.files import beside
from mitodata.hdf5.dataset import Dataset
from mitodata.hdf5.draft import Draft
from mitodata.hdf5.layout import ALIASES, BLOCK, IMAGES, chunk_shape, write_classes, write_image_attributes
from mitodata.sample import VoxelSize

HDF5 = (".h5", ".hdf5")
KINDS = (*HDF5, ".tif", ".tiff")
"""What the name of an output may end in."""

_LARGEST_IMAGEJ = 2**31


def export_sample(path: Path, output: Path, number: int | None = None, *, overwrite: bool = False) -> list[Path]:
    """Write the arrays of one sample, each (Z, Y, X), without the leading axis of the dataset file.

    Args:
        path: a dataset file.
        output: an HDF5 file that gets datasets `raw`, `label`, `mask` and `compartment`; or a TIFF that gets `raw`,
            beside which the others get files of their own, such as NAME_label.tif. What the sample lacks is left out.
        number: of the sample; None where there is only one.
        overwrite: replace files that exist.

    Returns:
        The files written.

    Raises:
        DataError: the file is damaged, there is no such sample, or the output is of another kind, exists already or
            cannot be written.
    """
    kind = output.suffix.lower()
    if kind not in KINDS:
        raise DataError(f"{output}: cannot tell what to write; expected a name that ends in {', '.join(KINDS)}")
    if output.resolve() == path.resolve():
        raise DataError(f"{output}: is the dataset itself, which would be lost; choose another name")
    with Dataset(path) as dataset:
        chosen = _choose(dataset, number)
        corner = dataset.read(chosen, (slice(0, 1), slice(0, 1), slice(0, 1)))
        dtypes = {name: array.dtype for name in IMAGES if (array := getattr(corner, name)) is not None}
        if kind in HDF5:
            _write_hdf5(output, dataset, chosen, dtypes, overwrite)
            return [output]
        files = {name: output.with_name(f"{output.stem}_{name}{kind}") for name in dtypes} | {"raw": output}
        for file in files.values():
            if file.exists() and not overwrite:
                raise DataError(f"{file}: exists already; choose another name or overwrite it")
        for name, file in files.items():
            sections = (section for _, slab in _slabs(dataset, chosen, name) for section in slab)
            write_tiff(file, sections, dataset.shape(chosen), dtypes[name], dataset.voxel_size_nm(chosen))
        return list(files.values())


def write_tiff(
    path: Path,
    sections: Iterator[NDArray[Any]],
    shape: tuple[int, int, int],
    dtype: DTypeLike,
    voxel_size_nm: VoxelSize,
) -> None:
    """Write a compressed TIFF: ImageJ's if ImageJ can hold it, else an OME-BigTIFF; both carry the voxel size.

    Args:
        path: of the file; it appears when it is whole.
        sections: (Y, X) each, from z = 0 on.
        shape: (Z, Y, X).
        dtype: of the sections.
        voxel_size_nm: (z, y, x) in nm.

    Raises:
        DataError: it cannot be written.
    """
    z, y, x = voxel_size_nm
    values = np.dtype(dtype)
    options: dict[str, Any] = {"shape": shape, "dtype": values, "compression": "zlib"}
    size = int(np.prod(shape)) * values.itemsize
    if size < _LARGEST_IMAGEJ and values.name in ("uint8", "uint16", "float32"):
        kind: dict[str, Any] = {"imagej": True}
        options |= {"resolution": (1000 / x, 1000 / y), "metadata": {"axes": "ZYX", "spacing": z / 1000, "unit": "um"}}
    else:
        kind = {"ome": True, "bigtiff": True}
        sizes = {f"PhysicalSize{axis}": edge for axis, edge in zip("ZYX", voxel_size_nm, strict=True)}
        units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
        options["metadata"] = {"axes": "ZYX", **sizes, **units}
    with beside(path) as temporary, tifffile.TiffWriter(temporary, **kind) as file:
        file.write(sections, **options)


def _choose(dataset: Dataset, number: int | None) -> int:
    count = len(dataset)
    if number is None and count != 1:
        raise DataError(f"{dataset.path}: holds {count} images; name one with --volume, 0 to {count - 1}")
    if number is not None and not 0 <= number < count:
        raise DataError(f"{dataset.path}: holds no image {number}; expected 0 to {count - 1}")
    return number or 0


def _write_hdf5(path: Path, source: Dataset, number: int, dtypes: Mapping[str, np.dtype[Any]], overwrite: bool) -> None:
    """Write the arrays as datasets of one file, with the attributes and links that dataset files have."""
    shape, size_nm = source.shape(number), source.voxel_size_nm(number)
    with Draft(path, overwrite) as draft:
        file = draft.create()
        for name, dtype in dtypes.items():
            packed = {} if name == "raw" else {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            with draft.checked():
                written = file.create_dataset(name, shape, dtype, chunks=chunk_shape(shape), fillvalue=0, **packed)
                write_image_attributes(written, size_nm, "zyx")
                if name == "compartment":
                    write_classes(written, source.provenance.classes)
            for z, slab in _slabs(source, number, name):
                with draft.checked():
                    written[z] = slab
        with draft.checked():
            for alias, target in ALIASES.items():
                if target in dtypes:
                    file[alias] = h5py.SoftLink(f"/{target}")
        draft.keep()


def _slabs(source: Dataset, number: int, name: str) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Whole sections of one array, a chunk deep, behind their range of z."""
    depth = source.shape(number)[0]
    for start in range(0, depth, BLOCK[0]):
        z = slice(start, min(start + BLOCK[0], depth))
        yield z, getattr(source.read(number, (z, slice(None), slice(None))), name)
