"""Patches of labelled files on the working grid, each one a function of (seed, its number)."""

import bisect
import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from mitodata import DataError, Sample
from mitodata.hdf5.layout import BLOCK
from mitodata.readers.rims import RowEnds, rim_of
from mitoseg.config.settings import FitConfig
from mitoseg.data.sections import Sections, Slab, mask_of
from mitoseg.networks.normalisation import (
    GreyScale,
    grey_of_counts,
    mirror_to,
    normalise,
    resample_volume,
    tissue_counts,
    working_volume,
)
from mitoseg.networks.targets import make_planes

MARGIN = 1.25
"""A window is read this much wider than a patch, so that turning and shrinking find real tissue at the edges."""

CENTRES = 64
"""Foreground positions remembered for a slice."""

ELSEWHERE = 8
"""Times that another slice is taken for one that holds nothing."""

REMEMBERED = 32768
"""Slices whose facts are kept in memory: at most 32 MB."""

TILE_ROWS = 4 * BLOCK[1]
"""Rows that are measured together, so that memory does not grow with the size of slices."""


@dataclass(frozen=True, eq=False)
class SliceFacts:
    """What is measured once on a whole slice.

    Attributes:
        grey: its grey scale.
        centres: (K, 2) int32, some foreground pixels (y, x); K = 0 without foreground.
        inside: rows and columns without a constant rim; empty of a slice of one grey level.
    """

    grey: GreyScale
    centres: NDArray[np.int32]
    inside: tuple[slice, slice]


