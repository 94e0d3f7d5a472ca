"""What a model says of a part of the images when it looks from several sides, and how far these looks agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata import Sample, VoxelSize
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AXES, REACH, choose_axes
from mitoseg.inference.predictor import predict_maps

ORIENTATIONS = 8
"""Quarter turns of a section and of its mirror image."""

BINS = 100
"""Thresholds at which agreement is measured."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far single looks agree with their mean, at all thresholds; those of parts add up.

    Attributes:
        both: (BINS,) int64, voxels by the threshold up to which look and mean mark them, summed over looks.
        either: (BINS,) int64, by the threshold up to which at least one of the two does.
    """

    both: NDArray[np.int64]
    either: NDArray[np.int64]

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.both + other.both, self.either + other.either)

    def at(self, threshold: float) -> float:
        """IoU of what single looks mark and what their mean marks, 0-1; 1 where nothing is marked."""
        first = round(threshold * BINS)
        either = int(self.either[first:].sum())
        return int(self.both[first:].sum()) / either if either else 1.0


@dataclass(frozen=True, eq=False)
class Views:
    """What is seen of a part.

    Attributes:
        mean: (Z, Y, X) float32 in [0, 1], probability of foreground, mean over all looks.
        agreement: of the looks.
    """

    mean: NDArray[np.float32]
    agreement: Agreement


def looks_of(model: Model, shape: tuple[int, int, int], voxel_size_nm: VoxelSize) -> int:
    """How often the network looks at each voxel: across three axes where it can, else in eight orientations."""
    return len(AXES) if choose_axes(model, shape, voxel_size_nm) == AXES else ORIENTATIONS


def look_around(model: Model, sample: Sample) -> Views:
    """Look at a part across all axes if it is deep and its voxels are about as long as wide, else turned and mirrored.

    Raises:
        DataError: the voxel size is out of reach.
    """
    looks = list(_looks(model, sample))
    mean = looks[0].copy()
    for look in looks[1:]:
        mean += look
    mean /= np.float32(len(looks))
    agreement = _agreement(looks[0], mean)
    for look in looks[1:]:
        agreement = agreement + _agreement(look, mean)
    return Views(mean, agreement)


def _looks(model: Model, sample: Sample) -> Iterator[NDArray[np.float32]]:
    raw, voxel_size_nm, path = sample.raw, sample.voxel_size_nm, Path(sample.name or "image")
    if looks_of(model, sample.raw.shape, voxel_size_nm) == len(AXES):
        for axis in AXES:
            found = predict_maps(model, raw, voxel_size_nm, axes=axis, path=path)[0]
            # Alone, sections across z are not smoothed along it as those of other axes are along theirs.
            sigma = model.config.working_voxel_nm / voxel_size_nm[0]
            yield ndimage.gaussian_filter1d(found, sigma, axis=0, truncate=REACH) if axis == "z" else found
        return
    for mirrored in (False, True):
        for quarter in range(4):
            turned = np.rot90(raw[:, :, ::-1] if mirrored else raw, quarter, (1, 2))
            z, y, x = voxel_size_nm
            size = (z, x, y) if quarter % 2 else (z, y, x)
            found = predict_maps(model, np.ascontiguousarray(turned), size, axes="z", path=path)[0]
            back = np.rot90(found, -quarter, (1, 2))
            yield np.ascontiguousarray(back[:, :, ::-1] if mirrored else back)


def _agreement(look: NDArray[np.float32], mean: NDArray[np.float32]) -> Agreement:
    return Agreement(_histogram(np.minimum(look, mean)), _histogram(np.maximum(look, mean)))


def _histogram(values: NDArray[np.float32]) -> NDArray[np.int64]:
    places = np.minimum((values * np.float32(BINS)).astype(np.uint8), np.uint8(BINS - 1))
    return np.bincount(places.ravel(), minlength=BINS)
