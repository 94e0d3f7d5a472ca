from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata import DataError
from mitoseg_napari import proofreading
from mitoseg_napari.proofreading import Proofreader, Stroke

SIZE = (8.0, 8.0, 8.0)


@pytest.fixture
def labels() -> NDArray[np.uint16]:
    """(1, 40, 80): a dumbbell, 3, whose neck is at x = 30, and a square, 5."""
    y, x = np.mgrid[:40, :80]
    found = np.zeros((1, 40, 80), np.uint16)
    found[0][((y - 20) ** 2 + (x - 18) ** 2 < 100) | ((y - 20) ** 2 + (x - 42) ** 2 < 100)] = 3
    found[0, 17:24, 18:43] = 3
    found[0, 5:15, 65:75] = 5
    return found


def test_an_object_is_split_at_its_neck_wherever_the_halves_are_clicked(labels: NDArray[np.uint16]) -> None:
    for first, second in (((0, 20, 18), (0, 20, 42)), ((0, 12, 14), (0, 26, 47)), ((0, 20, 26), (0, 20, 38))):
        own = labels.copy()
        edit = Proofreader(own, SIZE).split(first, second)
        assert edit.what == "split 3 into 3 and 6"
        left, right = own[0, :, :25], own[0, :, 36:60]
        assert set(np.unique(left)) == {0, 3}
        assert set(np.unique(right)) == {0, 6}
        assert np.array_equal(own > 0, labels > 0)


def test_an_object_without_a_neck_is_split_between_the_clicks() -> None:
    labels = np.zeros((1, 30, 60), np.uint8)
    labels[0, 5:25, 10:50] = 1
    Proofreader(labels, SIZE).split((0, 15, 27), (0, 15, 33))
    assert set(np.unique(labels[0, :, :30])) == {0, 1}
    assert set(np.unique(labels[0, :, 31:])) == {0, 2}


def test_a_volume_is_split_across_z_where_voxels_are_long() -> None:
    labels = np.zeros((9, 24, 24), np.int32)
    for z in range(9):
        width = 10 if abs(z - 4) > 1 else 3
        labels[z, 12 - width : 12 + width, 12 - width : 12 + width] = 1
    Proofreader(labels, (50.0, 8.0, 8.0)).split((0, 12, 12), (8, 12, 12))
    assert set(np.unique(labels[:3])) == {0, 1}
    assert set(np.unique(labels[6:])) == {0, 2}


def test_merging_deleting_and_adding_change_what_they_say(labels: NDArray[np.uint16]) -> None:
    reader = Proofreader(labels, SIZE)
    size = np.count_nonzero(labels)
    assert reader.merge((0, 20, 18), (0, 10, 70)).what == "merge 5 into 3"
    assert np.count_nonzero(labels == 3) == size
    where = np.nonzero(np.pad(np.ones((1, 3, 3), bool), ((0, 0), (30, 7), (10, 67))))
    assert reader.add(where).what == "add 4"
    assert np.count_nonzero(labels == 4) == 9
    reader.delete((0, 20, 18))
    assert set(np.unique(labels)) == {0, 4}


def test_every_change_is_undone_and_done_again_in_its_turn(labels: NDArray[np.uint16]) -> None:
    start = labels.copy()
    reader = Proofreader(labels, SIZE)
    states = [start]
    for change in (
        lambda: reader.split((0, 20, 18), (0, 20, 42)),
        lambda: reader.merge((0, 20, 42), (0, 10, 70)),
        lambda: reader.delete((0, 20, 18)),
    ):
        change()
        states.append(labels.copy())
    for state in reversed(states[:-1]):
        assert reader.undo()
        assert np.array_equal(labels, state)
    assert reader.undo() == ""
    for state in states[1:]:
        assert reader.redo()
        assert np.array_equal(labels, state)
    assert reader.redo() == ""


def test_strokes_of_a_brush_are_undone_by_who_made_them_in_their_turn(labels: NDArray[np.uint16]) -> None:
    reader = Proofreader(labels, SIZE)
    reader.delete((0, 10, 70))
    done: list[str] = []
    reader.note(Stroke(lambda: done.append("undo"), lambda: done.append("redo")))
    reader.delete((0, 20, 18))
    assert [reader.undo() for _ in range(3)] == ["delete 3", "paint", "delete 5"]
    assert done == ["undo"]
    assert [reader.redo() for _ in range(2)] == ["delete 5", "paint"]
    assert done == ["undo", "redo"]


def test_a_new_change_ends_what_could_be_done_again(labels: NDArray[np.uint16]) -> None:
    reader = Proofreader(labels, SIZE)
    reader.delete((0, 10, 70))
    reader.undo()
    reader.delete((0, 20, 18))
    assert reader.redo() == ""
    assert set(np.unique(labels)) == {0, 5}


def test_old_changes_are_forgotten_where_they_are_large(
    labels: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofreading, "HISTORY_BYTES", 3000)
    reader = Proofreader(labels, SIZE)
    reader.delete((0, 20, 18))
    reader.delete((0, 10, 70))
    assert [reader.undo(), reader.undo()] == ["delete 5", ""]


def test_in_images_of_their_own_a_number_means_another_object() -> None:
    labels = np.ones((2, 20, 20), np.uint8)
    reader = Proofreader(labels, SIZE, apart=True)
    reader.delete((0, 3, 3))
    assert labels[0].max() == 0
    assert labels[1].min() == 1
    reader.undo()
    with pytest.raises(DataError, match="images of their own"):
        reader.merge((0, 3, 3), (1, 3, 3))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda reader: reader.delete((0, 0, 0)), "no object at z, y, x = 0, 0, 0"),
        (lambda reader: reader.delete((0, 999, -4)), "no object"),
        (lambda reader: reader.merge((0, 20, 18), (0, 20, 42)), "both places lie in object 3"),
        (lambda reader: reader.split((0, 20, 18), (0, 10, 70)), "two objects"),
        (lambda reader: reader.split((0, 20, 18), (0, 20, 18)), "the same voxel"),
        (lambda reader: reader.add((np.array([0]), np.array([20]), np.array([18]))), "already"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_changes(
    labels: NDArray[np.uint16], change: Callable[[Proofreader], object], says: str
) -> None:
    before, reader = labels.copy(), Proofreader(labels, SIZE)
    with pytest.raises(DataError, match=says):
        change(reader)
    assert np.array_equal(labels, before)
    assert reader.undo() == ""


def test_a_type_without_numbers_left_is_said() -> None:
    labels = np.full((1, 9, 9), 255, np.uint8)
    with pytest.raises(DataError, match="uint32"):
        Proofreader(labels, SIZE).split((0, 1, 1), (0, 7, 7))