class Patches(TorchDataset[Tensor]):
    """An endless sequence: patch number k is the same whichever process makes it, and whatever was made before.

    A pass visits every section as often as patches are needed to cover it, in an order of its own.
    """

    def __init__(self, files: Sections, sections: Sequence[Slab], config: FitConfig) -> None:
        """Take `sections` of `files`: single ones for a 2D network, several together for a 3D one.

        Raises:
            DataError: a voxel size is out of reach.
        """
        self.files = files
        self.config = config
        self.window = window_px(config)
        self.facts: OrderedDict[tuple[int, int, int], SliceFacts] = OrderedDict()
        self.sections = list(sections)
        patch_px = prod(patch_shape(config))
        covers = [max(1, round(prod(self._working_shape(section)) / patch_px)) for section in self.sections]
        self.ends = np.fromiter(itertools.accumulate(covers), np.int64)
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        """Patches in one pass."""
        return int(self.ends[-1])

    def __getitem__(self, number: int) -> Tensor:
        """Make patch `number`.

        Returns:
            (2 + P, Y, X) float32, or (2 + P, Z, Y, X) for a 3D network, of `window` size: normalised grey, then the
            planes of `mitoseg.networks.targets.make_planes`.
        """
        rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(1, number)))
        section = self.sections[bisect.bisect_right(self.ends, self._visit(number))]
        z = section.z + int(rng.integers(section.depth))
        facts = self._measure(section, z)
        for _ in range(ELSEWHERE):
            if facts.inside[0].stop > facts.inside[0].start:
                break
            section = self.sections[int(rng.integers(len(self.sections)))]
            z = section.z + int(rng.integers(section.depth))
            facts = self._measure(section, z)
        at_foreground = rng.random() < self.config.foreground_fraction and len(facts.centres) > 0
        centre = (z, *facts.centres[rng.integers(len(facts.centres))].tolist()) if at_foreground else None
        return self._cut(section, centre, facts.inside, rng)

    def _visit(self, number: int) -> int:
        turn, place = divmod(number, len(self))
        if self._order[0] != turn:
            rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(2, turn)))
            self._order = (turn, rng.permutation(len(self)))
        return int(self._order[1][place])

    def _working_shape(self, section: Slab) -> tuple[int, int, int]:
        shape = (section.depth, *self.files.shape(section))
        try:
            return working_volume(shape, self.files.voxel_size_nm(section), self.config)
        except DataError as error:
            raise DataError(f"{self.files.path(section)}: {error}") from error

    def _cut(
        self, section: Slab, centre: tuple[int, int, int] | None, inside: tuple[slice, slice], rng: np.random.Generator
    ) -> Tensor:
        shape = (section.depth, *self.files.shape(section))
        tissue = (slice(0, section.depth), *inside)
        first = (section.z, 0, 0)
        working = self._working_shape(section)
        window, size = [], []
        for axis in range(3):
            scale = working[axis] / shape[axis]
            length = min(shape[axis], ceil(self.window[axis] / scale))
            low, high = _starts(tissue[axis], length, shape[axis])
            if centre is None:
                start = int(rng.integers(low, high + 1))
            else:
                # The chosen voxel lies anywhere in the middle half of the window.
                start = centre[axis] - first[axis] - int(length * rng.uniform(0.25, 0.75))
                start = min(max(start, low), high)
            window.append(slice(first[axis] + start, first[axis] + start + length))
            size.append(max(1, round(length * scale)))
        sample = self.files.read_window(section, (window[0], window[1], window[2]))
        greys = [self._measure(section, z).grey for z in range(window[0].start, window[0].stop)]
        classes = self.files.classes(section)
        return make_window(sample, greys, (size[0], size[1], size[2]), self.window, self.config, classes)

    def _measure(self, section: Slab, z: int) -> SliceFacts:
        key = (section.file, section.sample, z)
        if key not in self.facts:
            # Slices that share blocks of the file are measured together: each block is unpacked once.
            depth = self.files.depth(section)
            start = z - z % BLOCK[0]
            for found, facts in self._measure_block(section, start, min(start + BLOCK[0], depth)).items():
                self.facts[(section.file, section.sample, found)] = facts
            while len(self.facts) > REMEMBERED:
                self.facts.popitem(last=False)
        return self.facts[key]

    def _measure_block(self, section: Slab, start: int, stop: int) -> dict[int, SliceFacts]:
        key = (3, section.file, section.sample, start)
        rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=key))
        rows, columns = self.files.shape(section)
        counts = np.zeros((stop - start, 256), np.int64)
        # From every tile as many positions as may be wanted, and how many there were to choose from.
        found: list[list[tuple[NDArray[np.int32], int]]] = [[] for _ in range(start, stop)]
        ends: list[list[RowEnds]] = [[] for _ in range(start, stop)]
        for top in range(0, rows, TILE_ROWS):
            tile = (slice(start, stop), slice(top, min(top + TILE_ROWS, rows)), slice(0, columns))
            sample = self.files.read_window(section, tile)
            for number, (raw, mask) in enumerate(zip(sample.raw, mask_of(sample), strict=True)):
                counts[number] += np.bincount(raw.ravel(), minlength=256)
                ends[number].append(RowEnds.of(raw))
                places = np.flatnonzero(mask == 1)
                if len(places):
                    chosen = places[rng.choice(len(places), min(CENTRES, len(places)), replace=False)]
                    positions = np.stack([top + chosen // columns, chosen % columns], 1)
                    found[number].append((positions.astype(np.int32), len(places)))
        facts = {}
        for number in range(stop - start):
            rim = rim_of(RowEnds.join(ends[number]))
            grey = grey_of_counts(tissue_counts(counts[number], rim))
            facts[start + number] = SliceFacts(grey, _thin_out(found[number], rng), rim.inside)
        return facts


def _starts(tissue: slice, length: int, whole: int) -> tuple[int, int]:
    """The first and the last place where a window of a length may start: within the tissue, or as much as it allows."""
    low, high = tissue.start, tissue.stop - length
    if low > high:  # longer than the tissue: around its middle
        low = high = (low + high) // 2
    return min(max(low, 0), whole - length), min(max(high, 0), whole - length)


def _thin_out(tiles: Sequence[tuple[NDArray[np.int32], int]], rng: np.random.Generator) -> NDArray[np.int32]:
    """At most `CENTRES` positions, from each tile as many as its share of the foreground."""
    if not tiles:
        return np.empty((0, 2), np.int32)
    if len(tiles) == 1:
        return tiles[0][0]
    total = sum(count for _, count in tiles)
    shares = rng.multinomial(CENTRES, [count / total for _, count in tiles])
    return np.concatenate([positions[:share] for (positions, _), share in zip(tiles, shares, strict=True)])


def make_window(
    sample: Sample,
    greys: Sequence[GreyScale],
    size: tuple[int, int, int],
    window: tuple[int, int, int],
    config: FitConfig,
    classes: Mapping[int, str],
) -> Tensor:
    """Turn a labelled piece of tissue into what `Patches` gives.

    Args:
        sample: the piece, (Z, Y, X).
        greys: grey scale of each of its slices.
        size: its shape on the working grid, px.
        window: the shape that is wanted.
        config: how many dimensions the result has, and what the target is.
        classes: names of the values of the sample's compartments.
    """
    image = np.stack([normalise(raw, grey) for raw, grey in zip(sample.raw, greys, strict=True)])
    truth = make_planes(sample, config.target, size, classes)
    planes = fit_window(torch.cat([resample_volume(torch.from_numpy(image[None]), size), truth]), window)
    return planes if config.dimensions == 3 else planes[:, 0]


def patch_shape(config: FitConfig) -> tuple[int, int, int]:
    """Size (z, y, x) of a patch on the working grid, px; z is 1 for a 2D network."""
    return (config.patch_z_px if config.dimensions == 3 else 1, config.patch_px, config.patch_px)


def window_px(config: FitConfig) -> tuple[int, int, int]:
    """Size (z, y, x) of the windows that are read for a patch, px of the working grid."""
    z, y, x = (ceil(side * MARGIN) if config.augment.enabled and side > 1 else side for side in patch_shape(config))
    return z, y, x


def fit_window(planes: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Bring (C, Z, Y, X) to (C, *shape): cut what is too long, mirror at the edges where it is too short."""
    z, y, x = shape
    return mirror_to(planes[:, :z, :y, :x], shape)
