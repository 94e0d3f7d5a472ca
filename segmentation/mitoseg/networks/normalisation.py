"""From stored grey levels to what the network sees, and back: the one way, for training and for inference alike."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mitodata import IGNORE, DataError, VoxelSize
from mitodata.readers.rims import Rim, RowEnds, rim_of
from mitoseg.config.settings import FitConfig

LARGEST_SCALE = 16.0
"""Resampling by more than this is taken for a wrong voxel size."""

WIDTHS = 3.29
"""Standard deviations between the 5th and the 95th percentile of normally distributed grey levels."""

LEAST_WIDTH = 4.0
"""Grey levels that become 1 at least: the noise of an empty section stays small."""

CLIP = 5.0
"""Normalised grey levels are clipped here, above 0 and below."""


@dataclass(frozen=True)
class GreyScale:
    """What one section is shifted and divided by.

    Attributes:
        centre: grey level that becomes 0.
        width: grey levels that become 1; positive.
    """

    centre: float
    width: float


def measure_grey(section: NDArray[np.uint8]) -> GreyScale:
    """Measure the grey scale of one section, (Y, X) uint8.

    The centre is the median and the width the distance from the 5th to the 95th percentile over 3.29, which is the
    standard deviation if the grey levels are normally distributed. Unlike mean and standard deviation neither is moved
    by saturated resin or by single bright pixels. Constant rims, the frames that registration leaves, do not count
    (`mitodata.readers.rims`). Measured on the whole section, not on the patch: a patch full of mitochondria stays dark.
    """
    return grey_of_counts(tissue_counts(np.bincount(section.ravel(), minlength=256), rim_of(RowEnds.of(section))))


def tissue_counts(counts: NDArray[np.int64], rim: Rim) -> NDArray[np.int64]:
    """The histogram of a section, (256,) int64, without its rim; of a section that is all rim, with it."""
    tissue = counts.copy()
    for level, number in rim.levels:
        tissue[int(level)] -= number
    return tissue if tissue.any() else counts


def grey_of_counts(counts: NDArray[np.int64]) -> GreyScale:
    """Measure the grey scale of a section from its histogram, (256,) int64."""
    below = np.cumsum(counts)
    low, centre, high = np.searchsorted(below, np.array([0.05, 0.5, 0.95]) * below[-1])
    return GreyScale(float(centre), max(float(high - low) / WIDTHS, LEAST_WIDTH))


def normalise(raw: NDArray[np.uint8], grey: GreyScale) -> NDArray[np.float32]:
    """Turn grey levels, any shape, uint8, into float32 of about mean 0 and spread 1, clipped to [-`CLIP`, `CLIP`]."""
    levels = ((np.arange(256, dtype=np.float32) - grey.centre) / grey.width).clip(-CLIP, CLIP).astype(np.float32)
    return levels[raw]


def working_shape(shape_px: tuple[int, int], voxel_size_nm: VoxelSize, working_nm: float) -> tuple[int, int]:
    """Size (y, x) in px of an image on the working grid.

    Raises:
        DataError: the image would be shrunk or grown by more than `LARGEST_SCALE`.
    """
    scales = [voxel_size_nm[axis] / working_nm for axis in (1, 2)]
    if not all(1 / LARGEST_SCALE <= scale <= LARGEST_SCALE for scale in scales):
        raise DataError(
            f"voxel size (z, y, x) {voxel_size_nm} nm: more than {LARGEST_SCALE:g} times off the {working_nm:g} nm "
            "that the network works at; check its value and unit"
        )
    return max(1, round(shape_px[0] * scales[0])), max(1, round(shape_px[1] * scales[1]))


def working_volume(shape_px: tuple[int, int, int], voxel_size_nm: VoxelSize, config: FitConfig) -> tuple[int, int, int]:
    """Size (z, y, x) in px of a volume on the working grid; a 2D network leaves the slices as they are.

    Raises:
        DataError: the volume would be shrunk or grown by more than `LARGEST_SCALE`.
    """
    z, y, x = shape_px
    size = working_shape((y, x), voxel_size_nm, config.working_voxel_nm)
    if config.dimensions == 2:
        return z, *size
    scale = voxel_size_nm[0] / (config.working_slice_nm or config.working_voxel_nm)
    if not 1 / LARGEST_SCALE <= scale <= LARGEST_SCALE:
        raise DataError(
            f"voxel size (z, y, x) {voxel_size_nm} nm: slices more than {LARGEST_SCALE:g} times off the "
            f"{config.working_slice_nm or config.working_voxel_nm:g} nm that the network works at; set working_slice_nm"
        )
    return max(1, round(z * scale)), *size


def resample_volume(volume: Tensor, shape_px: tuple[int, int, int]) -> Tensor:
    """Resample (C, Z, Y, X) float32 to `shape_px` (z, y, x), with the filter of `resample`."""
    flat = resample(volume.transpose(0, 1), shape_px[1:]).transpose(0, 1)
    channels, depth, *plane = flat.shape
    if depth == shape_px[0]:
        return flat
    columns = flat.reshape(1, channels, depth, plane[0] * plane[1])
    return resample(columns, (shape_px[0], columns.shape[-1])).reshape(channels, shape_px[0], *plane)


def resample(image: Tensor, shape_px: tuple[int, int]) -> Tensor:
    """Resample (B, C, Y, X) float32 to `shape_px` (y, x).

    A triangle filter as wide as the coarser of the two grids: linear when growing, smoothing when shrinking, so that
    noise and fine texture do not alias.
    """
    if tuple(image.shape[-2:]) == shape_px:
        return image
    return functional.interpolate(image, size=shape_px, mode="bilinear", antialias=True, align_corners=False)


def mirror_to(image: Tensor, shape_px: tuple[int, ...]) -> Tensor:
    """Mirror (..., Y, X) float32 at its edges up to `shape_px` (y, x), or (..., Z, Y, X) up to (z, y, x).

    The image stays in the middle.
    """
    pads = [(0, 0)] * (image.ndim - len(shape_px))
    for length, wanted in zip(image.shape[-len(shape_px) :], shape_px, strict=True):
        before = (wanted - length) // 2
        pads.append((before, wanted - length - before))
    if not any(before or after for before, after in pads):
        return image
    # numpy mirrors again and again where the image is smaller than the pad; torch refuses to.
    return torch.from_numpy(np.pad(image.cpu().numpy(), pads, mode="symmetric")).to(image.device)


def mask_planes(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Split a mask, (..., Y, X) uint8 with 0, 1 and 255 (ignore), into (2, ..., Y, X) float32: foreground, ignored."""
    return np.stack([mask == 1, mask == IGNORE]).astype(np.float32)
