from math import isnan
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from mitodata import DataError
from mitoseg.metrics import (
    ConfusionCounts,
    Presence,
    caption,
    class_scores,
    confusion,
    count_classes,
    presence,
    scores,
)

TRUTH = hnp.arrays(np.uint8, (3, 4, 5), elements=st.sampled_from([0, 1, 255]))
PREDICTION = hnp.arrays(np.bool_, (3, 4, 5))


@pytest.mark.parametrize("seed", range(5))
def test_values_agree_with_scikit_learn_torchmetrics_and_monai(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (3, 20, 30), p=[0.6, 0.3, 0.1])
    prediction = rng.random(truth.shape) < 0.4
    result = scores(confusion(prediction, truth))

    expected, got = truth[truth != 255] == 1, prediction[truth != 255]
    assert result.iou == pytest.approx(sk.jaccard_score(expected, got))
    assert result.dice == pytest.approx(sk.f1_score(expected, got))
    assert result.precision == pytest.approx(sk.precision_score(expected, got))
    assert result.recall == pytest.approx(sk.recall_score(expected, got))
    assert result.specificity == pytest.approx(sk.recall_score(expected, got, pos_label=0))
    assert result.accuracy == pytest.approx(sk.accuracy_score(expected, got))
    assert result.kappa == pytest.approx(sk.cohen_kappa_score(expected, got))
    assert result.mean_iou == pytest.approx(sk.jaccard_score(expected, got, average="macro"))

    one, other = torch.from_numpy(prediction.astype(np.uint8)), torch.from_numpy(truth.astype(np.int64))
    assert result.iou == pytest.approx(float(tm.binary_jaccard_index(one, other, ignore_index=255)))
    assert result.dice == pytest.approx(float(tm.binary_f1_score(one, other, ignore_index=255)))
    assert result.specificity == pytest.approx(float(tm.binary_specificity(one, other, ignore_index=255)))
    assert result.kappa == pytest.approx(float(tm.binary_cohen_kappa(one, other, ignore_index=255)), abs=1e-6)

    matrix = get_confusion_matrix(torch.from_numpy(got)[None, None].float(), torch.from_numpy(expected)[None, None])
    for name, value in (("threat score", result.iou), ("f1 score", result.dice), ("tnr", result.specificity)):
        assert value == pytest.approx(float(compute_confusion_matrix_metric(name, matrix)))


@given(PREDICTION, TRUTH)
def test_any_image_has_scores_in_range(prediction: np.ndarray, truth: np.ndarray) -> None:
    counts = confusion(prediction, truth)
    result = scores(counts)
    assert sum(vars(counts).values()) == np.count_nonzero(truth != 255)
    assert all(0 <= value <= 1 for name, value in vars(result).items() if name != "kappa")
    assert -1 <= result.kappa <= 1
    assert result.dice == pytest.approx(2 * result.iou / (1 + result.iou))
    # What is ignored may hold anything.
    assert confusion(prediction ^ (truth == 255), truth) == counts


@given(PREDICTION, TRUTH, st.integers(0, 3))
def test_counts_of_blocks_add_up(prediction: np.ndarray, truth: np.ndarray, cut: int) -> None:
    whole = confusion(prediction, truth)
    assert confusion(prediction[:cut], truth[:cut]) + confusion(prediction[cut:], truth[cut:]) == whole


@pytest.mark.parametrize(
    ("counts", "overlap", "kappa"),
    [
        (ConfusionCounts(0, 0, 0, 9), 1.0, 1.0),
        (ConfusionCounts(0, 1, 0, 8), 0.0, 0.0),
        (ConfusionCounts(0, 0, 1, 8), 0.0, 0.0),
        (ConfusionCounts(0, 0, 0, 0), 1.0, 1.0),
        (ConfusionCounts(9, 0, 0, 0), 1.0, 1.0),
    ],
)
def test_convention_for_empty_images(counts: ConfusionCounts, overlap: float, kappa: float) -> None:
    result = scores(counts)
    assert (result.iou, result.dice, result.precision, result.recall) == (overlap,) * 4
    assert result.kappa == kappa
    assert result.specificity == pytest.approx(1 - counts.false_positive / 9)


