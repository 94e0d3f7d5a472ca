"""One row an object: size, place, outline, shape and grey, measured block by block."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from math import prod

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


def measure_objects(labels: Layer, raw: Layer, counts: Sequence[int]) -> Table:
    """Measure the objects of a section or a volume.

    Args:
        labels: instances, (Z, Y, X): 0 = background, objects from 1 on.
        raw: the grey image, (Z, Y, X) uint8.
        counts: the number of objects, alone.

    Returns:
        Columns of so many values, by name; docs/predict.md defines them. A section has areas and perimeters, a volume
        has volumes and surfaces.
    """
    (count,) = counts
    flat = labels.shape[0] == 1
    sums, surface = _Sums(count, labels.shape), np.zeros(count)
    for block in blocks(labels.shape, block_edges(labels.shape, (1, 1, 1), BLOCK_VOXELS)):
        sums.add(block, labels[block], raw[block])
        if not flat:
            _add_surfaces(surface, labels, block)
    return _columns(sums, _perimeters(labels, sums) if flat else surface, labels.voxel_size_nm)


def measure_sections(labels: Layer, raw: Layer, counts: Sequence[int]) -> Table:
    """Measure the objects of a stack whose sections are images of their own: each in its section.

    Args:
        labels: instances, (Z, Y, X), numbered through from section to section.
        raw: the grey image, (Z, Y, X) uint8.
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


class _Sums:
    """What adds up over blocks, for the objects 1 to `count`."""

    def __init__(self, count: int, shape: tuple[int, int, int]) -> None:
        self.flat = shape[0] == 1
        self.voxels = np.zeros(count, np.int64)
        self.grey = np.zeros(count)
        self.first = np.zeros((3, count))
        self.second = np.zeros((len(_PAIRS), count))
        self.start = np.repeat(np.array(shape)[:, None], count, axis=1)
        self.stop = np.zeros((3, count), np.int64)

    def add(self, block: Part, labels: NDArray[np.integer], raw: NDArray[np.uint8]) -> None:
        """Add a block, (Z, Y, X) both."""
        inside = np.nonzero(labels)
        if len(inside[0]) == 0:
            return
        ids, place = np.unique(labels[inside], return_inverse=True)
        rows = ids.astype(np.int64) - 1
        self.voxels[rows] += np.bincount(place)
        self.grey[rows] += np.bincount(place, raw[inside])
        coordinates = [axis + part.start for axis, part in zip(inside, block, strict=True)]
        for axis, values in enumerate(coordinates):
            self.first[axis, rows] += np.bincount(place, values)
            np.minimum.at(self.start[axis], rows[place], values)
            np.maximum.at(self.stop[axis], rows[place], values + 1)
        for number, (one, other) in enumerate(_PAIRS):
            self.second[number, rows] += np.bincount(place, coordinates[one].astype(np.float64) * coordinates[other])


def _columns(sums: _Sums, outline: NDArray[np.float64], voxel_size_nm: VoxelSize) -> Table:
    edges, axes, flat = np.array(voxel_size_nm), "zyx", sums.flat
    voxels = sums.voxels.astype(np.float64)
    centre = sums.first / voxels
    table: Table = {"id": np.arange(1, len(voxels) + 1, dtype=np.float64)}
    if flat:
        table |= {"area_px": voxels, "area_nm2": voxels * prod(edges[1:])}
    else:
        table |= {"volume_px": voxels, "volume_nm3": voxels * prod(edges)}
    table |= {f"centroid_{axis}_px": centre[number] for number, axis in enumerate(axes)}
    table |= {f"centroid_{axis}_nm": centre[number] * edges[number] for number, axis in enumerate(axes)}
    for number, axis in enumerate(axes):
        table |= {f"bbox_{axis}_start": sums.start[number] * 1.0, f"bbox_{axis}_stop": sums.stop[number] * 1.0}
    table |= {"perimeter_nm" if flat else "surface_nm2": outline}
    return table | {"eccentricity": _eccentricity(sums, edges, flat), "mean_grey": sums.grey / voxels}


def _eccentricity(sums: _Sums, edges: NDArray[np.float64], flat: bool) -> NDArray[np.float64]:
    """Eccentricity of the ellipse (ellipsoid: of its longest and shortest axis) with an object's second moments in nm.

    In a section of square pixels this is scikit-image's definition. A single voxel is round.
    """
    centre = sums.first / sums.voxels
    covariance = np.zeros((len(sums.voxels), 3, 3))
    for values, (one, other) in zip(sums.second, _PAIRS, strict=True):
        moment = values / sums.voxels - centre[one] * centre[other]
        covariance[:, one, other] = covariance[:, other, one] = moment * edges[one] * edges[other]
    lengths = np.linalg.eigvalsh(covariance[:, 1:, 1:] if flat else covariance)
    longest = lengths[:, -1]
    return np.asarray(
        np.sqrt(1 - np.divide(lengths[:, 0], longest, out=np.ones_like(longest), where=longest > 1e-9).clip(0, 1))
    )


def _perimeters(labels: Layer, sums: _Sums) -> NDArray[np.float64]:
    """Perimeters in nm of the objects of a section; where pixels are not square, of their mean edge."""
    found = np.zeros(len(sums.voxels))
    edge = float(np.sqrt(labels.voxel_size_nm[1] * labels.voxel_size_nm[2]))
    for row in range(len(found)):
        z, y, x = (slice(int(a), int(b)) for a, b in zip(sums.start[:, row], sums.stop[:, row], strict=True))
        found[row] = perimeter(labels[z, y, x][0] == row + 1) * edge
    return found


def _add_surfaces(surface: NDArray[np.float64], labels: Layer, block: Part) -> None:
    """Add the surfaces in nm^2 of what lies between the voxels of a block and the ones before them.

    Marching cubes looks at cubes between 2 x 2 x 2 voxels, so that areas of blocks add up. The volume is surrounded by
    background.
    """
    wide = [slice(max(part.start - 1, 0), part.stop) for part in block]
    rim = [(part.start == 0, part.stop == length) for part, length in zip(block, labels.shape, strict=True)]
    found = np.pad(labels[wide[0], wide[1], wide[2]], np.array(rim, int))
    numbers = np.unique(found[found > 0])
    local = np.searchsorted(numbers, found) + 1
    local[found == 0] = 0
    for number, box in zip(numbers.tolist(), ndimage.find_objects(local), strict=True):
        crop = found[tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)] == number
        if min(crop.shape) > 1 and not crop.all():
            vertices, faces, *_ = marching_cubes(crop.astype(np.float32), 0.5, spacing=labels.voxel_size_nm)
            surface[number - 1] += mesh_surface_area(vertices, faces)
