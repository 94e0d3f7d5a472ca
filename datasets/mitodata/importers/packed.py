"""Sections of arrays that pack several together, such as Zarr: what was unpacked is kept for the next section."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mitodata.readers.axes import Array, Pixels
from mitodata.readers.damage import readable
from mitodata.readers.source import packed_together

_SLAB_BYTES = 2**28
"""What is unpacked at a time, at most."""


def section_reader(array: Array, where: Path) -> Callable[[int], Pixels]:
    """Make a function that reads section z, (Y, X), and keeps those that were unpacked with it.

    Args:
        array: (Z, Y, X).
        where: named in errors.
    """
    depth, height, width = array.shape
    most = max(1, _SLAB_BYTES // (height * width * np.dtype(array.dtype).itemsize))
    step = min(packed_together(array)[0], most)
    kept: dict[int, Pixels] = {}

    def section(z: int) -> Pixels:
        start = z // step * step
        if start not in kept:
            kept.clear()
            with readable(where, "Zarr", f"section {z}: "):
                part = slice(start, min(start + step, depth)), slice(0, height), slice(0, width)
                kept[start] = np.asarray(array[part])
        return np.asarray(kept[start][z - start])

    return section
