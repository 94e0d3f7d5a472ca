"""benchmarks/demo.py and benchmarks/release_model.py: the page of the demo, and a model in the package."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from mitodata import RunError
from mitoseg.inference.model import load_model
from mitoseg.models import registry

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "mitoseg" / "fixtures" / "earlier-run"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The demo, in an empty working folder."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    return importlib.import_module("demo")


def test_the_page_compares_models_on_all_sets(benchmark: ModuleType) -> None:
    steps = importlib.import_module("steps")
    scored = []
    for place, (title, names) in enumerate({"mito-1": ("validation", "vnc"), "adapted <3 min>": ("vnc",)}.items()):
        report = benchmark.FOLDER / f"report-{place}"
        (report / "figures").mkdir(parents=True)
        metrics = {name: {"iou": {"mean": 0.5 + place / 4, "std": 0.1}} for name in names}
        (report / "metrics.json").write_text(json.dumps(metrics))
        (report / "figures" / "vnc-map.png").touch()
        step = steps.Step((), report, report)
        scored.append(benchmark.Scored(title, step, step))
    page = benchmark.draw_page(scored, benchmark.FOLDER / "train.png", "9:59")
    assert "<th>validation</th><th>vnc</th>" in page
    assert "mito-1</a></td><td>0.500 +- 0.100</td><td>0.500 +- 0.100</td>" in page
    assert "adapted &lt;3 min&gt;</a></td><td></td><td>0.750 +- 0.100</td>" in page
    assert page.count("figures/vnc-map.png") == 2
    assert "validation-map.png" not in page
    assert "src='train.png'" in page


def test_a_model_is_put_into_the_package(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = importlib.import_module("release_model")
    (tmp_path / registry.LISTED).write_text("models = []")
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    for name in ("one-1", "one-2", "one-1"):
        release.release(RUN, name, {"licence": "MIT"})
    assert [each.name for each in registry.releases()] == ["one-2", "one-1"]
    assert load_model().card.name == "one-1"
    assert (tmp_path / "one-1.md").read_text().startswith("# one-1\n")
    monkeypatch.setattr(release, "MOST_BYTES", 1000)
    with pytest.raises(RunError, match="expected at most 16 MB"):
        release.release(RUN, "one-3", {})
    assert not (tmp_path / "one-3.safetensors").exists()
