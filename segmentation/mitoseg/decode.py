"""From what a network says about voxels to instances."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import relabel_sequential, watershed

from mitoseg.config import Target
from mitoseg.metrics import count_overlaps, instance_counts, instance_scores

SEEDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds of seeds that are tried."""


SMOOTH_PX = 0.7
"""Sigma by which cores are smoothed in y and x."""

SMALLEST_SEED_PX = 4
"""A core of fewer voxels is no seed."""


@dataclass(frozen=True)
class Decoding:
    """How maps become instances; chosen on validation images and kept in the checkpoint.

    Attributes:
        threshold: probability from which on a voxel is foreground.
        seed: relative distance, where there is no boundary, from which on a voxel belongs to the core of an instance;
            each connected core is one instance. For the target `instance` only.
        smallest_px: instances of fewer voxels are dropped.
    """

    threshold: float = 0.5
    seed: float = 0.3
    smallest_px: int = 16


def decode(maps: NDArray[np.float32], target: Target, decoding: Decoding) -> NDArray[np.int32]:
    """Find the instances in maps.

    With heads for boundaries and distances, connected cores are the seeds of a watershed that floods the foreground
    from the middles outwards; foreground without a core is an instance of its own. Otherwise instances are connected
    components of the foreground.

    Args:
        maps: (C, Z, Y, X) or (C, Y, X) in [0, 1], from `mitoseg.targets.to_maps`.
        target: what the network was taught.
        decoding: thresholds.

    Returns:
        (Z, Y, X) or (Y, X) int32: 0 = background, instances 1, 2, ... without gaps.
    """
    inside = maps[0] >= decoding.threshold
    if target == "instance":
        # Smoothed within sections, or noise would break a core into many.
        core = ndimage.gaussian_filter(maps[2] * (1 - maps[1]), [0.0] * (inside.ndim - 2) + [SMOOTH_PX] * 2)
        seeds, count = ndimage.label(inside & (core >= decoding.seed))
        seeds[(np.bincount(seeds.ravel()) < SMALLEST_SEED_PX)[seeds]] = 0
        instances = watershed(-core, seeds, mask=inside)
        rest, _ = ndimage.label(inside & (instances == 0))
        instances = np.where(rest > 0, rest + count, instances)
    else:
        instances, _ = ndimage.label(inside)
    sizes = np.bincount(instances.ravel())
    instances[(sizes < decoding.smallest_px)[instances]] = 0
    return np.asarray(relabel_sequential(instances)[0], np.int32)


def tune(
    maps: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.integer]], target: Target, threshold: float
) -> Decoding:
    """Choose the seed threshold with the highest F1 at an IoU of .5 over all instances of `maps` together.

    Args:
        maps: one (C, ...) array an image, as for `decode`.
        labels: the true instances of each, (...), 0 = background.
        target: what the network was taught.
        threshold: of foreground, chosen before.
    """
    decoding = Decoding(threshold)
    if target != "instance":
        return decoding
    tried = [replace(decoding, seed=seed) for seed in SEEDS]
    reached = [_f1(maps, labels, target, each) for each in tried]
    best = [each for each, f1 in zip(tried, reached, strict=True) if f1 >= max(reached) - 0.001]
    return best[len(best) // 2]


def _f1(
    maps: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.integer]], target: Target, decoding: Decoding
) -> float:
    counts = [
        instance_counts(count_overlaps(decode(each, target, decoding), label), (0.5,))[0.5]
        for each, label in zip(maps, labels, strict=True)
    ]
    return instance_scores(sum(counts[1:], counts[0])).f1
