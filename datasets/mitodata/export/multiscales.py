"""OME-Zarr 0.4 (Zarr 2) and 0.5 (Zarr 3): an image with label images and their levels, written.

`mitodata.readers` reads them.

Specifications: https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import Iterator, Mapping, Sequence
from colorsys import hsv_to_rgb
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numcodecs import Blosc
from numpy.typing import NDArray
from skimage.measure import block_reduce
from zarr.storage import StoreLike

from mitodata.export.layer import Layer
from mitodata.files import beside
from mitodata.readers.axes import blocks
from mitodata.sample import VoxelSize

Version = Literal["0.4", "0.5"]
"""Of the specification: 0.4 is stored as Zarr 2, 0.5 as Zarr 3."""

ZARR_FORMATS: Mapping[Version, Literal[2, 3]] = {"0.4": 2, "0.5": 3}


BACKGROUND: Mapping[str, Any] = {"label-value": 0, "rgba": [0, 0, 0, 0]}
"""Nothing hides the image; viewers choose the colours of the others. Readers want the list to be there."""


GOLDEN = (5**0.5 - 1) / 2
"""Golden ratio: multiples of it, modulo 1, stay apart."""


def image_attributes(
    name: str, voxel_size_nm: VoxelSize, levels: Sequence[Sequence[int]], version: Version = "0.5"
) -> dict[str, Any]:
    """Attributes of the group of an image (Z, Y, X).

    Args:
        name: of the image.
        voxel_size_nm: (z, y, x) in nm, of the first level.
        levels: for each level how many voxels (z, y, x) of the first one make one of its voxels.
        version: of the specification.
    """
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(voxel_size_nm, factors)}
        for number, factors in enumerate(levels)
    ]
    stated = {"version": version} if version == "0.4" else {}  # later versions state it once, for the whole group
    return _of_group({"multiscales": [{**stated, "name": name, "axes": axes, "datasets": datasets}]}, version)


def label_attributes(
    name: str,
    voxel_size_nm: VoxelSize,
    levels: Sequence[Sequence[int]],
    version: Version = "0.5",
    meanings: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """Attributes of the group of a label image that lies in `labels` of the image it belongs to.

    Args:
        name: of the label image.
        voxel_size_nm: (z, y, x) in nm, of the first level.
        levels: as for `image_attributes`.
        version: of the specification.
        meanings: what values stand for, where they are classes and not instances.
    """
    attributes = image_attributes(name, voxel_size_nm, levels, version)
    content = attributes if version == "0.4" else attributes["ome"]
    label: dict[str, Any] = {"version": version, "colors": [BACKGROUND], "source": {"image": "../../"}}
    if meanings:  # colours and properties have to name the same values
        known = sorted(meanings.items())
        label["properties"] = [{"label-value": value, "class": meaning} for value, meaning in known]
        label["colors"] = [
            {"label-value": value, "rgba": _colour(value, rank)} for rank, (value, _) in enumerate(known)
        ]
    content["image-label"] = label
    return attributes


def _colour(value: int, rank: int) -> list[int]:
    """Red, green, blue and opacity (0-255) of a class; background is transparent. Hues are a golden angle apart."""
    if value == 0:
        return list(BACKGROUND["rgba"])
    return [round(255 * part) for part in (*hsv_to_rgb(rank * GOLDEN % 1, 0.75, 0.9), 1)]


def labels_attributes(names: Sequence[str], version: Version = "0.5") -> dict[str, Any]:
    """Attributes of the group `labels`."""
    return _of_group({"labels": list(names)}, version)


def _of_group(content: dict[str, Any], version: Version) -> dict[str, Any]:
    """Put metadata where the version of the specification wants them: under `ome` since 0.5."""
    return content if version == "0.4" else {"ome": {"version": version, **content}}


def _transformations(voxel_size_nm: VoxelSize, factors: Sequence[int]) -> list[dict[str, Any]]:
    """Size of a level's voxels, and where the middle of its first one lies from that of the first level, in nm."""
    scale = [edge * factor for edge, factor in zip(voxel_size_nm, factors, strict=True)]
    middle = [edge * (factor - 1) / 2 for edge, factor in zip(voxel_size_nm, factors, strict=True)]
    return [
        {"type": "scale", "scale": scale},
        *([{"type": "translation", "translation": middle}] if any(middle) else []),
    ]


CHUNK = (16, 256, 256)

FLAT = 2.0
"""Voxels this many times as long along an axis as along the finest are not made longer along it."""

PIECE = (16, 128, 128)
"""Voxels of a coarser level that are made at a time, from up to eight times as many: part of a chunk, for memory."""

Factors = tuple[int, int, int]
"""Voxels (z, y, x) of the array in a voxel of a level."""


