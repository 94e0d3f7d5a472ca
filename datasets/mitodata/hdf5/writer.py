"""Writing a dataset file: one image at a time, under its final name only once it is whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.hdf5.draft import Draft
from mitodata.hdf5.layout import (
    ALIASES,
    BLOCK,
    IMAGES,
    Provenance,
    chunk_shape,
    read_sample,
    sample_group,
    sample_images,
    storable,
    write_classes,
    write_image_attributes,
    write_provenance,
)
from mitodata.sample import Sample, VoxelSize

_LABEL_FILTERS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_ROWS = 256  # rows of `params` and `names` a chunk
_ROWS_CACHE_BYTES = 2**20  # rows come one at a time: without it every one would rewrite its chunk


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
    with Draft(Path(path), overwrite) as draft:
        writer: _Stack | _Groups | None = None
        for sample in samples:
            with draft.checked():
                if writer is None:
                    writer = _Stack(_start(draft, provenance), sample, provenance.classes)
            if isinstance(writer, _Stack) and _Form.of(sample) != writer.form:
                writer = _regroup(writer, draft, provenance)
            with draft.checked():
                writer.append(sample)
        if writer is None:
            raise DataError(f"{path}: no images to write")
        if isinstance(writer, _Stack):
            with draft.checked():
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
    with Draft(Path(path), overwrite) as draft:
        volume: _Volume | None = None
        for slab in slabs:
            with draft.checked():
                if volume is None:
                    volume = _Volume(_start(draft, provenance), slab, provenance.classes, name)
                volume.append(slab)
        if volume is None:
            raise DataError(f"{path}: no sections to write")
        with draft.checked():
            volume.finish()
        draft.keep()


def _start(draft: Draft, provenance: Provenance) -> h5py.File:
    file = draft.create()
    write_provenance(file, provenance)
    return file


@dataclass(frozen=True)
class _Form:
    """What samples must share to be stacked."""

    shape: tuple[int, int, int]
    voxel_size_nm: VoxelSize
    label_dtype: str  # empty if unlabelled
    compartment: bool

    @classmethod
    def of(cls, sample: Sample) -> "_Form":
        label = "" if sample.label is None else sample.label.dtype.str
        z, y, x = sample.raw.shape
        return cls((z, y, x), sample.voxel_size_nm, label, sample.compartment is not None)

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the image datasets, in the order of `IMAGES`."""
        absent = (() if self.label_dtype else ("label", "mask")) + (() if self.compartment else ("compartment",))
        return tuple(name for name in IMAGES if name not in absent)


class _Table:
    """`params` and `names`: one row a sample."""

    def __init__(self, file: h5py.File, columns: tuple[str, ...]) -> None:
        self.columns = columns
        room = {"rdcc_nbytes": _ROWS_CACHE_BYTES}
        self._names = file.create_dataset("names", (0,), h5py.string_dtype(), maxshape=(None,), chunks=(_ROWS,), **room)
        self._params: h5py.Dataset | None = None
        if columns:
            width = len(columns)
            self._params = file.create_dataset(
                "params", (0, width), np.float64, maxshape=(None, width), chunks=(_ROWS, width), **room
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
        self._names[row] = storable(sample.name)
        return row


def _array(sample: Sample, name: str) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]:
    array: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | None = getattr(sample, name)
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


def _create_images(group: h5py.Group, form: _Form, room: _Room, classes: Mapping[int, str]) -> dict[str, h5py.Dataset]:
    images = {}
    for name in form.images:
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
    if "compartment" in images:
        write_classes(images["compartment"], classes)
    return images


def _link_aliases(file: h5py.File, images: dict[str, h5py.Dataset]) -> None:
    for alias, name in ALIASES.items():
        if name in images:
            file[alias] = h5py.SoftLink(f"/{name}")


class _Stack:
    """Samples of one form, stacked along a first axis."""

    def __init__(self, file: h5py.File, first: Sample, classes: Mapping[int, str]) -> None:
        self.form, self.file = _Form.of(first), file
        form = self.form
        drop = 1 if form.shape[0] == 1 else 0  # sections are stacked without their z axis
        shape, chunks = form.shape[drop:], chunk_shape(form.shape)[drop:]
        room = _Room((0, *shape), (1, *chunks), (None, *shape), "tyx" if drop else "tzyx")
        self._images = _create_images(file, form, room, classes)
        self.table = _Table(file, tuple(first.params))

    def append(self, sample: Sample) -> None:
        index = self.table.append(sample)
        for name, dataset in self._images.items():
            dataset.resize(index + 1, axis=0)
            dataset[index] = _array(sample, name).reshape(dataset.shape[1:])

    def finish(self) -> None:
        _link_aliases(self.file, self._images)


class _Groups:
    """Samples of any shape, a group each; no aliases, because no single dataset holds them all."""

    def __init__(self, file: h5py.File, columns: tuple[str, ...], classes: Mapping[int, str]) -> None:
        self._file, self._classes = file, classes
        self._table = _Table(file, columns)

    def append(self, sample: Sample) -> None:
        group = self._file.create_group(sample_group(self._table.append(sample)), track_order=True)
        form = _Form.of(sample)
        images = _create_images(group, form, _Room(form.shape, chunk_shape(form.shape), None, "zyx"), self._classes)
        for name, dataset in images.items():
            dataset[...] = _array(sample, name)


def _regroup(stack: _Stack, draft: Draft, provenance: Provenance) -> _Groups:
    """Copy what was stacked so far into groups, sample by sample."""
    with draft.checked():
        groups = _Groups(_start(draft, provenance), stack.table.columns, provenance.classes)
    for index in range(len(stack.table)):
        with draft.checked():
            groups.append(read_sample(stack.file, index, sample_images(stack.file, index), stack.table.columns))
    return groups


class _Volume:
    """One volume that grows along z."""

    def __init__(self, file: h5py.File, first: Sample, classes: Mapping[int, str], name: str) -> None:
        self._file, self._form = file, _Form.of(first)
        plane = self._form.shape[1:]
        chunks = chunk_shape((BLOCK[0], *plane))
        room = _Room((1, 0, *plane), (1, *chunks), (1, None, *plane), "tzyx")
        self._images = _create_images(file, self._form, room, classes)
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
