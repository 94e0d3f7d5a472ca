"""What earlier versions wrote stays readable: the fixtures were made by the version of 28 November 2026."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mitodata import Sample
from mitoseg.config.settings import parse_stored
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.training.fit import resume_settings
from mitoseg.training.trainer import FitPlan, train
from mitoseg.training.tune import tune_run

FIXTURES = Path(__file__).parent / "fixtures"
RUN = FIXTURES / "earlier-run"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The run of an earlier version, to be changed."""
    return Path(shutil.copytree(RUN, tmp_path / "run"))


def image(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Two dark discs and a pale one, without any random number."""
    z, y, x = np.indices(shape)
    raw = 150 + (7 * x + 13 * y + 5 * z) % 17 - 8
    for cy, cx, radius, grey in ((14, 15, 9, 80), (30, 40, 8, 80), (36, 12, 7, 200)):
        raw[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = grey
    return raw.astype(np.uint8)


def formula_weights(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Weights that need not be stored, as they were for the fixtures."""
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros((), dtype=torch.int64)
            continue
        scale = 0.5 if len(shape) < 2 else 1.5 * float(np.prod(shape[1:])) ** -0.5
        flat = np.sin(np.arange(int(np.prod(shape))) * 12.9898 + len(name)) * scale
        flat = np.abs(flat) + 0.5 if name.endswith("running_var") else flat
        weights[name] = torch.from_numpy(flat.astype(np.float32)).reshape(shape)
    return weights


def test_a_run_predicts_as_it_did() -> None:
    model = replace(load_model(RUN), precision="full")
    maps = predict_maps(model, image((2, 48, 56)), (40.0, 10.0, 10.0), tta=4)
    np.testing.assert_allclose(maps, np.load(FIXTURES / "earlier-run-maps.npy"), atol=1e-5)
    assert (model.decoding.threshold, model.decoding.peak) == (0.8, 0.6)


def test_a_run_scores_as_it_did(make_file: Callable[..., Path], draw: Callable[..., Sample]) -> None:
    model = replace(load_model(RUN), precision="full")
    (result,) = evaluate(model, [make_file(*(draw(1000 + seed) for seed in range(4)), name="val")], tta=1)
    expected = json.loads((FIXTURES / "earlier-run-scores.json").read_text())
    found = {name: [value.mean, value.pooled] for name, value in result.measured.items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert [None if value != value else value for value in found[name]] == pytest.approx(values, abs=1e-4), name


@pytest.mark.parametrize("name", ["tiny-2d", "tiny-3d"])
def test_weights_of_our_own_networks_still_fit(name: str, tmp_path: Path) -> None:
    stored = json.loads((FIXTURES / "earlier-networks.json").read_text())[name]
    content = {"config": stored["config"], "weights": formula_weights(stored["weights"]), "threshold": 0.4}
    save_checkpoint(tmp_path / "last.pt", content)
    model = replace(load_model(tmp_path), precision="full")
    maps = predict_maps(model, image((2 if name == "tiny-2d" else 20, 48, 56)), (10.0, 10.0, 10.0))
    kept = maps[:, :, ::2, ::2] if name == "tiny-2d" else maps[:, ::5, ::4, ::4]
    np.testing.assert_allclose(kept, np.load(FIXTURES / f"earlier-{name}-maps.npy"), atol=1e-5)


def test_a_checkpoint_with_a_threshold_alone_keeps_it(copied: Path) -> None:
    content = load_checkpoint(copied / "last.pt")
    assert content["threshold"] == content["decoding"]["threshold"] == 0.8
    del content["decoding"]
    save_checkpoint(copied / "last.pt", {**content, "threshold": 0.77})
    assert load_model(copied).decoding.threshold == 0.77


def test_a_run_can_be_tuned_and_gone_on_with(
    copied: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    files = [make_file(*(draw(first + seed) for seed in range(4)), name=f"from {first}") for first in (0, 1000)]
    settings = json.loads((copied / "config.json").read_text())
    settings |= {"training": [str(files[0])], "validation": [str(files[1])]}
    (copied / "config.json").write_text(json.dumps(settings))
    outcome = tune_run(copied, [files[1]])
    assert load_model(copied).decoding == outcome.decoding
    assert "threshold" not in load_checkpoint(copied / "last.pt")
    config, sources = resume_settings(copied)
    assert config == parse_stored(load_checkpoint(RUN / "last.pt")["config"], "fixture")
    result = train(copied, FitPlan(config.model_copy(update={"steps": 62}), sources), resume=True)
    assert result.steps == 62
    assert result.val_iou > 0.85
