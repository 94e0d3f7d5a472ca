"""Any HDF5 file, by the names of its datasets."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.hdf5.opening import DAMAGE, one_line, open_hdf5
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.images import Pixels, binarise, mark_ignored, to_grey
from mitodata.importers.importer import Importer, Options
from mitodata.importers.stack import Stack

_EXPECTS = "datasets of shape (Y, X), (Z, Y, X) or (N, Z, Y, X) in an HDF5 file"
_RAW_NAMES = ("raw", "volumes/raw", "main", "data", "image", "images")


def _find(path: Path, options: Options) -> list[Stack]:
    file = open_hdf5(path)
    with one_line(path, kind="HDF5"):
        return _choose(file, path, options)


def _choose(file: h5py.File, path: Path, options: Options) -> list[Stack]:
    raw = _dataset(file, options.raw) if options.raw else _guess_raw(file)
    others = {kind: _dataset(file, name) for kind, name in (("label", options.label), ("mask", options.mask)) if name}
    for kind, dataset in others.items():
        if dataset.shape != raw.shape:
            raise DataError(f"{path}: {kind} {dataset.name} has shape {dataset.shape}, raw {raw.name} {raw.shape}")
    if not 2 <= raw.ndim <= 4 or 0 in raw.shape:
        raise DataError(f"{path}: {raw.name} has shape {raw.shape}; expected {_EXPECTS}")
    return list(_stacks(raw, others))


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{file.filename}: has no dataset {name}; found {', '.join(_names(file)) or 'none'}")
    if found.dtype.kind not in "uifb":
        raise DataError(f"{file.filename}: {name} is {found.dtype}; expected numbers")
    return found


def _guess_raw(file: h5py.File) -> h5py.Dataset:
    for name in _RAW_NAMES:
        if isinstance(file.get(name), h5py.Dataset):
            return _dataset(file, name)
    raise DataError(f"{file.filename}: name its dataset of images; found {', '.join(_names(file)) or 'no dataset'}")


def _names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _stacks(raw: h5py.Dataset, others: dict[str, h5py.Dataset]) -> Iterator[Stack]:
    """Yield one stack for (Y, X) and (Z, Y, X), N of them for (N, Z, Y, X)."""
    path = Path(raw.file.filename)
    label, mask = others.get("label"), others.get("mask")
    for number in range(raw.shape[0] if raw.ndim == 4 else 1):
        lead = (number,) if raw.ndim == 4 else ()
        depth = raw.shape[-3] if raw.ndim > 2 else 1
        name = path.stem + (f" {number}" if lead else "")
        yield Stack(
            name=name,
            sections=[f"{name} {z}" for z in range(depth)],
            raw=_Reader(raw, lead).grey,
            mask=_Reader(mask, lead).mask if mask is not None else None,
            label=_Reader(label, lead).label if label is not None else None,
        )


class _Reader:
    """Reads sections of a dataset."""

    def __init__(self, dataset: h5py.Dataset, lead: tuple[int, ...]) -> None:
        self._dataset, self._lead = dataset, lead
        self._where = Path(f"{dataset.file.filename}{dataset.name}")

    def grey(self, z: int) -> NDArray[np.uint8]:
        return to_grey(self._section(z), self._where)

    def mask(self, z: int) -> NDArray[np.uint8]:
        values = self._section(z)
        unknown = values == -1 if values.dtype.kind == "i" else np.zeros(values.shape, bool)
        return mark_ignored(binarise(np.where(unknown, np.zeros_like(values), values), self._where), unknown)

    def label(self, z: int) -> Labels:
        values = self._section(z)
        if values.dtype.kind not in "ui" or values.min() < 0 or values.max() > np.iinfo(np.uint32).max:
            raise DataError(f"{self._where}: section {z} is no instance image; expected integers from 0 to 4294967295")
        largest = np.iinfo(values.dtype).max  # of the type, not of this section: all need the same one
        return as_labels(values, int(largest))

    def _section(self, z: int) -> Pixels:
        where = (*self._lead, z) if self._dataset.ndim > 2 else ()
        try:
            return np.asarray(self._dataset[where])
        except DAMAGE as error:
            raise DataError(f"{self._where}: section {z} is damaged, cannot be read") from error


HDF5 = Importer(
    name="hdf5",
    description="HDF5 file",
    expects=_EXPECTS,
    find=_find,
    recognises=lambda path: path.is_file() and h5py.is_hdf5(path),
    volume=True,
    options=frozenset({"raw", "label", "mask"}),
)
