"""Reviewed regions: the parts of sections of which the truth is known, and the folds that they make."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata import IGNORE, DataError, Sample, VoxelSize
from mitodata.hdf5.dataset import Dataset
from mitoseg.data.splits import ALIKE
from mitoseg.inference.decoding import move_outline

FOLDS = 3
"""Folds, at most: each takes a training of its own."""

MOST_PX = 2**28
"""Pixels of all sections together, at most; more are better learned from by `mitoseg fit`."""


@dataclass(frozen=True, eq=False)
class LabelledSection:
    """A section, what is known of it, and which fold each known pixel belongs to.

    Attributes:
        raw: (Y, X) uint8.
        label: (Y, X) uint32, instances, 0 = background.
        mask: (Y, X) uint8: 0, 1, 255 = unknown.
        fold: (Y, X) uint8: 0 where nothing is known, else the number of the fold, from 1 on.
        voxel_size_nm: (z, y, x) in nm.
        name: where it came from.
    """

    raw: NDArray[np.uint8]
    label: NDArray[np.uint32]
    mask: NDArray[np.uint8]
    fold: NDArray[np.uint8]
    voxel_size_nm: VoxelSize
    name: str

    def known_in(self, folds: Sequence[int], outline_nm: float = 0.0) -> NDArray[np.uint8]:
        """The mask, (Y, X) uint8, unknown outside of some folds.

        Args:
            folds: numbers of folds.
            outline_nm: where labels end, nm outside of the outer face: they are moved to it.
        """
        mask = self.mask
        if outline_nm:
            moved, _ = move_outline(self.label[None], -outline_nm, self.voxel_size_nm)
            mask = np.where(mask == IGNORE, mask, np.asarray(moved[0] > 0).astype(np.uint8))
        return np.where(np.isin(self.fold, folds), mask, np.uint8(IGNORE))


@dataclass(frozen=True, eq=False)
class Reviewed:
    """All labelled sections.

    Attributes:
        sections: in the order in which they were given.
        folds: the numbers of those folds that have foreground, from 1 on.
        regions: how many separate regions there are.
    """

    sections: list[LabelledSection]
    folds: tuple[int, ...]
    regions: int

    @property
    def mitochondria(self) -> int:
        """Profiles of mitochondria, those in several sections counted in each."""
        return sum(len(np.unique(each.label[each.mask == 1])) for each in self.sections)

    @property
    def known_px(self) -> int:
        """Known pixels."""
        return sum(int(np.count_nonzero(each.fold)) for each in self.sections)

    @property
    def summary(self) -> str:
        """One line for people."""
        sections = f"{len(self.sections)} section{'s' if len(self.sections) > 1 else ''}"
        regions = f"{self.regions} region{'s' if self.regions > 1 else ''}"
        return (
            f"labels: {regions} in {sections}, {self.known_px / 1e6:.2f} megapixels, {self.mitochondria} profiles of "
            "mitochondria"
        )


def read_reviewed(path: Path) -> Reviewed:
    """Read what `write_labels` wrote, and divide it into folds.

    Sections that look alike are of one place: what is reviewed of them is one region, unless it lies apart in the
    plane. Several regions are shared out whole among the folds, in their order. A single one is cut into strips.

    Args:
        path: HDF5 file of labelled sections.

    Raises:
        DataError: the file is damaged, or larger than memory may be.
    """
    with Dataset(path) as file:
        pixels = sum(int(np.prod(file.shape(number))) for number in range(len(file)))
        if pixels > MOST_PX:
            raise DataError(
                f"{path}: {pixels / 1e6:.0f} megapixels of labelled sections; expected at most {MOST_PX / 1e6:.0f}: "
                "give fewer sections, or learn from them with mitoseg fit"
            )
        samples = list(file)
    regions, count = _number_regions(samples)
    sizes = np.zeros(count + 1)
    for numbers, sample in zip(regions, samples, strict=True):
        sizes += np.bincount(numbers[_mask(sample) == 1], minlength=count + 1)
    fold_of = _share_out(sizes)
    sections = [_section(sample, fold_of[numbers]) for sample, numbers in zip(samples, regions, strict=True)]
    if int(np.count_nonzero(sizes[1:])) < 2:
        sections = _cut_strips(sections)
    profiles = sum(len(np.unique(each.label[each.mask == 1])) for each in sections)
    held = np.unique(np.concatenate([each.fold[each.mask == 1] for each in sections]))
    folds = held.tolist() if profiles > 1 else held.tolist()[:1]
    # What has no foreground cannot be left out by itself: it goes with the first fold.
    sections = [
        replace(each, fold=np.where((each.fold > 0) & ~np.isin(each.fold, folds), np.uint8(folds[0]), each.fold))
        for each in sections
    ]
    return Reviewed(sections, tuple(folds), count)


def _section(sample: Sample, fold: NDArray[np.uint8]) -> LabelledSection:
    label = np.zeros(sample.raw.shape[1:], np.uint32) if sample.label is None else sample.label[0].astype(np.uint32)
    return LabelledSection(sample.raw[0], label, _mask(sample), fold, sample.voxel_size_nm, sample.name)


def _mask(sample: Sample) -> NDArray[np.uint8]:
    if sample.mask is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels; expected a mask")
    mask: NDArray[np.uint8] = sample.mask[0]
    return mask


def _number_regions(samples: Sequence[Sample]) -> tuple[list[NDArray[np.int32]], int]:
    """Number the regions from 1 on, (Y, X) of each section; 0 where nothing is known."""
    numbered: list[NDArray[np.int32]] = []
    count = 0
    for group in _groups(samples):
        known = np.logical_or.reduce([_mask(sample) != IGNORE for sample in group])
        together, more = ndimage.label(known, np.ones((3, 3)))
        together[together > 0] += count
        numbered += [np.where(_mask(sample) != IGNORE, together, 0).astype(np.int32) for sample in group]
        count += int(more)
    return numbered, count


def _groups(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Sections of one place: neighbours in the list that look alike."""
    groups = [[samples[0]]]
    for before, sample in pairwise(samples):
        if _alike(before.raw[0], sample.raw[0]):
            groups[-1].append(sample)
        else:
            groups.append([sample])
    return groups


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    if first.shape != second.shape:
        return False
    pair = np.stack([each[::4, ::4].ravel() for each in (first, second)])  # every fourth pixel is enough
    if not (pair[0].std() > 0 and pair[1].std() > 0):
        return False
    return bool(np.corrcoef(pair[0], pair[1]).item(1) > ALIKE)


