"""OME-Zarr that many processes write together, region by region: the bytes that `multiscales.write_zarr` writes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from mitodata.export.layer import Layer
from mitodata.export.multiscales import (
    CHUNK,
    PIECE,
    Factors,
    Version,
    coarsen,
    create_zarr,
    level_shape,
    plan_levels,
    steps_between,
)
from mitodata.files import checked_write, write_atomic
from mitodata.readers.axes import Part, blocks, count_blocks, nth_block

REGION = (64, 1024, 1024)
"""Voxels (z, y, x) of a level that are written together with what becomes of them on the next two: whole chunks, also
there."""

TOGETHER = 2
"""Levels that are made of a region."""

READ = (64, 512, 512)
"""Voxels that are read at a time: whole pieces of `multiscales`, also on the next two levels.

In other pieces a mean may be rounded otherwise."""


class RegionWriter:
    """An OME-Zarr that is written in regions.

    Regions of one level need each other in nothing. Those of every `TOGETHER` levels need all regions before.

    Attributes:
        bases: levels whose regions are written, the finest first.
    """

    def __init__(self, path: Path, image: Layer, labels: Sequence[Layer] = (), version: Version = "0.5") -> None:
        """Plan the file; nothing is written.

        Args:
            path: of the folder. Its parent must exist.
            image: what the group holds.
            labels: what its group `labels` holds.
            version: of OME-Zarr.
        """
        self._path = path
        self._levels = plan_levels(image.shape, image.voxel_size_nm)
        self._shape = image.shape
        self.bases = range(0, max(len(self._levels) - 1, 1), TOGETHER)
        content: dict[str, Buffer] = {}
        made = create_zarr(MemoryStore(content), path.name, image, labels, version)
        self._layers = [(layer, arrays[0].path.rpartition("/")[0], layer is not image) for layer, arrays, _ in made]
        self._metadata = dict(content)

    def make(self) -> None:
        """Write what says how the arrays are stored, if nobody has done so.

        Raises:
            WriteError: it cannot be written.
        """
        for key, content in self._metadata.items():
            if not (self._path / key).exists():
                self._put(key, content)

    def count(self, base: int) -> int:
        """How many regions a level has, one of `bases`."""
        return count_blocks(level_shape(self._shape, self._levels[base]), REGION)

    def region(self, base: int, number: int) -> Part:
        """A region of a level, by its number from 0 on, z slowest."""
        return nth_block(level_shape(self._shape, self._levels[base]), REGION, number)

    def write(
        self, base: int, region: Part, finer: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Write a region of a level, if that is the finest one, and what becomes of it on the next `TOGETHER` levels.

        Args:
            base: the level, one of `bases`.
            region: of it.
            finer: what it holds, by the names of the layers; None of the finest level, which is read.

        Returns:
            What became of it on the coarsest of these levels, by the names of the layers: part of a region of the next
            of `bases`.

        Raises:
            WriteError: the disk is full, or refuses.
        """
        return {
            layer.name: self._write(layer, folder, base, region, labels, None if finer is None else finer[layer.name])
            for layer, folder, labels in self._layers
        }

    def gather(self, base: int, region: Part) -> Iterator[tuple[int, Part]]:
        """Of which regions of the level before in `bases` a region is made: their numbers, and where they lie in it."""
        steps = steps_between(self._levels[base - TOGETHER], self._levels[base])
        whole = level_shape(self._shape, self._levels[base - TOGETHER])
        grid = [-(-length // edge) for length, edge in zip(whole, REGION, strict=True)]
        spans = [
            range(own.start * step // edge, -(-min(own.stop * step, length) // edge))
            for own, step, length, edge in zip(region, steps, whole, REGION, strict=True)
        ]
        for place in product(*spans):
            z, y, x = (
                slice(at * edge // step - own.start, -(-min((at + 1) * edge, length) // step) - own.start)
                for at, edge, step, own, length in zip(place, REGION, steps, region, whole, strict=True)
            )
            yield (place[0] * grid[1] + place[1]) * grid[2] + place[2], (z, y, x)

    def _write(
        self, layer: Layer, folder: str, base: int, region: Part, labels: bool, finer: NDArray[Any] | None
    ) -> NDArray[Any]:
        """Write a layer in a region; arguments as of `write`."""
        levels = self._levels[base : base + TOGETHER + 1]
        steps = [steps_between(fine, coarse) for fine, coarse in pairwise(levels)]
        lengths = tuple(each.stop - each.start for each in region)
        corner = tuple(each.start for each in region)
        coarse = [np.empty(_divided(lengths, steps[: number + 1]), layer.dtype) for number in range(len(steps))]
        for part in blocks(lengths, READ):
            voxels = layer[_moved(part, corner)] if finer is None else finer[part]
            if finer is None:
                for own in blocks(voxels.shape, CHUNK):
                    place = _moved(own, [each.start for each in part])
                    self._put_part(f"{folder}/{base}", _moved(place, corner), voxels[own])
            place = part
            for level, step in zip(coarse, steps, strict=True):
                voxels, place = _coarsened(voxels, step, labels), _shrunk(place, step)
                level[place] = voxels
        for number, (level, _) in enumerate(zip(coarse, steps, strict=True)):
            start = _divided(corner, steps[: number + 1])
            for part in blocks(level.shape, CHUNK):
                self._put_part(f"{folder}/{base + 1 + number}", _moved(part, start), level[part])
        return coarse[-1] if coarse else np.empty((0, 0, 0), layer.dtype)

    def _put_part(self, array: str, part: Part, voxels: NDArray[Any]) -> None:
        """Write whole chunks of an array; those that hold nothing have no file."""
        content = dict(self._metadata)
        zarr.open_array(MemoryStore(content), path=array.lstrip("/"), mode="r+")[part] = voxels
        for key in content.keys() - self._metadata.keys():
            self._put(key, content[key])

    def _put(self, key: str, content: Buffer) -> None:
        path = self._path / key
        with checked_write(path):
            # Not the folder in which the file lies: where it is gone, this process is late.
            for parent in reversed(path.relative_to(self._path.parent).parents[:-1]):
                (self._path.parent / parent).mkdir(exist_ok=True)
        write_atomic(path, content.to_bytes())


def _coarsened(fine: NDArray[Any], steps: Factors, labels: bool) -> NDArray[Any]:
    """Make a coarser level of a part, piece by piece as `multiscales.write_levels` does."""
    coarse = np.empty(_divided(fine.shape, [steps]), fine.dtype)
    for piece in blocks(coarse.shape, PIECE):
        z, y, x = (slice(each.start * step, each.stop * step) for each, step in zip(piece, steps, strict=True))
        coarse[piece] = coarsen(np.ascontiguousarray(fine[z, y, x]), steps, labels)
    return coarse


def _moved(part: Part, by: Sequence[int]) -> Part:
    z, y, x = (slice(each.start + start, each.stop + start) for each, start in zip(part, by, strict=True))
    return z, y, x


def _shrunk(part: Part, steps: Factors) -> Part:
    z, y, x = (slice(each.start // step, -(-each.stop // step)) for each, step in zip(part, steps, strict=True))
    return z, y, x


def _divided(lengths: Sequence[int], steps: Sequence[Factors]) -> tuple[int, ...]:
    for each in steps:
        lengths = [-(-length // step) for length, step in zip(lengths, each, strict=True)]
    return tuple(lengths)
