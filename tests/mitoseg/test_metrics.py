import numpy as np
import pytest
from sklearn import metrics as sk

from mitodata import DataError
from mitoseg.metrics import (
    Confusion,
    Summary,
    calibration_error,
    confusion,
    reliability,
    scores,
    summarise,
)


@pytest.mark.parametrize("seed", range(5))
def test_values_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (3, 20, 30), p=[0.6, 0.3, 0.1])
    prediction = rng.random(truth.shape) < 0.4
    known = truth != 255
    expected, got = truth[known] == 1, prediction[known]
    result = scores(confusion(prediction, truth))
    assert result.iou == pytest.approx(sk.jaccard_score(expected, got))
    assert result.dice == pytest.approx(sk.f1_score(expected, got))
    assert result.precision == pytest.approx(sk.precision_score(expected, got))
    assert result.recall == pytest.approx(sk.recall_score(expected, got))
    assert result.accuracy == pytest.approx(sk.accuracy_score(expected, got))
    assert result.kappa == pytest.approx(sk.cohen_kappa_score(expected, got))


def test_ignored_pixels_do_not_count() -> None:
    truth = np.array([[1, 0, 255, 255]], np.uint8)
    assert confusion(np.array([[True, False, True, False]]), truth) == Confusion(1, 0, 0, 1)


@pytest.mark.parametrize(
    ("counts", "overlap", "kappa"),
    [
        (Confusion(0, 0, 0, 9), 1.0, 1.0),
        (Confusion(0, 1, 0, 8), 0.0, 0.0),
        (Confusion(0, 0, 1, 8), 0.0, 0.0),
        (Confusion(0, 0, 0, 0), 1.0, 1.0),
        (Confusion(9, 0, 0, 0), 1.0, 1.0),
    ],
)
def test_convention_for_empty_images(counts: Confusion, overlap: float, kappa: float) -> None:
    result = scores(counts)
    assert (result.iou, result.dice, result.precision, result.recall) == (overlap,) * 4
    assert result.kappa == kappa


def test_pooled_is_not_the_mean() -> None:
    result = summarise([Confusion(1, 0, 0, 3), Confusion(1, 3, 0, 0)])["iou"]
    assert result == Summary(mean=0.625, std=pytest.approx(np.std([1, 0.25], ddof=1)), pooled=0.4)
    assert summarise([Confusion(1, 1, 0, 0)])["iou"].std == 0
    with pytest.raises(DataError, match="no images"):
        summarise([])


def test_calibration_error_by_hand() -> None:
    probability = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 1.0], np.float32)
    truth = np.array([1, 1, 0, 0, 0, 255], np.uint8)
    binned = reliability(probability, truth, bins=10)
    assert calibration_error(binned) == pytest.approx((4 * 0.4 + 0.1) / 5, abs=1e-6)
    assert calibration_error(binned + binned) == pytest.approx(calibration_error(binned))
    assert calibration_error(reliability(np.zeros(0, np.float32), np.zeros(0, np.uint8))) == 0


def test_calibrated_probabilities_have_no_error() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(200_000).astype(np.float32)
    truth = (rng.random(200_000) < probability).astype(np.uint8)
    assert calibration_error(reliability(probability, truth)) < 0.01


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match="expected equal"):
        confusion(np.zeros((2, 3), bool), np.zeros((3, 2), np.uint8))
