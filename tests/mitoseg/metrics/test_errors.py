"""Wrong pixels by what they are part of."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from mitodata import DataError
from mitoseg.metrics import ErrorCounts, confusion, count_errors, find_outlines, possible_iou

Mask = NDArray[np.uint8]


def errors(
    prediction: Mask, truth: Mask, spacing: tuple[float, ...] = (5.0, 5.0), tolerance: float = 10
) -> ErrorCounts:
    found = prediction == 1
    return count_errors(found, truth, find_outlines(found, truth), spacing, tolerance)


def square(*corners: tuple[int, int, int]) -> Mask:
    """Squares of (y, x, side) in an image of 40 x 40 px."""
    mask = np.zeros((40, 40), np.uint8)
    for y, x, side in corners:
        mask[y : y + side, x : x + side] = 1
    return mask


def test_objects_of_their_own() -> None:
    truth, prediction = square((5, 5, 10), (25, 5, 6)), square((5, 5, 10), (20, 25, 8))
    assert errors(prediction, truth) == ErrorCounts(false_objects=64, missed_objects=36)


def test_rims_and_the_rest() -> None:
    # 4 px too wide at one side: two of them are within 10 nm.
    truth, prediction = square((10, 10, 10)), square((10, 10, 10))
    prediction[10:20, 20:24] = 1
    assert errors(prediction, truth) == ErrorCounts(false_rim=20, false_rest=20)
    assert errors(truth, prediction) == ErrorCounts(missed_rim=20, missed_rest=20)
    assert errors(prediction, truth, (5.0, 2.5)) == ErrorCounts(false_rim=40)


def test_a_piece_is_of_its_own_if_less_than_a_fifth_is_right() -> None:
    truth = square((10, 10, 10))
    for right, own in ((1, True), (3, False)):
        prediction = np.zeros_like(truth)
        prediction[10:20, 20 - right : 30 - right] = 1
        found = errors(prediction, truth, tolerance=0)
        assert (found.false_objects, found.false_rest) == ((90, 0) if own else (0, 70))


def test_unknown_pixels_count_nowhere() -> None:
    truth, prediction = square((5, 5, 10)), square((5, 5, 10), (20, 25, 8))
    truth[20:24, 25:33] = 255
    assert errors(prediction, truth) == ErrorCounts(false_objects=32)
    assert errors(prediction, np.full_like(truth, 255)) == ErrorCounts()


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.uint8, (9, 12), elements=st.sampled_from([0, 1])),
    arrays(np.uint8, (9, 12), elements=st.sampled_from([0, 1, 255])),
)
def test_all_errors_and_only_errors_are_sorted(prediction: Mask, truth: Mask) -> None:
    spacing, tolerance = (5.0, 4.0), 9.0
    counts, found = confusion(prediction == 1, truth), errors(prediction, truth, spacing, tolerance)
    assert sum(astuple(found)[:3]) == counts.false_positive
    assert sum(astuple(found)[3:]) == counts.false_negative
    # The same by a distance transform, where all is known: elsewhere a nearest pixel may lie at the unknown.
    if not (truth == 255).any() and truth.any():
        pieces = label(prediction)[0]
        own = [n for n in range(1, pieces.max() + 1) if (truth[pieces == n] == 1).mean() < 0.2]
        wrong = (prediction == 1) & (truth == 0) & ~np.isin(pieces, own)
        near = distance_transform_edt(truth == 0, spacing) <= tolerance
        assert found.false_rim == np.count_nonzero(wrong & near)


def test_volumes_and_sums() -> None:
    truth, prediction = (np.zeros((6, 20, 20), np.uint8) for _ in range(2))
    truth[1:4, 5:15, 5:15], prediction[1:5, 5:15, 5:15] = 1, 1
    found = prediction == 1
    counted = count_errors(found, truth, find_outlines(found, truth), (20.0, 5.0, 5.0), 20)
    assert counted == ErrorCounts(false_rim=100)
    assert counted + ErrorCounts(1, 2, 3, 4, 5, 6) == ErrorCounts(1, 102, 3, 4, 5, 6)


def test_what_there_is_to_gain() -> None:
    truth, prediction = square((5, 5, 10), (25, 5, 6)), square((5, 5, 10), (20, 25, 8))
    gain = possible_iou(confusion(prediction == 1, truth), errors(prediction, truth))
    assert gain.no_false_objects == pytest.approx(100 / 136)
    assert gain.no_missed_objects == pytest.approx(136 / 200)
    assert gain.no_rim == pytest.approx(100 / 200)
    nothing = square()
    assert possible_iou(confusion(prediction == 1, nothing), errors(prediction, nothing)).no_false_objects == 1


def test_predictions_are_bool_and_of_the_same_shape() -> None:
    truth = square((5, 5, 10))
    outlines = find_outlines(truth == 1, truth)
    with pytest.raises(DataError, match="expected bool"):
        count_errors(np.asarray(truth, dtype=object), truth, outlines, (5.0, 5.0), 10)
    with pytest.raises(DataError, match="shape"):
        count_errors(truth[1:] == 1, truth, outlines, (5.0, 5.0), 10)
