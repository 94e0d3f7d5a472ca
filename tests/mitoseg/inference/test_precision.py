"""Prediction in bfloat16 where the processor is made for it: nearly the same maps; single precision for the asking."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mitodata import Sample
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.predictor import predict_maps


@pytest.fixture
def made_for_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on such a processor; elsewhere torch computes bfloat16 another way, and as exactly."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)


@pytest.fixture
def made_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)


def predicted(model: Model, volume: Sample) -> NDArray[np.float32]:
    return predict_maps(model, volume.raw, (8.0, 8.0, 8.0))


@pytest.mark.usefixtures("made_for_bfloat16")
def test_bfloat16_changes_maps_by_little(model: Model, volume: Sample) -> None:
    nearly, exactly = (predicted(replace(model, precision=each), volume) for each in ("auto", "full"))
    assert nearly.dtype == exactly.dtype == np.float32
    difference = np.abs(nearly - exactly)
    assert 0 < difference.max() < 0.05
    assert difference.mean() < 0.005
    threshold = model.decoding.threshold
    assert np.mean((nearly >= threshold) != (exactly >= threshold)) < 0.005


@pytest.mark.usefixtures("made_for_bfloat16")
def test_a_fit_in_single_precision_predicts_in_it(model: Model, volume: Sample) -> None:
    off = replace(model, config=model.config.model_copy(update={"amp": "off"}))
    np.testing.assert_array_equal(predicted(off, volume), predicted(replace(off, precision="full"), volume))


@pytest.mark.usefixtures("made_for_nothing")
def test_other_processors_compute_in_single_precision(model: Model, volume: Sample) -> None:
    np.testing.assert_array_equal(predicted(model, volume), predicted(replace(model, precision="full"), volume))


def test_the_precision_makes_no_other_model(run: Path) -> None:
    model = load_model(run)
    assert model.precision == "auto"
    assert replace(model, precision="full").fingerprint == model.fingerprint