def _share_out(foreground_px: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The fold of each region, by their foreground: runs of about as much; 0 stays 0."""
    share = np.cumsum(foreground_px) / max(foreground_px.sum(), 1)
    middle = share - foreground_px / max(foreground_px.sum(), 1) / 2
    count = min(FOLDS, max(int(np.count_nonzero(foreground_px)), 1))
    fold = 1 + np.minimum((middle * count).astype(int), count - 1)
    if len(np.unique(fold[foreground_px > 0])) < count:  # a large region among small ones: by number instead
        order: NDArray[np.int64] = np.cumsum(foreground_px > 0) - (foreground_px > 0)
        fold = 1 + order * count // max(int(np.count_nonzero(foreground_px)), 1)
    fold[0] = 0
    return np.asarray(np.minimum(fold, count), np.uint8)


def _cut_strips(sections: Sequence[LabelledSection]) -> list[LabelledSection]:
    """Cut what is known into strips across its longer side, with as much foreground each."""
    inside = [np.argwhere(each.mask == 1) for each in sections]
    places = np.concatenate(inside)
    axis = int(np.argmax(np.ptp(places, axis=0)))
    cuts = np.quantile(places[:, axis], np.arange(1, FOLDS) / FOLDS)
    strips = []
    for each in sections:
        fold = 1 + np.searchsorted(cuts, np.arange(each.mask.shape[axis])).astype(np.uint8)
        whole = np.broadcast_to(fold[:, None] if axis == 0 else fold, each.mask.shape)
        strips.append(replace(each, fold=np.where(each.fold > 0, whole, np.uint8(0))))
    return strips
