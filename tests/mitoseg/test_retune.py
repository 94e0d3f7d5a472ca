"""Thresholds that are chosen again after a fit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mitodata import DataError, RunError, Sample
from mitodata.layout import THICKNESS
from mitoseg.checkpoint import load_checkpoint
from mitoseg.cli import cli
from mitoseg.evaluate import evaluate
from mitoseg.inference.sources import open_sources
from mitoseg.predict import load_model
from mitoseg.report.provenance import read_run
from mitoseg.retune import tune_run


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """The finished run of the tests, to be changed."""
    return Path(shutil.copytree(run, tmp_path / "copied"))


@pytest.fixture
def sections(make_file: Callable[..., Path], draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Single sections, thick and thin ones in turn."""
    monkeypatch.setattr("mitoseg.thresholds.ENOUGH", 8)
    samples = [replace(draw(300 + number), params={THICKNESS: (50.0, 5.0)[number % 2]}) for number in range(24)]
    return make_file(*samples, name="sections")


def test_only_thresholds_change_and_the_run_says_on_what(copied: Path, sections: Path) -> None:
    before = load_checkpoint(copied / "last.pt")
    outcome = tune_run(copied, [sections])
    after = load_checkpoint(copied / "last.pt")
    for name, weights in before["weights"].items():
        assert weights.equal(after["weights"][name])
    assert set(after) == set(before)
    assert after["threshold"] == outcome.threshold
    model = load_model(copied)
    assert model.rule == outcome.decoding
    assert model.rule.by_thickness[0][0] == pytest.approx(5)
    assert read_run(copied).validation == [sections.resolve()]
    assert json.loads((copied / "config.json").read_text())["tuned"] == [str(sections.resolve())]
    assert tune_run(copied, [sections]).decoding == outcome.decoding


def test_each_section_is_read_by_the_threshold_for_its_thickness(copied: Path, sections: Path) -> None:
    model = load_model(copied)
    rule = replace(model.rule, by_thickness=((5.0, 0.2), (50.0, 0.9)), peak=0.0)
    (result,) = evaluate(replace(model, decoding=rule), [sections])
    assert [image.threshold for image in result.images[:4]] == [0.9, 0.2, 0.9, 0.2]
    assert result.threshold_text == "0.20 to 0.90"
    thin, thick = (sum(image.counts.true_positive for image in result.images[first::2]) for first in (1, 0))
    assert thin > thick
    (plain,) = evaluate(replace(model, decoding=rule).read_by(0.5), [sections])
    assert plain.thresholds == [0.5] * 24
    sources = open_sources(sections)
    assert [next(sources).voxel_size_nm[0] for _ in range(3)] == [50, 5, 50]


def test_bad_input_is_one_line_and_changes_nothing(
    copied: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    before = (copied / "last.pt").read_bytes()
    sample = draw(60)
    assert sample.label is not None
    empty = replace(sample, label=np.zeros_like(sample.label), mask=np.zeros(sample.raw.shape, np.uint8))
    with pytest.raises(DataError, match="no foreground in 1 sections"):
        tune_run(copied, [make_file(empty, name="empty")])
    learned = json.loads((copied / "config.json").read_text())["training"][0]
    with pytest.raises(RunError, match="has learned from it"):
        tune_run(copied, [Path(learned)])
    with pytest.raises(RunError, match="expected the folder of a run"):
        tune_run(tmp_path / "nothing", [Path(learned)])
    assert (copied / "last.pt").read_bytes() == before
    assert not list(copied.glob(".last*"))


def test_the_command_says_what_was_chosen(copied: Path, sections: Path) -> None:
    done = CliRunner().invoke(cli, ["tune", str(copied), str(sections)])
    assert done.exit_code == 0, done.output
    assert "at threshold 0." in done.output
    assert "(5 nm) to" in done.output
