from math import hypot

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_dice import compute_surface_dice
from monai.metrics.surface_distance import compute_average_surface_distance
from scipy.ndimage import gaussian_filter

from mitodata import DataError
from mitoseg.metrics import OutlineCounts, boundary_f1, compare_outlines, find_outlines, membrane_tolerance
from mitoseg.metrics import blocks as block_module


def random_masks(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Two similar random masks that do not touch the border, where MONAI's convention is another."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), 3)
    other = field + 0.4 * field.std() * rng.normal(size=shape)
    inside = np.pad(np.ones([n - 4 for n in shape], bool), 2)
    return (other > field.std()) & inside, (field > field.std()) & inside


# MONAI warns of an argument that it sets itself.
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize(
    ("shape", "spacing", "tolerance"),
    [((60, 70), (1.0, 1.0), 1.5), ((60, 70), (5.0, 8.0), 20.0), ((12, 30, 40), (40.0, 8.0, 8.0), 16.0)],
)
def test_values_agree_with_monai(shape: tuple[int, ...], spacing: tuple[float, ...], tolerance: float) -> None:
    prediction, truth = random_masks(0, shape)
    result = compare_outlines(find_outlines(prediction, truth.astype(np.uint8)), spacing, tolerance)
    one, other = torch.from_numpy(prediction)[None, None].float(), torch.from_numpy(truth)[None, None].float()
    hausdorff = compute_hausdorff_distance(one, other, include_background=True, percentile=95, spacing=spacing)
    mean = compute_average_surface_distance(one, other, include_background=True, symmetric=True, spacing=spacing)
    dice = compute_surface_dice(one, other, [tolerance], include_background=True, spacing=spacing)
    counts = result.counts
    assert result.hausdorff95 == pytest.approx(float(hausdorff), rel=1e-5)
    assert result.mean_distance == pytest.approx(float(mean), rel=1e-5)
    near = counts.predicted_near + counts.true_near
    assert near / (counts.predicted + counts.true) == pytest.approx(float(dice), rel=1e-5)
    assert 0 < result.agreement.f1 < 1


def test_a_shifted_square_by_hand() -> None:
    truth, prediction = np.zeros((20, 20), np.uint8), np.zeros((20, 20), bool)
    truth[5:10, 5:10], prediction[5:10, 8:13] = 1, True
    outlines = find_outlines(prediction, truth)
    assert len(outlines.true) == len(outlines.predicted) == 16
    assert compare_outlines(outlines, (1, 1), 3).agreement.f1 == 1
    result = compare_outlines(outlines, (1, 1), 0)
    # The columns 8 and 9 are shared: the rows 5 and 9 of both squares run through them.
    assert result.agreement.precision == result.agreement.recall == 4 / 16
    assert result.hausdorff95 == 3
    assert compare_outlines(outlines, (1, 5), 3).hausdorff95 > 5


def test_the_border_and_the_unknown_are_no_outline() -> None:
    truth = np.zeros((10, 10), np.uint8)
    truth[:, :5] = 1
    assert sorted(find_outlines(truth == 1, truth).true.tolist()) == [[y, 4] for y in range(10)]
    truth[:, 4:6] = 255
    outlines = find_outlines(np.arange(10) < np.full((10, 1), 5), truth)
    assert len(outlines.true) == len(outlines.predicted) == 0


def test_convention_for_empty_images() -> None:
    empty, square = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.uint8)
    square[10:20, 10:20] = 1
    both = compare_outlines(find_outlines(empty == 1, empty), (2, 1), 1)
    assert (both.agreement.f1, both.agreement.precision, both.agreement.recall) == (1, 1, 1)
    assert both.hausdorff95 == both.mean_distance == 0
    for prediction, truth in ((empty == 1, square), (square == 1, empty)):
        single = compare_outlines(find_outlines(prediction, truth), (2, 1), 1)
        assert single.agreement.f1 == 0
        assert single.hausdorff95 == single.mean_distance == pytest.approx(hypot(2 * 29, 39))
    assert boundary_f1(OutlineCounts(4, 2, 4, 4) + OutlineCounts(0, 0, 4, 0)).f1 == pytest.approx(0.5)


@given(
    hnp.arrays(np.bool_, (4, 6, 7)),
    hnp.arrays(np.uint8, (4, 6, 7), elements=st.sampled_from([0, 1, 255])),
    st.integers(1, 60),
)
def test_blocks_make_the_same_outlines(prediction: np.ndarray, truth: np.ndarray, voxels: int) -> None:
    whole = find_outlines(prediction, truth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_module, "BLOCK_VOXELS", voxels)
        pieces = find_outlines(prediction, truth)
    assert sorted(pieces.true.tolist()) == whole.true.tolist()
    assert sorted(pieces.predicted.tolist()) == whole.predicted.tolist()
    # What is ignored may hold anything.
    assert np.array_equal(find_outlines(prediction ^ (truth == 255), truth).predicted, whole.predicted)
    same = compare_outlines(find_outlines(truth == 1, truth), (3, 2, 1), 0)
    assert (same.agreement.f1, same.hausdorff95) == (1, 0)


def test_tolerance_is_a_membrane_but_at_least_a_pixel() -> None:
    assert membrane_tolerance((5, 5)) == 20
    assert membrane_tolerance((40, 8, 8)) == 40


def test_bad_input_is_named() -> None:
    image = np.zeros((4, 5), np.uint8)
    outlines = find_outlines(image == 1, image)
    for spacing in ((1.0,), (1.0, 0.0)):
        with pytest.raises(DataError, match="expected 2 positive"):
            compare_outlines(outlines, spacing, 1)
    with pytest.raises(DataError, match="tolerance"):
        compare_outlines(outlines, (1, 1), -1)
    with pytest.raises(DataError, match="expected bool"):
        find_outlines(image, image)
