"""benchmarks/seeds.py and degraded.py: what they write of known scores, and what they do to a section."""

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mitodata import Sample

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


def test_the_spread_over_seeds_is_that_of_their_means(benchmark: Callable[[str], ModuleType], tmp_path: Path) -> None:
    seeds = benchmark("seeds")
    for seed, mean in ((0, 0.6), (2, 0.7), (10, 0.8)):
        place = tmp_path / f"seed-{seed}"
        for views in seeds.VIEWS:
            seeds.report_of(place, views).mkdir(parents=True)
            scores = {metric: {"mean": mean, "std": 0.05} for metric in seeds.METRICS}
            content = {"epfl": {"images": 165, "threshold": 0.4, **scores}}
            if views != seeds.AXES:
                content["vnc"] = {"images": 20, "threshold": 0.4, **scores}
            (seeds.report_of(place, views) / "metrics.json").write_text(json.dumps(content))
            (seeds.report_of(place, views) / "table.txt").write_text("done")
        (place / "unet").mkdir()
        (place / "unet" / "metrics.csv").write_text("step,minutes\n5,0.5\n1000,13.0\n")
        (place / seeds.SCORED).touch()
    # A seed that is still running does not count.
    (tmp_path / "seed-3" / "report-sections").mkdir(parents=True)
    found = seeds.read_scores(tmp_path)
    assert list(found) == [0, 2, 10]
    page = seeds.page(found, argparse.Namespace(n_train=20, n_fine=5, n_val=10, preset="mito"))
    assert f"| epfl | 165 | three axes |{' .700 +- .100 |' * len(seeds.METRICS)}" in page
    assert f"| sections | 10 | .400 |{' .800 +- .050 |' * len(seeds.METRICS)}" in page
    assert "| vnc | 20 | sections, 4 turns |" in page
    assert "| vnc | 20 | three axes |" not in page
    assert "10: 1,000 in 13 minutes" in page
    assert "and 5 of 400 x 400 pixels of 5 nm" in page


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
