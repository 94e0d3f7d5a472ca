from collections.abc import Sequence
from math import isnan

import numpy as np
import pytest
from scipy import ndimage

from mitoseg.inference.decoding import PEAK, SMALLEST_NM, Decoding, find_pieces
from mitoseg.metrics import ProbabilityCounts, count_probabilities
from mitoseg.metrics.curves import mean_iou
from mitoseg.training.threshold_selection import best_peak, best_rule, best_smallest, best_threshold, reaching
from mitoseg.training.validation import part_of


def test_the_best_threshold_is_the_lowest_of_the_plateau() -> None:
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    probability = np.array([[0.1, 0.6, 0.805, 0.9]], np.float32)
    counted = [count_probabilities(probability, truth)]
    assert best_threshold(counted) == pytest.approx(0.61)
    assert mean_iou(counted, best_threshold(counted)) == 1
    assert mean_iou(counted, 0.5) == pytest.approx(2 / 3)


def test_images_without_foreground_weigh_in_the_choice() -> None:
    full = count_probabilities(np.array([0.2, 0.6, *19 * [0.9]], np.float32), np.array([0, *20 * [1]], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1], np.float32), np.array([0, 0, 0], np.uint8))
    assert best_threshold([full]) == pytest.approx(0.21)
    assert best_threshold([full, empty, empty, empty]) > 0.7


def test_a_weak_model_is_not_best_where_it_finds_nothing() -> None:
    full = count_probabilities(np.array([0.2, 0.6, 0.5, 0.9], np.float32), np.array([0, 0, 1, 1], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1, 0.95], np.float32), np.array([0, 0, 0, 0], np.uint8))
    assert best_threshold([full, full, full, empty]) < 0.9


def test_images_with_little_foreground_do_not_make_a_weak_model_find_nothing() -> None:
    truth, nothing = np.repeat(np.array([1, 0], np.uint8), 100), np.zeros(200, np.uint8)
    full = count_probabilities(np.where(truth, 0.5, 0.1).astype(np.float32), truth)
    nothing[0] = 1
    little = count_probabilities(np.repeat(np.array([0.05, 0.6], np.float32), [180, 20]), nothing)  # all of it is wrong
    assert best_threshold([full, *12 * [little]]) < 0.5


def test_an_image_full_of_foreground_decides_no_more_than_one_with_little() -> None:
    rng = np.random.default_rng(0)

    def image(share: float, level: float) -> ProbabilityCounts:
        """Foreground is what reaches a level; all probabilities are about the level, or very low."""
        truth = (rng.random(10_000) < share).astype(np.uint8)
        near = level + np.where(truth == 1, 0.05, -0.05) + rng.normal(0, 0.02, truth.size)
        return count_probabilities(
            np.where((truth == 1) | (rng.random(truth.size) < share), near, 0.01).astype(np.float32).clip(0, 1), truth
        )

    packed, sparse = [image(0.6, 0.7) for _ in range(3)], [image(0.06, 0.3) for _ in range(4)]
    assert best_threshold(packed) == pytest.approx(0.7, abs=0.05)
    assert best_threshold(sparse) == pytest.approx(0.3, abs=0.05)
    assert best_threshold([*packed, *sparse]) < 0.4


def test_the_mean_leaves_out_images_without_foreground() -> None:
    full = count_probabilities(np.array([0.2, 0.6, 0.9], np.float32), np.array([0, 1, 1], np.uint8))
    empty = count_probabilities(np.array([0.2, 0.7, 0.1], np.float32), np.array([0, 0, 0], np.uint8))
    assert mean_iou([full, empty], 0.5) == 1
    assert isnan(mean_iou([empty], 0.5))


def test_the_peak_drops_what_is_wrong_and_keeps_what_a_weak_model_found() -> None:
    truth = np.zeros((20, 60), np.uint8)
    truth[4:14, 4:14] = 1
    truth[:, 50:] = 255
    probability = np.zeros(truth.shape, np.float32)
    probability[4:14, 4:14] = 0.3
    probability[8, 8] = 0.9
    probability[4:14, 24:30] = 0.35
    probability[4:14, 52:58] = 0.95  # nobody knows
    assert best_peak([probability], [truth], 0.2) == PEAK
    weak = probability * np.float32(0.5)
    assert best_peak([weak], [truth], 0.1) == pytest.approx(0.4)
    assert best_peak([0 * probability], [truth], 0.1) == PEAK
    truth[4:14, 24:30] = 1  # now both are right
    assert best_peak([probability], [truth], 0.2) == pytest.approx(0.3)


