"""Models that stand in for one of mitoseg; found as its entry point would be."""

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import RunError
from mitodata.sample import VoxelSize


class Dark:
    """Says that dark is a mitochondrion."""

    name = "dark"

    def segment(
        self, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        return raw < 90, 1 - raw.astype(np.float32) / np.float32(255)


class Broken(Dark):
    def segment(
        self, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        raise ValueError("no memory\nsecond line")


def load(model: str | None = None) -> Dark:
    if model == "missing":
        raise RunError("missing: not found")
    return Broken() if model == "broken" else Dark()
