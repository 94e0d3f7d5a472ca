from math import isnan

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from mitodata import DataError
from mitoseg.metrics import (
    calibration_error,
    confusion,
    count_probabilities,
    rank_scores,
    reliability,
    scores,
    threshold_curve,
)

PROBABILITY = hnp.arrays(np.float32, 80, elements=st.floats(0, 1, width=32))
TRUTH = hnp.arrays(np.uint8, 80, elements=st.sampled_from([0, 1, 255]))


def random_image(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (4, 30, 50), p=[0.6, 0.3, 0.1])
    return rng.beta(1 + 2 * (truth == 1), 1 + 2 * (truth == 0)).astype(np.float32), truth


@given(PROBABILITY, TRUTH, st.integers(0, 99))
def test_counts_agree_with_thresholding(probability: np.ndarray, truth: np.ndarray, percent: int) -> None:
    threshold = percent / 100
    # Values on an edge, and one rounding beside it, are where histograms go wrong.
    probability[:3] = np.float32(threshold)
    probability[1] = np.nextafter(np.float32(threshold), np.float32(2))
    probability[2] = max(np.float32(0), np.nextafter(np.float32(threshold), np.float32(-1)))
    counted = count_probabilities(probability, truth).confusion(threshold)
    assert counted == confusion(np.asarray(probability >= threshold), truth)


@given(PROBABILITY, TRUTH, st.integers(0, 80))
def test_histograms_of_blocks_add_up(probability: np.ndarray, truth: np.ndarray, cut: int) -> None:
    whole = count_probabilities(probability, truth)
    parts = count_probabilities(probability[:cut], truth[:cut]) + count_probabilities(probability[cut:], truth[cut:])
    assert np.array_equal(whole.background, parts.background)
    assert np.array_equal(whole.foreground, parts.foreground)
    assert whole.total == pytest.approx(parts.total)


def test_the_curve_is_that_of_the_scores() -> None:
    for truth_is in (None, 0, 1):
        probability, truth = random_image(0)
        truth = truth if truth_is is None else np.full_like(truth, truth_is)
        counts = count_probabilities(probability, truth)
        curve = threshold_curve(counts)
        for place in (0, 1, 150, 299):
            expected = scores(counts.confusion(float(curve.threshold[place])))
            assert curve.iou[place] == pytest.approx(expected.iou)
            assert curve.dice[place] == pytest.approx(expected.dice)
            assert curve.precision[place] == pytest.approx(expected.precision)
            assert curve.recall[place] == pytest.approx(expected.recall)
            assert curve.false_positive_rate[place] == pytest.approx(1 - expected.specificity)
        nothing = scores(confusion(np.zeros(truth.shape, bool), truth))
        assert (curve.iou[-1], curve.precision[-1], curve.recall[-1]) == (
            nothing.iou,
            nothing.precision,
            nothing.recall,
        )


@given(PROBABILITY, TRUTH)
@settings(max_examples=50)
def test_areas_agree_with_scikit_learn(probability: np.ndarray, truth: np.ndarray) -> None:
    result = rank_scores(count_probabilities(probability, truth))
    known = truth != 255
    expected = truth[known] == 1
    # Exact for the bins, and for the probabilities themselves within the error that it states.
    binned = np.floor(probability[known].astype(np.float64) * 300 + 1e-5).clip(0, 299)
    if expected.all() or not expected.any():
        assert isnan(result.roc_auc)
    else:
        assert result.roc_auc == pytest.approx(sk.roc_auc_score(expected, binned), abs=1e-6)
        true_area = sk.roc_auc_score(expected, probability[known])
        assert abs(result.roc_auc - true_area) <= result.roc_auc_error + 1e-9
    if expected.any():
        assert result.average_precision == pytest.approx(sk.average_precision_score(expected, binned), abs=1e-6)
    else:
        assert isnan(result.average_precision)


def test_areas_agree_with_torchmetrics() -> None:
    probability, truth = random_image(1)
    result = rank_scores(count_probabilities(probability, truth))
    one, other = torch.from_numpy(probability), torch.from_numpy(truth.astype(np.int64))
    area = float(tm.binary_auroc(one, other, ignore_index=255))
    assert abs(result.roc_auc - area) <= result.roc_auc_error + 1e-6
    assert result.roc_auc_error < 0.01
    precision = float(tm.binary_average_precision(one, other, ignore_index=255))
    assert result.average_precision == pytest.approx(precision, abs=2e-3)


@pytest.mark.parametrize("bins", [10, 15, 20])
def test_calibration_error_agrees_with_torchmetrics(bins: int) -> None:
    probability, truth = random_image(2)
    one, other = torch.from_numpy(probability), torch.from_numpy(truth.astype(np.int64))
    result = reliability(count_probabilities(probability, truth), bins)
    for norm, value in (("l1", result.error), ("max", result.largest_error)):
        expected = tm.binary_calibration_error(one, other, n_bins=bins, norm=norm, ignore_index=255)
        assert value == pytest.approx(float(expected), abs=1e-5)


def test_calibration_of_several_classes_is_that_of_the_surest() -> None:
    """The usual error of a classifier: the probability of the chosen class against whether it is right."""
    rng = np.random.default_rng(0)
    probability = rng.dirichlet([1, 1, 1], 500).astype(np.float32)
    truth = rng.integers(0, 3, 500)
    surest = probability.max(axis=1)
    right = (probability.argmax(axis=1) == truth).astype(np.uint8)
    expected = tm.multiclass_calibration_error(torch.from_numpy(probability), torch.from_numpy(truth), 3, n_bins=15)
    assert calibration_error(count_probabilities(surest, right)) == pytest.approx(float(expected), abs=1e-5)


def test_calibration_error_by_hand() -> None:
    probability = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 1.0], np.float32)
    truth = np.array([1, 1, 0, 0, 0, 255], np.uint8)
    counts = count_probabilities(probability, truth)
    result = reliability(counts, 10)
    assert result.error == pytest.approx((4 * 0.4 + 0.1) / 5, abs=1e-6)
    assert result.largest_error == pytest.approx(0.4, abs=1e-6)
    assert (result.voxels[9], result.observed[9]) == (4, 0.5)
    assert isnan(result.predicted[5])
    assert calibration_error(counts + counts, 10) == pytest.approx(result.error)
    assert calibration_error(count_probabilities(np.zeros(0, np.float32), np.zeros(0, np.uint8))) == 0


def test_calibrated_probabilities_have_no_error() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(200_000).astype(np.float32)
    truth = (rng.random(200_000) < probability).astype(np.uint8)
    assert calibration_error(count_probabilities(probability, truth)) < 0.01


def test_bad_input_is_named() -> None:
    truth = np.zeros(4, np.uint8)
    counts = count_probabilities(np.zeros(4, np.float32), truth)
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(DataError, match="expected 0 to 1"):
            count_probabilities(np.full(4, wrong, np.float32), truth)
    with pytest.raises(DataError, match="expected equal"):
        count_probabilities(np.zeros(3, np.float32), truth)
    for threshold in (0.005, 1.0, -0.01):
        with pytest.raises(DataError, match="multiple of 1/300"):
            counts.confusion(threshold)
    with pytest.raises(DataError, match="divisor of 300"):
        reliability(counts, 7)
    with pytest.raises(DataError, match="do not add up"):
        counts + count_probabilities(np.zeros(4, np.float32), truth, bins=10)
