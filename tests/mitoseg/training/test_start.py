"""Fits that begin with the weights of another model."""

import json
import shutil
from pathlib import Path

import pytest
from program import Program

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import load_model
from mitoseg.training.fit import FitRequest, fit, plan_fit

SHORT = {"steps": 1, "validations": 1, "learning_rate": 1e-6}


def test_a_fit_begins_with_the_weights_of_a_model_and_its_network(run: Path, discs: Path, tmp_path: Path) -> None:
    result = fit(discs, tmp_path / "further", start=run, **SHORT)
    before, after = load_model(run), load_model(tmp_path / "further")
    assert (after.config.network, after.config.working_voxel_nm) == ("tiny", 8.0)
    for name, weight in before.network.state_dict().items():
        assert (weight - after.network.state_dict()[name]).abs().max() < 1e-4
    assert result.val_iou > 0.5
    stored = json.loads((tmp_path / "further" / "config.json").read_text())["start"]
    assert stored == {"model": str(run), "fingerprint": before.fingerprint}


def test_a_run_goes_on_without_the_model_it_began_with(run: Path, discs: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "first")
    fit(discs, tmp_path / "further", start=tmp_path / "first", **SHORT)
    shutil.rmtree(tmp_path / "first")
    assert fit((), tmp_path / "further", resume=True, epochs=1).steps == 3
    assert json.loads((tmp_path / "further" / "config.json").read_text())["start"]["model"] == str(tmp_path / "first")


def test_a_run_killed_before_its_first_save_begins_with_the_same_weights(
    run: Path, discs: Path, tmp_path: Path, tiny: FitConfig
) -> None:
    shutil.copytree(run, tmp_path / "first")
    fit(discs, tmp_path / "further", start=tmp_path / "first", **SHORT)
    whole = load_model(tmp_path / "further").fingerprint
    (tmp_path / "further" / "last.pt").unlink()
    fit((), tmp_path / "further", resume=True)
    assert load_model(tmp_path / "further").fingerprint == whole
    (tmp_path / "further" / "last.pt").unlink()
    shutil.rmtree(tmp_path / "first")
    fit(discs, tmp_path / "first", tiny, epochs=1)
    with pytest.raises(RunError, match="has changed since the run began with it"):
        fit((), tmp_path / "further", resume=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("network=small", "network is tiny there and small here"),
        ("target=instance", "target is semantic there and instance here"),
        ("working_voxel_nm=10", "working_voxel_nm is 8.0 there and 10.0 here"),
    ],
)
def test_another_network_or_target_is_refused(override: str, message: str, run: Path, discs: Path) -> None:
    with pytest.raises(RunError, match=f"--from .*: {message}; expected the same"):
        plan_fit(FitRequest(training=[discs], start=run, overrides=(override,)))


def test_bad_input_is_one_line(run: Path, discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    command = ("fit", discs, "-o", tmp_path / "further")
    assert "none: not found" in mitoseg.fails(*command, "--from", tmp_path / "none")
    assert "only --epochs or --minutes" in mitoseg.fails("fit", "--resume", "-o", run, "--from", run)
    assert "network is tiny there" in mitoseg.fails(*command, "--from", run, "--network", "small")
    assert not (tmp_path / "further").exists()
