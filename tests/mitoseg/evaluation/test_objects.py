from pathlib import Path

import numpy as np
import pytest

from mitoseg.evaluation import score_objects
from mitoseg.evaluation.objects import find_objects, profiles
from mitoseg.inference.model import load_model
from mitoseg.metrics import instance_scores

NM = (40.0, 8.0, 8.0)


def test_specks_are_no_objects(run: Path) -> None:
    mask = np.zeros((1, 60, 60), bool)
    mask[0, 5:25, 5:25] = True
    mask[0, 40:45, 40:45] = True  # 40 nm wide
    mask[0, 25, 25] = True  # touches the first one by a corner only
    pieces = find_objects(mask[None].astype(np.float32), mask, NM, load_model(run))
    assert pieces.max() == 1
    assert (pieces > 0).sum() == 400


def test_a_body_cut_twice_is_two_profiles() -> None:
    labels = np.zeros((1, 10, 30), np.uint16)
    labels[0, :, 2:8] = labels[0, :, 20:25] = 7
    labels[0, :, 8:12] = 9  # beside it, another one
    assert len(np.unique(profiles(labels))) == 4


def test_objects_are_found_missed_and_false() -> None:
    truth = np.zeros((1, 50, 50), np.int32)
    truth[0, 5:15, 5:15], truth[0, 5:15, 30:40], truth[0, 30:40, 5:15] = 1, 2, 3
    predicted = np.zeros_like(truth)
    predicted[0, 5:15, 5:14] = 1  # IoU .9
    predicted[0, 5:15, 30:34] = 2  # 40 % covered
    predicted[0, 40:50, 40:50] = 3
    mask = (truth > 0).astype(np.uint8)
    probability = np.where(predicted > 0, 0.9, 0.1).astype(np.float32)
    objects = score_objects(predicted, truth, mask, probability, NM)
    assert objects.found.tolist() == [True, False, False]
    assert objects.covered == pytest.approx([0.9, 0.4, 0])
    assert objects.true_size == pytest.approx([0.0064] * 3)  # 100 pixels of 64 nm2, in um2
    assert sorted(objects.false_size) == pytest.approx([0.00256, 0.0064])
    half, strict = (instance_scores(objects.counts[level]) for level in (0.5, 0.75))
    assert half == strict
    assert half.f1 == pytest.approx(2 / 6)
    assert half.precision == half.recall == pytest.approx(1 / 3)
    assert half.accuracy == pytest.approx(1 / 5)
    assert half.mean_matched_iou == pytest.approx(0.9)
    assert half.panoptic_quality == pytest.approx(0.9 * 2 / 6)
    # In a volume sizes are volumes.
    deep = [np.repeat(part, 2, 0) for part in (predicted, truth, mask, probability)]
    assert score_objects(*deep, NM).true_size == pytest.approx([200 * 2560e-9] * 3)


def test_what_is_not_known_is_no_object() -> None:
    truth = np.zeros((1, 20, 20), np.int32)
    predicted = truth.copy()
    predicted[0, :10] = 1
    mask = np.zeros(truth.shape, np.uint8)
    mask[0, :10] = 255
    objects = score_objects(predicted, truth, mask, np.ones(truth.shape, np.float32), NM)
    assert len(objects.true_size) == len(objects.false_size) == 0
    assert instance_scores(objects.counts[0.5]).f1 == 1
