from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from mitoseg.evaluation import METRICS, Measured, measure
from mitoseg.evaluation.counts import Counts
from mitoseg.metrics import IOU_THRESHOLDS, ConfusionCounts, InstanceCounts, OutlineCounts, ProbabilityCounts, scores


def image(tp: int, fp: int, fn: int, tn: int = 1000) -> tuple[dict[str, float], Counts]:
    """Values and counts of an image; values without foreground are nan."""
    pixels = ConfusionCounts(tp, fp, fn, tn)
    histogram = np.zeros((2, 300), np.int64)
    histogram[0, [0, 299]], histogram[1, [0, 299]] = (tn, fp), (fn, tp)
    probabilities = ProbabilityCounts(histogram[0], histogram[1], histogram.sum(0) * np.linspace(0, 1, 300))
    objects = dict.fromkeys(IOU_THRESHOLDS, InstanceCounts(1, 1, 0, 0.8))
    values = dict.fromkeys(METRICS, float("nan"))
    if pixels.has_foreground:
        values |= vars(scores(pixels))
    return values, Counts(pixels, OutlineCounts(4, 2, 4, 2), probabilities, objects)


def summed(*images: tuple[dict[str, float], Counts]) -> dict[str, Measured]:
    return measure([values for values, _ in images], [counts for _, counts in images])


def test_means_leave_out_images_without_foreground_and_pools_do_not() -> None:
    measured = summed(image(10, 10, 0), image(30, 0, 10), image(0, 50, 0))
    assert measured["iou"].mean == pytest.approx((0.5 + 0.75) / 2)
    assert measured["iou"].std == pytest.approx(np.std([0.5, 0.75], ddof=1))
    assert measured["iou"].pooled == pytest.approx(40 / 110)
    assert measured["panoptic_quality_50"].pooled == pytest.approx(2 * 3 * 0.8 / 9)
    assert measured["boundary_f1"].pooled == 0.5
    assert isnan(measured["hausdorff95_nm"].pooled)


def test_one_image_has_no_interval_and_no_foreground_no_score() -> None:
    one = summed(image(10, 10, 0))["iou"]
    assert (one.mean, one.std, one.pooled) == (0.5, 0, 0.5)
    assert isnan(one.interval[0])
    assert isnan(one.pooled_interval[1])
    none = summed(image(0, 1, 0), image(0, 0, 0))
    assert isnan(none["iou"].mean)
    assert isnan(none["iou"].interval[0])
    assert none["accuracy"].pooled == pytest.approx(2000 / 2001)


def test_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    images = [image(*rng.integers(1, 100, 3).tolist()) for _ in range(40)]
    values = [row["iou"] for row, _ in images]
    expected = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000).confidence_interval
    assert summed(*images)["iou"].interval == pytest.approx((expected.low, expected.high), abs=0.01)
    assert str(summed(*images)) == str(summed(*images))  # nan is not equal to itself


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 3), min_size=2, max_size=8))
def test_intervals_hold_the_mean(counts: list[tuple[int, int, int]]) -> None:
    measured = summed(*(image(*row) for row in counts))
    for value in (measured["iou"], measured["recall"], measured["accuracy"]):
        if not isnan(value.mean):
            assert value.interval[0] - 1e-9 <= value.mean <= value.interval[1] + 1e-9
        if not isnan(value.pooled):
            assert value.pooled_interval[0] - 1e-9 <= value.pooled <= value.pooled_interval[1] + 1e-9
