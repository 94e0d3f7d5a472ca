"""Writing a dataset file: one image at a time, under its final name only once it is whole."""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.layout import (
    ALIASES,
    BLOCK,
    IMAGES,
    Provenance,
    chunk_shape,
    read_sample,
    sample_group,
    write_image_attributes,
    write_provenance,
)
from mitodata.sample import Sample, VoxelSize

_LABEL_FILTERS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_ROWS = 256  # rows of `params` and `names` a chunk


def write_dataset(
    path: str | Path, samples: Iterable[Sample], provenance: Provenance, *, overwrite: bool = False
) -> None:
    """Write samples to one file, in order; equal samples give equal bytes.

    Samples of one shape and voxel size are stacked; the first one that differs turns the file into one group a sample.
    Memory does not grow with the number of samples. Until the file is whole it is called `.NAME.partial`.

    Args:
        path: the HDF5 file to write.
        samples: at least one; all with the same names of `params`.
        provenance: the root attributes.
        overwrite: replace an existing file.

    Raises:
        DataError: `path` exists and `overwrite` is off, cannot be written (permission, space, another writer), there
            are no samples, or their `params` differ in names or are not finite. What `samples` raises passes through.
    """
    with _Draft(Path(path), overwrite) as draft:
        writer: _Stack | _Groups | None = None
        for sample in samples:
            with draft.disk_errors():
                if writer is None:
                    writer = _Stack(draft.create(provenance), _Form.of(sample), tuple(sample.params))
                elif isinstance(writer, _Stack) and _Form.of(sample) != writer.form:
                    writer = _regroup(writer, draft.create(provenance))
                writer.append(sample)
        if writer is None:
            raise DataError(f"{path}: no images to write")
        if isinstance(writer, _Stack):
            with draft.disk_errors():
                writer.finish()
        draft.keep()


def write_volume(
    path: str | Path, slabs: Iterable[Sample], provenance: Provenance, *, name: str = "", overwrite: bool = False
) -> None:
    """Write one volume that arrives as slabs of whole sections, from z = 0 on; memory is that of a slab.

    Args:
        path: the HDF5 file to write.
        slabs: at least one; of equal Y, X, voxel size and names of `params` (the first slab's values are kept).
            Instance numbers must agree between slabs.
        provenance: the root attributes.
        name: name of the volume.
        overwrite: replace an existing file.

    Raises:
        DataError: as `write_dataset`; or the slabs do not fit together.
    """
    with _Draft(Path(path), overwrite) as draft:
        volume: _Volume | None = None
        for slab in slabs:
            with draft.disk_errors():
                if volume is None:
                    volume = _Volume(draft.create(provenance), slab, name)
                volume.append(slab)
        if volume is None:
            raise DataError(f"{path}: no sections to write")
        with draft.disk_errors():
            volume.finish()
        draft.keep()


class _Draft:
    """The temporary file beside the final one; gone afterwards unless it was kept, that is, renamed."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        if path.is_dir():
            raise DataError(f"{path}: is a folder; expected the name of a file to write")
        if path.exists() and not overwrite:
            raise DataError(f"{path}: exists already; choose another name or overwrite it")
        self._path = path
        # A fixed name: what a killed run left is taken over by the next one instead of lying about for ever.
        self._drafts = [path.with_name(f".{path.name}.partial")]
        self._file: h5py.File | None = None
        self._lock = -1

    def __enter__(self) -> "_Draft":
        with self.disk_errors():
            self._lock = os.open(self._drafts[0], os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DataError(f"{self._path}: another process is writing it") from None
        except OSError:  # a file system without locks: two writers at once are then not noticed
            pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError, RuntimeError):  # what cannot be flushed (full disk) is thrown away anyway
                self._file.close()
        for draft in self._drafts:
            draft.unlink(missing_ok=True)
        os.close(self._lock)

    def create(self, provenance: Provenance) -> h5py.File:
        """Start the file; the second time, when it turns out to need the other form, a second one beside it."""
        if self._file is not None:
            self._drafts.append(self._drafts[0].with_suffix(".partial2"))
        # HDF5 would lock too, and fail, because `_lock` is another handle on the same file.
        self._file = h5py.File(self._drafts[-1], "w", track_order=True, locking=False)
        write_provenance(self._file, provenance)
        return self._file

    def keep(self) -> None:
        """Flush everything to the disk and give the file its final name."""
        with self.disk_errors():
            if self._file is not None:
                self._file.close()
            draft = os.open(self._drafts[-1], os.O_RDONLY)
            try:
                os.fsync(draft)
            finally:
                os.close(draft)
            os.replace(self._drafts[-1], self._path)
            self._drafts.pop()

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Turn what the system or HDF5 says about the disk into one line."""
        try:
            yield
        except (OSError, RuntimeError) as error:  # HDF5 raises both, with a page of text
            raise DataError(f"{self._path}: cannot be written: {_reason(error)}") from error


def _reason(error: OSError | RuntimeError) -> str:
    if isinstance(error, FileNotFoundError):
        return "its folder does not exist"
    number = re.search(r"errno = (\d+)", str(error))
    if number:
        return os.strerror(int(number[1]))
    return (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]


@dataclass(frozen=True)
class _Form:
    """What samples must share to be stacked."""

    shape: tuple[int, int, int]
    voxel_size_nm: VoxelSize
    label_dtype: str  # empty if unlabelled

    @classmethod
    def of(cls, sample: Sample) -> "_Form":
        label = "" if sample.label is None else sample.label.dtype.str
        z, y, x = sample.raw.shape
        return cls((z, y, x), sample.voxel_size_nm, label)


