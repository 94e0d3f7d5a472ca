"""TIFF, opened as a source: which of its images is meant, what its axes and colours are, and how large a voxel is."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from mitodata import DataError, VoxelSize
from mitodata.importers.photometric import apply_photometric
from mitoseg.io.pictures import luminance
from mitoseg.io.source import UNKNOWN, Source, readable

STACKS = "ZTIQ"
"""What tifffile calls an axis of sections: z, time, a sequence of pages, or unknown."""

_UNITS_NM = {"nm": 1.0, "um": 1e3, "\u00b5m": 1e3, "\\u00b5m": 1e3, "micron": 1e3, "microns": 1e3, "mm": 1e6}


def open_tiff(path: Path) -> Iterator[Source]:
    """Open a TIFF, single or stack; OME and ImageJ say the voxel size."""
    with ExitStack() as opened:
        with readable(path, "TIFF"), _complaints("tifffile"):
            file = opened.enter_context(tifffile.TiffFile(path))
            sections = Sections(path, _only_series(path, file))
            size_nm = _voxel_size(file)
        yield Source(path, "", sections, size_nm or UNKNOWN)


class Sections:
    """The image or the stack of a TIFF as grey levels, whatever its colours.

    Attributes:
        shape: ([Z,] Y, X).
        chunks: what the file packs together, ([Z,] Y, X).
        dtype: of the grey levels.
    """

    def __init__(self, path: Path, series: tifffile.TiffPageSeries) -> None:
        """Open a series of pages.

        Raises:
            DataError: its axes are not those of an image or a stack, or its colours are of no known kind.
        """
        self._samples = series.axes.find("S")
        self._page = series.keyframe
        axes = series.axes.replace("S", "")
        if axes[-2:] != "YX" or len(axes) > 3 or axes[:-2] not in ("", *STACKS):
            names = ", ".join(tifffile.TIFF.AXES_NAMES.get(axis, axis) for axis in series.axes)
            raise DataError(
                f"{path}: shape {series.shape} with axes {series.axes} ({names}); "
                "expected (Y, X) or (Z, Y, X): save one channel alone, or name the axes of a stack of sections ZYX"
            )
        _check_palettes(path, series)
        array: Any = zarr.open(series.aszarr(level=0), mode="r")
        self._array = array
        self.shape, self.chunks = self._spatial(array.shape), self._spatial(array.chunks)
        corner = [length if axis == self._samples else 1 for axis, length in enumerate(array.shape)]
        self.dtype = self._grey(np.zeros(corner, array.dtype)).dtype

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[Any]:
        if self._samples >= 0:
            key = (*key[: self._samples], slice(None), *key[self._samples :])
        return self._grey(np.asarray(self._array[key]))

    def _spatial(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Lengths without that of the axis of samples."""
        return tuple(length for axis, length in enumerate(lengths) if axis != self._samples)

    def _grey(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Grey levels of stored pixels."""
        if self._samples >= 0:
            pixels = np.moveaxis(pixels, self._samples, -1)
        found = apply_photometric(pixels, self._page)
        return luminance(found) if found.ndim > len(self.shape) else found


def _only_series(path: Path, file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The one image or stack of a file, beside which there may be smaller copies of it."""
    if not len(file.pages):
        raise DataError(f"{path}: holds no image; the TIFF is damaged or was cut off")
    found = [series for series in file.series if not series.keyframe.is_reduced] or list(file.series[:1])
    if len(found) > 1:
        listed = ", ".join(f"{series.shape} {series.dtype}" for series in found[:4])
        raise DataError(
            f"{path}: holds {len(found)} images that make no stack ({listed}{', ...' if len(found) > 4 else ''}); "
            "expected one image, or pages of one size and type: save the one that is meant in a file of its own"
        )
    return found[0]


def _check_palettes(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Check that all pages of a stack have the same palette: what is read is read by that of the first."""
    if series.keyframe.photometric != tifffile.PHOTOMETRIC.PALETTE:
        return
    palette: Any = series.keyframe.colormap
    for number, page in enumerate(series.pages, start=1):
        other: Any = palette if page is None else page.aspage().colormap
        if not np.array_equal(palette, other):
            raise DataError(f"{path}: page {number} has another palette than the first; expected a stack of grey pages")


def _voxel_size(file: tifffile.TiffFile) -> VoxelSize | None:
    """The voxel size in nm that OME or ImageJ wrote; other programs' resolution is that of printing."""
    if file.ome_metadata:
        try:
            z, y, x = _ome_edges(file.ome_metadata)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"metadata are not those of an OME image ({error!r})") from error
    elif file.imagej_metadata:
        unit = _UNITS_NM.get(str(file.imagej_metadata.get("unit", "")).lower(), 0)
        tags = file.pages.first.tags
        y, x = (_edge(tags[f"{axis}Resolution"].value) * unit if f"{axis}Resolution" in tags else 0 for axis in "YX")
        z = float(file.imagej_metadata.get("spacing", 0)) * unit
    else:
        return None
    return (z or y, y, x) if y and x else None


def _ome_edges(metadata: str) -> VoxelSize:
    """Edges (z, y, x) of a voxel in nm; 0 where there is none or its unit is unknown."""
    image = tifffile.xml2dict(metadata)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    z, y, x = (
        float(pixels.get(f"PhysicalSize{axis}", 0)) * _UNITS_NM.get(pixels.get(f"PhysicalSize{axis}Unit", "um"), 0)
        for axis in "ZYX"
    )
    return (z, y, x)


def _edge(resolution: tuple[int, int]) -> float:
    """Length of a pixel from pixels a length."""
    return resolution[1] / resolution[0] if resolution[0] else 0.0


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
