"""Thresholds that are chosen again after a fit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from program import Program

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.layout import THICKNESS
from mitodata.readers.inputs import open_sources
from mitoseg.cli.main import cli
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import load_model
from mitoseg.inference.segment import segment
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


def test_each_section_is_read_by_the_threshold_for_its_thickness(copied: Path, sections: Path) -> None:
    model = load_model(copied)
    rule = replace(model.decoding, by_thickness=((5.0, 0.2), (50.0, 0.9)), peak=0.0)
    (result,) = evaluate(replace(model, decoding=rule), [sections])
    assert [image.threshold for image in result.images[:4]] == [0.9, 0.2, 0.9, 0.2]
    assert result.threshold_text == "0.20 to 0.90"
    thin, thick = (sum(image.counts.true_positive for image in result.images[first::2]) for first in (1, 0))
    assert thin > thick
    (plain,) = evaluate(replace(model, decoding=rule).with_decoding(0.5), [sections])
    assert plain.thresholds == [0.5] * 24


def test_prediction_reads_each_section_by_its_thickness_and_keeps_its_voxel_size(
    copied: Path, sections: Path, tmp_path: Path
) -> None:
    model = load_model(copied)
    rule = replace(model.decoding, by_thickness=((5.0, 0.2), (50.0, 0.9)), peak=0.0)
    changed = replace(model, decoding=rule)
    segment(changed, [sections], tmp_path / "own", outputs="mask,probability")
    segment(changed, [sections], tmp_path / "told", outputs="mask", voxel_size_nm=(5.0, 8.0, 8.0))
    for number in range(4):
        probability = tifffile.imread(tmp_path / "own" / f"sections-{number:04d}_probability.tif")
        mask = tifffile.imread(tmp_path / "own" / f"sections-{number:04d}_mask.tif")
        np.testing.assert_array_equal(mask > 0, probability >= np.float32((0.9, 0.2)[number % 2]))
        told = tifffile.imread(tmp_path / "told" / f"sections-{number:04d}_mask.tif")
        np.testing.assert_array_equal(told > 0, probability >= np.float32(0.2))
    sources = open_sources(sections)
    found = [(source.voxel_size_nm[0], source.thickness_nm) for source, _ in zip(sources, range(3), strict=False)]
    assert found == [(40, 50), (40, 5), (40, 50)]


def test_a_file_of_before_has_one_threshold(copied: Path) -> None:
    content = load_checkpoint(copied / "last.pt")
    del content["decoding"]["by_thickness"]
    save_checkpoint(copied / "last.pt", content)
    rule = load_model(copied).decoding
    assert rule.at(5) == rule.at(50) == rule


@pytest.mark.parametrize("drawn", [0.0, -3.0, 1e9])
def test_what_is_no_thickness_is_refused(
    drawn: float, copied: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]
) -> None:
    path = make_file(replace(draw(5), params={THICKNESS: drawn}), name="odd")
    for command in (["tune", copied, path], ["evaluate", copied, path, "-o", copied / "report"]):
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
    assert f"at threshold {load_model(copied).decoding.threshold:.2f}" in done.output
