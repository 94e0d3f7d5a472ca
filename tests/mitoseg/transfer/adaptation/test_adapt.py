import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from program import Program

from mitodata import RunError, Sample
from mitoseg import adapt
from mitoseg.inference.model import load_model
from mitoseg.inference.segment import segment
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.report.provenance import write_card
from mitoseg.training.refinement import Refiner
from mitoseg.transfer.adaptation.adapt import AdaptResult
from mitoseg.transfer.adaptation.record import read_record

SETTINGS: dict[str, Any] = {"steps": 2, "rounds": 2, "recipe": "epfl"}


@pytest.fixture(scope="module")
def images(make_file: Callable[..., Path], draw: Callable[..., Sample]) -> Path:
    """Labelled images that nobody has seen."""
    return make_file(*(draw(seed, (1, 64, 64)) for seed in range(50, 53)), name="new")


@pytest.fixture(scope="module")
def adapted(images: Path, run: Path, tmp_path_factory: pytest.TempPathFactory) -> AdaptResult:
    return adapt(images, tmp_path_factory.mktemp("adapted") / "mine", run, **SETTINGS)


def checkpoint(run: Path) -> bytes:
    return (run / "last.pt").read_bytes()


def test_the_result_is_a_run_with_a_page(adapted: AdaptResult, run: Path, images: Path, tmp_path: Path) -> None:
    record = read_record(adapted.run)
    assert record == adapted.record
    assert (record.kept, record.steps, record.done, record.ended) == (2, (2, 2), True, "")
    assert len(record.judgements) == 3
    model, start = load_model(adapted.run), load_model(run)
    assert model.decoding.threshold == record.judgements[2].threshold
    assert model.fingerprint != start.fingerprint
    assert load_checkpoint(adapted.run / "last.pt")["finished"]
    page = adapted.page.read_text()
    assert page.count("<figure>") == 3
    assert "http" not in page
    assert f"before: {100 * record.judgements[0].found:.2f} %" in page
    paths = segment(adapted.run, images, tmp_path, outputs="mask")
    assert len(paths) == 3
    assert "2 rounds, 4 steps" in adapted.summary
    assert write_card(model, {}).learned_from == ("a recipe, rendered as it went", f"{images.name}, without labels")


def test_no_label_has_a_say(images: Path, run: Path, adapted: AdaptResult, tmp_path: Path) -> None:
    other = tmp_path / images.name
    other.write_bytes(images.read_bytes())
    rng = np.random.default_rng(0)
    with h5py.File(other, "r+") as file:
        for name in ("label", "mask"):
            file[name][:] = rng.integers(0, 2, file[name].shape)
    found = adapt(other, tmp_path / "run", run, **SETTINGS)
    assert checkpoint(found.run) == checkpoint(adapted.run)


def test_a_stopped_adaptation_goes_on_as_if_it_had_not_been(
    images: Path, run: Path, adapted: AdaptResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, taken = Refiner.learn, []

    def learn_then_stop(self: Refiner, *arguments: Any) -> float:
        taken.append(self.step)
        loss = learn(self, *arguments)
        if len(taken) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(Refiner, "learn", learn_then_stop)
    with pytest.raises(KeyboardInterrupt, match=r"after step 1 of round 2, all saved; go on with: mitoseg adapt --res"):
        adapt(images, tmp_path / "run", run, **SETTINGS)
    monkeypatch.undo()
    assert not load_checkpoint(tmp_path / "run" / "last.pt")["finished"]
    with pytest.raises(RunError, match="holds a run already"):
        adapt(images, tmp_path / "run", run, **SETTINGS)
    result = adapt((), tmp_path / "run", resume=True)
    assert checkpoint(result.run) == checkpoint(adapted.run)
    with pytest.raises(RunError, match="is finished"):
        adapt((), tmp_path / "run", resume=True)


def test_a_round_that_drifts_is_not_taken(
    images: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitoseg.transfer.adaptation.rounds.objection", lambda *_: "looks agree less")
    lines: list[str] = []
    result = adapt(images, tmp_path / "run", run, report=lines.append, **SETTINGS)
    assert (result.record.kept, result.record.steps) == (0, (2,))
    assert "kept as it was: looks agree less" in result.summary
    assert any("round 1 is not taken: looks agree less; the model before it is kept" in line for line in lines)
    assert load_model(result.run).fingerprint == load_model(run).fingerprint
    assert "Ended by the guard: looks agree less" in result.page.read_text()


def test_a_model_that_finds_nothing_says_so_and_leaves_nothing(
    images: Path, run: Path, tmp_path: Path, mitoseg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitoseg.transfer.adaptation.guard.LEAST_FOUND", 0.9)
    arguments = (images, "--from", run, "-o", tmp_path / "out", "--steps", 2, "--recipe", "epfl")
    code, _, errors = mitoseg("adapt", *arguments)
    line = errors.splitlines()[-1]
    assert code == 2
    assert line.startswith("Error: ")
    assert "of the tissue; expected at least 90 %: learning from that would only confirm it" in line
    assert not (tmp_path / "out").exists()


def test_a_volume_is_looked_at_across_all_axes_and_time_is_kept(
    run: Path, tmp_path: Path, draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitoseg.transfer.adaptation.learning.LEAST_STEPS", 3)
    tifffile.imwrite(tmp_path / "volume.tif", draw(7, (32, 32, 32)).raw, photometric="minisblack")
    result = adapt(
        tmp_path / "volume.tif",
        tmp_path / "run",
        run,
        minutes=0.001,
        rounds=1,
        voxel_size_nm=(8.0, 8.0, 8.0),
        recipe="epfl",
        outline_nm=-5.0,
    )
    assert result.record.steps == (3,)  # of a time that is over before it begins, the least
    assert result.record.kept == 1
    assert load_model(result.run).decoding.outline_nm == -5


def test_mishaps_end_in_one_line(images: Path, run: Path, tmp_path: Path, mitoseg: Program) -> None:
    out = tmp_path / "out"
    assert "nowhere: not found" in mitoseg.fails("adapt", images, "--from", "nowhere", "-o", out)
    assert "no images" in mitoseg.fails("adapt", "--from", run, "-o", out)
    assert "not found" in mitoseg.fails("adapt", tmp_path / "no.tif", "--from", run, "-o", out)
    both = ("adapt", images, "--from", run, "-o", out, "--steps", 2, "--minutes", 1)
    assert "got both minutes and steps" in mitoseg.fails(*both)
    assert "preset nothing: unknown" in mitoseg.fails("adapt", images, "--from", run, "-o", out, "--recipe", "nothing")
    assert "--resume takes" in mitoseg.fails("adapt", images, "--resume", "-o", out)
    assert "--resume takes" in mitoseg.fails("adapt", "--resume", "--seed", 3, "-o", out)
    assert "adapting.json: not found" in mitoseg.fails("adapt", "--resume", "-o", out)
    assert not out.exists()
