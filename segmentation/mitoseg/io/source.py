"""One image or volume, wherever it lies: opened without being read."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mitodata import DataError, VoxelSize
from mitoseg.io.blocks import Part, strips

UNKNOWN: VoxelSize = (0.0, 0.0, 0.0)
"""The voxel size of what carries none."""


class Array(Protocol):
    """What holds the grey levels: an array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part as an array."""


@dataclass(frozen=True, eq=False)
class Source:
    """One image or volume.

    Attributes:
        path: the file it is in.
        suffix: what to add to the file's name, where the file holds several.
        array: its grey levels, ([Z,] Y, X) behind `lead`.
        voxel_size_nm: (z, y, x) in nm.
        lead: indices of the dimensions that come first.
        levels: grey levels that become 0 and 255; None for uint8, which stays as it is.
        section_nm: thickness of its sections in nm where the file says that apart; None: the length of a voxel in z.
    """

    path: Path
    suffix: str
    array: Array
    voxel_size_nm: VoxelSize
    lead: tuple[int, ...] = ()
    levels: tuple[float, float] | None = None
    section_nm: float | None = None

    @property
    def thickness_nm(self) -> float:
        """Thickness of its sections in nm."""
        return self.section_nm or self.voxel_size_nm[0]

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        spatial = self.array.shape[len(self.lead) :]
        z, y, x = (1, *spatial)[-3:]
        return (z, y, x)

    @cached_property
    def packed(self) -> tuple[int, int]:
        """Sections, and rows of each, that are best read together, because the file packs them together."""
        chunks = getattr(self.array, "chunks", None) or (1,) * len(self.array.shape)
        z, y, _ = (1, *chunks[len(self.lead) :])[-3:]
        return int(z), int(y)

    def read(self, part: Part) -> NDArray[np.uint8]:
        """Read a part as grey levels, (Z, Y, X) uint8.

        Raises:
            DataError: the file is damaged.
        """
        found = self.read_stored(part)
        if self.levels is None:
            return found.astype(np.uint8, copy=False)
        low, high = self.levels
        grey = np.empty(found.shape, np.uint8)
        for strip in strips(found.shape):
            # Float32 cannot hold every grey level of float64.
            stretched = (found[strip].astype(np.float64) - low) * (255 / max(high - low, 1e-9))
            grey[strip] = stretched.clip(0, 255).round()
        return grey

    def read_stored(self, part: Part) -> NDArray[Any]:
        """Read a part as it is stored: (Z, Y, X)."""
        flat = len(self.array.shape) - len(self.lead) == 2
        with readable(self.path):
            found = np.asarray(self.array[(*self.lead, *part[1 if flat else 0 :])])
        return found[np.newaxis] if flat else found


_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    SyntaxError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)


@contextmanager
def readable(path: Path, kind: str = "file") -> Iterator[None]:
    """Say in one line that a file cannot be read."""
    try:
        yield
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: cannot be read; the {kind} is damaged or not what its name says ({reason})"
        ) from error
