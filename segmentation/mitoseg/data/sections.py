"""Labelled files as one sequence of sections, read lazily."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, Sample, VoxelSize
from mitodata.hdf5.dataset import Dataset
from mitodata.hdf5.opening import CHUNK_CACHE_BYTES

Geometry = tuple[tuple[int, int, int], VoxelSize]
"""Shape (z, y, x) in px and voxel size in nm."""


@dataclass(frozen=True, slots=True)
class Slab:
    """Where sections of one sample are that follow each other: one for a 2D network, a whole block for a 3D network.

    Attributes:
        file: number of their file.
        sample: number of their sample in it.
        z: of the first one.
        depth: how many they are.
    """

    file: int
    sample: int
    z: int
    depth: int = 1


LEAST_CACHE_BYTES = 2**20
"""What each file may keep unpacked, however many there are: a few blocks."""


MOST_OPEN = 128
"""Files that are open at once; systems often allow a process no more than 256."""


class Sections(Protocol):
    """Where patches are cut from: labelled sections, in files or in memory; see `SectionFiles`."""

    def shape(self, section: Slab) -> tuple[int, int]:
        """Size (y, x) of a section in px."""

    def depth(self, section: Slab) -> int:
        """Slices of the whole sample that a section is in."""

    def voxel_size_nm(self, section: Slab) -> VoxelSize:
        """Voxel size (z, y, x) in nm of the sample a section is in."""

    def classes(self, section: Slab) -> Mapping[int, str]:
        """Names of the values of the compartments."""

    def path(self, section: Slab) -> Path:
        """What messages call the place where a section is."""

    def read_window(self, section: Slab, window: tuple[slice, slice, slice]) -> Sample:
        """Read a window (z, y, x) of the sample a section is in; z counts from the sample's first slice."""

    def close(self) -> None:
        """Close what is open."""


class SectionFiles:
    """Labelled files seen as one sequence of sections; files are opened when first read, in each process by itself."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Check that all files are labelled.

        Raises:
            DataError: a file is missing, damaged, unlabelled or empty.
        """
        # Together they keep no more in memory than one of them would.
        cache_bytes = max(LEAST_CACHE_BYTES, CHUNK_CACHE_BYTES // max(len(paths), 1))
        self.files = [Dataset(path, cache_bytes) for path in paths]
        self._geometry: dict[tuple[int, int], Geometry] = {}
        self._recent: dict[int, None] = {}
        for number, path in enumerate(paths):
            file = self.file(number)
            if not len(file):
                raise DataError(f"{path}: holds no images; expected at least one")
            if not file.labelled:
                raise DataError(f"{path}: has no labels; expected a dataset with label and mask")

    def file(self, number: int) -> Dataset:
        """A file by its number, to be read now: of very many, the one that was not read for longest is closed."""
        self._recent.pop(number, None)
        self._recent[number] = None
        if len(self._recent) > MOST_OPEN:
            oldest = next(iter(self._recent))
            del self._recent[oldest]
            self.files[oldest].close()
        return self.files[number]

    def sections(self) -> list[Slab]:
        """All sections one by one, in the order of the files."""
        return [Slab(slab.file, slab.sample, z) for slab in self.slabs() for z in range(slab.depth)]

    def slabs(self) -> list[Slab]:
        """Every sample with all its sections, in the order of the files."""
        numbers = range(len(self.files))
        samples = ((number, sample) for number in numbers for sample in range(len(self.file(number))))
        return [Slab(*key, 0, self._geometry_of(*key)[0][0]) for key in samples]

    def shape(self, section: Slab) -> tuple[int, int]:
        """Size (y, x) of a section in px."""
        (_, y, x), _ = self._geometry_of(section.file, section.sample)
        return y, x

    def depth(self, section: Slab) -> int:
        """Slices of the whole sample that a section is in."""
        return self._geometry_of(section.file, section.sample)[0][0]

    def voxel_size_nm(self, section: Slab) -> VoxelSize:
        """Voxel size (z, y, x) in nm of the sample a section is in."""
        return self._geometry_of(section.file, section.sample)[1]

    def classes(self, section: Slab) -> Mapping[int, str]:
        """Names of the values of the compartments of the file a section is in."""
        return self.file(section.file).provenance.classes

    def path(self, section: Slab) -> Path:
        """The file a section is in."""
        return self.files[section.file].path

    def read(
        self, section: Slab, y: slice = slice(None), x: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read a window of the first slice of a section: raw and mask, both (Y, X) uint8."""
        rows, columns = self.shape(section)
        window = (slice(section.z, section.z + 1), slice(*y.indices(rows)[:2]), slice(*x.indices(columns)[:2]))
        sample = self.read_window(section, window)
        return sample.raw[0], mask_of(sample)[0]

    def read_window(self, section: Slab, window: tuple[slice, slice, slice]) -> Sample:
        """Read a window (z, y, x) of the sample a section is in; z counts from the sample's first slice."""
        sample = self.file(section.file).read(section.sample, window)
        if sample.mask is None:
            raise DataError(f"{self.path(section)}: sample {section.sample} has no labels")
        return sample

    def any_foreground(self, slabs: Iterable[Slab]) -> bool:
        """Whether any section of the slabs has foreground; read until one has."""
        return any(
            (self.read(Slab(slab.file, slab.sample, z))[1] == 1).any()
            for slab in slabs
            for z in range(slab.z, slab.z + slab.depth)
        )

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()

    def _geometry_of(self, file: int, sample: int) -> Geometry:
        # One entry a file where all samples are alike: with a million of them it must stay small.
        opened = self.file(file)
        key = (file, 0 if opened.uniform else sample)
        if key not in self._geometry:
            self._geometry[key] = (opened.shape(key[1]), opened.voxel_size_nm(key[1]))
        return self._geometry[key]


def mask_of(sample: Sample) -> NDArray[np.uint8]:
    """The mask of a sample that is known to have one."""
    if sample.mask is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels; expected a mask")
    return sample.mask
