import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data.utils import dense_patch_slices
from numpy.typing import NDArray
from torch import Tensor, nn

from mitodata import DataError, RunError, Sample
from mitoseg.config.settings import FitConfig
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.orthoplanes import MAGNIFIED, Tta, choose_axes, choose_tta
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.tiling import plan_windows
from mitoseg.metrics import confusion, scores
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.networks.unet import FEATURES, build_model


class Brightness(nn.Module):
    """Says that bright is foreground; a probe that shows what reaches the network."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        return 4 * image


@pytest.fixture
def probe(tiny: FitConfig) -> Model:
    return Model(Brightness().eval(), tiny)


def test_a_trained_run_finds_discs_at_another_voxel_size(run: Path, draw: Callable[..., Sample]) -> None:
    sample = draw(2000, (2, 64, 64))
    assert sample.mask is not None
    # The same tissue, imaged twice as finely.
    raw, truth = (array.repeat(2, 1).repeat(2, 2) for array in (sample.raw, sample.mask))
    model = load_model(run)
    probability = predict_maps(model, raw, (40.0, 4.0, 4.0))[0]
    assert probability.shape == raw.shape
    assert probability.dtype == np.float32
    assert scores(confusion(np.asarray(probability >= model.decoding.threshold), truth)).iou > 0.8


def test_the_thresholds_of_the_run_are_loaded(run: Path) -> None:
    content = load_checkpoint(run / "last.pt")
    assert load_model(run).decoding == Decoding(**content["decoding"])
    assert "threshold" not in content  # which could disagree


def test_other_thresholds_can_be_taken(probe: Model) -> None:
    model = replace(probe, decoding=Decoding(0.4, seed=0.2, peak=0.5, own_threshold=True))
    assert model.with_decoding().decoding == model.decoding
    assert model.with_decoding(threshold=0.7).decoding == Decoding(0.7, seed=0.2, peak=0.5)
    assert model.with_decoding(peak=0.0).decoding == replace(model.decoding, peak=0.0)


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 31, 200), (2, 300, 50), (1, 5, 7)])
@pytest.mark.parametrize("voxel_nm", [4.0, 8.0, 11.0])
def test_results_lie_on_the_grid_of_the_image(probe: Model, shape: tuple[int, int, int], voxel_nm: float) -> None:
    raw = np.full(shape, 100, np.uint8)
    raw[:, : shape[1] // 2] = 160
    raw[:, :, ::2] += 1  # even rows would be a frame around nothing
    probability = predict_maps(probe, raw, (40.0, voxel_nm, voxel_nm))[0]
    assert probability.shape == shape
    assert probability[:, 0].min() > probability[:, -1].max()
    assert (probability >= 0).all()
    assert (probability <= 1).all()


def test_windows_are_up_to_two_patches_wide_and_no_wider_than_the_image(probe: Model) -> None:
    patch = probe.config.patch_px
    own = (probe.config.working_voxel_nm,) * 3
    sides = [plan_windows(probe, (1, side, 2 * patch), own).size for side in (5, patch + 1, 9 * patch)]
    assert sides == [(1, patch, 2 * patch), (1, patch + 32, 2 * patch), (1, 2 * patch, 2 * patch)]


@pytest.mark.parametrize("length", range(130, 1500, 90))
def test_windows_share_an_image_evenly(probe: Model, length: int) -> None:
    windows = plan_windows(probe, (1, length, 64), (probe.config.working_voxel_nm,) * 3)
    starts, side = windows.starts(1), windows.size[1]
    assert starts[-1] + side == length
    assert all(following - start <= 0.75 * side for start, following in itertools.pairwise(starts))
    assert len(starts) * side <= 1.34 * length + 32 * len(starts), "no more is looked at twice than overlap asks for"
    largest = 2 * probe.config.patch_px
    assert len(starts) == len(dense_patch_slices((length,), (largest,), (int(0.75 * largest),)))


def test_windows_of_other_networks_are_patches(probe: Model) -> None:
    # Those are the only size that was tried when the network was made: some do not take every other.
    other = replace(probe, config=probe.config.model_copy(update={"network": "AttentionUnet"}))
    for side in (5, 100, 900):
        assert plan_windows(other, (1, side, 300), (10.0, 10.0, 10.0)).size == (1, 64, 64)


def test_what_was_fitted_on_a_gpu_is_used_without_one(run: Path, tmp_path: Path) -> None:
    content = load_checkpoint(run / "last.pt")
    save_checkpoint(tmp_path / "last.pt", {**content, "config": {**content["config"], "device": "cuda"}})
    assert load_model(tmp_path, "cpu").config.device == "cpu"


def test_windows_leave_no_seams(probe: Model) -> None:
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 255, (1, 150, 170)).astype(np.uint8)
    blended = predict_maps(probe, raw, (10.0, 10.0, 10.0))[0]
    whole = Model(probe.network, probe.config.model_copy(update={"patch_px": 192}))
    np.testing.assert_allclose(blended, predict_maps(whole, raw, (10.0, 10.0, 10.0))[0], atol=1e-5)


def test_tta_turns_back(probe: Model) -> None:
    raw = np.random.default_rng(0).integers(0, 255, (1, 40, 90)).astype(np.uint8)
    plain, turned = (predict_maps(probe, raw, (8.0, 8.0, 8.0), tta=tta)[0] for tta in (1, 8))
    np.testing.assert_allclose(turned, plain, atol=1e-5)


def test_a_second_look_is_turned_and_magnified(run: Path) -> None:
    model = load_model(run)
    raw = np.random.default_rng(0).integers(0, 255, (2, 64, 64)).astype(np.uint8)
    plain = predict_maps(model, raw, (40.0, 8.0, 8.0))
    turned = np.ascontiguousarray(np.rot90(raw, 1, (1, 2)))
    other = np.rot90(predict_maps(model, turned, (40.0, 8.0 * MAGNIFIED, 8.0 * MAGNIFIED)), -1, (2, 3))
    twice = predict_maps(model, raw, (40.0, 8.0, 8.0), tta=2)
    np.testing.assert_allclose(twice, (plain + other) / 2, atol=1e-5)
    assert np.abs(twice - plain).max() > 0.01


def test_sections_by_themselves_are_looked_at_twice_and_volumes_once_along_each_axis(run: Path) -> None:
    model = load_model(run)
    raw = np.random.default_rng(0).integers(0, 255, (40, 40, 40)).astype(np.uint8)

    def maps(depth: int, z_nm: float, axes: str, tta: Tta) -> NDArray[np.float32]:
        return predict_maps(model, raw[:depth], (z_nm, 10.0, 10.0), axes=axes, tta=tta)

    assert choose_axes(model, raw.shape, (10.0, 10.0, 10.0)) == "zyx"
    np.testing.assert_array_equal(maps(1, 40.0, "z", "auto"), maps(1, 40.0, "z", 2))
    np.testing.assert_array_equal(maps(40, 10.0, "zyx", "auto"), maps(40, 10.0, "zyx", 1))
    assert np.abs(maps(40, 10.0, "zyx", 2) - maps(40, 10.0, "zyx", 1)).max() > 0.001


def test_pixels_that_are_too_large_to_be_magnified_are_looked_at_once(run: Path) -> None:
    model = load_model(run)
    raw = np.random.default_rng(0).integers(0, 255, (1, 8, 8)).astype(np.uint8)
    size = (40.0, 110.0, 110.0)
    with pytest.raises(DataError, match="more than 16 times"):
        predict_maps(model, raw, (40.0, 110.0 * MAGNIFIED, 110.0 * MAGNIFIED))
    np.testing.assert_array_equal(predict_maps(model, raw, size, tta=2), predict_maps(model, raw, size))


def test_looks_that_are_not_to_be_had(run: Path) -> None:
    model = load_model(run)
    with pytest.raises(RunError, match="tta 3; expected auto, or one of 1, 2, 4, 8"):
        choose_tta(model, "z", 3)
    deep = replace(model, config=model.config.model_copy(update={"dimensions": 3}))
    with pytest.raises(RunError, match="a 3D network sees blocks; expected 1, 4 or 8"):
        choose_tta(deep, "z", 2)
    assert choose_tta(deep, "z") == 1


def test_wrong_arrays_are_refused(probe: Model) -> None:
    with pytest.raises(DataError, match=r"expected non-empty uint8 of shape \(Z, Y, X\)"):
        predict_maps(probe, np.zeros((4, 4), np.uint8), (8.0, 8.0, 8.0))
    with pytest.raises(DataError, match="more than 16 times"):
        predict_maps(probe, np.zeros((1, 4, 4), np.uint8), (8.0, 8e-3, 8e-3))


def test_weights_of_another_network_are_refused(run: Path, tmp_path: Path) -> None:
    content = load_checkpoint(run / "last.pt")
    save_checkpoint(tmp_path / "a.pt", {**content, "config": {**content["config"], "network": "small"}})
    with pytest.raises(RunError, match="do not fit"):
        load_model(tmp_path / "a.pt")
    save_checkpoint(tmp_path / "a.pt", {"config": content["config"]})
    with pytest.raises(RunError, match="damaged"):
        load_model(tmp_path / "a.pt")


@pytest.mark.parametrize("network", FEATURES)
@pytest.mark.parametrize("norm", ["instance", "group"])
def test_all_networks_keep_the_size(tiny: FitConfig, network: str, norm: str) -> None:
    model = build_model(tiny.model_copy(update={"network": network, "norm": norm}))
    with torch.inference_mode():
        assert model(torch.zeros(2, 1, 32, 64)).shape == (2, 1, 32, 64)
