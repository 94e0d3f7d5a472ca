"""Tiny image files that say how large a voxel is in every way that is known, and in some that cannot be believed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import zarr

from format_traits import GREY, tiff


@dataclass(frozen=True)
class Size:
    """A way to say how large voxels are.

    Attributes:
        name: of the way.
        write: makes the file in a folder; returns what to open.
        size_nm: (z, y, x) in nm that is to be taken; None where it is to be asked for.
    """

    name: str
    write: Callable[[Path], Path]
    size_nm: tuple[float, float, float] | None


def sizes() -> Iterator[Size]:
    """All ways."""
    for name, size_nm, depth, options in (
        ("ImageJ: um, spacing", (50, 8, 8), 3, _imagej("um", 125, spacing=0.05)),
        ("ImageJ: a unit for each axis", (50, 8, 8), 3, _imagej("um", 125, spacing=50, zunit="nm")),
        ("ImageJ: no spacing, a stack", None, 3, _imagej("um", 125)),
        ("ImageJ: no spacing, one section", (8, 8, 8), 1, _imagej("um", 125)),
        ("ImageJ: pixels", None, 3, _imagej("pixel", 1, spacing=1)),
        ("ImageJ: inches", None, 3, _imagej("inch", 300, spacing=1)),
        ("ImageJ: cm, 72 dots an inch", None, 3, _imagej("cm", 28.35, spacing=1)),
        ("no ImageJ: 300 dots an inch", None, 3, {"resolution": (300, 300), "resolutionunit": "inch"}),
        ("OME: nm", (50, 8, 8), 3, _ome(X=(8, "nm"), Y=(8, "nm"), Z=(50, "nm"))),
        ("OME: a unit for each axis", (50, 8, 8), 3, _ome(X=(0.008, "\u00b5m"), Y=(8, "nm"), Z=(500, "\u00c5"))),
        ("OME: 1 um in all directions", None, 3, _ome(X=(1, "um"), Y=(1, "um"), Z=(1, "um"))),
        ("OME: no Z, a stack", None, 3, _ome(X=(8, "nm"), Y=(8, "nm"))),
        ("OME: reference frame", None, 3, _ome(X=(8, "reference frame"), Y=(8, "reference frame"), Z=(50, "nm"))),
        ("OME: pixels that are not square", None, 3, _ome(X=(50, "nm"), Y=(8, "nm"), Z=(8, "nm"))),
    ):
        trait = tiff("", GREY[:depth], None, **options)
        yield Size(name, trait.write, size_nm)
    for name, attributes, wanted in (
        ("HDF5: resolution, nm", {"resolution": (50.0, 8.0, 8.0)}, (50, 8, 8)),
        ("HDF5: resolution and units", {"resolution": (0.05, 0.008, 0.008), "units": ["um"] * 3}, (50, 8, 8)),
        ("HDF5: element_size_um", {"element_size_um": (0.05, 0.008, 0.008)}, (50, 8, 8)),
        ("HDF5: resolution in the order x, y, z", {"resolution": (8.0, 8.0, 50.0)}, None),
        ("HDF5: voxel_size and axis_names", {"voxel_size": (8, 8, 50), "axis_names": ["x", "y", "z"]}, (50, 8, 8)),
        ("HDF5: 1 nm in all directions", {"resolution": (1, 1, 1)}, None),
        ("HDF5: um taken for nm", {"resolution": (0.05, 0.008, 0.008)}, None),
    ):
        yield Size(name, partial(_sized_hdf5, attributes), wanted)
    for name, units, wanted in (
        ("OME-Zarr: a unit for each axis", ("micrometer", "nanometer", "nanometer"), (50, 8, 8)),
        ("OME-Zarr: no unit", ("", "", ""), None),
        ("OME-Zarr: no unit of z", ("", "nanometer", "nanometer"), None),
    ):
        yield Size(name, partial(_sized_zarr, units), wanted)


def _imagej(unit: str, a_unit: float, **metadata: Any) -> dict[str, Any]:
    return {"imagej": True, "resolution": (a_unit, a_unit), "metadata": {"axes": "ZYX", "unit": unit, **metadata}}


def _ome(**edges: tuple[float, str]) -> dict[str, Any]:
    lengths = {f"PhysicalSize{axis}": length for axis, (length, _) in edges.items()}
    units = {f"PhysicalSize{axis}Unit": unit for axis, (_, unit) in edges.items()}
    return {"ome": True, "metadata": {"axes": "ZYX", **lengths, **units}}


def _sized_hdf5(attributes: dict[str, Any], folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["raw"] = GREY
        file["raw"].attrs.update(attributes)
    return folder / "a.h5"


def _sized_zarr(units: tuple[str, ...], folder: Path) -> Path:
    group = zarr.open_group(folder / "a.zarr", mode="w")
    group.create_array("0", data=GREY)
    axes = [
        {"name": axis, "type": "space"} | ({"unit": unit} if unit else {})
        for axis, unit in zip("zyx", units, strict=True)
    ]
    scale = {"type": "scale", "scale": [0.05 if units[0] == "micrometer" else 50.0, 8.0, 8.0]}
    image: Any = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return folder / "a.zarr"
