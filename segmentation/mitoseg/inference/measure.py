"""One row an object: size, place, outline, shape and grey, measured block by block."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area, perimeter

from mitodata import VoxelSize
from mitoseg.io.blocks import Layer, Part, block_edges, blocks

BLOCK_VOXELS = 2**20
"""Voxels that are measured at a time; what is computed on them takes some 60 MB."""

Table = dict[str, NDArray[np.float64]]

_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

_ID, _VOXELS, _GREY, _SURFACE = range(4)
_FIRST, _SECOND, _START, _STOP = slice(4, 7), slice(7, 13), slice(13, 16), slice(16, 19)
_ADDED = slice(_VOXELS, _SECOND.stop)
"""Columns of what is measured of an object in a block: sums over its voxels, and where they begin and end."""

ROW = _STOP.stop
"""How many columns there are."""


def measure_objects(labels: Layer, raw: Layer, counts: Sequence[int]) -> Table:
    """Measure the objects of a section or a volume.

    Args:
        labels: instances, (Z, Y, X): 0 = background, objects from 1 on.
        raw: the grey image, (Z, Y, X) of any real type; means are on its scale.
        counts: the number of objects, alone.

    Returns:
        Columns of so many values, by name; docs/predict.md defines them. A section has areas and perimeters, a volume
        has volumes and surfaces.
    """
    measured = (measure_block(labels, raw, block) for block in blocks(labels.shape, measured_edges(labels.shape)))
    return tabulate(measured, labels, *counts)


def measured_edges(shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Edges of the blocks of a volume that are measured each by itself."""
    return block_edges(shape, (1, 1, 1), BLOCK_VOXELS)


def measure_block(labels: Layer, raw: Layer, block: Part) -> NDArray[np.float64]:
    """What a block adds to the objects in it, and in the voxels before it.

    Args:
        labels: of the whole volume, as of `measure_objects`.
        raw: likewise.
        block: one of those of `measured_edges`.

    Returns:
        (N, `ROW`): a row an object, for `tabulate`.
    """
    z, y, x = (slice(max(part.start - 1, 0), part.stop) for part in block)
    wide = labels[z, y, x]
    ids = np.unique(wide)
    ids = ids[ids > 0].astype(np.int64)
    rows = np.zeros((len(ids), ROW))
    rows[:, _ID] = ids
    rows[:, _START] = labels.shape
    if len(ids) == 0:
        return rows
    own = wide[tuple(slice(part.start - held.start, None) for part, held in zip(block, (z, y, x), strict=True))]
    _add_voxels(rows, own, raw[block], block)
    if labels.shape[0] > 1:
        rims = [(part.start == 0, part.stop == length) for part, length in zip(block, labels.shape, strict=True)]
        rows[:, _SURFACE] = _surfaces(np.pad(wide, np.array(rims, int)), ids, labels.voxel_size_nm)
    return rows


def tabulate(measured: Iterable[NDArray[np.float64]], labels: Layer, count: int) -> Table:
    """The table of the objects 1 to `count` of a section or a volume, of what was measured of all blocks, in order."""
    rows = np.zeros((count + 1, ROW))
    rows[:, _START] = labels.shape
    for found in measured:
        ids = found[:, _ID].astype(np.int64)
        np.add.at(rows[:, _ADDED], ids, found[:, _ADDED])
        np.minimum.at(rows[:, _START], ids, found[:, _START])
        np.maximum.at(rows[:, _STOP], ids, found[:, _STOP])
    flat = labels.shape[0] == 1
    outline = _perimeters(labels, rows[1:]) if flat else rows[1:, _SURFACE]
    return _columns(rows[1:], outline, labels.voxel_size_nm, flat)


def measure_sections(labels: Layer, raw: Layer, counts: Sequence[int]) -> Table:
    """Measure the objects of a stack whose sections are images of their own: each in its section.

    Args:
        labels: instances, (Z, Y, X), numbered through from section to section.
        raw: the grey image, (Z, Y, X) of any real type.
        counts: the number of objects in each section.

    Returns:
        As `measure_objects` of each section, below each other.
    """
    tables = []
    for z, count in enumerate(counts):
        before = sum(counts[:z])
        table = measure_objects(_section(labels, z, before), _section(raw, z, 0), [count])
        z_nm = labels.voxel_size_nm[0]
        shifts = {"id": before, "centroid_z_px": z, "centroid_z_nm": z * z_nm, "bbox_z_start": z, "bbox_z_stop": z}
        tables.append({name: values + shifts.get(name, 0) for name, values in table.items()})
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _section(layer: Layer, z: int, before: int) -> Layer:
    """A section alone, its objects numbered from 1 on."""

    def read(part: Part) -> NDArray[np.generic]:
        found = layer[slice(z, z + 1), part[1], part[2]]
        return np.where(found > 0, found - before, 0).astype(layer.dtype) if before else found

    return replace(layer, shape=(1, *layer.shape[1:]), read=read)


