"""Arrays on disk while a volume is worked on."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from mitodata.draft import Draft

_CHUNK_PX = 256
_CACHE_BYTES = 4 * 2**20


class Scratch:
    """A hidden file beside the results that is gone afterwards, whatever happens.

    with Scratch(folder / "stack") as scratch:
        maps = scratch.array("maps", (165, 768, 1024), np.float32)
        maps[10] = section
    """

    def __init__(self, path: Path) -> None:
        """Start the file.

        Raises:
            DataError: the folder is missing or not writable, or another process is at the same work.
        """
        self._draft = Draft(path.with_name(f"{path.name}.scratch"), overwrite=True)
        self._file: h5py.File | None = None

    def __enter__(self) -> Self:
        self._draft.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._draft.__exit__(kind, value, at)

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> "ScratchArray":
        """Make an array of zeros, packed section by section."""
        if self._file is None:
            self._file = self._draft.create()
        chunks = (*(1,) * (len(shape) - 2), *(min(length, _CHUNK_PX) for length in shape[-2:]))
        with self._draft.checked():
            dataset = self._file.create_dataset(
                name, shape, dtype, chunks=chunks, fillvalue=0, rdcc_nbytes=_CACHE_BYTES
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
