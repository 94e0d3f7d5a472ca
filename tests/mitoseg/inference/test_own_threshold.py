"""Thresholds that images have of their own: where their probabilities part best, whoever works them out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from mitodata import Sample
from mitoseg.evaluation.scoring import evaluate
from mitoseg.evaluation.segmenter import Segmenter
from mitoseg.inference.decoding import (
    BINS,
    LOWEST,
    Decoding,
    choose_thresholds,
    count_levels,
    find_pieces,
    find_thresholds,
    part_levels,
    settle,
)
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.segment import segment
from mitoseg.io.scratch import Scratch

OWN = Decoding(0.47, peak=0.0, own_threshold=True)


def discs(inside: float, outside: float = 0.02) -> NDArray[np.float32]:
    """Probability of two soft discs, (64, 64)."""
    y, x = np.mgrid[:64, :64]
    near = np.minimum((y - 20) ** 2 + (x - 20) ** 2, (y - 44) ** 2 + (x - 40) ** 2) < 11**2
    return np.asarray(outside + (inside - outside) * ndimage.gaussian_filter(near.astype(np.float32), 1.5), np.float32)


@pytest.fixture
def model(run: Path) -> Model:
    """Reads each image by its own threshold, and drops nothing."""
    fitted = load_model(run)
    return replace(fitted, decoding=replace(fitted.decoding, own_threshold=True, peak=0.0))


def test_it_is_the_threshold_of_otsu() -> None:
    for inside in (0.6, 0.8, 0.98):
        levels = np.minimum((discs(inside) * BINS).astype(int), BINS - 1)
        found = part_levels(count_levels(discs(inside)[None])[0], 0.5)
        assert found == pytest.approx((threshold_otsu(levels) + 1) / BINS)


def test_what_is_unsure_is_read_by_a_lower_threshold_and_its_outlines_stay() -> None:
    sure, unsure = discs(0.95), discs(0.6)
    thresholds = [settle(OWN, each[None, None]).threshold for each in (sure, unsure)]
    assert thresholds[1] < thresholds[0] - 0.1
    masks = [find_pieces(each[None, None], OWN)[0] > 0 for each in (sure, unsure)]
    at_one = [find_pieces(each[None, None], OWN.fixed(thresholds[0]))[0] > 0 for each in (sure, unsure)]
    assert np.array_equal(*masks)
    assert at_one[1].sum() < 0.9 * at_one[0].sum()


def test_where_nothing_is_no_threshold_is_low() -> None:
    faint = np.random.default_rng(0).uniform(0, 0.1, (64, 64)).astype(np.float32)
    assert settle(OWN, faint[None, None]).threshold == LOWEST
    even = np.zeros((1, 1, 8, 8), np.float32)
    assert settle(OWN, even).threshold == 0.47
    assert settle(OWN, even + 1).threshold == 0.47
    assert settle(OWN.fixed(0.3), faint[None, None]) == OWN.fixed(0.3)


@pytest.mark.parametrize("apart", [True, False])
def test_they_do_not_depend_on_blocks(apart: bool, tmp_path: Path) -> None:
    volume = np.stack([discs(0.5), discs(0.95), discs(0.7)])[None]
    whole = find_thresholds(volume, OWN, apart=apart)
    assert len(set(whole.tolist())) == (3 if apart else 1)
    counts = np.stack([count_levels(volume[0, :, :40]), count_levels(volume[0, :, 40:])]).sum(axis=0)
    np.testing.assert_array_equal(choose_thresholds(counts, OWN, apart=apart), whole)
    with Scratch(tmp_path / "x") as scratch:
        stored = scratch.array("maps", volume.shape, np.float32)
        stored[:] = volume
        np.testing.assert_array_equal(find_thresholds(stored, OWN, apart=apart, memory=2**20), whole)
        found = find_pieces(stored, OWN, scratch, apart=apart)[:] > 0
    np.testing.assert_array_equal(found, volume[0] >= whole[:, None, None].astype(np.float32))


def test_sections_that_are_seen_by_themselves_are_predicted_scored_and_explored_alike(
    model: Model, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = draw(90, (3, 64, 64))
    raw = sample.raw.astype(float)
    raw[1] = 140 + 0.35 * (raw[1] - 140)  # hardly any contrast
    noisy = replace(sample, raw=raw.astype(np.uint8))
    path = make_file(noisy, name="stack")
    segment(model, path, tmp_path / "out", outputs="mask,probability")
    mask, probability = (tifffile.imread(tmp_path / "out" / f"stack_{name}.tif") for name in ("mask", "probability"))
    thresholds = find_thresholds(probability[None], model.decoding, apart=True)
    np.testing.assert_array_equal(mask > 0, probability >= thresholds[:, None, None].astype(np.float32))
    (result,) = evaluate(model, [path])
    assert [image.threshold for image in result.images] == pytest.approx(thresholds.tolist())
    for section, image in zip(mask, result.images, strict=True):
        assert image.counts.true_positive + image.counts.false_positive == (section > 0).sum()
    np.testing.assert_array_equal(Segmenter(model).segment(noisy.raw, noisy.voxel_size_nm)[0], mask > 0)


def test_a_volume_that_is_seen_across_several_axes_has_one(
    model: Model, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = replace(draw(91, (40, 64, 64)), voxel_size_nm=(8.0, 8.0, 8.0))
    path = make_file(sample, name="volume")
    segment(model, path, tmp_path / "out", outputs="mask,probability", axes="zyx")
    mask, probability = (tifffile.imread(tmp_path / "out" / f"volume_{name}.tif") for name in ("mask", "probability"))
    threshold = np.float32(settle(model.decoding, probability[None]).threshold)
    np.testing.assert_array_equal(mask > 0, probability >= threshold)
    (result,) = evaluate(model, [path], axes="zyx")
    assert result.thresholds == [pytest.approx(float(threshold))] * 40
    found = sum(image.counts.true_positive + image.counts.false_positive for image in result.images)
    assert found == (mask > 0).sum()


def test_models_with_thresholds_by_thickness_have_their_own_now() -> None:
    stored = {"threshold": 0.3, "seed": 0.3, "smallest_px": 16, "peak": 0.6, "outline_nm": 0.0}
    older = Decoding.from_checkpoint({"decoding": {**stored, "by_thickness": [[5.0, 0.2], [50.0, 0.4]]}})
    assert older == Decoding(0.3, own_threshold=True)
    assert Decoding.from_checkpoint({"decoding": {**stored, "by_thickness": []}}) == Decoding(0.3)
    assert Decoding.from_checkpoint({"decoding": stored}) == Decoding(0.3)
