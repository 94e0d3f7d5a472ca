from math import isnan

import numpy as np
import pytest

from mitoseg.metrics import count_probabilities
from mitoseg.thresholds import best_threshold, mean_iou


def test_the_best_threshold_is_the_middle_of_the_plateau() -> None:
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    probability = np.array([[0.1, 0.6, 0.805, 0.9]], np.float32)
    counted = [count_probabilities(probability, truth)]
    assert best_threshold(counted) == pytest.approx(0.7, abs=0.011)
    assert mean_iou(counted, best_threshold(counted)) == 1
    assert mean_iou(counted, 0.5) == pytest.approx(2 / 3)


def test_images_without_foreground_weigh_in_the_choice() -> None:
    full = count_probabilities(np.array([0.2, 0.6, 0.9], np.float32), np.array([0, 1, 1], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1], np.float32), np.array([0, 0, 0], np.uint8))
    assert best_threshold([full]) == pytest.approx(0.4, abs=0.011)
    assert best_threshold([full, empty, empty, empty]) > 0.7


def test_a_weak_model_is_not_best_where_it_finds_nothing() -> None:
    full = count_probabilities(np.array([0.2, 0.6, 0.5, 0.9], np.float32), np.array([0, 0, 1, 1], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1, 0.95], np.float32), np.array([0, 0, 0, 0], np.uint8))
    assert best_threshold([full, empty, empty]) < 0.9


def test_the_mean_leaves_out_images_without_foreground() -> None:
    full = count_probabilities(np.array([0.2, 0.6, 0.9], np.float32), np.array([0, 1, 1], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1], np.float32), np.array([0, 0, 0], np.uint8))
    assert mean_iou([full, empty], 0.5) == 1
    assert isnan(mean_iou([empty], 0.5))