class _Table:
    """`params` and `names`: one row a sample."""

    def __init__(self, file: h5py.File, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._names = file.create_dataset("names", (0,), h5py.string_dtype(), maxshape=(None,), chunks=(_ROWS,))
        self._params: h5py.Dataset | None = None
        if columns:
            width = len(columns)
            self._params = file.create_dataset(
                "params", (0, width), np.float64, maxshape=(None, width), chunks=(_ROWS, width)
            )
            self._params.attrs["columns"] = np.array(columns, dtype=h5py.string_dtype())

    def __len__(self) -> int:
        return len(self._names)

    def append(self, sample: Sample) -> int:
        """Write the row of a sample and return its number."""
        row = len(self)
        if set(sample.params) != set(self.columns):
            odd = sorted(set(sample.params) ^ set(self.columns))
            raise DataError(f"image {row}: its params are not those of image 0: {', '.join(odd[:3])}")
        values = np.array([sample.params[column] for column in self.columns], dtype=np.float64)
        if not np.isfinite(values).all():
            worst = self.columns[int(np.argmin(np.isfinite(values)))]
            raise DataError(f"image {row}: {worst} is {sample.params[worst]}; expected a finite number")
        if self._params is not None:
            self._params.resize(row + 1, axis=0)
            self._params[row] = values
        self._names.resize(row + 1, axis=0)
        self._names[row] = sample.name
        return row


def _array(sample: Sample, name: str) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]:
    array = {"raw": sample.raw, "label": sample.label, "mask": sample.mask}[name]
    if array is None:
        raise DataError(f"{sample.name or 'sample'}: has no {name}, unlike the first one")
    return array


@dataclass(frozen=True)
class _Room:
    """Shapes of image datasets to create."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    maxshape: tuple[int | None, ...] | None
    axes: str


def _create_images(group: h5py.Group, form: _Form, room: _Room) -> dict[str, h5py.Dataset]:
    images = {}
    for name in IMAGES if form.label_dtype else IMAGES[:1]:
        images[name] = group.create_dataset(
            name,
            room.shape,
            form.label_dtype if name == "label" else np.uint8,
            maxshape=room.maxshape,
            chunks=room.chunks,
            fillvalue=0,  # or the parts of edge chunks outside the image would hold whatever was in memory
            **({} if name == "raw" else _LABEL_FILTERS),
        )
        write_image_attributes(images[name], form.voxel_size_nm, room.axes)
    return images


def _link_aliases(file: h5py.File, images: dict[str, h5py.Dataset]) -> None:
    for alias, name in ALIASES.items():
        if name in images:
            file[alias] = h5py.SoftLink(f"/{name}")


class _Stack:
    """Samples of one form, stacked along a first axis."""

    def __init__(self, file: h5py.File, form: _Form, columns: tuple[str, ...]) -> None:
        self.form, self.file = form, file
        drop = 1 if form.shape[0] == 1 else 0  # sections are stacked without their z axis
        shape, chunks = form.shape[drop:], chunk_shape(form.shape)[drop:]
        room = _Room((0, *shape), (1, *chunks), (None, *shape), "tyx" if drop else "tzyx")
        self._images = _create_images(file, form, room)
        self.table = _Table(file, columns)

    def append(self, sample: Sample) -> None:
        index = self.table.append(sample)
        for name, dataset in self._images.items():
            dataset.resize(index + 1, axis=0)
            dataset[index] = _array(sample, name).reshape(dataset.shape[1:])

    def finish(self) -> None:
        _link_aliases(self.file, self._images)


class _Groups:
    """Samples of any shape, a group each; no aliases, because no single dataset holds them all."""

    def __init__(self, file: h5py.File, columns: tuple[str, ...]) -> None:
        self._file = file
        self._table = _Table(file, columns)

    def append(self, sample: Sample) -> None:
        group = self._file.create_group(sample_group(self._table.append(sample)), track_order=True)
        form = _Form.of(sample)
        images = _create_images(group, form, _Room(form.shape, chunk_shape(form.shape), None, "zyx"))
        for name, dataset in images.items():
            dataset[...] = _array(sample, name)


def _regroup(stack: _Stack, file: h5py.File) -> _Groups:
    """Copy what was stacked so far into groups, sample by sample."""
    groups = _Groups(file, stack.table.columns)
    for index in range(len(stack.table)):
        groups.append(read_sample(stack.file, index))
    stack.file.close()
    return groups


class _Volume:
    """One volume that grows along z."""

    def __init__(self, file: h5py.File, first: Sample, name: str) -> None:
        self._file, self._form = file, _Form.of(first)
        plane = self._form.shape[1:]
        chunks = chunk_shape((BLOCK[0], *plane))
        room = _Room((1, 0, *plane), (1, *chunks), (1, None, *plane), "tzyx")
        self._images = _create_images(file, self._form, room)
        _Table(file, tuple(first.params)).append(replace(first, name=name))

    def append(self, slab: Sample) -> None:
        form = _Form.of(slab)
        if replace(form, shape=self._form.shape) != self._form or form.shape[1:] != self._form.shape[1:]:
            raise DataError(f"{slab.name or 'slab'}: is {form}; expected the same size as the first, {self._form}")
        start = self._images["raw"].shape[1]
        for name, dataset in self._images.items():
            dataset.resize(start + len(slab.raw), axis=1)
            dataset[0, start:] = _array(slab, name)

    def finish(self) -> None:
        _link_aliases(self._file, self._images)
