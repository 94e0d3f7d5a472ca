"""From what a network says about voxels to foreground and instances."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from mitoseg.config.settings import Target

PEAK = 0.6
"""Probability that a piece of foreground must reach somewhere, where the network is sure enough of what it has learnt.
What is wrongly found in real tissue mostly stays below it (docs/decisions/0009-peaks.md)."""

SMOOTH_PX = 0.7
"""Sigma by which cores are smoothed in y and x."""

SMALLEST_SEED_PX = 4
"""A core of fewer voxels is no seed."""


@dataclass(frozen=True)
class Decoding:
    """How maps become foreground and instances; kept in the checkpoint. Thresholds are chosen on validation images.

    Attributes:
        threshold: probability from which on a voxel is foreground.
        seed: relative distance, where there is no boundary, from which on a voxel belongs to the core of an instance;
            each connected core is one instance. For the target `instance` only.
        smallest_px: instances of fewer voxels are dropped.
        peak: probability that a connected piece of foreground must reach somewhere; 0 for none.
        by_thickness: (thickness of a section in nm, best threshold for such sections), thickness rising; empty where
            `threshold` is meant for all.
    """

    threshold: float = 0.5
    seed: float = 0.3
    smallest_px: int = 16
    peak: float = PEAK
    by_thickness: tuple[tuple[float, float], ...] = ()

    @classmethod
    def from_checkpoint(cls, content: Mapping[str, Any]) -> "Decoding":
        """Read what a checkpoint holds; the first versions wrote a threshold and nothing else.

        Raises:
            KeyError: it holds no threshold.
            TypeError: it holds something else than attributes.
            ValueError: a threshold is not between 0 and 1.
        """
        stored = content.get("decoding", {})
        decoding = cls(**(stored if "threshold" in stored else {**stored, "threshold": content["threshold"]}))
        thresholds = (decoding.threshold, *(threshold for _, threshold in decoding.by_thickness))
        if not all(0 <= threshold <= 1 for threshold in thresholds):
            raise ValueError(f"thresholds {thresholds}; expected 0 to 1")
        return decoding

    def at(self, thickness_nm: float) -> "Decoding":
        """How maps of sections so thick are read: with one threshold, interpolated over the logarithm of thickness."""
        if not self.by_thickness:
            return self
        known, thresholds = zip(*self.by_thickness, strict=True)
        threshold = float(np.interp(np.log(thickness_nm), np.log(known), thresholds))
        return replace(self, threshold=round(threshold, 2), by_thickness=())

    @property
    def summary(self) -> str:
        """The threshold, or those of the thinnest and the thickest sections."""
        if not self.by_thickness:
            return f"{self.threshold:.2f}"
        ends = (self.by_thickness[0], self.by_thickness[-1])
        return " to ".join(f"{threshold:.2f} ({thickness:.3g} nm)" for thickness, threshold in ends)


def find_pieces(probability: NDArray[np.float32], decoding: Decoding) -> NDArray[np.int32]:
    """Number the connected pieces (by faces) of foreground that reach the peak.

    That is thresholding with hysteresis (Canny, IEEE PAMI 1986): the low threshold draws the outlines, the high one
    decides what is there.

    Args:
        probability: of foreground, (Z, Y, X) or (Y, X), in [0, 1].
        decoding: thresholds.

    Returns:
        The same shape, int32: 0 = background, pieces 1, 2, ... without gaps.
    """
    pieces, count = ndimage.label(probability >= decoding.threshold)
    sure = np.bincount(pieces[probability >= decoding.peak], minlength=count + 1) > 0
    pieces[~sure[pieces]] = 0
    return np.asarray(relabel_sequential(pieces)[0], np.int32)


def decode(
    maps: NDArray[np.float32],
    target: Target,
    decoding: Decoding,
    pieces: NDArray[np.integer] | NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Find the instances in maps.

    With heads for boundaries and distances, connected cores are the seeds of a watershed that floods the foreground
    from the middles outwards; foreground without a core is an instance of its own. Otherwise instances are the
    connected pieces of the foreground.

    Args:
        maps: (C, Z, Y, X) or (C, Y, X) in [0, 1], from `mitoseg.networks.targets.to_maps`.
        target: what the network was taught.
        decoding: thresholds.
        pieces: (Z, Y, X) or (Y, X), above 0 where foreground is; None: what `find_pieces` finds.

    Returns:
        (Z, Y, X) or (Y, X) int32: 0 = background, instances 1, 2, ... without gaps.
    """
    pieces = find_pieces(maps[0], decoding) if pieces is None else pieces
    instances = np.asarray(pieces, np.int32) if target != "instance" else _part(maps, pieces > 0, decoding)
    sizes = np.bincount(instances.ravel())
    small = sizes < decoding.smallest_px
    return np.asarray(relabel_sequential(np.where(small[instances], 0, instances))[0], np.int32)


def _part(maps: NDArray[np.float32], inside: NDArray[np.bool_], decoding: Decoding) -> NDArray[np.integer]:
    """Part the foreground into instances by a watershed from their cores."""
    # Smoothed within sections, or noise would break a core into many.
    core = ndimage.gaussian_filter(maps[2] * (1 - maps[1]), [0.0] * (inside.ndim - 2) + [SMOOTH_PX] * 2)
    seeds, count = ndimage.label(inside & (core >= decoding.seed))
    seeds[(np.bincount(seeds.ravel()) < SMALLEST_SEED_PX)[seeds]] = 0
    instances = watershed(-core, seeds, mask=inside)
    rest, _ = ndimage.label(inside & (instances == 0))
    return np.where(rest > 0, rest + count, instances)
