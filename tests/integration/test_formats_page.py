"""docs/results/formats.md says what both programs read, as benchmarks/formats.py measures it."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_page_of_formats_is_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    formats = importlib.import_module("formats")
    measured = formats.measure_all(tmp_path)
    assert [line for line in measured.splitlines() if "WRONG" in line] == []
    assert measured == formats.PAGE.read_text(encoding="utf-8"), "run: python benchmarks/formats.py"