def test_what_reaches_the_peak_at_every_threshold_are_the_pieces_that_do() -> None:
    noise = np.random.default_rng(0).normal(size=(64, 80))
    smooth = ndimage.gaussian_filter(noise, 3)
    probability = ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)
    for peak in (0.0, 0.6, 0.9):
        levels = reaching(probability, peak)
        for threshold in (0.1, 0.3, 0.5):
            expected = find_pieces(probability[None, None], Decoding(threshold, peak=peak))[0] > 0
            assert np.array_equal(levels >= np.float32(threshold), expected)
    assert not reaching(0.5 * probability, 0.6).any()


def test_with_a_peak_the_threshold_can_be_lower() -> None:
    truth = np.zeros((20, 60), np.uint8)
    truth[4:14, 4:14] = 1
    probability = np.zeros(truth.shape, np.float32)
    probability[4:14, 4:14] = 0.15  # the outline is faint
    probability[6:12, 6:12] = 0.9
    probability[2:18, 24:44] = 0.25  # nothing is there
    counts = [count_probabilities(probability, truth)]
    assert best_threshold(counts) > 0.25
    rule, reached = best_rule(counts, [probability], [truth])
    assert rule.peak == PEAK
    assert rule.threshold < 0.15
    assert mean_iou(reached, rule.threshold) == 1
    assert np.array_equal(find_pieces(probability[None, None], rule)[0] > 0, truth == 1)


def test_specks_are_dropped_unless_they_are_what_is_to_be_found() -> None:
    truth = np.zeros((40, 60), np.uint8)
    truth[4:24, 4:24] = 1
    probability = np.where(truth == 1, 0.9, 0.05).astype(np.float32)
    probability[30:34, 40:44] = 0.9
    rule, sizes_nm = Decoding(0.5), [(50.0, 10.0, 10.0)] * 2
    empty = np.zeros_like(truth)
    assert best_smallest([probability, probability], [truth, empty], sizes_nm, rule) == SMALLEST_NM
    assert best_smallest([probability], [empty], sizes_nm[:1], rule) == 0, "nobody knows what is to be found"
    vesicles = truth.copy()
    vesicles[30:34, 40:44] = 1
    assert best_smallest([probability, probability], [vesicles, empty], sizes_nm, rule) == 0
    unknown = np.where(vesicles == 1, vesicles, 255)
    assert best_smallest([probability], [unknown], sizes_nm[:1], rule) == 0
    assert best_smallest([probability], [vesicles], [(50.0, 25.0, 25.0)], rule) == SMALLEST_NM, "no speck at this size"


def test_images_have_thresholds_of_their_own_unless_one_for_all_is_better() -> None:
    def rule_of(levels: Sequence[tuple[float, float, float]]) -> Decoding:
        truth = np.zeros((40, 60), np.uint8)
        truth[4:24, 4:24] = 1
        images = []
        for inside, rim, outside in levels:
            image = np.full(truth.shape, 0.01, np.float32)
            image[3:25, 3:25] = outside
            image[4:24, 4:24] = rim
            image[8:20, 8:20] = inside
            images.append(image)
        truths = [truth] * len(images)
        counts = [count_probabilities(*pair) for pair in zip(images, truths, strict=True)]
        return best_rule(counts, images, truths)[0]

    # Outside of what is sure it is likelier than at the rim of what is unsure.
    assert rule_of([(0.98, 0.9, 0.4), (0.65, 0.35, 0.1)]).own_threshold
    # What belongs to it is nearer to what does not, in each of them.
    assert not rule_of([(0.98, 0.3, 0.1), (0.96, 0.3, 0.1)]).own_threshold


def test_without_foreground_in_the_parts_the_images_decide() -> None:
    image = count_probabilities(np.array([0.2, 0.6, 0.9], np.float32), np.array([0, 1, 1], np.uint8))
    part = np.full((8, 8), 0.8, np.float32)
    rule, counts = best_rule([image], [part], [np.zeros((8, 8), np.uint8)])
    assert rule == Decoding(best_threshold([image]), peak=0.0)
    assert counts == [image]


@pytest.mark.parametrize("shape", [(64, 64), (4096, 4096), (100, 5000), (5000, 100), (1, 1)])
def test_parts_of_sections_are_small_and_lie_everywhere(shape: tuple[int, int]) -> None:
    limit = 512 * 512
    seen = np.zeros(shape, bool)
    for number in range(64):
        part = part_of(number, shape, limit)
        size = seen[part].size
        assert min(limit, seen.size) * 0.9 < size <= limit
        seen[part] = True
    assert seen.mean() > 0.6
    assert part_of(3, (500, 500), limit) == (slice(0, 500), slice(0, 500))
