"""The HDF5 layout: names, attributes and chunk shapes. docs/file-format.md explains it to readers of files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import h5py
import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.filters import check_filters
from mitodata.sample import LEAST_NM, THICKEST_NM, Sample, VoxelSize

FORMAT_NAME = "mitodata"
"""Root attribute `format` of every file of ours; how a foreign HDF5 file is told apart."""

THICKNESS = "section.thickness_nm"
"""The knob that is the thickness of the sections of a rendered image."""

SCHEMA_VERSION = 2
"""Root attribute `schema_version`; readers accept this and older ones. 2 added `compartment`."""

IMAGES = ("raw", "label", "mask", "compartment")
"""Image datasets, in the order in which they are created."""

ALIASES = {
    "main": "raw",  # torch-em, PyTorch Connectomics
    "labels": "label",
    "volumes/raw": "raw",  # gunpowder and the CREMI tools
    "volumes/labels/mitochondria": "label",
}
"""Soft links in the root of a stacked file, under the names other tools look for."""

BLOCK = (16, 128, 128)
"""Chunk of a volume in voxels: small enough for windows of a section, large enough for blocks of a 3D network."""

_LARGEST_IMAGE_CHUNK = 1024 * 1024
_TILE = 512
_AXIS_FLAGS = {"t": 8, "z": 2, "y": 2, "x": 2}  # vigra's AxisInfo: 8 = time, 2 = space


@dataclass(frozen=True)
class Provenance:
    """Where the images of a file come from and what their values mean; kept as attributes.

    Attributes:
        source: what made or holds the images, such as "mitogen render" or "EPFL (Lucchi) training volume".
        recipe: the resolved recipe as TOML; empty for real images.
        seed: seed of the dataset; None for real images.
        software: name and version of the writing software; filled in when empty.
        licence: under which the images may be used.
        citation: what to cite.
        instances: how instance numbers were made, such as "rendered" or "connected components in 3D".
        classes: names of the values of `compartment`; empty where no sample has one.
        shard: of which part of which dataset the file is, as JSON; empty if it is no part.
    """

    source: str = ""
    recipe: str = ""
    seed: int | None = None
    software: str = ""
    licence: str = ""
    citation: str = ""
    instances: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)
    shard: str = ""


def chunk_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Choose the chunk of an image (Z, Y, X): a whole section, a tile of a large one, a block of a volume."""
    z, y, x = shape
    if z > 1:
        return (min(z, BLOCK[0]), min(y, BLOCK[1]), min(x, BLOCK[2]))
    if y * x <= _LARGEST_IMAGE_CHUNK:
        return (1, y, x)
    return (1, min(y, _TILE), min(x, _TILE))


def sample_group(index: int) -> str:
    """Name the group of a sample in a file of unequal shapes."""
    return f"samples/{index:06d}"


def write_provenance(file: h5py.File, provenance: Provenance) -> None:
    """Write the root attributes."""
    file.attrs["format"] = FORMAT_NAME
    file.attrs["schema_version"] = SCHEMA_VERSION
    for name in ("source", "recipe", "licence", "citation", "instances"):
        file.attrs[name] = storable(getattr(provenance, name))
    file.attrs["software"] = storable(provenance.software or software())
    if provenance.seed is not None:
        file.attrs["seed"] = provenance.seed
    if provenance.shard:
        file.attrs["shard"] = storable(provenance.shard)


def storable(text: str) -> str:
    """Write a question mark for what UTF-8 cannot say: Linux allows any bytes in the names of files."""
    return text.encode("utf-8", "replace").decode()


def read_provenance(file: h5py.File) -> Provenance:
    """Read the root attributes; those that are missing are empty."""
    texts = ("source", "recipe", "software", "licence", "citation", "instances", "shard")
    seed = file.attrs.get("seed")
    return Provenance(
        **{name: str(file.attrs.get(name, "")) for name in texts},
        seed=None if seed is None else int(seed),
        classes=_classes(file),
    )


def write_image_attributes(dataset: h5py.Dataset, voxel_size_nm: VoxelSize, axes: str) -> None:
    """Write what other tools need to place an image dataset in space.

    Args:
        dataset: raw, label, mask or compartment.
        voxel_size_nm: (z, y, x) in nm.
        axes: one letter a dimension out of t, z, y, x; t counts independent images.
    """
    dataset.attrs["resolution"] = np.array(voxel_size_nm, np.float64)
    dataset.attrs["offset"] = (0.0, 0.0, 0.0)
    dataset.attrs["element_size_um"] = tuple(edge / 1000 for edge in voxel_size_nm)
    tags = [{"key": key, "typeFlags": _AXIS_FLAGS[key], "resolution": 0, "description": ""} for key in axes]
    dataset.attrs["axistags"] = json.dumps({"axes": tags})


def write_classes(compartment: h5py.Dataset, classes: Mapping[int, str]) -> None:
    """Write what the values of a multi-class map are called."""
    compartment.attrs["classes"] = json.dumps({str(value): name for value, name in sorted(classes.items())})


