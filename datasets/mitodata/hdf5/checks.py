"""What a dataset file holds, and whether it keeps its promises."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.hdf5.damage import DAMAGE, brief, first_line, one_line
from mitodata.hdf5.filters import check_filters
from mitodata.hdf5.layout import (
    IMAGES,
    SCHEMA_VERSION,
    is_list_of_texts,
    read_classes,
    read_provenance,
    sample_count,
    sample_group,
    sample_shape,
    sample_voxel_size,
)
from mitodata.hdf5.opening import open_file
from mitodata.sample import EXPECTED_SIZE, label_problem, voxel_size_problem

_DTYPES = {"raw": ("uint8",), "label": ("uint16", "uint32"), "mask": ("uint8",), "compartment": ("uint8",)}
_TEXTS = ("source", "recipe", "software", "licence", "citation", "instances", "shard")
_WHOLE = [["raw"], ["raw", "label", "mask"], ["raw", "compartment"], list(IMAGES)]


def describe(path: str | Path) -> dict[str, object]:
    """Summarise a dataset file without reading its images.

    Returns:
        `path`, `bytes`, `schema_version`, `samples`, `layout` ("stacked" or "groups"), `labelled` (samples with
        labels), `compartments` (samples with a multi-class map), `shapes` and `voxel_sizes_nm` (the distinct ones,
        z y x, in order of appearance), `label_dtypes`, `params` (names of the knobs), `names` (of the first samples)
        and `provenance` (see `Provenance`); plain values that JSON can hold.

    Raises:
        DataError: the file cannot be opened (see `Dataset`) or is damaged.
    """
    path = Path(path)
    with open_file(path) as file, one_line(path, "; `mitogen validate` says more"):
        stacked = "raw" in file
        count = sample_count(file)
        distinct = range(min(count, 1)) if stacked else range(count)
        parents = [file] if stacked else [file[sample_group(index)] for index in distinct]
        labelled, compartments = (
            sum(name in parent for parent in parents) * (count if stacked else 1) for name in ("mask", "compartment")
        )
        return {
            "path": str(path),
            "bytes": path.stat().st_size,
            "schema_version": int(file.attrs["schema_version"]),
            "samples": count,
            "layout": "stacked" if stacked else "groups",
            "labelled": labelled,
            "compartments": compartments,
            "shapes": list(dict.fromkeys(sample_shape(file, index) for index in distinct)),
            "voxel_sizes_nm": list(dict.fromkeys(sample_voxel_size(file, index) for index in distinct)),
            "label_dtypes": sorted({parent["label"].dtype.name for parent in parents if "label" in parent}),
            "params": [str(name) for name in file["params"].attrs["columns"]] if "params" in file else [],
            "names": [str(name) for name in file["names"].asstr()[:5]],
            "provenance": asdict(read_provenance(file)),
        }


GOES_ON = ""
"""No problem, only a sign that the check goes on."""


def validate(path: str | Path, alive: Callable[[], object] = lambda: None) -> list[str]:
    """Check a dataset file: schema, dtypes, shapes, params, and that every mask voxel has an instance and vice versa.

    Reads all of it, a chunk at a time. Damage can make HDF5 itself hang or crash: `mitodata.hdf5.watchdog` survives it.

    Args:
        path: the file.
        alive: is called again and again while the check goes on.

    Returns:
        One line a problem; empty if there is none. A file that cannot be opened is one problem.
    """
    try:
        file = open_file(Path(path))
    except DataError as error:
        return [str(error)]
    with file:
        parts = (("attributes", _attribute_problems(file)), ("names", _name_problems(file)), ("file", _problems(file)))
        found = []
        for where, part in parts:
            alive()
            for problem in _guarded(where, part):
                alive()
                found += [] if problem is GOES_ON else [problem]
        return found


def _guarded(where: str, problems: Iterator[str]) -> Iterator[str]:
    """Pass problems on; what damage raises on the way is one more."""
    try:
        yield from problems
    except DataError as error:
        yield f"{where}: {error}"
    except (*DAMAGE, MemoryError) as error:
        yield f"{where}: damaged, cannot be read ({first_line(error)})"


def _attribute_problems(file: h5py.File) -> Iterator[str]:
    if "schema_version" not in file.attrs:
        yield f"attribute schema_version: missing; expected a whole number up to {SCHEMA_VERSION}"
    seed = file.attrs.get("seed", 0)
    if not isinstance(seed, (int, np.integer)):
        yield f"attribute seed is {brief(seed)}; expected a whole number"
    for name in _TEXTS:
        text = file.attrs.get(name, "")
        if not isinstance(text, str):
            yield f"attribute {name} is {brief(text)}; expected text"


def _name_problems(file: h5py.File) -> Iterator[str]:
    names = file.get("names")
    if not isinstance(names, h5py.Dataset):
        yield "names: missing; expected one row a sample"
    elif not is_list_of_texts(names):
        yield f"names: {names.dtype} of shape {names.shape}; expected one row of text a sample"
    elif len(names) == 0:
        yield "names: no samples"
    else:
        names.asstr()[:]  # raises where bytes are no UTF-8


def _problems(file: h5py.File) -> Iterator[str]:
    if not is_list_of_texts(file.get("names")):
        return
    count = sample_count(file)
    yield from _guarded("params", _table_problems(file, count))
    if "raw" in file:
        yield from _image_problems(file, "", (count,))
        return
    samples = file.get("samples", {})
    if not isinstance(samples, (h5py.Group, dict)):
        yield "samples: is not a group; expected a group a sample"
        return
    groups = set(samples)
    expected = {sample_group(index).removeprefix("samples/") for index in range(count)}
    for name in sorted(groups ^ expected):
        yield f"samples/{name}: {'not listed in names' if name in groups else 'missing'}"
    for name in sorted(groups & expected):
        yield from _guarded(f"samples/{name}", _group_problems(file, f"samples/{name}"))


def _group_problems(file: h5py.File, name: str) -> Iterator[str]:
    group = file[name]
    if isinstance(group, h5py.Group):
        yield from _image_problems(group, f"{name}/", ())
    else:
        yield f"{name}: is not a group; expected one with raw in it"


def _table_problems(file: h5py.File, count: int) -> Iterator[str]:
    if "params" not in file:
        return
    table = file["params"]
    if not isinstance(table, h5py.Dataset):
        yield "params: is not a dataset; expected one row a sample"
        return
    columns = np.asarray(table.attrs.get("columns", ()))
    if columns.ndim != 1 or not all(isinstance(name, str) for name in columns):
        yield f"params: attribute columns is {brief(columns)}; expected one text a column"
        return
    if table.ndim != 2 or table.dtype != np.float64 or table.shape != (count, len(columns)):
        yield f"params: {table.dtype} of shape {table.shape}; expected float64 of shape ({count}, {len(columns)})"
        return
    for block in _blocks(table):
        yield GOES_ON
        for row, column in np.argwhere(~np.isfinite(table[block])):
            yield f"params: {columns[block[1].start + column]} of sample {block[0].start + row} is not finite"


def _image_problems(parent: h5py.Group, where: str, stack: tuple[int, ...]) -> Iterator[str]:
    """Check raw, label, mask and compartment of one sample, or of all that are stacked."""
    found = {name: parent[name] for name in IMAGES if isinstance(parent.get(name), h5py.Dataset)}
    for dataset in found.values():
        check_filters(dataset)
    if list(found) not in _WHOLE:
        place = where.rstrip("/") or "the file"
        yield f"{place}: holds {', '.join(found) or 'no images'}; expected raw, or raw, label and mask (or compartment)"
        return
    sound = True
    for name, dataset in found.items():
        for problem in _guarded("header", _header_problems(name, dataset, found["raw"].shape, stack)):
            sound = False
            yield f"{where}{name}: {problem}"
    if sound:
        yield from _voxel_problems(found, where, bool(stack))


def _header_problems(name: str, dataset: h5py.Dataset, shape: tuple[int, ...], stack: tuple[int, ...]) -> Iterator[str]:
    if dataset.dtype.name not in _DTYPES[name]:
        yield f"is {dataset.dtype}; expected {' or '.join(_DTYPES[name])}"
    if dataset.shape != shape:
        yield f"has shape {dataset.shape}; raw has {shape}"
    elif dataset.ndim not in ((3, 4) if stack else (3,)) or dataset.shape[: len(stack)] != stack or 0 in shape[1:]:
        expected = f"({stack[0]}, Y, X) or ({stack[0]}, Z, Y, X)" if stack else "(Z, Y, X)"
        yield f"has shape {dataset.shape}; expected {expected}, none of them 0"
    size = np.asarray(dataset.attrs.get("resolution", ()))
    if size.shape != (3,) or size.dtype.kind not in "fiu" or voxel_size_problem(tuple(size.tolist())):
        yield f"attribute resolution is {brief(size)}; expected {EXPECTED_SIZE}"
    if name == "compartment":
        try:
            read_classes(dataset)
        except ValueError as error:
            yield f"attribute classes: {error}"


def _voxel_problems(images: dict[str, h5py.Dataset], where: str, stacked: bool) -> Iterator[str]:
    """Read everything; report the first contradiction of each sample."""
    reported = set()
    classes = read_classes(images["compartment"]) if "compartment" in images else {}
    for block in _blocks(images["raw"]):
        yield GOES_ON
        sample = block[0].start if stacked else 0
        if sample in reported:
            continue
        try:
            voxels = {name: dataset[block] for name, dataset in images.items()}
            problem = label_problem(voxels["label"], voxels["mask"]) if "mask" in voxels else ""
            if "compartment" in voxels and not problem:
                problem = _class_problem(voxels["compartment"], classes)
        except (*DAMAGE, MemoryError):
            problem = "damaged, cannot be read"
        if problem:
            reported.add(sample)
            place = f"sample {sample}" if stacked else where.rstrip("/")
            yield f"{place}, {_corner(block[1:] if stacked else block)}: {problem}"


def _class_problem(compartment: NDArray[np.uint8], classes: Mapping[int, str]) -> str:
    strange = [int(value) for value in np.unique(compartment) if int(value) not in classes]
    return f"compartment {strange[0]} has no name in the attribute classes" if strange else ""


def _blocks(dataset: h5py.Dataset) -> Iterator[tuple[slice, ...]]:
    if dataset.chunks:
        yield from dataset.iter_chunks()
    else:  # another program's rewriting may have dropped the chunks
        for index in range(len(dataset)):
            yield (slice(index, index + 1), *(slice(0, size) for size in dataset.shape[1:]))


def _corner(block: tuple[slice, ...]) -> str:
    return "from " + ", ".join(f"{axis} {part.start}" for axis, part in zip("zyx"[-len(block) :], block, strict=True))
