"""Filters that HDF5 files are packed with: those that are not built in come with hdf5plugin."""

from collections.abc import Iterator
from importlib import import_module

import h5py

from mitodata.errors import DataError

_NAMES = {
    4: "SZIP",
    305: "LZO",
    307: "bzip2",
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "Bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32019: "JPEG",
    32024: "SZ3",
    32026: "Blosc2",
}
"""Numbers that The HDF Group gave out: https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md"""

_LARGEST_OWN = 255
"""Numbers up to here are filters that HDF5 itself knows."""


def check_filters(dataset: h5py.Dataset) -> None:
    """Load the filters that a dataset is packed with.

    Raises:
        DataError: one is not installed.
    """
    for number, name in dataset_filters(dataset):
        if h5py.h5z.filter_avail(number):
            continue
        _load_plugins()
        if not h5py.h5z.filter_avail(number):
            raise DataError(
                f"{dataset.file.filename}: {dataset.name} is packed with {name} (HDF5 filter {number}), which is not "
                "installed here; pip install hdf5plugin, or save it unpacked or with gzip"
            )


def dataset_filters(dataset: h5py.Dataset) -> Iterator[tuple[int, str]]:
    """Numbers and names of the filters that a dataset is packed with."""
    properties = dataset.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        number, _, _, name = properties.get_filter(index)
        said = name.decode(errors="replace").partition(";")[0].strip() if isinstance(name, bytes) else str(name)
        yield number, _NAMES.get(number) or said or "an unknown filter"


def packing(dataset: h5py.Dataset) -> str:
    """Say how a dataset is packed, where reading it failed; empty if it is not."""
    names = [name for number, name in dataset_filters(dataset) if number > _LARGEST_OWN]
    return f", packed with {' and '.join(names)}" if names else ""


def _load_plugins() -> None:
    try:
        import_module("hdf5plugin")  # registers its filters
    except ImportError:
        return
