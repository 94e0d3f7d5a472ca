"""Where images come from: any file of a known kind, opened by what it is, checked, and on its grey scale."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels
from mitodata.readers.grey_levels import Levels, to_grey
from mitodata.readers.source import Shown, Source, StoredImage, source_levels
from mitodata.readers.volumes.marks import VOLUMES, volume_kind
from mitodata.readers.voxel_size import choose_voxel_size
from mitodata.sample import VoxelSize

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
TIFF = (".tif", ".tiff")
HDF5 = (".h5", ".hdf5", ".hdf")
ZARR = (".zarr",)
KINDS = PICTURES + TIFF + HDF5 + ZARR + VOLUMES

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_START_BYTES = 1024


def open_images(path: Path, dataset: str | None = None, shown: Shown = Shown.GREY) -> Iterator[StoredImage]:
    """Open what a file holds, by its content and not by its name: one image or volume after the other.

    Args:
        path: a picture, a TIFF (single or stack), an HDF5 file, a Zarr, or a DM, MRC or NIfTI file.
        dataset: path within an HDF5 file that is not of our format or within a Zarr, or number of an image in a TIFF or
            a DM file.
        shown: what becomes of the pixels.

    Raises:
        DataError: the file is missing, damaged or of an unknown kind, or holds nothing that could be an image.
    """
    from mitodata.readers.ome_zarr import is_zarr, open_zarr

    if is_zarr(path):
        return open_zarr(path, dataset)
    if path.suffix.lower() in HDF5 or (path.is_file() and h5py.is_hdf5(path)):
        from mitodata.readers.hdf5 import open_hdf5_images

        return open_hdf5_images(path, dataset)
    start = _start(path)
    if start[:4] in _TIFF_STARTS:
        from mitodata.readers.rasters.tiff import open_tiff

        return open_tiff(path, dataset, shown)
    volume = volume_kind(start, path.name)
    if volume == "dm":
        from mitodata.readers.volumes.dm import open_dm

        return open_dm(path, dataset)
    if volume == "mrc":
        from mitodata.readers.volumes.mrc import open_mrc

        return open_mrc(path, shown)
    if volume == "nifti":
        from mitodata.readers.volumes.nifti import open_nifti

        return open_nifti(path)
    from mitodata.readers.rasters.pictures import open_picture

    return open_picture(path, shown)


def has_known_name(path: Path) -> bool:
    """Whether the name of a file or folder ends as that of some kind of image does."""
    return path.name.lower().endswith(KINDS)


def open_sources(
    path: Path, voxel_size_nm: VoxelSize | None = None, dataset: str | None = None, *, square: bool = True
) -> Iterator[Source]:
    """Open what a file holds as grey images of known voxel size; each is closed when the next one is asked for.

    Args:
        path: see `open_images`.
        voxel_size_nm: (z, y, x) in nm; wins over what the file says.
        dataset: see `open_images`.
        square: whether pixels must be square; else they may be longer than wide.

    Raises:
        DataError: as `open_images`; or there is no voxel size, an impossible one or one of pixels that are not square.
    """
    for found in open_images(path, dataset):
        yield to_source(found, voxel_size_nm, square=square)


def to_source(
    found: StoredImage, voxel_size_nm: VoxelSize | None = None, *, square: bool = True, levels: Levels | None = None
) -> Source:
    """Give what a file holds a voxel size and a grey scale; arguments and errors as of `open_sources`.

    With `levels`, from `mitodata.readers.source.source_levels`, the grey scale is not measured again.
    """
    must = square and not (found.ours and voxel_size_nm is None)
    size_nm = choose_voxel_size(found.path, found.array.shape[0], found.edges_nm, voxel_size_nm, must)
    section_nm = None if voxel_size_nm else found.section_nm
    levels = levels or source_levels(found.path, found.array)
    return Source(found.path, found.suffix, found.array, size_nm, levels, section_nm)


def read_pixels(path: Path, shown: Shown = Shown.GREY) -> Pixels:
    """Read a file of one section in the type it has: (Y, X), or (Y, X, 3) for colours; transparency is dropped.

    Args:
        path: the file.
        shown: what becomes of the pixels.

    Raises:
        DataError: it is missing, damaged, not an image, or holds several.
    """
    found = next(open_images(path, shown=shown))
    depth, *plane = found.array.shape
    if depth != 1:
        raise DataError(f"{path}: has shape {(depth, *plane)}; expected a single grey or colour image")
    return found.section(0)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read a file of one section as grey levels, (Y, X) uint8; `to_grey` says how other types are converted.

    Raises:
        DataError: as `read_pixels`, or there are values that are not finite.
    """
    return to_grey(read_pixels(path), path)


def one_a_set(paths: Iterable[Path]) -> list[Path]:
    """Keep of the files of an OME-TIFF in several files only the first: any one stands for all."""
    from mitodata.readers.rasters.tiff import files_of_set

    kept: list[Path] = []
    covered: set[Path] = set()
    for path in paths:
        if path.resolve() in covered:
            continue
        kept.append(path)
        names = files_of_set(path) if ".ome.tif" in path.name.lower() else frozenset()
        covered |= {path.with_name(name).resolve() for name in names}
    return kept


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_START_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
