"""The threshold of an image by its own probabilities (docs/decisions/0016-own-thresholds.md).

A network is less sure of tissue that it has not learned, and its probabilities are lower there. So what suits the
images that it was validated on cuts too much away from others.
"""

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from mitoseg.inference.blockwise import block_voxels
from mitoseg.inference.decoding.rule import Decoding
from mitoseg.io.blocks import block_edges, blocks
from mitoseg.io.scratch import StoredArray

BINS = 100
"""Bins of probability: thresholds are hundredths."""

LOWEST = 0.25
"""Least threshold. Where there is nothing to be found, the probabilities of an image part at next to nothing."""


def count_levels(probability: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the voxels of each section by their probability; counts of parts add up.

    Args:
        probability: (Z, Y, X) in [0, 1].

    Returns:
        (Z, BINS).
    """
    levels = np.minimum((probability * np.float32(BINS)).astype(np.intp), BINS - 1)
    return np.stack([np.bincount(section.ravel(), minlength=BINS) for section in levels])


def part_levels(counts: NDArray[np.int64], otherwise: float) -> float:
    """The threshold that parts probabilities best: variance between the two classes is largest (Otsu, IEEE SMC 1979).

    Args:
        counts: (BINS,) voxels by probability.
        otherwise: what is given if all have the same probability.

    Returns:
        A hundredth, `LOWEST` or more.
    """
    if np.count_nonzero(counts) < 2:
        return otherwise
    held = np.flatnonzero(counts)
    kept = np.arange(held[0], held[-1] + 1)  # without empty bins at the ends, whose means are not defined
    highest_below = threshold_otsu(hist=(counts[kept], kept.astype(np.float64)))
    return max((float(highest_below) + 1) / BINS, LOWEST)


def choose_thresholds(counts: NDArray[np.int64], decoding: Decoding, *, apart: bool) -> NDArray[np.float64]:
    """Thresholds of the sections of an image, (Z,), by what `count_levels` counts of them.

    Args:
        counts: (Z, BINS).
        decoding: says whether they have thresholds of their own.
        apart: whether each section was predicted by itself, and so has one of its own; else the volume has one.
    """
    if not decoding.own_threshold:
        return np.full(len(counts), decoding.threshold)
    together = counts if apart else counts.sum(axis=0, keepdims=True)
    found = np.array([part_levels(each, decoding.threshold) for each in together])
    return np.broadcast_to(found, len(counts))


def find_thresholds(
    maps: StoredArray, decoding: Decoding, *, apart: bool = False, memory: int | None = None
) -> NDArray[np.float64]:
    """Thresholds of the sections of an image, (Z,).

    Args:
        maps: (C, Z, Y, X) in [0, 1], of which the first is the probability of foreground.
        decoding: says whether they have thresholds of their own.
        apart: as of `choose_thresholds`.
        memory: bytes that the program may take; None for no limit.
    """
    counts = np.zeros((maps.shape[1], BINS), np.int64)
    if decoding.own_threshold:
        for part in blocks(maps.shape[1:], block_edges(maps.shape[1:], (0, 0, 0), block_voxels(maps, memory))):
            counts[part[0]] += count_levels(np.asarray(maps[(0, *part)]))
    return choose_thresholds(counts, decoding, apart=apart)


def settle(decoding: Decoding, maps: StoredArray) -> Decoding:
    """How one image with these maps (C, Z, Y, X) is read: with a threshold that is a number."""
    return decoding.fixed(float(find_thresholds(maps, decoding)[0])) if decoding.own_threshold else decoding
