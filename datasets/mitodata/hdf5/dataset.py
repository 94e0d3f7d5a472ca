"""Dataset files: write them, read them lazily, describe and check them.

This is the module to import from; the layout itself, the writer and the checks have modules of their own.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.hdf5.checks import describe, validate
from mitodata.hdf5.damage import one_line
from mitodata.hdf5.layout import (
    FORMAT_NAME,
    SCHEMA_VERSION,
    Provenance,
    read_knobs,
    read_provenance,
    read_sample,
    sample_count,
    sample_images,
    sample_shape,
    sample_thickness,
    sample_voxel_size,
    software,
)
from mitodata.hdf5.opening import CHUNK_CACHE_BYTES, open_file
from mitodata.hdf5.writer import write_dataset, write_volume
from mitodata.sample import Sample, VoxelSize

__all__ = [
    "FORMAT_NAME",
    "SCHEMA_VERSION",
    "Dataset",
    "Provenance",
    "describe",
    "software",
    "validate",
    "write_dataset",
    "write_volume",
]

Window = tuple[slice, slice, slice]


class Dataset:
    """A dataset file as a sequence of samples, read when asked for.

    Read-only. A copy in another process (pickled or forked) opens the file again by itself, so that a Dataset can be
    handed to the workers of a data loader.

        with Dataset("train.h5") as train:
            sample = train[0]                                                       # sample.raw: (Z, Y, X) uint8
            part = train.read(0, (slice(0, 1), slice(0, 64), slice(0, 64)))         # reads only this window

    Attributes:
        path: the file.
        provenance: where the images come from.
        labelled: whether every sample has label and mask.
        is_2d: whether every sample is a single section (Z = 1).
        uniform: whether all samples have one shape and one voxel size by construction (see docs/file-format.md).
    """

    def __init__(self, path: str | Path, cache_bytes: int = CHUNK_CACHE_BYTES) -> None:
        """Open the file.

        Args:
            path: the file.
            cache_bytes: how much of each image dataset may stay unpacked in memory for later windows; 0 if every sample
                is read once.

        Raises:
            DataError: it is missing, unreadable, truncated, not HDF5, not ours, or written by a newer version.
        """
        self.path = Path(path)
        self._cache_bytes = cache_bytes
        self._file: h5py.File | None = None
        self._process = 0
        self._held: dict[str, h5py.Dataset] = {}
        with self._errors():
            file = self._open()
            self._length = sample_count(file)
            self.provenance: Provenance = read_provenance(file)
            self.uniform: bool = "raw" in file
            self._knobs = read_knobs(file)
            distinct = range(1) if self.uniform else range(self._length)
            self.labelled: bool = all("mask" in sample_images(file, index) for index in distinct)
            self.is_2d: bool = all(sample_shape(file, index)[0] == 1 for index in distinct)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Sample:
        """Read a whole sample; negative numbers count from the end.

        Raises:
            IndexError: there is no such sample.
            DataError: the file is damaged.
        """
        return self.read(index)

    def __iter__(self) -> Iterator[Sample]:
        return (self.read(index) for index in range(len(self)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_file": None, "_held": {}}

    def close(self) -> None:
        """Close the file; reading again opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None
        self._held = {}

    def shape(self, index: int) -> tuple[int, int, int]:
        """Return the shape (Z, Y, X) of a sample without reading it."""
        index = self._number(index)
        with self._errors():
            return sample_shape(self._open(), index)

    def voxel_size_nm(self, index: int) -> VoxelSize:
        """Return the voxel size (z, y, x) of a sample in nm."""
        index = self._number(index)
        with self._errors():
            return sample_voxel_size(self._open(), index)

    def thickness_nm(self, index: int) -> float:
        """Return the thickness of a sample's sections in nm: of a rendered single section the one drawn for it.

        Raises:
            DataError: the file is damaged, or what was drawn is no thickness.
        """
        index = self._number(index)
        with self._errors():
            return sample_thickness(self._open(), index)

    def name(self, index: int) -> str:
        """Return where a sample came from; may be empty."""
        index = self._number(index)
        with self._errors():
            return str(self._open()["names"].asstr()[index])

    @property
    def params(self) -> dict[str, NDArray[np.float64]]:
        """The numbers drawn for the samples: a (N,) float64 array a knob; empty for real images."""
        with self._errors():
            if not self._knobs:
                return {}
            table = np.asarray(self._open()["params"][:], dtype=np.float64)
            return {name: table[:, column] for column, name in enumerate(self._knobs)}

    def read(self, index: int, window: Window | None = None) -> Sample:
        """Read a sample or a window of it.

        Args:
            index: number of the sample; negative numbers count from the end.
            window: slices in z, y, x without steps, cut off at the edges as numpy does.

        Raises:
            IndexError: there is no such sample.
            DataError: the window is empty, or the file is damaged.
        """
        index = self._number(index)
        if window is not None:
            window = self._inside(index, window)
        with self._errors():
            file = self._open()
            # HDF5 forgets the chunks it has unpacked when a dataset is closed; the next section needs the same ones.
            self._held = sample_images(file, index)
            return read_sample(file, index, self._held, self._knobs, window)

    def _inside(self, index: int, window: Window) -> Window:
        shape = self.shape(index)
        edges = [part.indices(size) for part, size in zip(window, shape, strict=True)]
        if any(step != 1 or start >= stop for start, stop, step in edges):
            raise DataError(
                f"{self.path}: window {window} of sample {index} is empty or has steps; its shape is {shape}"
            )
        z, y, x = (slice(start, stop) for start, stop, _ in edges)
        return (z, y, x)

    def _number(self, index: int) -> int:
        number = index + self._length if index < 0 else index
        if not 0 <= number < self._length:
            raise IndexError(f"{self.path}: no sample {index} among {self._length}")
        return number

    def _open(self) -> h5py.File:
        if self._file is None or self._process != os.getpid():  # a handle from before a fork must not be shared
            self._file = open_file(self.path, self._cache_bytes)
            self._process = os.getpid()
        return self._file

    def _errors(self) -> AbstractContextManager[None]:
        return one_line(self.path, "; `mitogen validate` says more")
