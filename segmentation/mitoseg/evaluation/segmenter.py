"""What `mitogen explore` shows of a model beside a rendered image.

mitogen knows no learning; it finds `load_segmenter` as an entry point of the group `mitogen.segmenters`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata import VoxelSize
from mitoseg.inference.decoding import find_foreground
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.orthoplanes import AUTO
from mitoseg.inference.predictor import predict_maps


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A model that segments arrays, as `mitoseg predict` segments files.

    Attributes:
        model: what segments.
    """

    model: Model

    @property
    def name(self) -> str:
        """By which its users know it."""
        return self.model.name

    def segment(
        self, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Find mitochondria, section by section.

        Args:
            raw: (Z, Y, X).
            voxel_size_nm: (z, y, x).

        Returns:
            (Z, Y, X): where they are, and the probability of being one, 0 to 1.

        Raises:
            DataError: the voxel size is out of reach.
        """
        maps = predict_maps(self.model, raw, voxel_size_nm, tta=AUTO)
        pieces = find_foreground(maps, self.model.decoding, voxel_size_nm, apart=self.model.config.dimensions == 2)
        return np.asarray(pieces[:]) > 0, maps[0]


def load_segmenter(model: Path | str | None = None) -> Segmenter:
    """Load a model, on the CPU: the page that asks has one process for it.

    Args:
        model: what `load_model` takes: a run, a file or a name; None for the newest released model.

    Raises:
        RunError: there is no such model, or it is damaged.
    """
    return Segmenter(load_model(model, device="cpu"))
