"""benchmarks/s0_figures.py: every figure of the study is there, or the one that is not is named."""

import importlib
import io
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from mitodata import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def s0(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("s0_figures")


@pytest.fixture
def report(s0: ModuleType, tmp_path: Path) -> Path:
    """A folder with the pictures of a report, each a single pixel."""
    figures = tmp_path / "report" / "figures"
    figures.mkdir(parents=True)
    for name in [*(source for source, _ in s0.FROM_REPORT.values()), "crops-panel-0", "crops-panel-1"]:
        Image.new("L", (1, 1)).save(figures / f"{name}.png")
    return figures.parent


def test_all_figures_in_the_order_of_the_study(s0: ModuleType, report: Path, tmp_path: Path) -> None:
    ours = {name: {"mean": 0.5, "std": 0.6} for name in s0.TITLES}
    chart = s0.Comparison("05-scores", "Scores", dict.fromkeys(s0.TITLES, (0.9, None)), {"ours": ours})
    seen = s0.write_figures(report, tmp_path / "figures", [chart])
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == list(seen)
    assert [int(name[:2]) for name in seen] == [1, 2, 3, 4, 5, 7, 7, 8, 9, 10, 11]
    assert Image.open(io.BytesIO((tmp_path / "figures" / "05-scores.png").read_bytes())).width > 1000


def test_a_missing_picture_is_named(s0: ModuleType, report: Path, tmp_path: Path) -> None:
    (report / "figures" / "training.png").unlink()
    with pytest.raises(DataError, match=r"figures/training.png"):
        s0.write_figures(report, tmp_path / "figures", [])