def write_zarr(
    path: Path,
    image: Layer,
    labels: Sequence[Layer] = (),
    version: Version = "0.5",
    meanings: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write an OME-Zarr of one image and its label images, all with the same levels.

    Args:
        path: of the folder; it appears when it is whole.
        image: what the group holds.
        labels: what its group `labels` holds.
        version: of OME-Zarr; 0.4 for programs that do not read Zarr 3.
        meanings: of the values of label images of classes, by their names.

    Raises:
        DataError: it cannot be written.
    """
    with beside(path) as temporary:
        for layer, arrays, levels in create_zarr(temporary, path.name, image, labels, version, meanings):
            write_levels(arrays, layer, levels, labels=layer is not image)


def create_zarr(
    store: StoreLike,
    name: str,
    image: Layer,
    labels: Sequence[Layer] = (),
    version: Version = "0.5",
    meanings: Mapping[str, Mapping[int, str]] | None = None,
) -> Iterator[tuple[Layer, list[zarr.Array[Any]], list[Factors]]]:
    """Make the groups and arrays of an OME-Zarr, in which nothing is written yet.

    Args:
        store: where; what it holds is removed.
        name: of the file.
        image: as of `write_zarr`, like the others.
        labels: likewise.
        version: likewise.
        meanings: likewise.

    Yields:
        The image and its label images: each once its arrays are made, with these, of all levels, and with the levels.
    """
    levels, size_nm = plan_levels(image.shape, image.voxel_size_nm), image.voxel_size_nm
    root = zarr.open_group(store, mode="w", zarr_format=ZARR_FORMATS[version])
    root.attrs.update(image_attributes(name.partition(".")[0], size_nm, levels, version))
    yield image, _create_arrays(root, image, levels), levels
    if labels:
        group = root.create_group("labels")
        group.attrs.update(labels_attributes([layer.name for layer in labels], version))
        for layer in labels:
            own = group.create_group(layer.name)
            classes = (meanings or {}).get(layer.name)
            own.attrs.update(label_attributes(layer.name, size_nm, levels, version, classes))
            yield layer, _create_arrays(own, layer, levels), levels


def plan_levels(shape: tuple[int, int, int], voxel_size_nm: VoxelSize) -> list[Factors]:
    """Choose the levels of an array (Z, Y, X), the array itself first, until a section fits into one chunk.

    From level to level an axis is halved unless voxels are already `FLAT` times as long along it as along the finest,
    so that those of serial sections become cubes.
    """
    factors: Factors = (1, 1, 1)
    levels = [factors]
    while any(length > side for length, side in zip(level_shape(shape, factors)[1:], CHUNK[1:], strict=True)):
        edges = [edge * factor for edge, factor in zip(voxel_size_nm, factors, strict=True)]
        long = [length > 1 for length in level_shape(shape, factors)]
        finest = min(edge for edge, more in zip(edges, long, strict=True) if more)
        z, y, x = (
            2 * factor if more and edge < FLAT * finest else factor
            for edge, factor, more in zip(edges, factors, long, strict=True)
        )
        factors = (z, y, x)
        levels.append(factors)
    return levels


def level_shape(shape: tuple[int, int, int], factors: Factors) -> tuple[int, int, int]:
    """Voxels (z, y, x) of a level; the last ones may reach beyond the array."""
    z, y, x = (-(-length // factor) for length, factor in zip(shape, factors, strict=True))
    return z, y, x


def write_levels(arrays: Sequence[zarr.Array[Any]], layer: Layer, levels: Sequence[Factors], *, labels: bool) -> None:
    """Write a layer and its coarser levels.

    Args:
        arrays: of the levels, from `create_zarr`.
        layer: what to write.
        levels: likewise.
        labels: one voxel of those that become one is kept. Otherwise their mean.
    """
    for part, voxels in layer.parts(arrays[0].chunks):
        # Chunk by chunk: zarr holds all those of one assignment several times over.
        for own in blocks(voxels.shape, (len(voxels), *CHUNK[1:])):
            z, y, x = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(part, own, strict=True))
            arrays[0][z, y, x] = voxels[own]
    for (fine, coarse), (finer, coarser) in zip(pairwise(arrays), pairwise(levels), strict=True):
        steps = steps_between(finer, coarser)
        for block in blocks(coarse.shape, PIECE):
            z, y, x = (
                slice(part.start * step, min(part.stop * step, length))
                for part, step, length in zip(block, steps, fine.shape, strict=True)
            )
            coarse[block] = coarsen(np.asarray(fine[z, y, x]), steps, labels)


def steps_between(finer: Factors, coarser: Factors) -> Factors:
    """Voxels (z, y, x) of a level in a voxel of the next."""
    z, y, x = (after // before for before, after in zip(finer, coarser, strict=True))
    return z, y, x


def _create_arrays(group: zarr.Group, layer: Layer, levels: Sequence[Factors]) -> list[zarr.Array[Any]]:
    """Make the arrays "0", "1", ... of the levels of a layer, in an empty group."""
    return [_create_array(group, str(number), layer, factors) for number, factors in enumerate(levels)]


def _create_array(group: zarr.Group, name: str, layer: Layer, factors: Factors) -> zarr.Array[Any]:
    shape = level_shape(layer.shape, factors)
    chunks = tuple(min(length, chunk) for length, chunk in zip(shape, CHUNK, strict=True))
    # Zarr 2 as zarr-python 2 packs it, and in folders as OME-Zarr 0.4 recommends; it has no names of dimensions.
    options: dict[str, Any] = (
        {"compressors": Blosc(), "chunk_key_encoding": {"name": "v2", "separator": "/"}}
        if group.metadata.zarr_format == 2
        else {"dimension_names": ("z", "y", "x")}
    )
    return group.create_array(name, shape=shape, chunks=chunks, dtype=layer.dtype, fill_value=0, **options)


def coarsen(fine: NDArray[Any], steps: Factors, labels: bool) -> NDArray[Any]:
    """Make one voxel of each `steps` (z, y, x) ones of `fine`, (Z, Y, X); fewer at the end of an axis."""
    if labels:
        return fine[tuple(slice(None, None, step) for step in steps)]
    # A voxel at the end that has one half only gets the mean of that half.
    whole = np.pad(fine, [(0, -length % step) for length, step in zip(fine.shape, steps, strict=True)], "edge")
    mean = block_reduce(whole, steps, np.mean, func_kwargs={"dtype": np.float32})
    return np.asarray((mean.round() if fine.dtype.kind == "u" else mean).astype(fine.dtype))
