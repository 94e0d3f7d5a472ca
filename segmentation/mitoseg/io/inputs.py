"""Where images come from: files and folders of pictures, TIFF, HDF5 and OME-Zarr, found, opened and checked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, VoxelSize
from mitodata.sample import voxel_size_problem
from mitoseg.io.blocks import strips
from mitoseg.io.pictures import HDF5, PICTURES, RESULTS, TIFF
from mitoseg.io.readers import open_picture, open_samples, open_zarr
from mitoseg.io.source import UNKNOWN, Source
from mitoseg.io.tiff import open_tiff

ZARR = (".zarr",)
KINDS = PICTURES + TIFF + HDF5 + ZARR


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the images in them, sorted by name; an OME-Zarr is one image.

    What `mitoseg predict` writes is left out of folders: a second run beside the images would segment its own masks.

    Raises:
        DataError: a file is missing or of an unknown kind, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if is_zarr(path) or path.is_file():
            found.append(path)
        elif path.is_dir():
            found += _images_in(path)
        else:
            raise DataError(f"{path}: not found; expected an image file or a folder of images")
    for path in found:
        if path.suffix.lower() not in KINDS and not is_zarr(path):
            raise DataError(f"{path}: unknown kind of file; expected one of {', '.join(KINDS)}")
    return found


def _images_in(folder: Path) -> list[Path]:
    """The images in a folder, without results of earlier runs."""
    inside = sorted(each for each in folder.iterdir() if each.suffix.lower() in KINDS)
    images = [each for each in inside if not each.name.endswith(RESULTS)]
    if inside and not images:
        raise DataError(
            f"{folder}: holds no image but what looks like results of mitoseg predict, such as {inside[0].name}; "
            "name files that are images one by one"
        )
    if not images:
        raise DataError(f"{folder}: holds no image; expected files ending in {', '.join(KINDS)}")
    return images


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group or array."""
    return path.is_dir() and any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray", ".zattrs"))


def open_sources(path: Path, voxel_size_nm: VoxelSize | None = None, dataset: str | None = None) -> Iterator[Source]:
    """Open what a file holds, one image or volume after the other; each is closed when the next one is asked for.

    Args:
        path: a picture, a TIFF (single or stack), an HDF5 file, or an OME-Zarr.
        voxel_size_nm: (z, y, x) in nm; wins over what the file says.
        dataset: path within an HDF5 file that is not of our format, or within a Zarr group.

    Raises:
        DataError: the file is missing, damaged or of an unknown kind, holds nothing that could be an image, or there is
            no voxel size or an impossible one.
    """
    kind = path.suffix.lower()
    if is_zarr(path):
        opened = open_zarr(path, dataset)
    elif kind in HDF5:
        opened = open_samples(path, dataset)
    elif kind in TIFF:
        opened = open_tiff(path)
    else:
        opened = open_picture(path)
    for source in opened:
        size_nm = voxel_size_nm or source.voxel_size_nm
        if size_nm == UNKNOWN:
            raise DataError(f"{path}: carries no voxel size; give it in nm with --voxel-size Z Y X")
        problem = voxel_size_problem(size_nm)
        if problem:
            raise DataError(f"{path}: {problem}")
        _check_shape(source)
        source = replace(source, voxel_size_nm=size_nm, section_nm=None if voxel_size_nm else source.section_nm)
        yield source if source.array.dtype == np.uint8 else replace(source, levels=measure_levels(source))


def measure_levels(source: Source) -> tuple[float, float]:
    """The 0.1th and 99.9th percentile of the grey levels: between them lies what is worth seeing.

    Read strip by strip. Exact for integers of up to 16 bits; otherwise to a 65,536th of their range.

    Raises:
        DataError: values that are not finite.
    """
    low, high = _measure_extremes(source)
    bins = int(high - low) + 1 if source.array.dtype.kind in "bui" and high - low < 2**16 else 2**16
    width = max(high - low, 1e-9) / max(bins - 1, 1)
    counts = np.zeros(bins, np.int64)
    for strip in _strips(source):
        places = ((strip.astype(np.float64) - low) / width).round().astype(np.int64)
        counts += np.bincount(places.ravel(), minlength=bins)
    total = np.cumsum(counts)
    first, last = np.searchsorted(total, np.array([0.001, 0.999]) * total[-1])
    return low + float(first) * width, low + float(last) * width


def _measure_extremes(source: Source) -> tuple[float, float]:
    """The lowest and the highest grey level."""
    low, high = float("inf"), float("-inf")
    for strip in _strips(source):
        # A minimum of several numbers may pass over one that is none.
        if not np.isfinite(strip).all():
            raise DataError(f"{source.path}: holds values that are not finite; expected grey levels")
        low, high = min(low, float(strip.min())), max(high, float(strip.max()))
    if not np.isfinite(high - low):
        raise DataError(f"{source.path}: holds values from {low:g} to {high:g}; expected grey levels below 1e308 apart")
    return low, high


def _strips(source: Source) -> Iterator[NDArray[Any]]:
    for part in strips(source.shape, source.packed):
        stored = source.read_stored(part)  # of a section that is packed as a whole, the whole
        yield from (stored[strip] for strip in strips(stored.shape))


def _check_shape(source: Source) -> None:
    spatial = source.array.shape[len(source.lead) :]
    if len(spatial) not in (2, 3) or 0 in spatial:
        raise DataError(f"{source.path}: shape {source.array.shape}; expected (Y, X) or (Z, Y, X)")
    if source.array.dtype.kind not in "buif":
        raise DataError(f"{source.path}: values of type {source.array.dtype}; expected grey levels")
