"""TIFF: which of its images is meant, what its axes, colours and orientation are, and how large a voxel is."""

import logging
import re
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

from mitodata.errors import DataError
from mitodata.readers.axes import Arranged, Pixels, check_width
from mitodata.readers.damage import heard, readable
from mitodata.readers.grey_levels import luminance
from mitodata.readers.rasters.photometric import apply_photometric, check_photometric
from mitodata.readers.source import Shown, StoredImage, choose_image
from mitodata.readers.voxel_size import UNKNOWN, Edges, by_axis, edge_nm

SUFFIXES = (".tif", ".tiff")

_STACKS = "ztiq"
"""What tifffile calls an axis of sections: z, time, a sequence of pages, or unknown."""

_TRANSPARENT = frozenset({1, 2})
"""Kinds of further samples of a pixel that are no channels."""

_TURNED: Mapping[int, tuple[bool, str]] = {
    **{1: (False, ""), 2: (False, "x"), 3: (False, "yx"), 4: (False, "y")},
    **{5: (True, ""), 6: (True, "x"), 7: (True, "yx"), 8: (True, "y")},
}
"""By the tag Orientation: whether rows and columns are swapped, and which axes then run backwards."""

_log = logging.getLogger("mitodata")


def open_tiff(path: Path, dataset: str | None = None, shown: Shown = Shown.GREY) -> Iterator[StoredImage]:
    """Open a TIFF, single or stack; OME and ImageJ say the voxel size.

    Args:
        path: the file. Of an OME-TIFF in several files any one, which stands for all.
        dataset: number of the image that is meant, from 0 on, where there are several; names are for other files.
        shown: what becomes of its pixels.

    Raises:
        DataError: the file is missing or damaged, holds several images and none is named, has channels, or colours
            that are neither grey, RGB nor a palette, or lacks a codec or another file that it needs.
    """
    with readable(path, "TIFF"), heard("tifffile"):
        file = tifffile.TiffFile(path)
        try:
            series = _only_series(path, file, dataset)
            stack = _Stack(path, file, series, shown)
            edges = _voxel_edges(file, series)
        except BaseException:
            file.close()
            raise
        weakref.finalize(stack, file.close)
    z, y, x = edges
    yield StoredImage(path, "", stack, (z, x, y) if stack.swapped else (z, y, x))


def files_of_set(path: Path) -> frozenset[str]:
    """Names of all files of the OME-TIFF that a file belongs to; only its own where it stands alone or is none."""
    if ".ome." not in path.name.lower():
        return frozenset({path.name})
    try:
        with heard("tifffile"), tifffile.TiffFile(path) as file:
            named = re.findall(r'\bFileName="([^"]+)"', file.ome_metadata or "")
    except (OSError, ValueError):  # who reads it says what is wrong
        named = []
    return frozenset({path.name, *named})


class _Stack(Arranged):
    """The image or the stack of a TIFF, (Z, Y, X[, colours])."""

    def __init__(self, path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries, shown: Shown) -> None:
        _check_whole(path, series)
        if series.dtype.kind not in "buif":
            raise DataError(f"{path}: holds pixels of type {series.dtype}; expected real numbers")
        axes = _named_axes(path, series)
        _check_samples(path, series, axes)
        if shown is not Shown.STORED:
            check_photometric(series.keyframe)
            _check_palettes(path, series)
        self.file = file
        self.swapped, mirrored = _TURNED.get(_orientation(path, series), (False, ""))
        if self.swapped:
            axes = axes.translate(str.maketrans("yx", "xy"))
        array: Any = zarr.open(series.aszarr(level=0), mode="r")
        if "s" in axes.partition("y")[0] and series.keyframe.photometric == tifffile.PHOTOMETRIC.RGB:
            _check_planes(path, array, axes)
        super().__init__(array, axes, mirrored=mirrored, show=partial(_show, page=series.keyframe, shown=shown))


