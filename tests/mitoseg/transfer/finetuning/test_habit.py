"""Where annotators draw is measured against what a model finds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mitoseg.inference.decoding import Decoding
from mitoseg.transfer.finetuning.crossvalidation import choose_decoding, score_as_is
from mitoseg.transfer.finetuning.expectation import expected_iou
from mitoseg.transfer.finetuning.habit import measure_habit
from mitoseg.transfer.finetuning.regions import LabelledSection, Reviewed

VOXEL_NM = (50.0, 4.0, 4.0)
CENTRES = ((50, 50), (60, 150), (140, 60), (150, 150))


def discs(radius_nm: float, centres: tuple[tuple[int, int], ...] = CENTRES) -> NDArray[np.uint32]:
    y, x = np.mgrid[:200, :200]
    label = np.zeros((200, 200), np.uint32)
    for number, (cy, cx) in enumerate(centres, 1):
        label[4 * np.hypot(y - cy, x - cx) <= radius_nm] = number
    return label


def labelled(label: NDArray[np.uint32]) -> LabelledSection:
    fold = np.broadcast_to(np.where(np.arange(200) < 100, 1, 2).astype(np.uint8), label.shape)
    return LabelledSection(np.zeros(label.shape, np.uint8), label, (label > 0).astype(np.uint8), fold, VOXEL_NM, "a")


@pytest.mark.parametrize("habit_nm", [-30, 0, 20])
def test_a_habit_is_measured_whatever_is_missed_or_invented(habit_nm: int) -> None:
    section = labelled(discs(100 + habit_nm))
    found = discs(100, (*CENTRES[:3], (100, 100)))  # one missed, one invented
    habit = measure_habit([section], [(found > 0).astype(np.float32)], Decoding())
    assert habit is not None
    assert (habit.profiles, habit.unlabelled) == (3, 1)
    assert abs(habit.outline_nm - habit_nm) <= 2
    assert habit.iou[1] > 0.97
    assert habit.iou[1] >= habit.iou[0]
    side = {-30: "nm inside of", 0: "labels end at", 20: "nm outside of"}[habit_nm]
    assert side in habit.summary


def test_nothing_found_has_no_habit() -> None:
    assert measure_habit([labelled(discs(100))], [np.zeros((200, 200), np.float32)], Decoding()) is None


def test_a_known_habit_is_taken_back_where_thresholds_are_chosen() -> None:
    """Labels 30 nm too large: outlines that end there make the same model right."""
    reviewed = Reviewed([labelled(discs(130))], (1, 2), 2)
    probabilities = [0.9 * (discs(100) > 0).astype(np.float32)]
    plain, drawn = (choose_decoding(reviewed, probabilities, nm) for nm in (0.0, 30.0))
    assert plain.iou < 0.65
    assert drawn.iou > 0.95
    assert drawn.decoding.outline_nm == 30
    assert score_as_is(reviewed, probabilities, drawn.decoding) == pytest.approx(drawn.iou)


def test_a_threshold_is_judged_by_labels_that_it_was_not_chosen_on() -> None:
    """Each half wants another threshold: what is best for the one misses all of the other."""
    label = discs(100)
    section = labelled(label)
    faint = np.where(section.fold == 1, 0.2, 0.9).astype(np.float32)
    background = np.where(section.fold == 1, 0.05, 0.4).astype(np.float32)
    probabilities = [np.where(label > 0, faint, background)]
    outcome = choose_decoding(Reviewed([section], (1, 2), 2), probabilities, 0.0)
    assert outcome.iou < 0.7


def test_of_thresholds_about_as_good_the_one_nearest_to_what_is_wanted_is_taken() -> None:
    """Any threshold from .1 to .9 is right here; without labels of other tissue, none says more than another."""
    label = discs(100)
    section = labelled(label)
    probabilities = [np.where(label > 0, 0.9, 0.1).astype(np.float32)]
    reviewed = Reviewed([section], (1, 2), 2)
    for near in (0.3, 0.5):
        outcome = choose_decoding(reviewed, probabilities, 0.0, near)
        assert outcome.decoding.threshold == pytest.approx(near)
        assert outcome.best_iou == outcome.iou == 1


def test_more_labels_are_expected_to_bring_more() -> None:
    found = [expected_iou(0.6, profiles) for profiles in (1, 10, 100, 10_000)]
    assert 0.6 < found[0] < found[1] < found[2] <= found[3] < 0.9
