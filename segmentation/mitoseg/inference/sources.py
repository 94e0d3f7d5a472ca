"""Where images come from: pictures, TIFF, HDF5 and OME-Zarr, opened without being read."""

import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mitodata import DataError, VoxelSize
from mitodata.layout import FORMAT_NAME, sample_count, sample_images, sample_voxel_size
from mitodata.opening import open_file, open_hdf5
from mitodata.sample import voxel_size_problem
from mitoseg.images import HDF5, PICTURES, TIFF, luminance, read_picture
from mitoseg.inference.layer import Part
from mitoseg.inference.ngff import parse_multiscale

ZARR = (".zarr",)
KINDS = PICTURES + TIFF + HDF5 + ZARR


class Array(Protocol):
    """What holds the grey levels: an array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part as an array."""


@dataclass(frozen=True, eq=False)
class Source:
    """One image or volume.

    Attributes:
        path: the file it is in.
        suffix: what to add to the file's name, where the file holds several.
        array: its grey levels, ([Z,] Y, X) behind `lead` and before a last dimension of colours.
        voxel_size_nm: (z, y, x) in nm.
        lead: indices of the dimensions that come first.
        colour: whether the last dimension is one of colours.
        levels: grey levels that become 0 and 255; None for uint8, which stays as it is.
    """

    path: Path
    suffix: str
    array: Array
    voxel_size_nm: VoxelSize
    lead: tuple[int, ...] = ()
    colour: bool = False
    levels: tuple[float, float] | None = None

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        spatial = self.array.shape[len(self.lead) : -1 if self.colour else None]
        z, y, x = (1, *spatial)[-3:]
        return (z, y, x)

    @cached_property
    def depth(self) -> int:
        """Sections that are best read together, because the file packs them together."""
        chunks = getattr(self.array, "chunks", None) or (1,)
        spatial = chunks[len(self.lead) : -1 if self.colour else None]
        return int(spatial[0]) if len(spatial) == 3 else 1

    def read(self, part: Part) -> NDArray[np.uint8]:
        """Read a part as grey levels, (Z, Y, X) uint8.

        Raises:
            DataError: the file is damaged.
        """
        found = self.read_stored(part)
        if self.levels is None:
            return found.astype(np.uint8, copy=False)
        low, high = self.levels
        stretched = (found.astype(np.float32) - low) * (255 / max(high - low, 1e-9))
        return np.asarray(stretched.clip(0, 255).round(), np.uint8)

    def read_stored(self, part: Part) -> NDArray[Any]:
        """Read a part as it is stored, without colours: (Z, Y, X)."""
        flat = len(self.array.shape) - len(self.lead) - self.colour == 2
        with readable(self.path):
            found = np.asarray(self.array[(*self.lead, *part[1 if flat else 0 :])])
        if self.colour:
            found = luminance(found)
        return found[np.newaxis] if flat else found


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the images in them, sorted by name; an OME-Zarr is one image.

    Raises:
        DataError: a file is missing or of an unknown kind, or a folder holds no image.
    """
    found: list[Path] = []
    for path in paths:
        if is_zarr(path) or path.is_file():
            found.append(path)
        elif path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in KINDS)
            if not inside:
                raise DataError(f"{path}: holds no image; expected files ending in {', '.join(KINDS)}")
            found += inside
        else:
            raise DataError(f"{path}: not found; expected an image file or a folder of images")
    for path in found:
        if path.suffix.lower() not in KINDS and not is_zarr(path):
            raise DataError(f"{path}: unknown kind of file; expected one of {', '.join(KINDS)}")
    return found


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
        opened = _open_zarr(path, dataset)
    elif kind in HDF5:
        opened = _open_hdf5(path, dataset)
    elif kind in TIFF:
        opened = _open_tiff(path)
    else:
        opened = _open_picture(path)
    for source in opened:
        size_nm = voxel_size_nm or source.voxel_size_nm
        if size_nm == _UNKNOWN:
            raise DataError(f"{path}: carries no voxel size; give it in nm with --voxel-size Z Y X")
        problem = voxel_size_problem(size_nm)
        if problem:
            raise DataError(f"{path}: {problem}")
        _check_shape(source)
        source = replace(source, voxel_size_nm=size_nm)
        yield source if source.array.dtype == np.uint8 else replace(source, levels=measure_levels(source))


def measure_levels(source: Source) -> tuple[float, float]:
    """The 0.1th and 99.9th percentile of the grey levels: between them lies what is worth seeing.

    Read section by section. Exact for integers of up to 16 bits; otherwise to a 65,536th of their range.

    Raises:
        DataError: values that are not finite.
    """
    extremes = [(float(section.min()), float(section.max())) for section in _sections(source)]
    low, high = min(first for first, _ in extremes), max(last for _, last in extremes)
    if not np.isfinite([low, high]).all():
        raise DataError(f"{source.path}: holds values that are not finite; expected grey levels")
    bins = int(high - low) + 1 if source.array.dtype.kind in "bui" and high - low < 2**16 else 2**16
    width = max(high - low, 1e-9) / max(bins - 1, 1)
    counts = np.zeros(bins, np.int64)
    for section in _sections(source):
        places = ((section.astype(np.float64) - low) / width).round().astype(np.int64)
        counts += np.bincount(places.ravel(), minlength=bins)
    total = np.cumsum(counts)
    first, last = np.searchsorted(total, np.array([0.001, 0.999]) * total[-1])
    return low + float(first) * width, low + float(last) * width


def _sections(source: Source) -> Iterator[NDArray[Any]]:
    y, x = slice(0, source.shape[1]), slice(0, source.shape[2])
    return (source.read_stored((slice(z, z + 1), y, x)) for z in range(source.shape[0]))


_UNKNOWN: VoxelSize = (0.0, 0.0, 0.0)

_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    SyntaxError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)


@contextmanager
def readable(path: Path, kind: str = "file") -> Iterator[None]:
    """Say in one line that a file cannot be read."""
    try:
        yield
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: cannot be read; the {kind} is damaged or not what its name says ({reason})"
        ) from error


@contextmanager
def _complaints(library: str) -> Iterator[None]:
    """Raise what a library only logs as an error: a stack that was cut off must not pass for a shorter one."""
    handler = BufferingHandler(1000)
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger(library)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
    if handler.buffer:
        raise ValueError(handler.buffer[0].getMessage())


def _check_shape(source: Source) -> None:
    spatial = source.array.shape[len(source.lead) : -1 if source.colour else None]
    if len(spatial) not in (2, 3) or 0 in spatial:
        raise DataError(f"{source.path}: shape {source.array.shape}; expected (Y, X) or (Z, Y, X)")
    if source.array.dtype.kind not in "buif":
        raise DataError(f"{source.path}: values of type {source.array.dtype}; expected grey levels")


def _open_picture(path: Path) -> Iterator[Source]:
    with readable(path, "picture"):
        pixels = read_picture(path)
    yield Source(path, "", pixels, _UNKNOWN)


def _open_tiff(path: Path) -> Iterator[Source]:
    with readable(path, "TIFF"):
        file = tifffile.TiffFile(path)
    with file:
        with readable(path, "TIFF"), _complaints("tifffile"):
            series = file.series[0]
            array: Any = zarr.open(series.aszarr(level=0), mode="r")
            size_nm, colour = _tiff_voxel_size(file), series.axes.endswith("S")
        lead = len(array.shape) - (1 if colour else 0) - 3
        if any(length != 1 for length in array.shape[: max(lead, 0)]):
            raise DataError(
                f"{path}: shape {array.shape} with axes {series.axes}; expected (Y, X) or (Z, Y, X), one channel"
            )
        yield Source(path, "", array, size_nm or _UNKNOWN, (0,) * lead, colour)


_TIFF_UNITS = {"nm": 1.0, "um": 1e3, "\u00b5m": 1e3, "\\u00b5m": 1e3, "micron": 1e3, "microns": 1e3, "mm": 1e6}


def _tiff_voxel_size(file: tifffile.TiffFile) -> VoxelSize | None:
    """The voxel size in nm that OME or ImageJ wrote; other programs' resolution is that of printing."""
    if file.ome_metadata:
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
        y, x, z = (
            float(pixels.get(f"PhysicalSize{axis}", 0))
            * _TIFF_UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "um"), 0)
            for axis in "YXZ"
        )
    elif file.imagej_metadata:
        unit = _TIFF_UNITS.get(str(file.imagej_metadata.get("unit", "")).lower(), 0)
        tags = file.pages.first.tags
        y, x = (_edge(tags[f"{axis}Resolution"].value) * unit if f"{axis}Resolution" in tags else 0 for axis in "YX")
        z = float(file.imagej_metadata.get("spacing", 0)) * unit
    else:
        return None
    return (z or y, y, x) if y and x else None


