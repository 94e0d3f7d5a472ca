"""Zarr, opened as sources: OME-Zarr 0.4 and 0.5, and arrays of plain groups by their paths.

Specification of OME-Zarr: https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import ObjectStore

from mitodata.errors import DataError
from mitodata.readers.axes import arrange, name_letters, stated_axes
from mitodata.readers.damage import readable
from mitodata.readers.remote import LINK, as_os_error, open_store, url_of
from mitodata.readers.source import StoredImage
from mitodata.readers.voxel_size import UNKNOWN, Edges, by_axis, edge_nm, stated_corner, stated_edges, unit_nm

SUFFIXES = (".zarr",)

_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs", LINK)


@dataclass(frozen=True)
class Multiscale:
    """What the metadata of an image say.

    Attributes:
        path: of the array of the highest resolution, within the group.
        axes: names, in the order of the array's dimensions.
        edges_nm: of a voxel; None where a unit is missing.
        corner_nm: where the first voxel lies; None likewise.
    """

    path: str
    axes: tuple[str, ...]
    edges_nm: Edges
    corner_nm: Edges


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group or array, or stands for one elsewhere."""
    return path.is_dir() and any((path / name).exists() for name in _MARKS)


class _RemoteStore(ObjectStore[Any]):
    """What lies under a URL; says in one line that it cannot be reached, and never takes that for an empty chunk."""

    def __init__(self, url: str) -> None:
        super().__init__(open_store(url), read_only=True)
        self._url = url

    async def get(self, *arguments: Any, **options: Any) -> Any:
        """Read the bytes of a key, or some of them."""
        with as_os_error(self._url):
            return await super().get(*arguments, **options)

    async def get_partial_values(self, *arguments: Any, **options: Any) -> Any:
        """Read some bytes of several keys."""
        with as_os_error(self._url):
            return await super().get_partial_values(*arguments, **options)

    async def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        with as_os_error(self._url):
            return await super().exists(key)

    async def list_dir(self, prefix: str) -> AsyncGenerator[str, None]:
        """List what is in a group."""
        with as_os_error(self._url):
            async for key in super().list_dir(prefix):
                yield key


def open_root(path: Path) -> Any:
    """Open the group or array of a Zarr to read it, here or elsewhere.

    Raises:
        OSError: it cannot be reached.
    """
    url = url_of(path)
    with as_os_error(url):
        return zarr.open(_RemoteStore(url) if url else path, mode="r")


def open_zarr(path: Path, dataset: str | None = None) -> Iterator[StoredImage]:
    """Open the finest level of an OME-Zarr, or the array or image that is named.

    Raises:
        DataError: it is damaged, holds no image or nothing of that name; its axes are not those of images.
    """
    with readable(path, "Zarr"):
        root: Any = open_root(path)
        node = root
        if dataset:
            try:
                node = root[dataset]
            except KeyError:
                raise DataError(f"{path}: holds no {dataset}; {_hint(root)}") from None
        edges, corner, axes = UNKNOWN, UNKNOWN, ""
        if isinstance(node, zarr.Group):
            image = parse_multiscale(node.attrs.asdict())
            if image is None:
                raise DataError(f"{path}: is a Zarr group without OME metadata; {_hint(node, dataset)}")
            node, axes = node[image.path], "".join(_letter(axis) for axis in image.axes)
            edges, corner = image.edges_nm, image.corner_nm
            if not isinstance(node, zarr.Array):
                raise DataError(f"{path}: its OME metadata name {image.path!r} as finest level; expected an array")
        if not axes:
            axes = array_axes(node, str(path))
            edges, corner = (find(node.attrs.asdict(), axes) for find in (stated_edges, stated_corner))
        views = list(arrange(node, axes, str(path)))
    for number, view in enumerate(views):
        yield StoredImage(path, f"-{number:04d}" if len(views) > 1 else "", view, edges, corner_nm=corner)


def parse_multiscale(attributes: Mapping[str, Any]) -> Multiscale | None:
    """Read the attributes of a group; None if it is no image.

    Raises:
        ValueError: it claims to be one, and the metadata are not as the specification says.
    """
    content = attributes.get("ome", attributes)
    if not isinstance(content, Mapping) or not content.get("multiscales"):
        return None
    try:
        image = content["multiscales"][0]
        axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image["axes"]]
        names = tuple(str(axis["name"]).lower() for axis in axes)
        shared = image.get("coordinateTransformations", ())
        levels = [
            (*_placed((*each.get("coordinateTransformations", ()), *shared), names), each) for each in image["datasets"]
        ]
        # The first, if all is as it should be.
        scale, corner, finest = min(levels, key=lambda level: prod(level[0].values()))
        units = {name: axis.get("unit", "") for name, axis in zip(names, axes, strict=True)}
        edges = {name: edge_nm(length, units[name]) for name, length in scale.items()}
        places = {name: length * (unit_nm(units[name]) or 0.0) for name, length in corner.items()}
        return Multiscale(str(finest["path"]), names, by_axis(edges), by_axis(places))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"metadata are not those of an OME-Zarr image ({error!r})") from error


def _placed(changes: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Length of a voxel by axis, empty where nothing says it, and where the first one lies; in their units."""
    edges: dict[str, float] = {}
    corner = dict.fromkeys(names, 0.0)
    for change in changes:
        if change["type"] == "scale":
            factors = dict(zip(names, change["scale"], strict=True))
            edges = {name: edges.get(name, 1.0) * factor for name, factor in factors.items()}
            corner = {name: corner[name] * factor for name, factor in factors.items()}
        elif change["type"] == "translation":
            corner = {name: corner[name] + far for name, far in zip(names, change["translation"], strict=True)}
    return edges, corner


def _letter(axis: str) -> str:
    """One letter for an axis: those of images as they are called, of others the first."""
    return axis[:1] or "?"


def array_axes(array: zarr.Array[Any], where: str) -> str:
    """Letters of the axes where an array alone says them: by the names of Zarr 3, or in attributes; else empty.

    Raises:
        DataError: as `stated_axes`.
    """
    names: Any = getattr(array.metadata, "dimension_names", None)
    return name_letters(names, array.ndim) or stated_axes(array.attrs.asdict(), array.ndim, where)


def _hint(group: Any, inside: str | None = None) -> str:
    """Say what lies in a group under which paths: images if there are any, else arrays."""
    images: list[str] = []
    arrays: list[str] = []
    for path, item in group.members(max_depth=None):
        name = f"{inside.strip('/')}/{path}" if inside else path
        if isinstance(item, zarr.Array):
            arrays.append(name)
        elif item.attrs.asdict().get("ome", item.attrs.asdict()).get("multiscales"):
            images.append(name)
    found = sorted(images) or sorted(arrays)
    if not found:
        return "it holds nothing"
    return f"name an image or array with --dataset (import: --raw): {', '.join(found[:20])}"
