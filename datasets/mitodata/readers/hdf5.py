"""HDF5, opened as sources: samples of our own files, and datasets of others by their names and axes."""

from collections.abc import Iterator
from pathlib import Path

import h5py

from mitodata.errors import DataError
from mitodata.hdf5.damage import one_line
from mitodata.hdf5.filters import check_filters
from mitodata.hdf5.layout import FORMAT_NAME, sample_count, sample_images, sample_thickness, sample_voxel_size
from mitodata.hdf5.opening import open_file, open_hdf5
from mitodata.readers.axes import Arranged, arrange, check_width, stated_axes
from mitodata.readers.source import StoredImage
from mitodata.readers.voxel_size import Edges, stated_corner, stated_edges

SUFFIXES = (".h5", ".hdf5", ".hdf")

_MATLAB = {2: "xy", 3: "zxy"}
"""Axes of what MATLAB saves: rows, columns and sections the other way round."""

_RAW_NAMES = ("raw", "volumes/raw", "main", "data", "image", "images")
"""What datasets of images are often called; where one is there, it needs no naming."""


def open_hdf5_images(path: Path, dataset: str | None = None) -> Iterator[StoredImage]:
    """Open the samples of a file of our format, or a dataset of another's.

    Args:
        path: the file.
        dataset: path of the dataset within a foreign file.

    Raises:
        DataError: the file is missing, locked, damaged or empty, has no such dataset, or needs a filter that is not
            installed; its axes are not those of images.
    """
    # Parts are read once, in the order in which they lie in the file: a cache of chunks would only cost memory.
    file = open_hdf5(path, cache_bytes=2**20)
    with one_line(path, kind="HDF5"):
        said = file.attrs.get("format")
    if dataset is None and isinstance(said, str) and said == FORMAT_NAME:
        open_file(path).close()
        yield from _samples(file, path)
        return
    with one_line(path, kind="HDF5"):
        found = find_dataset(file, dataset)
        views = list(arrange_dataset(found))
        edges = dataset_edges(found)
    for number, view in enumerate(views):
        yield StoredImage(path, f"-{number:04d}" if len(views) > 1 else "", view, edges)


def find_dataset(file: h5py.File, name: str | None) -> h5py.Dataset:
    """Find a dataset of numbers, without a name the one that is called as images usually are.

    Raises:
        DataError: there is none, or several; it is empty or of texts, or lacks a filter or another file that it needs.
    """
    found = file.get(name) if name else _guess(file)
    if not isinstance(found, h5py.Dataset):
        what = f"has no dataset {name}" if name else "does not say which of its datasets are the images"
        link = file.get(name, getlink=True) if name else None
        if isinstance(link, h5py.ExternalLink):
            raise DataError(f"{file.filename}: {name} lies in {link.filename}, which is not there")
        names = ", ".join(_names(file)) or "none"
        raise DataError(f"{file.filename}: {what}; found {names}; name one with --dataset (import: --raw)")
    if found.shape is None or found.dtype.kind not in "uifb":
        what = "empty" if found.shape is None else f"{found.dtype}; expected numbers"
        raise DataError(f"{file.filename}: {found.name} is {what}; expected (Y, X) or (Z, Y, X)")
    check_filters(found)
    if found.is_virtual:
        _check_parts(found)
    return found


def arrange_dataset(dataset: h5py.Dataset, axes: str = "") -> Iterator[Arranged]:
    """See a dataset as volumes (Z, Y, X) by its axes: attributes, dimension labels, or its shape.

    Args:
        dataset: of numbers.
        axes: that it has; empty for those that it says.

    Raises:
        DataError: as `mitodata.readers.axes.arrange`.
    """
    yield from arrange(dataset, axes or dataset_axes(dataset), f"{dataset.file.filename}{dataset.name}")


def dataset_axes(dataset: h5py.Dataset) -> str:
    """Letters of the axes, one a dimension; empty if the dataset does not say.

    Raises:
        DataError: it says so, but not as ilastik does; or MATLAB saved it, and it looks like sections last.
    """
    where = f"{dataset.file.filename}{dataset.name}"
    said = stated_axes(dataset.attrs, dataset.ndim, where)
    if said:
        return said
    if "MATLAB_class" in dataset.attrs and dataset.ndim in _MATLAB:
        check_width(dataset.shape, where)
        return _MATLAB[dataset.ndim]
    labels = [dimension.label.lower() for dimension in dataset.dims]
    return "".join(labels) if all(len(label) == 1 for label in labels) else ""


def _samples(file: h5py.File, path: Path) -> Iterator[StoredImage]:
    """Samples of a file of ours, whose axis of images or volumes comes first if they are stacked."""
    with one_line(path):
        count = sample_count(file)
    if not count:
        raise DataError(f"{path}: holds no samples; expected at least one image")
    for number in range(count):
        with one_line(path):
            raw, edges = sample_images(file, number)["raw"], sample_voxel_size(file, number)
            thickness_nm = sample_thickness(file, number)
            spatial = "zyx"[-(raw.ndim - 1) :] if "raw" in file else "zyx"
            axes = f"t{spatial}" if "raw" in file else spatial
            view = Arranged(raw, axes, places={"t": number})
        yield StoredImage(path, f"-{number:04d}" if count > 1 else "", view, edges, thickness_nm, ours=True)


def _guess(file: h5py.File) -> h5py.Dataset | None:
    """The dataset of a usual name; None if there are several that are not the same."""
    found = [item for item in map(file.get, _RAW_NAMES) if isinstance(item, h5py.Dataset)]
    return found[0] if found and all(item == found[0] for item in found) else None


def _names(file: h5py.File) -> list[str]:
    """Names of what could be images, or of all datasets if there is none."""
    names: dict[str, int] = {}

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            names[name] = 0 if item.shape is None else len(item.shape)

    file.visititems(note)
    return [name for name, depth in names.items() if depth > 1] or list(names)


def _check_parts(dataset: h5py.Dataset) -> None:
    """Check that the files of a virtual dataset are there: HDF5 reads zeros instead of what is not."""
    folder = Path(dataset.file.filename).parent
    for part in dataset.virtual_sources():
        if part.file_name != "." and not (folder / part.file_name).exists():
            raise DataError(f"{dataset.file.filename}: {dataset.name} lies in {part.file_name}, which is not there")


def dataset_corner(dataset: h5py.Dataset) -> Edges:
    """Where the first voxel lies, (z, y, x) in nm, as far as the attributes of a dataset say."""
    return stated_corner(dataset.attrs, dataset_axes(dataset))


def dataset_edges(dataset: h5py.Dataset) -> Edges:
    """The edges of a voxel in nm, as far as the attributes of a dataset say."""
    return stated_edges(dataset.attrs, dataset_axes(dataset))
