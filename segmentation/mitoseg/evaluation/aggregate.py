"""Many images: mean, spread and pooled value of every metric, and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from mitoseg.evaluation.counts import Counts
from mitoseg.evaluation.metric_table import METRICS, read_metrics
from mitoseg.metrics import ConfusionCounts, InstanceCounts, OutlineCounts, ProbabilityCounts, summary

RESAMPLES = 1000
CONFIDENCE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One metric over several images.

    Attributes:
        mean: mean over the images that have foreground; nan without any.
        std: standard deviation over them (of the sample, n - 1; 0 for one image); nan without any.
        pooled: the metric of all pixels (or objects) of all images together; nan if it is not defined for them.
        interval: 95 % bootstrap interval of the mean; nan for a single image.
        pooled_interval: 95 % bootstrap interval of the pooled value, likewise.
    """

    mean: float
    std: float
    pooled: float
    interval: tuple[float, float]
    pooled_interval: tuple[float, float]


def measure(values: Sequence[Mapping[str, float]], counts: Sequence[Counts]) -> dict[str, Measured]:
    """Summarise images: every metric of `METRICS`, by name.

    Intervals are percentiles of a bootstrap over images (Efron, 1979): images are drawn with replacement, always with
    the same seed. They say how much the numbers would change with other images *of the same kind*.

    Args:
        values: metrics of each image by name, nan where not defined.
        counts: of each image, in the same order; at least one.
    """
    names = list(METRICS)
    foreground = np.array([one.pixels.has_foreground for one in counts])
    table = np.array([[row[name] for name in names] for row in values])
    table[~foreground] = nan
    stacked = _Stacked(counts)
    pooled = read_metrics(stacked.total(np.ones(len(counts), np.int64)))

    low = high = np.full(2 * len(names), nan)
    if len(counts) > 1:
        # How often each image is drawn. scipy.stats.bootstrap would do it for metrics that are always defined.
        weights = np.random.default_rng(0).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES)
        known = ~np.isnan(table)
        with np.errstate(invalid="ignore"):
            means = (weights @ np.where(known, table, 0)) / (weights @ known)
        together = [list(read_metrics(stacked.total(each)).values()) for each in weights]
        low, high = _percentiles(np.concatenate([means, np.array(together)], axis=1))
    measured = {}
    for place, name in enumerate(names):
        plain = summary(table[:, place].tolist(), pooled[name])
        intervals = [(float(low[at]), float(high[at])) for at in (place, place + len(names))]
        measured[name] = Measured(plain.mean, plain.std, plain.pooled, intervals[0], intervals[1])
    return measured


class _Stacked:
    """Counts of images as arrays, so that sums with weights are products."""

    def __init__(self, counts: Sequence[Counts]) -> None:
        self.pixels = np.array([astuple(one.pixels) for one in counts])
        self.outlines = np.array([astuple(one.outline) for one in counts])
        parts = [(one.probabilities.background, one.probabilities.foreground) for one in counts]
        self.histograms = np.array(parts)
        self.totals = np.array([one.probabilities.total for one in counts])
        self.objects = {level: np.array([astuple(one.objects[level]) for one in counts]) for level in (0.5, 0.75)}

    def total(self, weights: NDArray[np.int64]) -> Counts:
        """All images together, the i-th `weights[i]` times."""
        background, foreground = np.tensordot(weights, self.histograms, 1)
        rows = {level: (weights @ table).tolist() for level, table in self.objects.items()}
        return Counts(
            ConfusionCounts(*(weights @ self.pixels).tolist()),
            OutlineCounts(*(weights @ self.outlines).tolist()),
            ProbabilityCounts(background, foreground, weights @ self.totals),
            {level: InstanceCounts(int(row[0]), int(row[1]), int(row[2]), row[3]) for level, row in rows.items()},
        )


def _percentiles(drawn: Floats) -> tuple[Floats, Floats]:
    """Ends of the interval of each column of (B, M); nan where a metric was never defined."""
    low, high = np.full(drawn.shape[1], nan), np.full(drawn.shape[1], nan)
    defined = ~np.isnan(drawn).all(axis=0)
    tail = 50 * (1 - CONFIDENCE)
    low[defined], high[defined] = np.nanpercentile(drawn[:, defined], [tail, 100 - tail], axis=0)
    return low, high
