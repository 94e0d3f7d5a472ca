from math import isnan

import numpy as np
import pytest

from mitoseg.evaluation import BARS, COLUMNS, HEADLINE, METRICS
from mitoseg.evaluation.counts import Counts
from mitoseg.evaluation.metric_table import read_means, read_metrics
from mitoseg.metrics import ConfusionCounts, InstanceCounts, OutlineCounts, ProbabilityCounts


def counts(pixels: ConfusionCounts) -> Counts:
    histogram = np.zeros(300, np.int64)
    histogram[200] = 4
    probabilities = ProbabilityCounts(histogram, histogram, 2 * histogram * 0.5)
    return Counts(pixels, OutlineCounts(4, 2, 4, 2), probabilities, dict.fromkeys((0.5, 0.75), InstanceCounts(1, 1, 0)))


def test_every_metric_is_read_in_one_way() -> None:
    assert all((metric.value is None) != (metric.single is None) for metric in METRICS.values())
    assert HEADLINE == next(iter(COLUMNS)) == BARS[0]
    assert {*COLUMNS, *BARS} < set(METRICS)
    assert all(METRICS[name].better == "higher" for name in BARS)


def test_values_of_several_images_are_those_of_their_counts() -> None:
    values = read_metrics(counts(ConfusionCounts(3, 1, 1, 5)))
    assert (values["iou"], values["dice"], values["boundary_f1"]) == (0.6, 0.75, 0.5)
    assert values["object_f1_75"] == pytest.approx(2 / 3)
    assert {name for name, value in values.items() if isnan(value)} == {
        name for name, metric in METRICS.items() if metric.single
    }


def test_without_foreground_only_what_needs_none_is_said() -> None:
    values = read_metrics(counts(ConfusionCounts(0, 1, 0, 5)))
    said = {name for name, value in values.items() if not isnan(value)}
    assert said == {name for name, metric in METRICS.items() if metric.always}
    assert isnan(values["iou"])


def test_what_is_not_defined_or_not_stored_has_no_mean() -> None:
    means = read_means({"iou": {"mean": 0.5}, "dice": {"mean": None}})
    assert means["iou"] == 0.5
    assert means.keys() == COLUMNS.keys()
    assert all(isnan(value) for name, value in means.items() if name != "iou")
