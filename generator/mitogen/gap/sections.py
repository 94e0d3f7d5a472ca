"""Sections of a dataset, a bounded number of them, one at a time and all of one kind: window, pixel size."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from mitodata.errors import DataError
from mitodata.readers.rims import RowEnds, rim_of
from mitodata.sample import Sample, VoxelSize
from mitogen.gap.appearance import SMALLEST_PX

LARGEST_PX = 1024
"""Edge of the largest window: more of one section is read as several windows."""

_PIXELS_PER_SECTION = LARGEST_PX**2
_FACTORS = (1 / 32, 4.0)  # beyond these a resampled image says nothing about the original one

Span = tuple[slice, slice]


class Images(Protocol):
    """What is read here of a dataset file: `hdf5.dataset.Dataset` has it, and `hdf5.unlabelled.Unlabelled`."""

    path: Path
    is_2d: bool

    def __len__(self) -> int:
        """Count the samples."""

    def shape(self, index: int) -> tuple[int, int, int]:
        """Return the shape (Z, Y, X) of a sample."""

    def voxel_size_nm(self, index: int) -> VoxelSize:
        """Return the voxel size (z, y, x) of a sample in nm."""

    def read(self, index: int, window: tuple[slice, slice, slice]) -> Sample:
        """Read a window of a sample."""


@dataclass(frozen=True)
class Sampling:
    """Which part of a dataset is looked at. The same choice for the same file, always.

    Attributes:
        images: at most this many sections, evenly spaced over the file.
        every: take only every so-manieth section to begin with.
        window_px: (height, width) of what is cut out of a section, after resampling; sections that are larger give
            several windows, up to about a million pixels, smaller ones are left out. None for whole sections, or
            windows of 1024 px of larger ones.
        pixel_nm: resample to this pixel size; None for the file's own.
    """

    images: int = 40
    every: int = 1
    window_px: tuple[int, int] | None = None
    pixel_nm: float | None = None


@dataclass(frozen=True, eq=False)
class SectionWindow:
    """A window of one section.

    Attributes:
        raw: (Y, X) uint8.
        label: (Y, X) integers; None if unlabelled.
        mask: (Y, X) uint8; None if unlabelled.
        pixel_nm: edge lengths (y, x) of a pixel.
        place: number of the sample, and z.
    """

    raw: NDArray[np.uint8]
    label: NDArray[np.integer] | None
    mask: NDArray[np.uint8] | None
    pixel_nm: tuple[float, float]
    place: tuple[int, int] = (0, 0)


def chosen_sections(dataset: Images, sampling: Sampling) -> list[tuple[int, int]]:
    """List what is looked at: (number of the sample, z)."""
    depths = (1 if dataset.is_2d else dataset.shape(index)[0] for index in range(len(dataset)))
    places = ((index, z) for index, depth in enumerate(depths) for z in range(depth))
    every = list(islice(places, 0, None, sampling.every))
    count = min(sampling.images, len(every))
    return [every[(2 * k + 1) * len(every) // (2 * count)] for k in range(count)]


def smallest_section_px(dataset: Images, sampling: Sampling) -> tuple[int, int]:
    """Return the smallest height and width, after resampling, of the sections that are looked at, at most 1024.

    Constant rims do not count, nor do sections of one grey level; 0 if there are no others.
    """
    sizes = []
    for index, z in chosen_sections(dataset, sampling):
        extent = [part.stop - part.start for part in find_tissue(dataset, index, z)]
        if min(extent):
            sizes.append(np.multiply(extent, _factors(dataset, index, sampling)))
    height, width = np.minimum(np.rint(np.min(sizes, axis=0)), LARGEST_PX) if sizes else (0, 0)
    return int(height), int(width)


def find_tissue(dataset: Images, index: int, z: int) -> Span:
    """Find the rows and columns of a section that no constant rim touches; empty of a section of one grey level."""
    _, height, width = dataset.shape(index)
    rows = max(1, _PIXELS_PER_SECTION // width)
    parts = []
    for top in range(0, height, rows):
        window = (slice(z, z + 1), slice(top, min(top + rows, height)), slice(0, width))
        parts.append(RowEnds.of(dataset.read(index, window).raw[0]))
    return rim_of(RowEnds.join(parts)).inside


def read_sections(dataset: Images, sampling: Sampling) -> Iterator[SectionWindow]:
    """Read the chosen sections, window by window, without constant rims.

    Raises:
        DataError: the file is damaged, or resampling would shrink or enlarge it beyond reason.
    """
    for index, z in chosen_sections(dataset, sampling):
        factors = _factors(dataset, index, sampling)
        for y, x in _windows(find_tissue(dataset, index, z), factors, sampling.window_px):
            sample = dataset.read(index, (slice(z, z + 1), y, x))
            section = SectionWindow(
                raw=sample.raw[0],
                label=None if sample.label is None else sample.label[0],
                mask=None if sample.mask is None else sample.mask[0],
                pixel_nm=sample.voxel_size_nm[1:],
                place=(index, z),
            )
            yield section if factors == (1.0, 1.0) else resample(section, factors, sampling.window_px)


def resample(
    section: SectionWindow, factors: tuple[float, float], shape: tuple[int, int] | None = None
) -> SectionWindow:
    """Enlarge or shrink by `factors` (y, x), to exactly `shape` if it is given.

    Grey levels are interpolated linearly, with a Gaussian before it where the image shrinks; labels take the nearest.
    """
    height, width = shape or tuple(max(1, round(n * f)) for n, f in zip(section.raw.shape, factors, strict=True))
    smaller = min(factors) < 1
    raw = resize(section.raw.astype(np.float32), (height, width), order=1, mode="edge", anti_aliasing=smaller)
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * old / n).astype(np.int64), old - 1)
        for n, old in zip((height, width), section.raw.shape, strict=True)
    )
    nearest = np.ix_(rows, columns)
    return SectionWindow(
        raw=np.clip(np.rint(raw), 0, 255).astype(np.uint8),
        label=None if section.label is None else section.label[nearest],
        mask=None if section.mask is None else section.mask[nearest],
        pixel_nm=(section.pixel_nm[0] / factors[0], section.pixel_nm[1] / factors[1]),
        place=section.place,
    )


def common_sampling(a: Images, b: Images, sampling: Sampling) -> Sampling:
    """Choose windows of one size for two datasets, so that the edge of the picture cuts both alike.

    Raises:
        DataError: a file is damaged, or holds an image that is too small for any window.
    """
    sizes = [smallest_section_px(dataset, sampling) for dataset in (a, b)]
    for dataset, (y, x) in zip((a, b), sizes, strict=True):
        if min(y, x) < SMALLEST_PX:
            raise DataError(f"{dataset.path}: tissue of {y} x {x} px; expected at least {SMALLEST_PX} x {SMALLEST_PX}")
    height, width = np.min(sizes, axis=0)
    return replace(sampling, window_px=(int(height), int(width)))


def _factors(dataset: Images, index: int, sampling: Sampling) -> tuple[float, float]:
    if sampling.pixel_nm is None:
        return (1.0, 1.0)
    _, y, x = dataset.voxel_size_nm(index)
    low, high = max(y, x) / _FACTORS[1], min(y, x) / _FACTORS[0]
    if not low <= sampling.pixel_nm <= high:  # which NaN fails too
        raise DataError(
            f"{dataset.path}: pixels of {y:g} x {x:g} nm cannot be made {sampling.pixel_nm:g} nm; expected "
            f"{low:g} to {high:g} nm"
        )
    return (y / sampling.pixel_nm, x / sampling.pixel_nm)


def _windows(tissue: Span, factors: tuple[float, float], window_px: tuple[int, int] | None) -> list[Span]:
    """Lay windows beside each other in the middle of the tissue: all of them, or some evenly spaced ones."""
    size = [part.stop - part.start for part in tissue]
    wanted = window_px or tuple(min(LARGEST_PX, round(n * f)) for n, f in zip(size, factors, strict=True))
    edges = [min(n, round(w / f)) if round(n * f) >= w else 0 for n, w, f in zip(size, wanted, factors, strict=True)]
    if not all(edges):
        return []
    spans = [
        [slice(part.start + first, part.start + first + edge) for first in range((n % edge) // 2, n - edge + 1, edge)]
        for part, n, edge in zip(tissue, size, edges, strict=True)
    ]
    windows = [(y, x) for y in spans[0] for x in spans[1]]
    count = min(len(windows), max(1, _PIXELS_PER_SECTION // (wanted[0] * wanted[1])))
    return [windows[(2 * k + 1) * len(windows) // (2 * count)] for k in range(count)]
