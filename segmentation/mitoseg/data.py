"""Patches from HDF5 files: read lazily, brought to the working grid, each one a function of (seed, its number)."""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from mitodata import DataError, VoxelSize
from mitodata.store import Dataset
from mitoseg.config import FitConfig
from mitoseg.preprocess import GreyScale, mask_planes, measure_grey, mirror_to, normalise, resample, working_shape

MARGIN = 1.25
"""A window is read this much wider than a patch, so that turning and shrinking find real tissue at the edges."""

CENTRES = 64
"""Foreground positions remembered for a section."""


@dataclass(frozen=True)
class Section:
    """Where one z slice is: the number of its file, of its sample in it, and z."""

    file: int
    sample: int
    z: int


@dataclass(frozen=True, eq=False)
class SectionFacts:
    """What is measured once on a whole section.

    Attributes:
        grey: its grey scale.
        centres: (K, 2) int64, some foreground pixels (y, x); K = 0 without foreground.
    """

    grey: GreyScale
    centres: NDArray[np.int64]


class SectionFiles:
    """Labelled files seen as one sequence of sections; files are opened when first read, in each process by itself."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Check that all files are labelled and list their sections.

        Raises:
            DataError: a file is missing, damaged, unlabelled or empty.
        """
        self.files = [Dataset(path) for path in paths]
        self._geometry: dict[tuple[int, int], tuple[tuple[int, int, int], VoxelSize]] = {}
        for path, file in zip(paths, self.files, strict=True):
            if not len(file):
                raise DataError(f"{path}: holds no images; expected at least one")
            if not file.labelled:
                raise DataError(f"{path}: has no labels; expected a dataset with label and mask")

    def sections(self) -> list[Section]:
        """All sections, in the order of the files."""
        return [
            Section(number, sample, z)
            for number, file in enumerate(self.files)
            for sample in range(len(file))
            for z in range(file.shape(sample)[0])
        ]

    def shape(self, section: Section) -> tuple[int, int]:
        """Size (y, x) of a section in px."""
        (_, y, x), _ = self.geometry(section)
        return y, x

    def voxel_size_nm(self, section: Section) -> VoxelSize:
        """Voxel size (z, y, x) in nm of the sample a section is in."""
        return self.geometry(section)[1]

    def geometry(self, section: Section) -> tuple[tuple[int, int, int], VoxelSize]:
        """Shape (z, y, x) in px and voxel size in nm of the sample a section is in; read from the file once."""
        key = (section.file, section.sample)
        if key not in self._geometry:
            file = self.files[section.file]
            self._geometry[key] = (file.shape(section.sample), file.voxel_size_nm(section.sample))
        return self._geometry[key]

    def working_shape(self, section: Section, working_nm: float) -> tuple[int, int]:
        """Size (y, x) of a section on the working grid, px."""
        try:
            return working_shape(self.shape(section), self.voxel_size_nm(section), working_nm)
        except DataError as error:
            raise DataError(f"{self.files[section.file].path}: {error}") from error

    def read(
        self, section: Section, y: slice = slice(None), x: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read a window of a section: raw and mask, both (Y, X) uint8."""
        rows, columns = self.shape(section)
        window = (slice(section.z, section.z + 1), slice(*y.indices(rows)[:2]), slice(*x.indices(columns)[:2]))
        sample = self.files[section.file].read(section.sample, window)
        if sample.mask is None:
            raise DataError(f"{self.files[section.file].path}: sample {section.sample} has no labels")
        return sample.raw[0], sample.mask[0]

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()


class Patches(TorchDataset[Tensor]):
    """An endless sequence: patch number k is the same whichever process makes it, and whatever was made before.

    A pass visits every section as often as patches are needed to cover it, in an order of its own.
    """

    def __init__(self, files: SectionFiles, sections: Sequence[Section], config: FitConfig) -> None:
        self.files = files
        self.config = config
        self.side = window_side(config)
        self.facts: dict[Section, SectionFacts] = {}
        self.sections = list(sections)
        covers = [
            max(1, round(shape[0] * shape[1] / config.patch_px**2))
            for shape in (files.working_shape(section, config.working_voxel_nm) for section in self.sections)
        ]
        self.ends = list(itertools.accumulate(covers))
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        """Patches in one pass."""
        return self.ends[-1]

    def __getitem__(self, number: int) -> Tensor:
        """Make patch `number`: (3, side, side) float32 - normalised grey, foreground share, ignored share."""
        rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(1, number)))
        section = self.sections[bisect.bisect_right(self.ends, self._visit(number))]
        facts = self._measure(section)
        at_foreground = rng.random() < self.config.foreground_fraction and len(facts.centres) > 0
        centre = facts.centres[rng.integers(len(facts.centres))] if at_foreground else None
        return self._cut(section, facts.grey, centre, rng)

    def _visit(self, number: int) -> int:
        turn, place = divmod(number, len(self))
        if self._order[0] != turn:
            rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=(2, turn)))
            self._order = (turn, rng.permutation(len(self)))
        return int(self._order[1][place])

    def _measure(self, section: Section) -> SectionFacts:
        if section not in self.facts:
            raw, mask = self.files.read(section)
            centres = np.argwhere(mask == 1)
            key = (3, section.file, section.sample, section.z)
            rng = np.random.default_rng(np.random.SeedSequence(self.config.seed, spawn_key=key))
            if len(centres) > CENTRES:
                centres = centres[rng.choice(len(centres), CENTRES, replace=False)]
            self.facts[section] = SectionFacts(measure_grey(raw), centres)
        return self.facts[section]

    def _cut(
        self, section: Section, grey: GreyScale, centre: NDArray[np.int64] | None, rng: np.random.Generator
    ) -> Tensor:
        shape = self.files.shape(section)
        working = self.files.working_shape(section, self.config.working_voxel_nm)
        window, size = [], []
        for axis in (0, 1):
            scale = working[axis] / shape[axis]
            length = min(shape[axis], ceil(self.side / scale))
            if centre is None:
                start = int(rng.integers(shape[axis] - length + 1))
            else:
                # The chosen pixel lies anywhere in the middle half of the window.
                start = int(centre[axis]) - int(length * rng.uniform(0.25, 0.75))
                start = min(max(start, 0), shape[axis] - length)
            window.append(slice(start, start + length))
            size.append(max(1, round(length * scale)))
        raw, mask = self.files.read(section, *window)
        # Joined in numpy: for so few pixels torch's threads would cost more than they save.
        planes = torch.from_numpy(np.concatenate([normalise(raw, grey)[None], mask_planes(mask)]))
        return fit_window(resample(planes[None], (size[0], size[1]))[0], self.side)


class CountFrom(Sampler[int]):
    """The numbers start, start + 1, ... up to but without stop."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.start = start
        self.stop = stop

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.start) if self.stop is None else iter(range(self.start, self.stop))