def table_text(table: Table) -> str:
    """The table as CSV; numbers have up to seven digits, counts all of theirs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*(values.tolist() for values in table.values()), strict=True):
        writer.writerow([str(int(value)) if value == int(value) else f"{value:.7g}" for value in row])
    return text.getvalue()


def _add_voxels(rows: NDArray[np.float64], labels: NDArray[np.integer], raw: NDArray[Any], block: Part) -> None:
    """Add the voxels of a block, (Z, Y, X) both, to the rows of its objects."""
    inside = np.nonzero(labels)
    place, length = np.searchsorted(rows[:, _ID], labels[inside]), len(rows)
    rows[:, _VOXELS] = np.bincount(place, minlength=length)
    rows[:, _GREY] = np.bincount(place, raw[inside], length)
    coordinates = [axis + part.start for axis, part in zip(inside, block, strict=True)]
    for axis, values in enumerate(coordinates):
        rows[:, _FIRST][:, axis] = np.bincount(place, values, length)
        np.minimum.at(rows[:, _START][:, axis], place, values)
        np.maximum.at(rows[:, _STOP][:, axis], place, values + 1)
    for number, (one, other) in enumerate(_PAIRS):
        products = coordinates[one].astype(np.float64) * coordinates[other]
        rows[:, _SECOND][:, number] = np.bincount(place, products, length)


def _columns(rows: NDArray[np.float64], outline: NDArray[np.float64], voxel_size_nm: VoxelSize, flat: bool) -> Table:
    edges, axes = np.array(voxel_size_nm), "zyx"
    voxels, start, stop = rows[:, _VOXELS], rows[:, _START].T, rows[:, _STOP].T
    centre = rows[:, _FIRST].T / voxels
    table: Table = {"id": np.arange(1, len(voxels) + 1, dtype=np.float64)}
    if flat:
        table |= {"area_px": voxels, "area_nm2": voxels * prod(edges[1:])}
    else:
        table |= {"volume_px": voxels, "volume_nm3": voxels * prod(edges)}
    table |= {f"centroid_{axis}_px": centre[number] for number, axis in enumerate(axes)}
    table |= {f"centroid_{axis}_nm": centre[number] * edges[number] for number, axis in enumerate(axes)}
    for number, axis in enumerate(axes):
        table |= {f"bbox_{axis}_start": start[number], f"bbox_{axis}_stop": stop[number]}
    table |= {"perimeter_nm" if flat else "surface_nm2": outline}
    return table | {"eccentricity": _eccentricity(rows, edges, flat), "mean_grey": rows[:, _GREY] / voxels}


def _eccentricity(rows: NDArray[np.float64], edges: NDArray[np.float64], flat: bool) -> NDArray[np.float64]:
    """Eccentricity of the ellipse (ellipsoid: of its longest and shortest axis) with an object's second moments in nm.

    In a section of square pixels this is scikit-image's definition. A single voxel is round.
    """
    voxels = rows[:, _VOXELS]
    centre = rows[:, _FIRST].T / voxels
    covariance = np.zeros((len(voxels), 3, 3))
    for values, (one, other) in zip(rows[:, _SECOND].T, _PAIRS, strict=True):
        moment = values / voxels - centre[one] * centre[other]
        covariance[:, one, other] = covariance[:, other, one] = moment * edges[one] * edges[other]
    lengths = np.linalg.eigvalsh(covariance[:, 1:, 1:] if flat else covariance)
    longest = lengths[:, -1]
    return np.asarray(
        np.sqrt(1 - np.divide(lengths[:, 0], longest, out=np.ones_like(longest), where=longest > 1e-9).clip(0, 1))
    )


def _perimeters(labels: Layer, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Perimeters in nm of the objects of a section; where pixels are not square, of their mean edge."""
    found = np.zeros(len(rows))
    edge = float(np.sqrt(labels.voxel_size_nm[1] * labels.voxel_size_nm[2]))
    for number, row in enumerate(rows):
        z, y, x = (slice(int(a), int(b)) for a, b in zip(row[_START], row[_STOP], strict=True))
        found[number] = perimeter(labels[z, y, x][0] == number + 1) * edge
    return found


def _surfaces(found: NDArray[np.integer], ids: NDArray[np.integer], voxel_size_nm: VoxelSize) -> NDArray[np.float64]:
    """Surfaces in nm^2 of objects between the voxels of a block and the ones before them.

    Marching cubes looks at cubes between 2 x 2 x 2 voxels, so that areas of blocks add up. The volume is surrounded by
    background.

    Args:
        found: the block with the voxels before it, and with background where the volume begins or ends, (Z, Y, X).
        ids: of its objects, rising.
        voxel_size_nm: (z, y, x) in nm.
    """
    surfaces = np.zeros(len(ids))
    local = np.searchsorted(ids, found) + 1
    local[found == 0] = 0
    for row, box in enumerate(ndimage.find_objects(local)):
        crop = found[tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)] == ids[row]
        if min(crop.shape) > 1 and not crop.all():
            vertices, faces, *_ = marching_cubes(crop.astype(np.float32), 0.5, spacing=voxel_size_nm)
            surfaces[row] = mesh_surface_area(vertices, faces)
    return surfaces