def _edge(resolution: tuple[int, int]) -> float:
    """Length of a pixel from pixels a length."""
    return resolution[1] / resolution[0] if resolution[0] else 0.0


def _open_hdf5(path: Path, dataset: str | None) -> Iterator[Source]:
    # Parts are read once, in the order in which they lie in the file: a cache of chunks would only cost memory.
    with open_hdf5(path, cache_bytes=2**20) as file:
        if dataset is None and file.attrs.get("format") == FORMAT_NAME:
            open_file(path).close()
            with readable(path, "mitodata file"):
                count = sample_count(file)
            for number in range(count):
                with readable(path, "mitodata file"):
                    raw, size_nm = sample_images(file, number)["raw"], sample_voxel_size(file, number)
                lead = (number,) if "raw" in file else ()
                yield Source(path, f"-{number:04d}" if count > 1 else "", raw, size_nm, lead)
            return
        found = file.get(dataset) if dataset else None
        if not isinstance(found, h5py.Dataset):
            named = f"has no dataset {dataset}" if dataset else f"not a {FORMAT_NAME} file"
            raise DataError(
                f"{path}: {named}; name one with --dataset: {', '.join(_datasets(file)) or 'it holds none'}"
            )
        lead = (0,) * max(0, found.ndim - 3)
        if any(length != 1 for length in found.shape[: len(lead)]):
            raise DataError(f"{path}: {dataset} has shape {found.shape}; expected (Y, X) or (Z, Y, X)")
        yield Source(path, "", found, _hdf5_voxel_size(found) or _UNKNOWN, lead)


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


def _open_zarr(path: Path, dataset: str | None) -> Iterator[Source]:
    with readable(path, "Zarr"):
        node: Any = zarr.open(path, mode="r")
        try:
            node = node[dataset] if dataset else node
        except KeyError:
            raise DataError(
                f"{path}: holds no {dataset}; found {', '.join(sorted(node.keys())) or 'nothing'}"
            ) from None
        size_nm, axes = _UNKNOWN, ""
        if isinstance(node, zarr.Group):
            image = parse_multiscale(node.attrs.asdict())
            if image is None:
                raise DataError(
                    f"{path}: is a Zarr group without OME metadata; name an array with --dataset: "
                    f"{', '.join(sorted(node.keys())) or 'it holds none'}"
                )
            node, size_nm, axes = node[image.path], image.voxel_size_nm or _UNKNOWN, "".join(image.axes)
    lead = (0,) * max(0, node.ndim - 3)
    if any(length != 1 for length in node.shape[: len(lead)]) or (axes and not "zyx".endswith(axes[len(lead) :])):
        raise DataError(f"{path}: shape {node.shape} with axes {axes or 'unknown'}; expected one channel of (z, y, x)")
    yield Source(path, "", node, size_nm, lead)
