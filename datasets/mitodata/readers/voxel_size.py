"""How large a voxel is: what files say of each axis, in which unit, and what is believed of it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mitodata.errors import DataError
from mitodata.sample import VoxelSize, voxel_size_problem

Edges = tuple[float | None, float | None, float | None]
"""Edges of a voxel in nm, ordered z, y, x; None where a file does not say."""

UNKNOWN: Edges = (None, None, None)

SQUARE = 1.05
"""Pixels whose edges differ by no more than this factor count as square."""

_UNITS_NM = {
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-3),
    **dict.fromkeys(("\u00e5", "\u212b", "angstrom", "a"), 0.1),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers"), 1.0),
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"), 1e3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e7),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
}

PRINTED_NM = 20_000.0
"""Pixels this long, 1,270 dots an inch, are those of a printer, or of medicine: EM has none."""

_NOBODY_SET_NM = (1.0, 1000.0)
"""Voxels of 1 nm and of 1 um: what files say where no one has set a scale."""

_ATTRIBUTES = (("resolution", "nm"), ("voxel_size", "nm"), ("element_size_um", "um"))

_log = logging.getLogger("mitodata")


def unit_nm(name: object) -> float | None:
    """Length of a unit in nm; None for what is no length in microscopy, such as pixels and inches."""
    return _UNITS_NM.get(str(name).strip().lower())


def edge_nm(length: object, unit: object) -> float | None:
    """Length of an edge in nm, None where the length is missing, 0 or infinite, or its unit is none.

    Raises:
        ValueError: the length is no number.
    """
    factor = unit_nm(unit)
    edge = abs(float(str(length))) if length is not None else 0.0
    return edge * factor if factor and 0 < edge < float("inf") else None


def stated_edges(attributes: Mapping[str, Any], axes: str) -> Edges:
    """The edges of a voxel in nm that attributes of an array in HDF5 or Zarr say.

    CREMI writes `resolution`, funlib `resolution` or `voxel_size` with `units`, both in the order of the axes; ilastik
    and Fiji write `element_size_um` in the order z, y, x.

    Args:
        attributes: of the array.
        axes: that the array says; empty if it does not.
    """
    for name, unit in _ATTRIBUTES:
        lengths = _stated_lengths(attributes, name, axes, unit)
        if lengths:
            return by_axis({axis: edge_nm(length, own) for axis, (length, own) in lengths.items()})
    return UNKNOWN


def stated_corner(attributes: Mapping[str, Any], axes: str) -> Edges:
    """Where the first voxel lies, (z, y, x) in nm: the attribute `offset`, as CREMI and funlib write it."""
    lengths = _stated_lengths(attributes, "offset", axes, "nm")
    return by_axis({axis: length * (unit_nm(own) or 1.0) for axis, (length, own) in lengths.items()})


def place_problem(edges: Edges, corner: Edges, other_edges: Edges, other_corner: Edges) -> str:
    """Say in which way labels of the shape of an image lie elsewhere; an empty string if they do not, or none says so.

    Args:
        edges: of a voxel of the labels, nm.
        corner: where their first voxel lies, nm; unknown is 0.
        other_edges: of a voxel of the image.
        other_corner: likewise.
    """
    pairs = [(one, other) for one, other in zip(edges, other_edges, strict=True) if one and other]
    if any(max(pair) > SQUARE * min(pair) for pair in pairs):
        return f"has voxels of {_size(edges)} nm (z, y, x), the image of {_size(other_edges)} nm"
    apart = [abs((one or 0.0) - (other or 0.0)) for one, other in zip(corner, other_corner, strict=True)]
    if any(far > (edge or 1.0) / 2 for far, edge in zip(apart, other_edges, strict=True)):
        return f"begins at {_size(corner)} nm (z, y, x), the image at {_size(other_corner)} nm"
    return ""


def _size(edges: Edges) -> str:
    return " x ".join("?" if edge is None else f"{edge:g}" for edge in edges)


def _stated_lengths(attributes: Mapping[str, Any], name: str, axes: str, unit: str) -> dict[str, tuple[float, str]]:
    """Lengths and their units that an attribute states, by axis; nothing where it is missing, or of another kind."""
    own = "".join(axis for axis in axes if axis in "zyx")
    lengths = np.asarray(attributes.get(name, ()))
    if lengths.dtype.kind not in "uif" or lengths.ndim != 1 or len(lengths) not in {2, 3, len(axes) or 3}:
        return {}
    if len(lengths) == len(axes):
        order = axes
    else:
        order = own if unit == "nm" and len(own) == len(lengths) else "zyx"[-len(lengths) :]
    units = np.asarray(attributes.get("units", unit) if unit == "nm" else unit, dtype=str)
    fits = units.shape in ((), (1,), lengths.shape)
    named = np.broadcast_to(units, lengths.shape).tolist() if fits else [unit] * len(lengths)
    return dict(zip(order, zip(lengths.tolist(), named, strict=True), strict=True))


def choose_voxel_size(
    where: Path | str, depth: int, stated: Edges, given: VoxelSize | None = None, square: bool = True
) -> VoxelSize:
    """Choose the voxel size of an image: what the user gives, else what the file says.

    The thickness of a single section that no one says is taken to be the height of a pixel, with a line in the log.

    Args:
        where: the file; named in errors.
        depth: sections of the image.
        stated: what the file says.
        given: what the user says, (z, y, x) in nm; None if nothing.
        square: whether pixels must be square to within `SQUARE`.

    Returns:
        (z, y, x) in nm.

    Raises:
        DataError: an edge is unknown or out of range, or pixels are not square and must be.
    """
    if given is None:
        given = _stated(where, depth, stated)
    problem = voxel_size_problem(given) or (pixel_problem(given) if square else "")
    if problem:
        raise DataError(f"{where}: {problem}")
    return given


def contradiction(depth: int, stated: Edges, given: VoxelSize) -> str:
    """Say that a file states another voxel size than the user gives, and that the latter is taken.

    Args:
        depth: sections of the image; the thickness of a single one is not compared.
        stated: what the file says.
        given: what the user says, (z, y, x) in nm.

    Returns:
        An empty string where edges agree to within `SQUARE`, or the file states none that anybody could have meant.
    """
    z, y, x = stated
    if y is None or x is None or max(y, x) >= PRINTED_NM or (y == x == z and y in _NOBODY_SET_NM):
        return ""
    first = 0 if depth > 1 else 1
    pairs = zip(stated[first:], given[first:], strict=True)
    if all(edge is None or max(edge, own) <= SQUARE * min(edge, own) for edge, own in pairs):
        return ""
    return f"states voxels of {_size(stated)} nm (z, y, x); {_size(given)} nm are taken, as given"


def pixel_problem(voxel_size_nm: VoxelSize) -> str:
    """Say that pixels are not square, and in which order the numbers may have been meant; else an empty string."""
    z, y, x = voxel_size_nm
    if max(y, x) <= SQUARE * min(y, x):
        return ""
    text = f"voxel size {z:g} {y:g} {x:g} nm (z, y, x): pixels of {y:g} x {x:g} nm are not square"
    for thickness, pair in ((x, (y, z)), (y, (x, z))):
        if max(pair) <= SQUARE * min(pair):
            meant = f"{thickness:g} {pair[0]:g} {pair[1]:g}"
            return f"{text}; did you mean --voxel-size {meant}? if not, add --non-square-pixels"
    return f"{text}; expected y and x alike; if they are not, add --non-square-pixels"


def _stated(where: Path | str, depth: int, stated: Edges) -> VoxelSize:
    z, y, x = stated
    if y == x == z and y in _NOBODY_SET_NM:
        raise DataError(
            f"{where}: says that a voxel is {y:g} nm long in all directions, as programs write where nobody set it; "
            "give the voxel size in nm with --voxel-size Z Y X"
        )
    if y is None or x is None:
        raise DataError(f"{where}: carries no voxel size; give it in nm with --voxel-size Z Y X")
    if max(y, x) >= PRINTED_NM:
        raise DataError(
            f"{where}: says that pixels are {y / 1000:g} um long ({25.4e6 / y:.0f} dots an inch), as for printing; "
            "give the voxel size in nm with --voxel-size Z Y X"
        )
    if z is not None:
        return z, y, x
    if depth > 1:
        raise DataError(
            f"{where}: says that pixels are {y:g} x {x:g} nm, but not how far apart its {depth} sections are; give all "
            f"three in nm: --voxel-size Z {y:g} {x:g}"
        )
    _log.warning("%s: thickness of the section unknown, taken as %g nm; if it is not, --voxel-size Z Y X", where, y)
    return y, y, x


def by_axis(edges: Mapping[str, float | None]) -> Edges:
    """Order edges by axis; those that are missing are unknown."""
    return edges.get("z"), edges.get("y"), edges.get("x")
