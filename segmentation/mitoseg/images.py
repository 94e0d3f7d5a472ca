"""Images and volumes in the files people have: PNG, JPEG, BMP, TIFF, and HDF5 in our own format."""

import io
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mitodata import DataError, VoxelSize
from mitodata.sample import voxel_size_problem
from mitodata.store import Dataset
from mitoseg.checkpoint import write_atomic

TIFF = (".tif", ".tiff")
HDF5 = (".h5", ".hdf5")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


def read_images(path: Path, voxel_size_nm: VoxelSize | None) -> Iterator[tuple[str, NDArray[np.uint8], VoxelSize]]:
    """Read the images of a file, one after the other.

    Args:
        path: a picture, a TIFF (single or stack), or an HDF5 file in our format.
        voxel_size_nm: (z, y, x) in nm; needed for pictures and TIFF, and wins over what an HDF5 file says.

    Yields:
        What to add to the file's name ("" for a file of one image), raw (Z, Y, X) uint8, voxel size (z, y, x) in nm.

    Raises:
        DataError: the file is missing, damaged or of an unknown kind, or there is no voxel size or an impossible one.
    """
    kind = path.suffix.lower()
    problem = voxel_size_problem(voxel_size_nm) if voxel_size_nm is not None else ""
    if problem:
        raise DataError(f"{path}: {problem}")
    if kind in HDF5:
        with Dataset(path) as dataset:
            for number in range(len(dataset)):
                sample = dataset[number]
                suffix = f"-{number:04d}" if len(dataset) > 1 else ""
                yield suffix, sample.raw, voxel_size_nm or sample.voxel_size_nm
        return
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected files, such as {path}/*.png")
    if not path.exists():
        raise DataError(f"{path}: not found; expected an image file")
    if kind not in TIFF + PICTURES:
        raise DataError(f"{path}: unknown kind of file; expected one of {', '.join(PICTURES + TIFF + HDF5)}")
    if voxel_size_nm is None:
        raise DataError(f"{path}: carries no voxel size; give it in nm with --voxel-size Z Y X")
    yield "", _read_tiff(path) if kind in TIFF else _read_picture(path), voxel_size_nm


def as_grey(image: NDArray[np.generic], path: Path) -> NDArray[np.uint8]:
    """Turn grey levels of any number type into uint8.

    uint8 stays as it is. Anything else is stretched linearly from its 0.1th to its 99.9th percentile: 16-bit cameras
    rarely fill their range.

    Raises:
        DataError: values that are not numbers, or complex.
    """
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    if image.dtype.kind not in "buif":
        raise DataError(f"{path}: values of type {image.dtype}; expected grey levels")
    values = image.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite; expected grey levels")
    low, high = np.percentile(values, [0.1, 99.9])
    stretched = (values - float(low)) * (255 / max(float(high - low), 1e-9))
    return np.asarray(stretched.clip(0, 255).round(), np.uint8)


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Short names for files: without folder and ending, numbered where that is not unique."""
    names: list[str] = []
    for path in paths:
        name, number = path.stem, 2
        while name in names:
            name = f"{path.stem}-{number}"
            number += 1
        names.append(name)
    return names


def write_tiff(path: Path, volume: NDArray[np.generic], voxel_size_nm: VoxelSize) -> None:
    """Write (Z, Y, X), atomically, as an ImageJ TIFF that carries the voxel size; a single slice as a single page."""
    buffer = io.BytesIO()
    per_um = (1000 / voxel_size_nm[2], 1000 / voxel_size_nm[1])
    metadata = {"spacing": voxel_size_nm[0] / 1000, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(buffer, volume, imagej=True, resolution=per_um, metadata=metadata, compression="zlib")
    write_atomic(path, buffer.getvalue())


def _read_tiff(path: Path) -> NDArray[np.uint8]:
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            image, axes = series.asarray(), series.axes
    except (OSError, ValueError, IndexError, KeyError, struct.error, tifffile.TiffFileError) as error:
        raise DataError(f"{path}: cannot be read as TIFF ({error})") from error
    if axes.endswith("S"):
        image = _luminance(image)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise DataError(f"{path}: shape {image.shape} with axes {axes}; expected (Y, X) or (Z, Y, X)")
    return as_grey(image.reshape((-1, *image.shape[-2:])), path)


def _read_picture(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            single = picture.mode in ("1", "L", "I;16", "I", "F")
            image = np.asarray(picture if single else picture.convert("L"))
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image ({error})") from error
    return as_grey(image[None], path)


def _luminance(image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Weigh red, green and blue as ITU-R BT.601 does; (..., 3 or 4) to (...), of the same type."""
    weighted = image[..., :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.asarray(weighted.round() if image.dtype.kind in "bui" else weighted, image.dtype)
