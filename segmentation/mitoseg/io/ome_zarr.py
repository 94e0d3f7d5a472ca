"""OME-Zarr: the metadata of images, read (versions 0.4 and 0.5) and written (0.5).

Specification: https://ngff.openmicroscopy.org/0.5/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mitodata import VoxelSize

VERSION = "0.5"

_NM = {
    "angstrom": 0.1,
    "picometer": 1e-3,
    "nanometer": 1.0,
    "micrometer": 1e3,
    "millimeter": 1e6,
    "centimeter": 1e7,
    "meter": 1e9,
}


@dataclass(frozen=True)
class Multiscale:
    """What the metadata of an image say.

    Attributes:
        path: of the array of the highest resolution, within the group.
        axes: names, in the order of the array's dimensions.
        voxel_size_nm: (z, y, x) in nm; z is that of y where there is none; None where a unit is missing.
    """

    path: str
    axes: tuple[str, ...]
    voxel_size_nm: VoxelSize | None


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
        largest = image["datasets"][0]
        axes = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image["axes"]]
        names = tuple(str(axis["name"]).lower() for axis in axes)
        scale = [1.0] * len(names)
        for change in (*largest.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ())):
            if change["type"] == "scale":
                scale = [first * second for first, second in zip(scale, change["scale"], strict=True)]
        edges = {
            name: edge * _NM[axis["unit"]]
            for name, edge, axis in zip(names, scale, axes, strict=True)
            if axis.get("unit") in _NM
        }
        return Multiscale(str(largest["path"]), names, _voxel_size(edges))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"metadata are not those of an OME-Zarr image ({error!r})") from error


def image_attributes(name: str, voxel_size_nm: VoxelSize, levels: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Attributes of the group of an image (Z, Y, X).

    Args:
        name: of the image.
        voxel_size_nm: (z, y, x) in nm, of the first level.
        levels: for each level how many voxels (z, y, x) of the first one make one of its voxels.
    """
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(voxel_size_nm, factors)}
        for number, factors in enumerate(levels)
    ]
    return {"ome": {"version": VERSION, "multiscales": [{"name": name, "axes": axes, "datasets": datasets}]}}


def label_attributes(name: str, voxel_size_nm: VoxelSize, levels: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Attributes of the group of a label image that lies in `labels` of the image it belongs to."""
    attributes = image_attributes(name, voxel_size_nm, levels)
    attributes["ome"]["image-label"] = {"version": VERSION, "source": {"image": "../../"}}
    return attributes


def labels_attributes(names: Sequence[str]) -> dict[str, Any]:
    """Attributes of the group `labels`."""
    return {"ome": {"version": VERSION, "labels": list(names)}}


def _transformations(voxel_size_nm: VoxelSize, factors: Sequence[int]) -> list[dict[str, Any]]:
    """Size of a level's voxels, and where the middle of its first one lies from that of the first level, in nm."""
    scale = [edge * factor for edge, factor in zip(voxel_size_nm, factors, strict=True)]
    middle = [edge * (factor - 1) / 2 for edge, factor in zip(voxel_size_nm, factors, strict=True)]
    return [
        {"type": "scale", "scale": scale},
        *([{"type": "translation", "translation": middle}] if any(middle) else []),
    ]


def _voxel_size(edges: Mapping[str, float]) -> VoxelSize | None:
    if "y" not in edges or "x" not in edges:
        return None
    return (edges.get("z", edges["y"]), edges["y"], edges["x"])