def make_loader(patches: Patches, start: int, stop: int | None) -> DataLoader[Tensor]:
    """Batches (B, 3, side, side) of the patches from `start` on, up to `stop` or without end."""
    workers = patches.config.workers
    return DataLoader(
        patches,
        batch_size=patches.config.batch,
        sampler=CountFrom(start, stop),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        drop_last=False,
    )


def window_side(config: FitConfig) -> int:
    """Side of the windows that are read for a patch, px of the working grid."""
    return ceil(config.patch_px * MARGIN) if config.augment.enabled else config.patch_px


def fit_window(planes: Tensor, side: int) -> Tensor:
    """Bring (C, Y, X) to (C, side, side): cut what is too long, mirror at the edges where it is too short."""
    return mirror_to(planes[:, :side, :side], (side, side))


def split_sections(files: SectionFiles, fraction: float, seed: int) -> tuple[list[Section], list[Section]]:
    """Split the sections of `files` into those for training and those for validation.

    Single sections are independent images and are drawn at random. Neighbouring slices of a volume are nearly the
    same image, so a volume gives its last slices, and the slices beside them (a twentieth, at most 8) go unused.

    Raises:
        DataError: one of the two would be empty.
    """
    training: list[Section] = []
    held_out: list[Section] = []
    singles: list[Section] = []
    for number, file in enumerate(files.files):
        for sample in range(len(file)):
            depth = file.shape(sample)[0]
            if depth == 1:
                singles.append(Section(number, sample, 0))
                continue
            first = depth - max(1, round(depth * fraction))
            gap = min(8, ceil(depth / 20))
            training += [Section(number, sample, z) for z in range(max(0, first - gap))]
            held_out += [Section(number, sample, z) for z in range(first, depth)]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    order = [singles[i] for i in rng.permutation(len(singles))]
    count = max(1, round(len(singles) * fraction)) if singles else 0
    held_out += order[:count]
    training += order[count:]
    if not training or not held_out:
        raise DataError(
            f"{files.files[0].path}: too few sections to hold out a fraction of {fraction:g}; give --val FILE"
        )
    return training, held_out


def spread(sections: Sequence[Section], count: int) -> list[Section]:
    """At most `count` of `sections`, evenly spread."""
    if len(sections) <= count:
        return list(sections)
    return [sections[int(i)] for i in np.linspace(0, len(sections) - 1, count).round()]
