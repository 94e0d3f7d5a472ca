"""How maps become foreground and instances."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, pi, prod
from typing import Any

from mitodata import VoxelSize

PEAK = 0.6
"""Probability that a piece of foreground must reach somewhere, where the network is sure enough of what it has learnt.
What is wrongly found in real tissue mostly stays below it (docs/decisions/0009-peaks.md)."""

SMALLEST_NM = 80.0
"""Pieces smaller than a disc (in volumes a ball) of this diameter are no mitochondria: these are larger."""

FARTHEST_NM = 1000.0
"""Outlines move by no more than this: mitochondria are smaller."""


@dataclass(frozen=True)
class Decoding:
    """How maps become foreground and instances; kept in the checkpoint.

    Attributes:
        threshold: probability from which on a voxel is foreground, unless images have thresholds of their own.
        seed: relative distance, where there is no boundary, from which on a voxel belongs to the core of an instance;
            each connected core is one instance. For the target `instance` only.
        smallest_px: instances of fewer voxels are dropped.
        smallest_nm: so are pieces smaller than a disc of this diameter, in volumes a ball; 0 keeps all.
        peak: probability that a connected piece of foreground must reach somewhere; 0 for none.
        outline_nm: where masks end: so many nm outside of the outer face of the outer membrane, or inside if negative.
        own_threshold: each image is read by the threshold that parts its probabilities best
            (`mitoseg.inference.decoding.own_threshold`).
    """

    threshold: float = 0.5
    seed: float = 0.3
    smallest_px: int = 16
    peak: float = PEAK
    outline_nm: float = 0.0
    own_threshold: bool = False
    smallest_nm: float = 0.0

    @classmethod
    def from_checkpoint(cls, content: Mapping[str, Any]) -> "Decoding":
        """Read what a checkpoint holds; the first versions wrote a threshold and nothing else.

        Some wrote thresholds for sections of several thicknesses, which followed tissue badly: such a model now reads
        each image by its own.

        Raises:
            KeyError: it holds no threshold.
            TypeError: it holds something else than attributes.
            ValueError: the threshold is not between 0 and 1, or the outline lies beyond `FARTHEST_NM`.
        """
        stored = dict(content.get("decoding", {}))
        if stored.pop("by_thickness", ()):
            stored["own_threshold"] = True
        decoding = cls(**(stored if "threshold" in stored else {**stored, "threshold": content["threshold"]}))
        if not 0 <= decoding.threshold <= 1:
            raise ValueError(f"threshold {decoding.threshold}; expected 0 to 1")
        if not abs(decoding.outline_nm) <= FARTHEST_NM:
            raise ValueError(f"outline {decoding.outline_nm} nm; expected at most {FARTHEST_NM:g} nm either way")
        return decoding

    def smallest_voxels(self, shape: tuple[int, ...], voxel_size_nm: VoxelSize) -> int:
        """Voxels of the smallest piece that is kept, in a section (1, Y, X) or a volume (Z, Y, X)."""
        return smallest_voxels(self.smallest_nm, shape, voxel_size_nm)

    def fixed(self, threshold: float) -> "Decoding":
        """The same with one threshold for all images."""
        return replace(self, threshold=threshold, own_threshold=False)

    @property
    def summary(self) -> str:
        """Which threshold; and the outline, if it is moved."""
        which = "the threshold of each image" if self.own_threshold else f"threshold {self.threshold:.2f}"
        return which + (f", outline {self.outline_nm:+.0f} nm" if self.outline_nm else "")


def smallest_voxels(diameter_nm: float, shape: tuple[int, ...], voxel_size_nm: VoxelSize) -> int:
    """Voxels of a disc of a diameter in a section (1, Y, X), or of a ball in a volume (Z, Y, X); at least 1."""
    if shape[0] == 1:
        return max(ceil(pi / 4 * diameter_nm**2 / prod(voxel_size_nm[1:])), 1)
    return max(ceil(pi / 6 * diameter_nm**3 / prod(voxel_size_nm)), 1)
