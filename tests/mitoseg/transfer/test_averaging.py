"""The mean of several models is one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from program import Program

from mitodata import RunError
from mitoseg.inference.model import Model, load_model
from mitoseg.models.weights_file import save_weights
from mitoseg.networks.unet import build_model
from mitoseg.transfer.averaging import average_models


def scaled(model: Model, path: Path, factor: float, **settings: object) -> Path:
    """A copy of a model whose weights are `factor` times as large."""
    packed = model.packed()
    weights = {name: tensor * factor for name, tensor in packed.weights.items()}
    save_weights(path, replace(packed, config={**packed.config, **settings}, weights=weights))
    return path


def test_each_weight_is_the_mean(run: Path, tmp_path: Path, mitoseg: Program) -> None:
    model = load_model(run, "cpu")
    first, second = (scaled(model, tmp_path / f"{factor}.safetensors", factor) for factor in (0.5, 3.0))
    said = mitoseg("models", "average", first, second, run, "-o", tmp_path / "mean.safetensors")[1]
    assert "the mean of 3 models" in said
    mean = load_model(tmp_path / "mean.safetensors", "cpu")
    assert mean.decoding == model.decoding
    for name, tensor in model.network.state_dict().items():
        torch.testing.assert_close(mean.network.state_dict()[name], tensor * 1.5, atol=2e-3, rtol=2e-3)


def test_what_cannot_be_averaged_is_one_line(run: Path, tmp_path: Path, mitoseg: Program) -> None:
    model, out = load_model(run, "cpu"), tmp_path / "mean.safetensors"
    other = scaled(model, tmp_path / "other.safetensors", 0.5, working_voxel_nm=5.0)
    assert "expected two or more" in mitoseg.fails("models", "average", run, "-o", out)
    assert "expected each model once" in mitoseg.fails("models", "average", run, run, "-o", out)
    assert "which would be lost" in mitoseg.fails("models", "average", other, run, "-o", other)
    assert "safetensors are written, not ONNX" in mitoseg.fails(
        "models", "average", other, run, "-o", tmp_path / "a.onnx"
    )
    assert "working_voxel_nm is 5.0" in mitoseg.fails("models", "average", other, run, "-o", out)
    torch.manual_seed(1)
    stranger = Model(build_model(model.config), model.config)
    save_weights(tmp_path / "stranger.safetensors", stranger.packed())
    assert "has nothing in common" in mitoseg.fails(
        "models", "average", tmp_path / "stranger.safetensors", run, "-o", out
    )
    assert not out.exists()
    with pytest.raises(RunError, match="not found"):
        average_models([run, tmp_path / "none"])