def _show(pixels: Pixels, page: tifffile.TiffPage, shown: Shown) -> Pixels:
    """Turn stored pixels (Z, Y, X[, samples]) into what is wanted of them."""
    if shown is Shown.STORED:
        return pixels
    found = apply_photometric(pixels, page)
    if shown is Shown.GREY and found.ndim == 3 and found.dtype == np.uint8:
        bits = int(np.max(page.bitspersample))
        found = found * np.uint8(255 // (2**bits - 1)) if 1 < bits < 8 else found
    if found.ndim == 4 and (shown is Shown.GREY or found.shape[-1] < 3):
        return luminance(found)
    return found[..., :3] if found.ndim == 4 else found


def _only_series(path: Path, file: tifffile.TiffFile, dataset: str | None) -> tifffile.TiffPageSeries:
    """The one image or stack of a file, beside which there may be smaller copies of it."""
    if not len(file.pages):
        raise DataError(f"{path}: holds no image; the TIFF is damaged or was cut off")
    found = [series for series in file.series if not (series.keyframe.is_reduced or series.keyframe.is_mask)] or list(
        file.series[:1]
    )
    return choose_image(
        path,
        found,
        dataset,
        lambda series: f"{series.shape} {series.dtype}",
        what="images that make no stack",
        expected="one image, or pages of one size and type",
    )


def _check_whole(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Check that no section lies in a file that is not there, and say that others are read with this one."""
    pages: Sequence[Any] = series.pages
    if any(page is None for page in pages):
        missing = sorted(name for name in files_of_set(path) if not path.with_name(name).exists())
        raise DataError(
            f"{path}: lacks {sum(page is None for page in pages)} of its {len(pages)} sections"
            + (f", which lie in {', '.join(missing[:3])}; expected them beside it" if missing else "")
        )
    others = {page.parent.filehandle.name for page in pages} - {path.name} if series.kind == "ome" else ()
    if others:
        _log.warning("%s: one of %d files of a stack; all are read", path, len(others) + 1)


def _named_axes(path: Path, series: tifffile.TiffPageSeries) -> str:
    """The axes of a series, with z for whatever its sections are counted by.

    Raises:
        DataError: they are not those of an image or a stack.
    """
    axes = series.axes.lower()
    counted = [axis for axis in axes if axis in _STACKS]
    if len(counted) == 1 and len(set(axes)) == len(axes) and set(axes) - {"s"} == {"y", "x", *counted}:
        if counted[0] in "iq" and axes.endswith("yx"):
            check_width(series.shape, str(path))
        if counted[0] == "t":
            _log.warning(
                "%s: its axis of time is taken for z, as programs often swap the two; save points of time as files of "
                "their own",
                path,
            )
        return axes.replace(counted[0], "z")
    if set(axes) - {"s"} == {"y", "x"} and len(set(axes)) == len(axes):
        return axes
    names = ", ".join(tifffile.TIFF.AXES_NAMES.get(axis, axis) for axis in series.axes)
    raise DataError(
        f"{path}: shape {series.shape} with axes {series.axes} ({names}); expected (Y, X) or (Z, Y, X): save one "
        "channel alone, or name the axes of a stack of sections ZYX"
    )


def _check_samples(path: Path, series: tifffile.TiffPageSeries, axes: str) -> None:
    """Check that the samples of a pixel are grey or a colour, and possibly transparency, not channels."""
    samples = dict(zip(axes, series.shape, strict=True)).get("s", 1)
    page = series.keyframe
    transparent = bool(page.extrasamples) and all(int(kind) in _TRANSPARENT for kind in page.extrasamples)
    grey = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)
    grey &= "PhotometricInterpretation" in page.tags
    if samples > 1 and not ((samples == 2 and transparent) if grey else samples in (3, 4)):
        raise DataError(
            f"{path}: holds {samples} values a pixel, as of channels; expected grey or colours; save one channel alone"
        )


def _check_planes(path: Path, array: Any, axes: str) -> None:
    """Check that planes of red, green and blue are no sections: tifffile writes three sections as such planes.

    In grey images the planes are the same. Some rows in the middle tell.
    """
    middle = array.shape[axes.index("y")] // 2
    wanted = {"s": slice(0, 3), "y": slice(middle, middle + 16), "x": slice(None)}
    rows = np.asarray(array[tuple(wanted.get(axis, 0) for axis in axes)])
    planes = np.moveaxis(rows, axes.replace("z", "").index("s"), 0)
    if (planes != planes[0]).any():
        raise DataError(
            f"{path}: holds {len(planes)} planes that differ: colours, or sections? write sections with "
            'photometric="minisblack", colours as one grey image'
        )


def _check_palettes(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Check that all pages of a stack have the same palette: what is read is read by that of the first."""
    if series.keyframe.photometric != tifffile.PHOTOMETRIC.PALETTE:
        return
    palette: Any = series.keyframe.colormap
    for number, page in enumerate(series.pages, start=1):
        other: Any = palette if page is None else page.aspage().colormap
        if not np.array_equal(palette, other):
            raise DataError(f"{path}: page {number} has another palette than the first; expected a stack of grey pages")


def _orientation(path: Path, series: tifffile.TiffPageSeries) -> int:
    """How the pages of a stack are turned: all alike, because the stack is turned as a whole."""
    tags = [page.tags.get("Orientation") for page in series.pages if isinstance(page, tifffile.TiffPage)]
    first, *others = (int(tag.value) if tag else 1 for tag in (series.keyframe.tags.get("Orientation"), *tags))
    if any(other != first for other in others):
        raise DataError(f"{path}: some pages are turned, others are not (tag Orientation); expected all alike")
    return first


def _voxel_edges(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Edges:
    """The edges of a voxel in nm that OME or ImageJ wrote; other programs' resolution is that of printing."""
    if file.ome_metadata:
        try:
            return _ome_edges(file.ome_metadata, file.series.index(series))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"metadata are not those of an OME image ({error!r})") from error
    return _imagej_edges(file, file.imagej_metadata) if file.imagej_metadata else UNKNOWN


def _ome_edges(metadata: str, number: int) -> Edges:
    images = tifffile.xml2dict(metadata)["OME"]["Image"]
    images = images if isinstance(images, list) else [images]
    pixels = images[number if number < len(images) else 0]["Pixels"]
    return by_axis(
        {
            axis.lower(): edge_nm(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
            for axis in "ZYX"
        }
    )


def _imagej_edges(file: tifffile.TiffFile, metadata: Mapping[str, Any]) -> Edges:
    """ImageJ counts pixels a unit, and leaves out the spacing of sections if it is 1 because nobody set it."""
    tags, unit = file.pages.first.tags, metadata.get("unit", "")
    edges = {"z": edge_nm(metadata.get("spacing"), metadata.get("zunit", unit))}
    for axis, own in (("y", metadata.get("yunit", unit)), ("x", unit)):
        tag = tags.get(f"{axis.upper()}Resolution")
        counted, length = tag.value if tag else (0, 1)
        edges[axis] = edge_nm(length / counted, own) if counted else None
    return by_axis(edges)
