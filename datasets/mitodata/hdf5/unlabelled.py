"""Grey images of a dataset file for those who must not see its labels: no label, mask or compartment is ever opened."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py

from mitodata.hdf5.damage import one_line
from mitodata.hdf5.layout import image_dataset, sample_count, sample_group
from mitodata.hdf5.opening import open_file
from mitodata.sample import Sample, VoxelSize

Window = tuple[slice, slice, slice]


class Unlabelled:
    """A dataset file as a sequence of grey images.

        with Unlabelled(Path("real.h5")) as images:
            images.read(0).raw      # (Z, Y, X) uint8; label and mask are None, whatever the file holds

    Attributes:
        path: the file.
        is_2d: whether every sample is a single section (Z = 1).
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            DataError: it is missing, unreadable, truncated, not HDF5, not ours, or written by a newer version.
        """
        self.path = path
        self._file = open_file(path)
        self._held: h5py.Dataset | None = None
        with self._errors():
            self._stacked = "raw" in self._file
            self._length = sample_count(self._file)
            distinct = range(min(1, self._length) if self._stacked else self._length)
            self.is_2d = all(self.shape(index)[0] == 1 for index in distinct)

    def __len__(self) -> int:
        return self._length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def shape(self, index: int) -> tuple[int, int, int]:
        """Return the shape (Z, Y, X) of a sample."""
        with self._errors():
            z, y, x = (1, 1, 1, *self._raw(index).shape[1 if self._stacked else 0 :])[-3:]
            return (z, y, x)

    def voxel_size_nm(self, index: int) -> VoxelSize:
        """Return the voxel size (z, y, x) of a sample in nm."""
        with self._errors():
            z, y, x = (float(edge) for edge in self._raw(index).attrs["resolution"])
            return (z, y, x)

    def read(self, index: int, window: Window) -> Sample:
        """Read a window (slices in z, y, x without steps) of a sample, without labels.

        Raises:
            DataError: the file is damaged, or holds something else than 8-bit grey images.
        """
        with self._errors():
            # HDF5 forgets the chunks it has unpacked when a dataset is closed; the next window needs the same ones.
            raw = self._held = self._raw(index)
            array = raw[(index, *window[4 - raw.ndim :])] if self._stacked else raw[window]
            return Sample(array.reshape(-1, *array.shape[-2:]), self.voxel_size_nm(index))

    def _raw(self, index: int) -> h5py.Dataset:
        return image_dataset(self._file if self._stacked else self._file[sample_group(index)], "raw")

    def _errors(self) -> AbstractContextManager[None]:
        return one_line(self.path, "; `mitogen validate` says more")
