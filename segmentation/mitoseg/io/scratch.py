"""Arrays while a volume is worked on: on disk, whatever its size, or in memory."""

from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from mitodata.hdf5.draft import Draft

_CHUNK_PX = (1, 256, 256)
_CUBE_PX = (8, 32, 32)
_CACHE_BYTES = (4 * 2**20, 64 * 2**20)
"""Least and most memory for the chunks of an array that were used last: a row of them, so that strips of rows, however
wide, unpack and write each once."""


class StoredArray(Protocol):
    """An array that is read and written in parts."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part as an array."""

    def __setitem__(self, key: Any, values: Any, /) -> None:
        """Write a part."""


class Store(Protocol):
    """Where arrays are kept."""

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, *, cubes: bool = False) -> StoredArray:
        """Make an array of zeros (..., Z, Y, X); in `cubes` if it is to be read along any axis."""


class InMemory:
    """Keeps arrays in memory."""

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, *, cubes: bool = False) -> NDArray[Any]:
        """Make an array of zeros."""
        return np.zeros(shape, dtype)


class Scratch:
    """A hidden file beside the results that is gone afterwards, whatever happens; `path` is what it is for.

    with Scratch(folder / "stack") as scratch:
        maps = scratch.array("maps", (165, 768, 1024), np.float32)
        maps[10] = section
    """

    def __init__(self, path: Path) -> None:
        """Start the file.

        Raises:
            DataError: the folder is missing or not writable, or another process is at the same work.
        """
        self.path = path
        self._draft = Draft(path.with_name(f"{path.name}.scratch"), overwrite=True)
        self._file: h5py.File | None = None

    def __enter__(self) -> Self:
        self._draft.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._draft.__exit__(kind, value, at)

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, *, cubes: bool = False) -> "ScratchArray":
        """Make an array of zeros (..., Z, Y, X), packed section by section, or in blocks for reading along any axis."""
        if self._file is None:
            self._file = self._draft.create()
        block = _CUBE_PX if cubes else _CHUNK_PX
        chunks = (*(1,) * (len(shape) - 3), *(min(edges) for edges in zip(shape[-3:], block, strict=True)))
        row = prod(chunks[:-1]) * -(-shape[-1] // chunks[-1]) * chunks[-1] * np.dtype(dtype).itemsize
        cache = min(max(row, _CACHE_BYTES[0]), _CACHE_BYTES[1])
        # Numbers of things are mostly zeros and runs: a hundredth of the room, and no slower.
        packed: dict[str, Any] = {"compression": "lzf", "shuffle": True} if np.dtype(dtype).kind == "u" else {}
        with self._draft.checked():
            dataset = self._file.create_dataset(
                name, shape, dtype, chunks=chunks, fillvalue=0, rdcc_nbytes=cache, **packed
            )
        return ScratchArray(dataset, self._draft)


class ScratchArray:
    """One array of a scratch file, read and written in parts."""

    def __init__(self, dataset: h5py.Dataset, draft: Draft) -> None:
        self._dataset, self._draft = dataset, draft
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        with self._draft.checked():
            return np.asarray(self._dataset[key])

    def __setitem__(self, key: Any, values: NDArray[Any]) -> None:
        """Write a part.

        Raises:
            DataError: the disk is full.
        """
        with self._draft.checked():
            self._dataset[key] = values
