import numpy as np
import pytest
from numpy.typing import NDArray

from mitoseg_napari.doubts import Queue, entropy_bits, missed_voxels, rank_apart, rank_doubts
from mitoseg_napari.proofreading import Proofreader

SURE, UNSURE = (slice(0, 3), slice(4, 12), slice(4, 12)), (slice(0, 3), slice(4, 12), slice(20, 28))
MISSED, SPECK = (slice(0, 3), slice(20, 28), slice(4, 12)), (slice(0, 1), slice(25, 27), slice(25, 27))


@pytest.fixture
def scene() -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """An object that is sure, one that is not, a place that was missed, and a speck that is none."""
    labels, probability = np.zeros((3, 32, 32), np.uint32), np.full((3, 32, 32), 0.02, np.float32)
    labels[SURE], labels[UNSURE] = 2, 7
    for box, value in ((SURE, 0.97), (UNSURE, 0.6), (MISSED, 0.35), (SPECK, 0.5)):
        probability[box] = value
    probability[1, 22, 7] = 0.4
    return labels, probability


def test_entropy_is_nothing_where_the_model_is_sure_and_a_bit_where_it_tosses_a_coin() -> None:
    assert entropy_bits(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1, 0], abs=1e-4)


def test_what_the_model_doubts_most_comes_first_and_specks_do_not_come(
    scene: tuple[NDArray[np.uint32], NDArray[np.float32]],
) -> None:
    found = rank_doubts(*scene)
    assert [doubt.number for doubt in found] == [7, 0, 2]
    assert [doubt.bits for doubt in found] == sorted((doubt.bits for doubt in found), reverse=True)
    assert found[1].at == (1, 22, 7)
    labels, _ = scene
    assert all(labels[doubt.at] == doubt.number for doubt in found)


def test_a_missed_place_can_be_made_an_object(scene: tuple[NDArray[np.uint32], NDArray[np.float32]]) -> None:
    labels, probability = scene
    doubt = rank_doubts(labels, probability)[1]
    Proofreader(labels, (8, 8, 8)).add(missed_voxels(labels, probability, doubt))
    assert (labels[MISSED] == 8).all()
    assert np.count_nonzero(labels == 8) == 3 * 64


def test_in_images_of_their_own_each_object_is_ranked_by_itself(
    scene: tuple[NDArray[np.uint32], NDArray[np.float32]],
) -> None:
    found = rank_apart(*scene)
    assert sorted(doubt.number for doubt in found) == [0, 0, 0, 2, 2, 2, 7, 7, 7]
    assert {doubt.at[0] for doubt in found if doubt.number == 7} == {0, 1, 2}


def test_the_queue_passes_over_what_was_settled_and_comes_back_to_what_was_undone(
    scene: tuple[NDArray[np.uint32], NDArray[np.float32]],
) -> None:
    labels, probability = scene
    reader = Proofreader(labels, (8, 8, 8))
    queue = Queue(rank_doubts(labels, probability), reader.number_at)
    first = queue.move(1)
    assert first is not None
    assert first.number == 7
    reader.delete(first.at)
    second, third = queue.move(1), queue.move(1)
    assert [second.number if second else None, third.number if third else None] == [0, 2]
    assert queue.move(1) is None
    assert queue.place == 3
    assert queue.move(-1) == second
    assert queue.move(-1) is None
    reader.undo()
    assert queue.move(-1) == first


def test_ranking_can_be_stopped(scene: tuple[NDArray[np.uint32], NDArray[np.float32]]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank_doubts(*scene, stop)
