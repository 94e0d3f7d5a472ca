"""Any HDF5 file, by the names of its datasets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.damage import DAMAGE, first_line, one_line
from mitodata.hdf5.filters import packing
from mitodata.hdf5.opening import open_hdf5
from mitodata.importers.annotations.choice import Choice, parse_choice
from mitodata.importers.annotations.numbers import numbers_of, whole_numbers
from mitodata.importers.annotations.truth import Annotation, Truth, understand
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.importer import Importer, Options
from mitodata.importers.stack import Stack
from mitodata.readers.axes import Arranged, Pixels
from mitodata.readers.hdf5 import arrange_dataset, dataset_axes, dataset_corner, dataset_edges, find_dataset
from mitodata.readers.voxel_size import place_problem

_EXPECTS = "datasets of shape (Y, X), (Z, Y, X) or (N, Z, Y, X) in an HDF5 file, or of the axes that they name"


def _find(path: Path, options: Options) -> list[Stack]:
    file = open_hdf5(path)
    with one_line(path, kind="HDF5"):
        return list(_stacks(file, path, options))


def _stacks(file: h5py.File, path: Path, options: Options) -> Iterator[Stack]:
    """Yield one stack for (Y, X) and (Z, Y, X), N of them for (N, Z, Y, X)."""
    raw = find_dataset(file, options.raw)
    views = list(arrange_dataset(raw))
    label = _partners("label", options.label, raw, views)
    mask = _partners("mask", options.mask, raw, views)
    truths = _understand(mask, parse_choice(options.mask_values, options.unknown))
    for number, view in enumerate(views):
        name, depth = path.stem + (f" {number}" if len(views) > 1 else ""), view.shape[0]
        yield Stack(
            name=name,
            sections=[f"{name} {z}" for z in range(depth)],
            raw=_Reader(raw, view).section,
            mask=truths[number].mask if truths else None,
            label=label[number].label if label else truths[number].label if truths else None,
            one_image=True,
            edges_nm=dataset_edges(raw),
        )


def _partners(kind: str, name: str | None, raw: h5py.Dataset, views: list[Arranged]) -> "list[_Reader]":
    """Readers of the labels or masks of each view of raw; none where none are named."""
    if name is None:
        return []
    dataset = find_dataset(raw.file, name)
    axes = dataset_axes(dataset) or (dataset_axes(raw) if dataset.ndim == raw.ndim else "")
    found = list(arrange_dataset(dataset, axes))
    if [view.shape for view in found] != [view.shape for view in views]:
        raise DataError(
            f"{raw.file.filename}: {kind} {dataset.name} has shape {dataset.shape}, raw {raw.name} {raw.shape}"
        )
    problem = place_problem(dataset_edges(dataset), dataset_corner(dataset), dataset_edges(raw), dataset_corner(raw))
    if problem:
        raise DataError(
            f"{raw.file.filename}: {kind} {dataset.name} {problem}; expected both at one place; cut them alike, or "
            "correct the attributes offset and resolution"
        )
    return [_Reader(dataset, view) for view in found]


class _Reader:
    """Reads sections of a view of a dataset."""

    def __init__(self, dataset: h5py.Dataset, view: Arranged) -> None:
        self._dataset, self._view = dataset, view
        self.where = Path(f"{dataset.file.filename}{dataset.name}")

    def section(self, z: int) -> Pixels:
        _, y, x = self._view.shape
        try:
            return np.asarray(self._view[slice(z, z + 1), slice(0, y), slice(0, x)][0])
        except DAMAGE as error:
            packed = packing(self._dataset)
            raise DataError(
                f"{self.where}: section {z}{packed}: is damaged, cannot be read ({first_line(error)})"
            ) from error

    @property
    def annotation(self) -> Annotation:
        """What is read as an annotation."""
        return Annotation(self._view.shape[0], lambda z: numbers_of(self.section(z), self.where), self.where)

    @property
    def signed(self) -> bool:
        """Whether values may be negative integers."""
        return bool(self._dataset.dtype.kind == "i")

    def label(self, z: int) -> Labels:
        """Read the instances of a section."""
        values = whole_numbers(self.section(z), f"{self.where}: section {z}")
        wide = self._dataset.dtype.kind == "f" or self._dataset.dtype.itemsize > 2  # of all sections, not of this one
        return as_labels(values, int(np.iinfo(np.uint32 if wide else np.uint16).max))


def _understand(masks: list[_Reader], choice: Choice) -> list[Truth]:
    """Judge the masks of all views together; in signed ones -1 is what is unknown."""
    if not masks:
        return []
    if masks[0].signed and not choice.unknown:
        choice = replace(choice, unknown=((-1, -1),))
    return understand([mask.annotation for mask in masks], choice, masks[0].where)


HDF5 = Importer(
    name="hdf5",
    description="HDF5 file",
    expects=_EXPECTS,
    find=_find,
    recognises=lambda path: path.is_file() and h5py.is_hdf5(path),
    volume=True,
    options=frozenset({"raw", "label", "mask", "mask_values", "unknown"}),
)
