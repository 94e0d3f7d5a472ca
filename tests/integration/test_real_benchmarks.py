"""Benchmarks on real tissue: what they write of known scores, and what they do to sections and runs."""

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from mitodata import RunError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.config.settings import make_config
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.networks.unet import build_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def test_the_spread_over_seeds_is_that_of_their_means(benchmark: Callable[[str], ModuleType], tmp_path: Path) -> None:
    seeds = benchmark("seeds")
    means = {("mito", 0): 0.6, ("mito", 2): 0.7, ("mito", 10): 0.8, ("brain", 0): 0.9}
    for (preset, seed), mean in means.items():
        scores = {metric: {"mean": mean, "std": 0.05} for metric in seeds.METRICS}
        content = {"epfl": {"images": 165, "thresholds": [0.4, 0.4], **scores}}
        for views in seeds.VIEWS:
            if views != seeds.AXES:
                content["vnc"] = {"images": 20, "thresholds": [0.15, 0.4, 0.3], **scores}
            else:
                content.pop("vnc", None)
            report = seeds.report_of(tmp_path, preset, seed, views)
            report.mkdir(parents=True)
            (report / "metrics.json").write_text(json.dumps(content))
    page = seeds.page(
        argparse.Namespace(folder=tmp_path, preset="mito", beside="brain", seeds=[0, 2, 10], n_train=20, steps=5)
    )
    assert "5 steps of 8 patches, on 20 rendered images" in page
    assert "| epfl | three axes | 165 | .700 +- .100 | .600 | .700 | .800 | .900 |" in page
    assert "| mean of these sets | sections | | .700 +- .100 | .600 | .700 | .800 | .900 |" in page
    assert f"| vnc | `mito` 10 | .15 to .40 |{' .800 +- .050 |' * len(seeds.METRICS)}" in page
    assert "| vnc | three axes |" not in page


def test_a_worse_microscope_shows_the_same_tissue(benchmark: Callable[[str], ModuleType]) -> None:
    degraded = benchmark("degraded")
    raw = np.full((1, 96, 128), 60, np.uint8)
    raw[:, 24:72, 32:96] = 180
    mask = (raw > 100).astype(np.uint8)
    sample = Sample(raw, (5.0, 5.0, 5.0), mask.astype(np.uint16), mask)
    for way in degraded.WAYS:
        changed = degraded.change(sample, way, np.random.default_rng(0))
        size_nm = changed.voxel_size_nm[1]
        assert changed.raw.shape[1] * size_nm == pytest.approx(96 * 5, abs=size_nm)
        assert changed.mask is not None
        assert int(changed.mask.sum()) * size_nm**2 == pytest.approx(int(mask.sum()) * 25, rel=0.1)
        inside = changed.mask[0] > 0
        assert changed.raw[0][inside].mean() > changed.raw[0][~inside].mean() + 30
    same = degraded.change(sample, "as it is", np.random.default_rng(0))
    assert np.array_equal(same.raw, raw)
    noisy = degraded.change(sample, "noise of 15 grey levels", np.random.default_rng(0))
    assert noisy.raw[0, :20].std() == pytest.approx(15, rel=0.1)


def test_only_batch_statistics_are_adapted_and_labels_do_not_reach_them(
    benchmark: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    adaptation = benchmark("norm_adaptation")
    run = new_run(tmp_path / "run", "batch")
    before = load_checkpoint(run / "last.pt")["weights"]
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 255, (2, 96, 96), dtype=np.uint8)
    coarse = np.repeat(np.repeat(raw[:, ::8, ::8], 8, axis=1), 8, axis=2)
    label = (raw > 200).astype(np.uint16)
    found = {}
    for name, grey, labels in (("labelled", raw, label), ("bare", raw, None), ("coarse", coarse, None)):
        mask = None if labels is None else (labels > 0).astype(np.uint8)
        write_dataset(tmp_path / f"{name}.h5", [Sample(grey, (10.0, 10.0, 10.0), labels, mask)], Provenance("test"))
        adaptation.adapt(run, tmp_path / f"{name}.h5", tmp_path / name)
        found[name] = load_checkpoint(tmp_path / name / "last.pt")["weights"]
    kept = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(before[name], weights[name]) for weights in found.values() for name in kept)
    means = [name for name in before if name.endswith("running_mean")]
    assert means
    for name in means:
        assert torch.equal(found["labelled"][name], found["bare"][name])
        assert not torch.allclose(found["bare"][name], before[name])
    assert any(not torch.allclose(found["bare"][name], found["coarse"][name]) for name in means)


def test_a_network_without_batch_statistics_is_not_adapted(
    benchmark: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    run = new_run(tmp_path / "run", "instance")
    with pytest.raises(RunError, match="norm=batch"):
        benchmark("norm_adaptation").adapt(run, tmp_path / "none.h5", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def new_run(folder: Path, norm: str) -> Path:
    """A run whose network has learned nothing."""
    folder.mkdir()
    config = make_config((f"norm={norm}", "network=tiny", "patch_px=64"))
    torch.manual_seed(0)
    content = {"config": config.model_dump(), "weights": build_model(config).state_dict(), "threshold": 0.5}
    save_checkpoint(folder / "last.pt", content)
    return folder
