"""Thresholds that are chosen again after a fit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from program import Program

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.layout import THICKNESS
from mitoseg.cli.main import cli
from mitoseg.inference.model import load_model
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.report.provenance import read_run
from mitoseg.report.samples import image_sets
from mitoseg.training.tune import tune_run


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """The finished run of the tests, to be changed."""
    return Path(shutil.copytree(run, tmp_path / "copied"))


@pytest.fixture
def sections(make_file: Callable[..., Path], draw: Callable[..., Sample]) -> Path:
    """Single sections, thick and thin ones in turn."""
    samples = [replace(draw(300 + number), params={THICKNESS: (50.0, 5.0)[number % 2]}) for number in range(24)]
    return make_file(*samples, name="sections")


def test_only_thresholds_change_and_the_run_says_on_what(copied: Path, run: Path, sections: Path) -> None:
    before = load_checkpoint(copied / "last.pt")
    outcome = tune_run(copied, [sections])
    after = load_checkpoint(copied / "last.pt")
    for name, weights in before["weights"].items():
        assert weights.equal(after["weights"][name])
    assert set(after) == set(before)
    assert after["decoding"]["threshold"] == outcome.decoding.threshold
    model = load_model(copied)
    assert model.decoding == outcome.decoding
    record = read_run(copied)
    assert record.tuned == [sections.resolve()]
    assert record.validation == read_run(run).validation
    assert read_run(copied / "best.pt").tuned == read_run(run).tuned == []
    assert (copied / "config.json").read_bytes() == (run / "config.json").read_bytes()
    roles = [each.role for each in image_sets(record, model.config, [sections])]
    assert "Thresholds and test" in roles
    assert tune_run(copied, [sections]).decoding == outcome.decoding


@pytest.mark.parametrize("drawn", [0.0, -3.0, 1e9])
def test_what_is_no_thickness_is_refused(
    drawn: float, copied: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    path = make_file(replace(draw(5), params={THICKNESS: drawn}), name="odd")
    command = ["predict", path, "--model", copied, "-o", copied / "masks"]
    done = CliRunner().invoke(cli, [str(word) for word in command])
    assert isinstance(done.exception, DataError)
    assert f"{THICKNESS} of sample 0 is" in str(done.exception)


def test_bad_input_is_one_line_and_changes_nothing(
    copied: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path, mitoseg: Program
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
    with pytest.raises(RunError, match="not found; expected the folder of a run"):
        tune_run(tmp_path / "nothing", [Path(learned)])
    with pytest.raises(RunError, match="is a file; expected the folder of a run"):
        tune_run(copied / "last.pt", [Path(learned)])
    full = make_file(draw(61), name="full")
    with pytest.raises(DataError, match="given twice"):
        tune_run(copied, [full, full])
    assert "missing.h5" in mitoseg.fails("tune", copied, tmp_path / "missing.h5")
    assert (copied / "last.pt").read_bytes() == before
    assert not list(copied.glob(".last*"))
    save_checkpoint(copied / "last.pt", {**load_checkpoint(copied / "last.pt"), "finished": False})
    with pytest.raises(RunError, match="is not finished; go on with it first"):
        tune_run(copied, [full])


def test_the_command_says_what_was_chosen(copied: Path, sections: Path) -> None:
    done = CliRunner().invoke(cli, ["tune", str(copied), str(sections)])
    assert done.exit_code == 0, done.output
    assert load_model(copied).decoding.summary in done.output
