from itertools import permutations
from math import log2

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.metrics.panoptic_quality import compute_panoptic_quality
from scipy.ndimage import gaussian_filter, label
from skimage.metrics import adapted_rand_error, variation_of_information
from sklearn import metrics as sk
from torchmetrics.functional.detection import panoptic_quality

from mitodata import DataError
from mitoseg.metrics import (
    IOU_THRESHOLDS,
    InstanceCounts,
    InstanceScores,
    OverlapCounts,
    count_overlaps,
    detection_scores,
    instance_counts,
    instance_scores,
    match_instances,
    pair_overlaps,
    partition_scores,
    rank_detections,
)
from mitoseg.metrics import blocks as block_module

LABELS = hnp.arrays(np.uint16, (4, 6), elements=st.integers(0, 4))
MASK = hnp.arrays(np.uint8, (4, 6), elements=st.sampled_from([0, 255]))
COCO = (
    (0.035983118, 0.126142422, 0.004950495),
    (0.055876022, 0.206820682, 0.006887646),
    (0.138313689, 0.397202576, 0.011001100),
    (0.023488195, 0.094059406, 0.015993907),
)
PERFECT = InstanceScores(1, 1, 1, 1, 1, 1)


def random_labels(seed: int, shape: tuple[int, ...] = (90, 100)) -> tuple[np.ndarray, np.ndarray]:
    """Blobs, and the same blobs moved, some split, some merged, some lost."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), 3)
    truth = label(field > 0.7 * field.std())[0]
    other = np.roll(field, 1, 0) + 0.25 * gaussian_filter(rng.normal(size=shape), 2)
    prediction = label(other > 0.8 * field.std())[0]
    return prediction, truth


def dense(counts: OverlapCounts) -> list[tuple[int, int, int]]:
    return list(zip(counts.truth.tolist(), counts.prediction.tolist(), counts.voxels.tolist(), strict=True))


@given(LABELS, LABELS, MASK, st.integers(1, 24))
def test_overlaps_are_those_of_the_voxels(a: np.ndarray, b: np.ndarray, mask: np.ndarray, voxels: int) -> None:
    known = mask != 255
    pairs, number = np.unique(np.stack([b[known], a[known]]), axis=1, return_counts=True)
    expected = [(int(t), int(p), int(n)) for (t, p), n in zip(pairs.T, number, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_module, "BLOCK_VOXELS", voxels)
        assert dense(count_overlaps(a, b, mask)) == expected


@given(LABELS, LABELS, st.floats(0.05, 1))
@settings(deadline=None)
def test_matching_is_the_best_of_all(a: np.ndarray, b: np.ndarray, threshold: float) -> None:
    overlaps = count_overlaps(a, b)
    pairs = pair_overlaps(overlaps)
    iou = np.zeros((5, 5))
    iou[pairs.truth, pairs.prediction] = pairs.iou
    iou[iou < threshold] = 0
    best = max(
        (np.count_nonzero(chosen), chosen.sum())
        for order in permutations(range(1, 5))
        for chosen in [iou[np.arange(1, 5), list(order)]]
    )
    matches = match_instances(overlaps, threshold)
    assert (len(matches.iou), pytest.approx(best[1])) == (best[0], matches.iou.sum())
    assert len(set(matches.truth.tolist())) == len(set(matches.prediction.tolist())) == len(matches.iou)
    assert sorted([*matches.truth, *matches.missed]) == sorted(set(b.flat) - {0})
    assert sorted([*matches.prediction, *matches.false]) == sorted(set(a.flat) - {0})


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(90, 100), (20, 40, 40)])
def test_panoptic_quality_agrees_with_monai_and_torchmetrics(seed: int, shape: tuple[int, ...]) -> None:
    prediction, truth = random_labels(seed, shape)
    one, other = torch.from_numpy(prediction), torch.from_numpy(truth)
    overlaps = count_overlaps(prediction, truth)
    for threshold in (0.5, 0.75):
        result = instance_scores(match_instances(overlaps, threshold).counts)
        for name, value in (("pq", result.panoptic_quality), ("sq", result.mean_matched_iou), ("rq", result.f1)):
            expected = compute_panoptic_quality(one, other, name, match_iou_threshold=threshold)
            assert value == pytest.approx(float(expected), abs=1e-5)
    # Theirs is of things and stuff; one kind of thing, and the ground as another.
    kinds = [torch.stack([(ids > 0).long(), ids.long()], -1)[None] for ids in (one, other)]
    theirs = panoptic_quality(*kinds, things={1}, stuffs={0}, return_per_class=True)
    result = instance_scores(match_instances(overlaps).counts)
    assert result.panoptic_quality == pytest.approx(float(theirs[0, 0]), abs=1e-5)
    assert result.panoptic_quality < 0.95
    assert result.panoptic_quality > 0.2 or len(shape) == 3


def test_scores_by_hand() -> None:
    truth, prediction = np.zeros((2, 10), np.uint8), np.zeros((2, 10), np.uint8)
    truth[0, :4], truth[1, :4], truth[1, 6:] = 1, 7, 200
    prediction[0, :3], prediction[1, :2], prediction[0, 8] = 5, 6, 9
    overlaps = count_overlaps(prediction, truth)
    counts = instance_counts(overlaps, (0.5, 0.75))
    # A pair that reaches the threshold exactly (2 of 4 voxels) counts.
    assert counts == {0.5: InstanceCounts(2, 1, 1, 1.25), 0.75: InstanceCounts(1, 2, 2, 0.75)}
    result = instance_scores(counts[0.5])
    assert (result.accuracy, result.precision, result.recall) == (2 / 4, 2 / 3, 2 / 3)
    assert (result.f1, result.mean_matched_iou) == (pytest.approx(2 / 3), 0.625)
    assert result.panoptic_quality == pytest.approx(result.f1 * result.mean_matched_iou)
    pooled = instance_scores(counts[0.5] + counts[0.75])
    assert pooled.accuracy == 3 / 9
    assert match_instances(overlaps).missed.tolist() == [200]
    assert match_instances(overlaps).false.tolist() == [9]


def test_one_prediction_finds_one_instance() -> None:
    """Two true instances, each exactly half of one prediction: a greedy or many-to-one match would count both."""
    truth, prediction = np.array([[1, 1, 2, 2]]), np.array([[3, 3, 3, 3]])
    assert match_instances(count_overlaps(prediction, truth), 0.5).counts == InstanceCounts(1, 0, 1, 0.5)


def test_most_pairs_win_over_the_best_pair() -> None:
    """The best pair would leave the other two instances alone."""
    truth = np.array([1] * 10 + [2] * 6)
    prediction = np.array([1] * 4 + [2] * 12)
    overlaps = count_overlaps(prediction, truth)
    assert dict(zip(*[pair_overlaps(overlaps).iou.round(3).tolist()] * 2, strict=True)).keys() == {0.4, 0.375, 0.5}
    matches = match_instances(overlaps, 0.37)
    assert list(zip(matches.truth.tolist(), matches.prediction.tolist(), strict=True)) == [(1, 1), (2, 2)]


def test_convention_for_empty_images() -> None:
    empty, one = np.zeros((3, 4), np.uint16), np.ones((3, 4), np.uint16)
    assert instance_scores(match_instances(count_overlaps(empty, empty)).counts) == PERFECT
    for prediction, truth in ((one, empty), (empty, one)):
        assert set(vars(instance_scores(match_instances(count_overlaps(prediction, truth)).counts)).values()) == {0.0}
    ignored = count_overlaps(one, empty, np.full((3, 4), 255, np.uint8))
    assert instance_scores(match_instances(ignored).counts) == PERFECT


@given(LABELS, LABELS, MASK)
@settings(deadline=None)
def test_partitions_agree_with_scikit_image_and_scikit_learn(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> None:
    result = partition_scores(count_overlaps(a, b, mask))
    inside = (mask != 255) & (b > 0)
    assert result.variation_of_information == result.split + result.merge
    if not inside.any():
        assert (result.split, result.merge, result.adapted_rand_error, result.rand_precision) == (0, 0, 0, 1)
        return
    expected, got = b[inside], a[inside]
    assert [result.split, result.merge] == pytest.approx(list(variation_of_information(expected, got)), abs=1e-9)
    together = sk.mutual_info_score(expected, got) / np.log(2)
    entropy = [
        -sum(n / len(x) * log2(n / len(x)) for n in np.unique(x, return_counts=True)[1]) for x in (expected, got)
    ]
    assert result.merge == pytest.approx(entropy[0] - together, abs=1e-9)
    assert result.split == pytest.approx(entropy[1] - together, abs=1e-9)
    (_, false), (missed, right) = sk.cluster.pair_confusion_matrix(expected, got)
    assert result.rand_precision == pytest.approx(right / (right + false) if right + false else 1)
    assert result.rand_recall == pytest.approx(right / (right + missed) if right + missed else 1)
    if right + missed and right + false:
        assert result.adapted_rand_error == pytest.approx(adapted_rand_error(expected, got, ignore_labels=())[0])


def test_splits_and_merges_are_told_apart() -> None:
    truth = np.repeat([1, 2], 8)
    split = partition_scores(count_overlaps(np.repeat([1, 2, 3, 4], 4), truth))
    assert (split.split, split.merge, split.rand_precision) == (1, 0, 1)
    merged = partition_scores(count_overlaps(np.ones(16, int), truth))
    assert (merged.split, merged.merge, merged.rand_recall) == (0, 1, 1)
    assert merged.adapted_rand_error == pytest.approx(1 - 2 * 112 / (112 + 240))


def test_average_precision_by_hand() -> None:
    """Three true instances; four predictions, the second surest of which is wrong, and one is only half right."""
    truth = np.array([1] * 10 + [0] * 2 + [2] * 10 + [3] * 10)
    prediction = np.array([1] * 10 + [2] * 2 + [3] * 6 + [0] * 4 + [0] * 10)
    overlaps = count_overlaps(prediction, truth)
    detections = rank_detections(overlaps, {1: 0.9, 2: 0.8, 3: 0.5, 77: 1.0})
    result = detection_scores(detections)
    # Recall to 1/3 at precision 1 (levels 0 to .33), then to 2/3 at precision 2/3 (levels .34 to .66).
    assert result.ap50 == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert result.ap75 == pytest.approx(34 / 101)
    assert result.ap == pytest.approx(np.mean(result.by_threshold))
    assert result.by_threshold[2] == result.ap50
    assert result.by_threshold[3] == result.ap75
    # A second image with the same instances, all found: curves of all instances together, not a mean.
    again = rank_detections(count_overlaps(truth, truth), {1: 0.7, 2: 0.7, 3: 0.7})
    assert (detections + again).true == 6
    assert detection_scores(again).ap == 1
    assert detection_scores(detections + again).ap75 == pytest.approx((17 * 1 + 50 * 4 / 5) / 101)


def test_each_instance_is_detected_once() -> None:
    truth = np.array([1] * 10)
    prediction = np.array([1] * 5 + [2] * 5)
    detections = rank_detections(count_overlaps(prediction, truth), {1: 0.2, 2: 0.7})
    assert detections.score.tolist() == [0.7, 0.2]
    assert detections.right[0].tolist() == [True, False]
    assert not detections.right[1:].any()


@pytest.mark.parametrize("seed", range(4))
def test_values_agree_with_the_code_of_coco(seed: int) -> None:
    """Recorded once from pycocotools 2.0.11 (segmentation masks, all areas, no limit on detections)."""
    prediction, truth = random_labels(seed)
    score = dict(enumerate(np.random.default_rng(seed).random(prediction.max() + 1).tolist()))
    result = detection_scores(rank_detections(count_overlaps(prediction, truth), score))
    assert (result.ap, result.ap50, result.ap75) == pytest.approx(COCO[seed], abs=1e-6)


def test_average_precision_of_empty_images() -> None:
    empty, one = np.zeros((3, 4), np.uint16), np.ones((3, 4), np.uint16)
    for prediction, truth, expected in ((empty, empty, 1), (one, empty, 0), (empty, one, 0)):
        assert detection_scores(rank_detections(count_overlaps(prediction, truth), {1: 0.5})).ap == expected


def test_bad_input_is_named() -> None:
    labels = np.ones((3, 4), np.int32)
    overlaps = count_overlaps(labels, labels)
    for threshold in (0, 1.1):
        with pytest.raises(DataError, match="IoU threshold"):
            match_instances(overlaps, threshold)
    for score in ({}, {1: float("nan")}):
        with pytest.raises(DataError, match="instance 1 has no finite score"):
            rank_detections(overlaps, score)
    with pytest.raises(DataError, match="prediction of type float64"):
        count_overlaps(labels * 1.0, labels)
    with pytest.raises(DataError, match="truth holds ids from -1 to -1"):
        count_overlaps(labels, -labels)
    with pytest.raises(DataError, match="expected equal"):
        count_overlaps(labels, labels, np.zeros((4, 3), np.uint8))
    assert len(IOU_THRESHOLDS) == 10
