"""Maps of a volume that many processes write, block by block: Zarr 3, sharded, a file for each block.

Specification: https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from mitodata import DataError
from mitodata.files import checked_write, write_atomic
from mitodata.readers.damage import readable
from mitoseg.io.blocks import Part, blocks

METADATA = "zarr.json"


class PartArray:
    """Maps (C, Z, Y, X), or numbers of things, that are written block by block.

    A block is there or not, whoever is killed: its file gets its name when it is whole. Each chunk has a checksum.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int, int, int],
        edges: tuple[int, int, int],
        chunk: tuple[int, int, int],
        dtype: DTypeLike = np.float32,
        again: str = "predict it again",
    ) -> None:
        """Describe the array; nothing is read or written.

        Args:
            folder: of the array.
            shape: (C, Z, Y, X).
            edges: of the blocks, (z, y, x); they become longer until a block consists of whole chunks.
            chunk: voxels (z, y, x) that are packed, and read, together.
            dtype: of floats or unsigned integers; their greatest number stands for what is not there.
            again: what to do about a block that is damaged.
        """
        z, y, x = (min(length, side) for length, side in zip(shape[1:], chunk, strict=True))
        self.folder, self.shape, self._chunk = folder, shape, (z, y, x)
        self._dtype, self._again = np.dtype(dtype), again
        self._nothing = np.nan if self._dtype.kind == "f" else np.iinfo(self._dtype).max
        long_z, long_y, long_x = (-(-edge // side) * side for edge, side in zip(edges, self._chunk, strict=True))
        self.edges = long_z, long_y, long_x

    def make(self) -> None:
        """Write what says how the array is stored; others may do so at the same time.

        Raises:
            DataError: it cannot be written.
        """
        if not (self.folder / METADATA).exists():
            with checked_write(self.folder):  # not its parents: where they are gone, this process is late
                self.folder.mkdir(exist_ok=True)
            content: dict[str, Buffer] = {}
            self._create(content)
            write_atomic(self.folder / METADATA, content[METADATA].to_bytes())

    def blocks(self) -> list[Part]:
        """All blocks in order, z slowest; those at the ends may be smaller."""
        return list(blocks(self.shape[1:], self.edges))

    def path(self, block: Part) -> Path:
        """The file of a block."""
        return self.folder / self._key(block)

    def write(self, block: Part, maps: NDArray[Any]) -> None:
        """Write the maps of a block, (C, Z, Y, X).

        Raises:
            DataError: they cannot be written, or the array is gone.
        """
        content: dict[str, Buffer] = {}
        self._create(content)[(slice(None), *block)] = maps
        path = self.path(block)
        with checked_write(path):
            # Not the folder itself: where it is gone, this process is late.
            for parent in reversed(path.relative_to(self.folder).parents[:-1]):
                (self.folder / parent).mkdir(exist_ok=True)
        write_atomic(path, content[self._key(block)].to_bytes())

    def __getitem__(self, part: tuple[slice, ...]) -> NDArray[Any]:
        """Read a part (C, Z, Y, X).

        Raises:
            DataError: a block is missing, or damaged; it is removed then, so that it can be made again.
        """
        try:
            with readable(self.folder, "Zarr"):
                return self._read(part)
        except DataError as error:
            for block in self._damaged(part[1:]):
                self.path(block).unlink(missing_ok=True)
                raise DataError(
                    f"{self.path(block)}: is missing, or was damaged and is removed; {self._again}"
                ) from error
            raise

    def _key(self, block: Part) -> str:
        numbers = (part.start // edge for part, edge in zip(block, self.edges, strict=True))
        return "/".join(("c", "0", *map(str, numbers)))

    def _read(self, part: tuple[slice, ...]) -> NDArray[Any]:
        found = np.asarray(self._stored[part])
        # What a file that is not there, or ends too early, reads as.
        if (np.isnan(found) if self._dtype.kind == "f" else found == self._nothing).any():
            raise ValueError("holds values that are not numbers")
        return found

    @cached_property
    def _stored(self) -> zarr.Array[Any]:
        found = zarr.open_array(self.folder, mode="r")
        if found.shape != self.shape or found.shards != (self.shape[0], *self.edges):
            raise ValueError(f"shape {found.shape} in shards {found.shards}; expected {self.shape}")
        return found

    def _damaged(self, part: tuple[slice, ...]) -> Iterator[Part]:
        """Blocks within a part that are missing or cannot be read."""
        for block in self.blocks():
            inside = all(
                own.start < (length if wanted.stop is None else wanted.stop) and own.stop > (wanted.start or 0)
                for own, wanted, length in zip(block, part, self.shape[1:], strict=True)
            )
            if inside:
                try:
                    with readable(self.folder):
                        self._read((slice(None), *block))
                except DataError:
                    yield block

    def _create(self, content: dict[str, Buffer]) -> zarr.Array[Any]:
        """Make the array in memory, where it holds nothing."""
        return zarr.create_array(
            MemoryStore(content),
            shape=self.shape,
            shards=(self.shape[0], *self.edges),
            chunks=(1, *self._chunk),
            dtype=self._dtype,
            fill_value=self._nothing,
            compressors=[BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()],
            dimension_names=("channel", "z", "y", "x"),
        )
