"""MitoVerse: one Zarr a volume with `img` and instances in `mito`; its voxel sizes are in the order x, y, z.

Layout: https://github.com/PytorchConnectomics/mitoverse, DESIGN.md.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.annotations.numbers import whole_numbers
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.folders import subfolders
from mitodata.importers.importer import Importer, Options
from mitodata.importers.packed import section_reader
from mitodata.importers.stack import Stack
from mitodata.readers.axes import Arranged, Pixels, arrange
from mitodata.readers.damage import readable
from mitodata.readers.ome_zarr import is_zarr
from mitodata.readers.voxel_size import UNKNOWN, Edges, edge_nm
from mitodata.sample import IGNORE

_EXPECTS = "VOLUME.zarr with the arrays img and mito, or folders of them"

_DEPTH = 3  # data repository / data / dataset / volume

_log = logging.getLogger("mitodata")


def _find(path: Path, _: Options) -> list[Stack]:
    if not path.exists():
        raise DataError(f"{path}: no such folder; expected {_EXPECTS}")
    found = list(_volumes(path, _DEPTH))
    if not found:
        raise DataError(f"{path}: not found in there: {_EXPECTS}")
    return [_stack(volume) for volume in found]


def _volumes(path: Path, depth: int) -> Iterator[Path]:
    """The volumes at a path and below it."""
    if is_zarr(path):
        if (path / "img").is_dir():
            yield path
    elif path.is_dir() and depth >= 0:
        for child in subfolders(path):
            yield from _volumes(child, depth - 1)


def _stack(path: Path) -> Stack:
    with readable(path, "Zarr"):
        group: Any = zarr.open(path, mode="r")
        arrays = {name: group[name] for name in ("img", "mito", "mask") if name in group}
        facts = group.attrs.asdict().get("mitoverse", {})
        views = {name: next(iter(arrange(array, "zyx", f"{path}/{name}"))) for name, array in arrays.items()}
    for name, view in views.items():
        if view.shape != views["img"].shape:
            raise DataError(f"{path}: {name} has shape {view.shape}, img {views['img'].shape}; expected the same")
    sections = {name: section_reader(view, path / name) for name, view in views.items()}
    depth, name = views["img"].shape[0], _name(facts, path)
    if "mask" in views:
        _log.warning("%s: has a mask of what is to be left out; what is not 0 there is taken as unknown", path)
    return Stack(
        name=name,
        sections=[f"{name} {z}" for z in range(depth)],
        raw=sections["img"],
        mask=_unknown(sections["mask"]) if "mask" in sections and "mito" in sections else None,
        label=_label(sections["mito"], views["mito"], path) if "mito" in sections else None,
        one_image=True,
        edges_nm=_edges(facts, path),
    )


def _label(read: Callable[[int], Pixels], view: Arranged, path: Path) -> Callable[[int], Labels]:
    largest = int(np.iinfo(np.uint32 if view.dtype.itemsize > 2 or view.dtype.kind == "f" else np.uint16).max)
    return lambda z: as_labels(whole_numbers(read(z), f"{path}/mito: section {z}"), largest)


def _unknown(read: Callable[[int], Pixels]) -> Callable[[int], NDArray[np.uint8]]:
    return lambda z: np.where(read(z) != 0, np.uint8(IGNORE), np.uint8(0))


def _name(facts: object, path: Path) -> str:
    named = facts.get("volume_id") if isinstance(facts, Mapping) else None
    return str(named or path.stem)


def _edges(facts: object, path: Path) -> Edges:
    """The edges of a voxel in nm, (z, y, x): the attributes have them the other way round."""
    stated = facts.get("voxel_nm") if isinstance(facts, Mapping) else None
    if stated is None:
        return UNKNOWN
    try:
        x, y, z = (edge_nm(edge, "nm") for edge in stated)
    except (TypeError, ValueError):
        raise DataError(f"{path}: voxel_nm is {stated}; expected three numbers, x y z in nm") from None
    return z, y, x


MITOVERSE = Importer(
    name="mitoverse",
    description="MitoVerse",
    expects=_EXPECTS,
    find=_find,
    recognises=lambda path: any((volume / "mito").is_dir() for volume in _volumes(path, _DEPTH)),
    volume=True,
    licence="that of each dataset in MitoVerse; its catalogue names them",
    citation="MitoVerse, github.com/PytorchConnectomics/mitoverse, and each dataset's own paper",
)
