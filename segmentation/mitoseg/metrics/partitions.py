"""Instances as a partition of the tissue: what was split, what was merged, however large the pieces are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from mitoseg.metrics.counts import ratio
from mitoseg.metrics.overlaps import OverlapCounts


@dataclass(frozen=True)
class PartitionScores:
    """Split and merge errors within the foreground of the truth.

    Attributes:
        split: entropy of the prediction given the truth, bits, 0 or more: true instances in several pieces.
        merge: entropy of the truth given the prediction, bits, 0 or more: pieces that cover several true instances.
        variation_of_information: sum of the two, bits.
        adapted_rand_error: 1 minus the F1 of pairs of voxels in the same instance, 0-1.
        rand_precision: share of the pairs of voxels in one predicted piece that belong to one true instance, 0-1.
        rand_recall: share of the pairs of voxels in one true instance that are in one predicted piece, 0-1.
    """

    split: float
    merge: float
    variation_of_information: float
    adapted_rand_error: float
    rand_precision: float
    rand_recall: float


def partition_scores(overlaps: OverlapCounts) -> PartitionScores:
    """Variation of information (Meila, 2007) and adapted Rand error (Arganda-Carreras et al., 2015).

    As in CREMI and SNEMI3D, background of the truth is left out, so false positives there cost nothing, and background
    of the prediction is one piece like any other. Without foreground in the truth, or without pairs of voxels, nothing
    is wrong: entropies and error are 0, precision and recall 1.
    """
    inside = overlaps.truth > 0
    both = overlaps.voxels[inside].astype(np.float64)
    if not len(both):
        return PartitionScores(0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    truth, prediction = _sizes(overlaps.truth[inside], both), _sizes(overlaps.prediction[inside], both)
    # Conditional entropies: H(prediction | truth) = H(both) - H(truth). Rounding must not make them negative.
    split = max(0.0, float(entropy(both, base=2) - entropy(truth, base=2)))
    merge = max(0.0, float(entropy(both, base=2) - entropy(prediction, base=2)))
    right, true, predicted = _pairs(both), _pairs(truth), _pairs(prediction)
    return PartitionScores(
        split,
        merge,
        split + merge,
        adapted_rand_error=1 - ratio(2 * right, true + predicted, 1.0),
        rand_precision=ratio(right, predicted, 1.0),
        rand_recall=ratio(right, true, 1.0),
    )


def _sizes(ids: NDArray[np.int64], voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(np.unique(ids, return_inverse=True)[1], weights=voxels), np.float64)


def _pairs(sizes: NDArray[np.float64]) -> float:
    """Twice the number of pairs of voxels that lie in the same piece."""
    return float((sizes * (sizes - 1)).sum())