def read_classes(compartment: h5py.Dataset) -> dict[int, str]:
    """Read what the values of a multi-class map are called.

    Raises:
        ValueError: the attribute is missing or no JSON object of number -> name.
    """
    try:
        table = json.loads(compartment.attrs.get("classes", ""))
    except (TypeError, ValueError):  # missing, cut off, or no text
        table = None
    if not isinstance(table, dict) or not all(
        value.isdecimal() and isinstance(name, str) for value, name in table.items()
    ):
        raise ValueError("expected a JSON object of number -> name")
    return {int(value): name for value, name in table.items()}


def sample_count(file: h5py.File) -> int:
    """Count the samples.

    Raises:
        ValueError: `names` is no list of texts.
    """
    names = file["names"]
    if not is_list_of_texts(names):
        raise ValueError("names is not a list of texts")
    return len(names)


def is_list_of_texts(item: object) -> bool:
    """Say whether something in a file is a dataset of one text a row."""
    return isinstance(item, h5py.Dataset) and item.ndim == 1 and h5py.check_string_dtype(item.dtype) is not None


def image_dataset(parent: h5py.Group, name: str) -> h5py.Dataset:
    """Return an image dataset.

    Raises:
        ValueError: something else has that name.
        DataError: another program packed it with a filter that is not installed.
    """
    found = parent[name]
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{name} is not a dataset")
    check_filters(found)
    return found


def sample_images(file: h5py.File, index: int) -> dict[str, h5py.Dataset]:
    """Find the datasets that hold raw and, where they are, label, mask and compartment of a sample."""
    parent = file if "raw" in file else file[sample_group(index)]
    return {name: image_dataset(parent, name) for name in IMAGES if name in parent}


def sample_shape(file: h5py.File, index: int) -> tuple[int, int, int]:
    """Return the shape (Z, Y, X) of a sample."""
    raw = sample_images(file, index)["raw"]
    z, y, x = (1, 1, 1, *raw.shape[1 if "raw" in file else 0 :])[-3:]
    return (z, y, x)


def sample_voxel_size(file: h5py.File, index: int) -> VoxelSize:
    """Return the voxel size (z, y, x) of a sample in nm."""
    return voxel_size_of(sample_images(file, index)["raw"])


def sample_thickness(file: h5py.File, index: int) -> float:
    """Return the thickness of a sample's sections in nm: of a rendered single section as drawn, else a voxel's edge.

    Single sections share one voxel size in a file, whatever was drawn for each.

    Raises:
        DataError: what was drawn is no thickness.
    """
    knobs = read_knobs(file) if sample_shape(file, index)[0] == 1 else ()
    if THICKNESS not in knobs:
        return sample_voxel_size(file, index)[0]
    drawn = float(file["params"][index, knobs.index(THICKNESS)])
    if not LEAST_NM <= drawn <= THICKEST_NM:
        raise DataError(
            f"{file.filename}: {THICKNESS} of sample {index} is {drawn:g}; expected {LEAST_NM:g} to {THICKEST_NM:,.0f} "
            "nm, as drawn"
        )
    return drawn


def voxel_size_of(image: h5py.Dataset) -> VoxelSize:
    """Return the voxel size (z, y, x) of an image dataset in nm."""
    z, y, x = (float(edge) for edge in image.attrs["resolution"])
    return (z, y, x)


def read_sample(
    file: h5py.File,
    index: int,
    images: Mapping[str, h5py.Dataset],
    knobs: Sequence[str],
    window: tuple[slice, slice, slice] | None = None,
) -> Sample:
    """Read a sample, or the chunks under a window of it.

    Args:
        file: an open file of ours.
        index: number of the sample, 0 <= index < sample_count(file).
        images: its datasets, from `sample_images`.
        knobs: names of the numbers drawn for it, from `read_knobs`.
        window: slices in z, y, x with plain 0 <= start < stop <= size.
    """
    window = window or (slice(None), slice(None), slice(None))
    stacked = "raw" in file
    arrays = {}
    for name, dataset in images.items():
        array = dataset[(index, *window[4 - dataset.ndim :])] if stacked else dataset[window]
        arrays[name] = array[np.newaxis] if array.ndim == 2 else array  # a section of a 2D stack has Z = 1
    return Sample(
        **arrays,
        voxel_size_nm=voxel_size_of(images["raw"]),
        params=dict(zip(knobs, map(float, file["params"][index]), strict=True)) if knobs else {},
        name=file["names"].asstr()[index],
    )


def read_knobs(file: h5py.File) -> tuple[str, ...]:
    """Read the names of the numbers that samples were drawn with; none for real images."""
    return tuple(map(str, file["params"].attrs["columns"])) if "params" in file else ()


def _classes(file: h5py.File) -> dict[int, str]:
    parents = [file] if "raw" in file else (file[sample_group(index)] for index in range(sample_count(file)))
    maps = (parent["compartment"] for parent in parents if "compartment" in parent)
    return next(map(read_classes, maps), {})


@cache  # it is written into every file, and looked up among all that is installed
def software() -> str:
    """Name and version of this program."""
    try:
        return f"mitogen-em {version('mitogen-em')}"
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "mitogen-em"
