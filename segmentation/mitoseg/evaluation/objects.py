"""Objects of one image: which were found, how large they are, and what was found where there is nothing."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from mitodata import VoxelSize
from mitoseg.inference.decoding import SMALLEST_NM, Decoding, find_instances, smallest_voxels
from mitoseg.inference.model import Model
from mitoseg.metrics import (
    IOU_THRESHOLDS,
    Detections,
    InstanceCounts,
    OverlapCounts,
    PartitionScores,
    count_overlaps,
    instance_counts,
    match_instances,
    partition_scores,
    rank_detections,
)

FOUND_IOU = 0.5
"""IoU from which on an object counts as found."""


@dataclass(frozen=True, eq=False)
class ObjectResult:
    """Objects of one image, matched one to one.

    Attributes:
        counts: matched and unmatched objects, by IoU threshold.
        detections: predicted objects by mean probability, right or wrong.
        partition: split and merge errors.
        true_size: (N,) float64, sizes of the true objects: um2 in a section, um3 in a volume.
        found: (N,) bool, whether each has a partner at `FOUND_IOU`.
        covered: (N,) float64, share of each that is predicted as foreground, 0-1.
        false_size: (M,) float64, sizes of the predicted objects without a partner at `FOUND_IOU`.
    """

    counts: dict[float, InstanceCounts]
    detections: Detections
    partition: PartitionScores
    true_size: NDArray[np.float64]
    found: NDArray[np.bool_]
    covered: NDArray[np.float64]
    false_size: NDArray[np.float64]


def find_objects(
    maps: NDArray[np.float32], pieces: NDArray[np.integer], voxel_size_nm: VoxelSize, model: Model
) -> NDArray[np.uint32]:
    """Number predicted objects: as the network tells them apart if it was taught to, else pieces that are no specks.

    Args:
        maps: (C, Z, Y, X) in [0, 1], the prediction.
        pieces: (Z, Y, X), numbers of pieces of foreground, which may touch; 0 = background.
        voxel_size_nm: (z, y, x) in nm.
        model: what predicted.

    Returns:
        (Z, Y, X): 0 = background, objects 1, 2, ... without gaps.
    """
    if model.config.target == "instance":
        return np.asarray(find_instances(maps, pieces, "instance", model.decoding)[0][:])
    whole = Decoding(smallest_px=smallest_voxels(SMALLEST_NM, pieces.shape, voxel_size_nm))
    # What is one piece in a volume may be several in a section of it.
    apart = label(pieces, connectivity=1)
    return np.asarray(find_instances(maps, apart, "semantic", whole)[0][:])


def profiles(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Number the profiles of objects (1, Y, X) in a section: one that is cut twice is two."""
    return np.asarray(label(labels[0], connectivity=1), np.int32)[None]


def score_objects(
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    mask: NDArray[np.uint8],
    probability: NDArray[np.float32],
    voxel_size_nm: VoxelSize,
) -> ObjectResult:
    """Match predicted objects with true ones.

    Args:
        predicted: (Z, Y, X) integers, 0 is background.
        truth: the same shape, integers, 0 is background.
        mask: the same shape; 255 where nothing is known.
        probability: the same shape, of the foreground; its mean over an object is the object's score.
        voxel_size_nm: (z, y, x) in nm.
    """
    overlaps = count_overlaps(predicted, truth, mask)
    voxels = np.bincount(predicted.ravel())
    score = np.bincount(predicted.ravel(), weights=probability.ravel()) / np.maximum(voxels, 1)
    matches = match_instances(overlaps, FOUND_IOU)
    unit = prod(voxel_size_nm) / 1e9 if truth.shape[0] > 1 else prod(voxel_size_nm[1:]) / 1e6
    ids = np.array(list(overlaps.truth_voxels), np.int64)
    size = np.array(list(overlaps.truth_voxels.values()), np.float64)
    return ObjectResult(
        counts=instance_counts(overlaps, IOU_THRESHOLDS),
        detections=rank_detections(overlaps, dict(enumerate(score.tolist()))),
        partition=partition_scores(overlaps),
        true_size=size * unit,
        found=np.isin(ids, matches.truth),
        covered=_covered(overlaps, ids) / np.maximum(size, 1),
        false_size=np.array([overlaps.prediction_voxels[number] for number in matches.false.tolist()]) * unit,
    )


def _covered(overlaps: OverlapCounts, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Voxels of each true object that any prediction covers; `ids` ascend."""
    both = (overlaps.truth > 0) & (overlaps.prediction > 0)
    place = np.searchsorted(ids, overlaps.truth[both])
    return np.bincount(place, weights=overlaps.voxels[both], minlength=len(ids)).astype(np.float64)