def test_a_class_that_does_not_occur_is_not_in_the_mean_iou() -> None:
    assert scores(ConfusionCounts(0, 0, 0, 9)).mean_iou == 1
    assert scores(ConfusionCounts(0, 3, 0, 9)).mean_iou == pytest.approx((0 + 9 / 12) / 2)
    assert scores(ConfusionCounts(9, 0, 0, 0)).mean_iou == 1
    assert scores(ConfusionCounts(6, 0, 3, 0)).mean_iou == pytest.approx(6 / 9 / 2)


def test_images_without_foreground_are_said() -> None:
    half, clean, wrong = ConfusionCounts(1, 1, 0, 2), ConfusionCounts(0, 0, 0, 4), ConfusionCounts(0, 2, 0, 2)
    assert presence([half, clean, wrong]) == Presence(3, 1, 1)
    assert "2 of 3 images have no foreground" in presence([half, clean, wrong]).note
    assert "found in 1 of them" in presence([half, clean, wrong]).note
    assert presence([half]).note == ""
    assert [caption(image) for image in (half, clean, wrong)] == [
        "IoU 0.500",
        "no foreground in the truth, no px found",
        "no foreground in the truth, 2 px found",
    ]


@given(
    hnp.arrays(np.uint8, 60, elements=st.integers(0, 3)),
    hnp.arrays(np.uint8, 60, elements=st.sampled_from([0, 1, 2, 3, 255])),
)
@settings(max_examples=50)
def test_classes_agree_with_scikit_learn(prediction: np.ndarray, truth: np.ndarray) -> None:
    counts = count_classes(prediction, truth, 4)
    result = class_scores(counts)
    expected, got = truth[truth != 255], prediction[truth != 255]
    occurring = sorted(set(expected) | set(got))
    for number in range(4):
        assert isnan(result.iou[number]) == (number not in occurring)
    if not occurring:
        assert (result.mean_iou, result.accuracy, result.kappa) == (1, 1, 1)
        return
    iou = sk.jaccard_score(expected, got, average=None, labels=occurring, zero_division=0)
    dice = sk.f1_score(expected, got, average=None, labels=occurring, zero_division=0)
    assert [result.iou[number] for number in occurring] == pytest.approx(list(iou))
    assert [result.dice[number] for number in occurring] == pytest.approx(list(dice))
    assert result.mean_iou == pytest.approx(iou.mean())
    assert result.mean_dice == pytest.approx(dice.mean())
    assert result.accuracy == pytest.approx(sk.accuracy_score(expected, got))
    if len(occurring) > 1:
        assert result.kappa == pytest.approx(sk.cohen_kappa_score(expected, got, labels=occurring))
    half = count_classes(prediction[:30], truth[:30], 4) + count_classes(prediction[30:], truth[30:], 4)
    assert np.array_equal(half.matrix, counts.matrix)


def test_two_classes_are_foreground_and_background() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(np.array([0, 1, 255], np.uint8), (20, 30))
    prediction = rng.random(truth.shape) < 0.4
    both, single = class_scores(count_classes(prediction.astype(np.uint8), truth, 2)), confusion(prediction, truth)
    assert both.iou[1] == scores(single).iou
    assert both.mean_iou == pytest.approx(scores(single).mean_iou)
    assert both.kappa == pytest.approx(scores(single).kappa)


def test_the_example_of_the_docs_says_what_comes_out() -> None:
    """Each line with a value in its comment evaluates to it."""
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    values = 0
    for line in page.split("```python\n")[1].split("```")[0].splitlines():
        code, _, comment = line.partition("  # ")
        if comment[:1].isdigit():
            assert eval(code, names) == pytest.approx(float(comment.split()[0].rstrip(".")), abs=0.01)
            values += 1
        else:
            exec(code, names)
    assert values == 4


def test_bad_input_is_named() -> None:
    image = np.zeros((2, 3), np.uint8)
    with pytest.raises(DataError, match="expected equal"):
        confusion(np.zeros((3, 2), bool), image)
    with pytest.raises(DataError, match="expected bool"):
        confusion(image, image)
    with pytest.raises(DataError, match="expected 0, 1 and 255"):
        confusion(image > 0, image + 2)
    with pytest.raises(DataError, match="truth holds classes 3 to 3"):
        count_classes(image, image + 3, 3)
    with pytest.raises(DataError, match="prediction holds classes 3 to 3"):
        count_classes(image + 3, image, 3)
    with pytest.raises(DataError, match="1 classes"):
        count_classes(image, image, 1)
    with pytest.raises(DataError, match="do not add up"):
        count_classes(image, image, 2) + count_classes(image, image, 3)
