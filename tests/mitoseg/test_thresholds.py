import numpy as np
import pytest

from mitoseg.metrics import confusion
from mitoseg.thresholds import best_threshold, count_probabilities, mean_iou


def test_counts_agree_with_thresholding() -> None:
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 256, (40, 40)).astype(np.float32) / 255
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (40, 40))
    for threshold in (0.01, 0.25, 0.5, 0.99):
        counted = count_probabilities(probability, truth).confusion(threshold)
        assert counted == confusion(np.asarray(probability >= np.float32(threshold)), truth)


def test_the_best_threshold_is_the_middle_of_the_plateau() -> None:
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    probability = np.array([[0.1, 0.6, 0.805, 0.9]], np.float32)
    counted = [count_probabilities(probability, truth)]
    assert best_threshold(counted) == pytest.approx(0.7, abs=0.011)
    assert mean_iou(counted, best_threshold(counted)) == 1
    assert mean_iou(counted, 0.5) == pytest.approx(2 / 3)
