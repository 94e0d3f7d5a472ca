"""DM3 and DM4 of Gatan's DigitalMicrograph, opened as sources; ncempy reads the tags.

ncempy is an optional extra: `pip install mitogen-em[dm]`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from mitodata.errors import DataError
from mitodata.readers.axes import arrange
from mitodata.readers.damage import heard, readable
from mitodata.readers.source import StoredImage, choose_image
from mitodata.readers.voxel_size import Edges, by_axis, edge_nm

_DATA = re.compile(r"\.ImageList\.(\d+)\.ImageData\.Data\.arrayOffset")
_RGB = 23
_DTYPES = {1: "<i2", 2: "<f4", 6: "u1", 7: "<i4", 9: "i1", 10: "<u2", 11: "<u4", 12: "<f8"}
"""By the tag DataType."""

_AXES = "zyx"


@dataclass(frozen=True)
class _Image:
    """An image of a file: its type by the tag DataType, its shape, where it starts and what it takes, its edges."""

    kind: int
    shape: tuple[int, ...]
    start: int
    size: int
    edges_nm: Edges

    def __str__(self) -> str:
        return f"{self.shape} {np.dtype(_DTYPES[self.kind]) if self.kind in _DTYPES else f'type {self.kind}'}"


def open_dm(path: Path, dataset: str | None = None) -> Iterator[StoredImage]:
    """Open the image or the volume of a DM3 or DM4, which has a small picture in colours beside it.

    Args:
        path: the file.
        dataset: number of the image that is meant, from 0 on, where there are several.

    Raises:
        DataError: the file is missing or damaged, holds several images and none is named, or no grey levels; or ncempy
            is not installed.
    """
    with readable(path, "DM"), heard("ncempy"):
        image = _only_image(path, list(_images(_read_tags(path))), dataset)
        if image.kind not in _DTYPES:
            what = "colours" if image.kind == _RGB else f"pixels of DM type {image.kind}"
            raise DataError(f"{path}: holds {what}; expected real grey levels; save it as grey")
        dtype = np.dtype(_DTYPES[image.kind])
        if prod(image.shape) * dtype.itemsize != image.size:
            raise ValueError(f"{image} in {image.size} bytes")
        array = np.memmap(path, dtype, "r", image.start, image.shape)
        axes = ("dcba" + _AXES)[-array.ndim :]
        (view,) = arrange(array, axes, str(path))
    yield StoredImage(path, "", view, image.edges_nm)


def _read_tags(path: Path) -> Mapping[str, Any]:
    """All tags of a file by their names, such as .ImageList.2.ImageData.DataType."""
    try:
        from ncempy.io.dm import fileDM
    except ImportError:
        raise DataError(f"{path}: DM files need ncempy, which is not installed: pip install mitogen-em[dm]") from None
    with path.open("rb") as stream:
        tags: Mapping[str, Any] = dict(fileDM(stream).allTags)
    return tags


def _images(tags: Mapping[str, Any]) -> Iterator[_Image]:
    """The images that tags describe, in the order of the file."""
    for number in sorted(int(match[1]) for match in map(_DATA.fullmatch, tags) if match):
        own = f".ImageList.{number}.ImageData"
        lengths: list[int] = []
        while f"{own}.Dimensions.{len(lengths) + 1}" in tags:
            lengths.append(int(tags[f"{own}.Dimensions.{len(lengths) + 1}"]))
        scales = {axis: f"{own}.Calibrations.Dimension.{place}" for place, axis in enumerate("xyz", start=1)}
        edges = {
            axis: edge_nm(tags.get(f"{scale}.Scale"), str(tags.get(f"{scale}.Units", "")).replace("\0", ""))
            for axis, scale in scales.items()
        }
        start, size = (int(tags[f"{own}.Data.{name}"]) for name in ("arrayOffset", "arraySize"))
        yield _Image(int(tags[f"{own}.DataType"]), tuple(reversed(lengths)), start, size, by_axis(edges))


def _only_image(path: Path, images: list[_Image], dataset: str | None) -> _Image:
    """The one image of a file; spectra and a small picture in colours beside it do not count."""
    if not images:
        raise DataError(f"{path}: holds no image; expected one, saved by DigitalMicrograph")
    found = [image for image in images if image.kind in _DTYPES and len(image.shape) > 1] or images[-1:]
    return choose_image(path, found, dataset, str)
