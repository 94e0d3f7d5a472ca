"""Every target in 2D and 3D goes through fit, load and evaluate."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.config.settings import make_config
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.training.fit import fit

TINY = ("network=tiny", "patch_px=64", "patch_z_px=16", "batch=2", "validations=1", "augment.elastic_px=1")


@pytest.fixture
def no_curves() -> None:
    """Here pictures of fits are drawn, for every target."""


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Sample]) -> Path:
    """Two volumes with compartments."""
    path = tmp_path_factory.mktemp("volumes") / "volumes.h5"
    samples = []
    for seed in range(2):
        made = draw(seed, (16, 64, 64))
        assert made.label is not None
        part = np.where(made.label > 0, 6, 1).astype(np.uint8)
        samples.append(Sample(made.raw, (8.0, 8.0, 8.0), made.label, made.mask, compartment=part))
    write_dataset(path, samples, Provenance(source="test", classes={1: "cytoplasm", 6: "matrix"}))
    return path


@pytest.mark.parametrize(
    ("target", "dimensions", "channels"),
    [
        ("instance", 2, 3),
        ("compartments", 2, 1),
        ("semantic", 3, 1),
        pytest.param("instance", 3, 3, marks=pytest.mark.slow),
    ],
)
def test_fit_and_evaluate(target: str, dimensions: int, channels: int, volumes: Path, tmp_path: Path) -> None:
    config = make_config((*TINY, f"target={target}", f"dimensions={dimensions}"), steps=3)
    fit([volumes], tmp_path / "run", config, validation=[shutil.copy(volumes, tmp_path / "held-out.h5")])
    assert (tmp_path / "run" / "validation.png").exists()
    model = load_model(tmp_path / "run")
    assert set(load_checkpoint(tmp_path / "run" / "last.pt")["decoding"]) == {
        "threshold",
        "seed",
        "smallest_px",
        "peak",
        "outline_nm",
        "own_threshold",
        "smallest_nm",
    }
    maps = predict_maps(model, np.zeros((5, 40, 50), np.uint8), (8.0, 8.0, 8.0))
    assert maps.shape == (channels, 5, 40, 50)
    assert maps.min() >= 0
    assert maps.max() <= 1
    (result,) = evaluate(model, [volumes], every=2)
    assert result.volumes == (dimensions == 3)
