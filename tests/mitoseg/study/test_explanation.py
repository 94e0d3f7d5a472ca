"""Where a model fails: planted causes are found, chance is called chance."""

import json
import tracemalloc
from collections.abc import Callable
from math import nan
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.spatial.distance import cdist

from mitodata import Sample
from mitodata.errors import RunError
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg.cli.study import study
from mitoseg.inference.model import load_model
from mitoseg.study.explanation import (
    NEAREST,
    Explanation,
    KnobReport,
    RealReport,
    _compare,
    _thirds,
    explain,
    format_explanation,
    locate,
    regress,
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Sample]) -> Path:
    """Discs that are harder to see the larger the knob `imaging.haze` is; `imaging.rest` does nothing."""
    rng = np.random.default_rng(5)
    samples = []
    for seed in range(60):
        one, haze = draw(seed), float(rng.uniform(0, 1))
        raw = (150 + (one.raw.astype(float) - 150) * (1 - haze) + rng.normal(0, 20, one.raw.shape)).clip(0, 255)
        drawn = {"imaging.haze": haze, "imaging.rest": float(rng.uniform(0, 1)), "imaging.same": 3.0}
        samples.append(Sample(raw.astype(np.uint8), one.voxel_size_nm, one.label, one.mask, params=drawn))
    path = tmp_path_factory.mktemp("rendered") / "rendered.h5"
    write_dataset(path, samples, Provenance(source="test"))
    return path


def test_the_knob_that_makes_images_hard_is_found(run: Path, rendered: Path, fresh_discs: Path) -> None:
    found = explain(load_model(run), rendered, fresh_discs)
    first, second = found.knobs
    assert (first.name, second.name) == ("imaging.haze", "imaging.rest")
    assert first.rho > 0.5
    assert first.p_holm < 0.001
    assert first.high > first.low
    assert first.importance > second.importance
    assert found.says_something
    text = format_explanation(found)
    assert "imaging.haze" in text
    assert "Warning" not in text
    assert found.real is not None
    assert "real windows" in text


def test_chance_is_called_chance() -> None:
    rng = np.random.default_rng(0)
    knobs = {f"a.k{number}": rng.uniform(size=80) for number in range(12)}
    ridge_r2, forest_r2, reports = regress(knobs, rng.uniform(size=80))
    found = Explanation(80, 0.5, ridge_r2, forest_r2, reports, None)
    assert not found.says_something
    assert "Warning" in format_explanation(found)
    assert all(report.p_holm > 0.05 for report in reports)


def test_a_bend_is_seen_by_the_forest() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 200)
    ridge_r2, forest_r2, reports = regress({"a.bend": x, "a.rest": rng.uniform(size=200)}, x**2)
    assert ridge_r2 < 0.1 < 0.8 < forest_r2
    assert next(one for one in reports if one.name == "a.bend").importance > 0.5


def test_real_tissue_is_found_among_hard_images(
    rendered: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    rng = np.random.default_rng(1)
    hazy = []
    for seed in range(10):
        one = draw(2000 + seed)
        raw = (150 + (one.raw.astype(float) - 150) * 0.1 + rng.normal(0, 20, one.raw.shape)).clip(0, 255)
        hazy.append(Sample(raw.astype(np.uint8), one.voxel_size_nm))
    places = np.arange(60)
    error = np.array([0.9 if index in _haziest(rendered) else 0.1 for index in range(60)])
    found = locate(rendered, places, error, make_file(*hazy, name="hazy"), 8.0)
    assert found.error_near > found.error_high


def _haziest(path: Path) -> set[int]:
    from mitodata.hdf5.dataset import Dataset

    with Dataset(path) as dataset:
        return set(np.argsort(dataset.params["imaging.haze"])[-20:].tolist())


def test_where_real_tissue_lies_takes_no_table_of_all_distances() -> None:
    rng = np.random.default_rng(0)
    a, b, error = rng.normal(size=(1500, 8)), rng.normal(0, 1.5, (30, 8)), rng.uniform(size=1500)
    a[:, 7] = 3.0  # says nothing
    tracemalloc.start()
    found = _compare([f"s{number}" for number in range(8)], a, b, error)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1500**2  # a byte a pair
    # The same as from all distances.
    own, theirs = ((one[:, :7] - a[:, :7].mean(axis=0)) / a[:, :7].std(axis=0) for one in (a, b))
    between, distances = cdist(own, own) + np.diag(np.full(1500, np.inf)), cdist(theirs, own)
    near = np.unique(np.argsort(distances, axis=1)[:, :NEAREST])
    assert found.error_near == pytest.approx(error[near].mean())
    assert found.outside == (distances.min(axis=1) > np.quantile(between.min(axis=1), 0.95)).mean() > 0


def test_what_cannot_be_explained_is_said(run: Path, rendered: Path, discs: Path, tmp_path: Path) -> None:
    model = load_model(run)
    with pytest.raises(RunError, match="holds no drawn knobs"):
        explain(model, discs)
    with pytest.raises(RunError, match="every knob has the same value"):
        regress({}, np.zeros(40))
    with pytest.raises(RunError, match=r"all 60 images have the same error \(1 - IoU\), 1\.000"):
        explain(model.with_decoding(threshold=1.0), rendered)  # finds nothing


def test_json_has_no_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    knob = KnobReport("imaging.folds", 0.1, 0.5, 0.0, 0.0, nan, 0.4)
    real = RealReport(3, 0.5, 0.4, 0.6, 0.0, {"noise": (nan, 50.0)})
    found = Explanation(60, 0.5, 0.1, 0.1, [knob], real)
    monkeypatch.setattr("mitoseg.inference.model.load_model", lambda run: None)
    monkeypatch.setattr("mitoseg.study.explanation.explain", lambda *arguments: found)
    printed = CliRunner().invoke(study, ["explain", "run", "many.h5", "--json"], catch_exceptions=False).stdout
    assert "NaN" not in printed
    read = json.loads(printed)
    assert read["knobs"][0]["low"] is None
    assert read["real"]["places"] == {"noise": [None, 50.0]}


def test_thirds_of_a_knob_that_is_mostly_one_value() -> None:
    error = np.arange(9, dtype=float)
    assert _thirds(np.arange(9.0), error) == (1.0, 7.0)
    low, high = _thirds(np.array([0, 0, 0, 0, 0, 0, 1, 2, 3.0]), error)
    assert np.isnan(low)  # six are lowest
    assert high == 7.0
    assert np.isnan(_thirds(np.zeros(9), error)).all()
    assert np.isnan(_thirds(np.arange(2.0), error[:2])).all()
