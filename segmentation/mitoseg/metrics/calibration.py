"""Whether probabilities come true as often as they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError
from mitoseg.metrics.curves import ProbabilityCounts

CALIBRATION_BINS = 15
"""The usual number of bins (Guo et al., ICML 2017)."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: what was predicted, and what came true.

    Attributes:
        voxels: (B,) int64, in each bin of probability; bins are equally wide.
        predicted: (B,) float64, mean probability in the bin; nan where it is empty.
        observed: (B,) float64, share of foreground in the bin; nan where it is empty.
        error: expected calibration error, 0-1.
        largest_error: largest difference between the two in a bin, 0-1.
    """

    voxels: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    error: float
    largest_error: float


def reliability(counts: ProbabilityCounts, bins: int = CALIBRATION_BINS) -> Reliability:
    """Compare probabilities with what came true.

    The expected calibration error is the mean over voxels of |mean probability - share of foreground| of their bin
    (Naeini et al., AAAI 2015, for two classes: bins over the probability of the foreground). Without voxels it is 0.

    Raises:
        DataError: `bins` does not divide the bins of `counts`.
    """
    if bins < 1 or counts.bins % bins:
        raise DataError(f"{bins} bins from a histogram of {counts.bins}; expected a divisor of {counts.bins}")
    foreground = counts.foreground.reshape(bins, -1).sum(axis=1)
    voxels = foreground + counts.background.reshape(bins, -1).sum(axis=1)
    total = counts.total.reshape(bins, -1).sum(axis=1)
    difference = np.abs(total - foreground)
    filled = voxels > 0
    nothing = np.full(bins, np.nan)
    return Reliability(
        voxels,
        np.divide(total, voxels, out=nothing.copy(), where=filled),
        np.divide(foreground, voxels, out=nothing.copy(), where=filled),
        error=float(difference.sum() / voxels.sum()) if filled.any() else 0.0,
        largest_error=float((difference[filled] / voxels[filled]).max()) if filled.any() else 0.0,
    )


def calibration_error(counts: ProbabilityCounts, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error, 0-1; see `reliability`."""
    return reliability(counts, bins).error
