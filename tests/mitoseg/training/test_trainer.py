import csv
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from processes import ended, start
from program import Program

from mitodata import DataError, RunError, Sample
from mitoseg.config.settings import FitConfig, parse_config
from mitoseg.data import SectionFiles, Slab
from mitoseg.inference.model import Model
from mitoseg.io.process import LOCK, alone_in, stop_politely
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.training.fit import fit, resume_settings
from mitoseg.training.learner import Learner, warmed_average
from mitoseg.training.optimiser import learning_rate
from mitoseg.training.run_folder import score_title
from mitoseg.training.validation import FINAL_PX, KEPT_PX, Validation, validate


def read_rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(run: Path) -> dict[str, torch.Tensor]:
    content = load_checkpoint(run / "last.pt")
    return dict(content["weights"])


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_simple_task_is_learned_and_everything_is_left_in_the_folder(run: Path) -> None:
    rows = read_rows(run)
    assert float(rows[-1]["val_iou"]) > 0.85
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    content = load_checkpoint(run / "last.pt")
    assert content["finished"]
    assert content["decoding"]["threshold"] == float(rows[-1]["threshold"])
    names = {path.name for path in run.iterdir()}
    files = {"config.json", "environment.json", "metrics.csv", "training.png", "validation.png", "last.pt", "best.pt"}
    assert names == {*files, "tensorboard", LOCK}
    settings = json.loads((run / "config.json").read_text())
    assert settings["config"]["network"] == "tiny"
    assert "torch" in settings["software"]
    (stretch,) = json.loads((run / "environment.json").read_text())
    assert stretch["processes"] == 1
    assert stretch["git"] is None or len(stretch["git"].removesuffix("+changes")) == 40
    assert all(0 <= float(row["waiting"]) <= 1 for row in rows)


def test_tensorboard_shows_what_the_table_says(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), {"images": 0})
    events.Reload()
    rows = read_rows(run)
    found = [(event.step, event.value) for event in events.Scalars("validation/val_iou")]
    assert found == [(int(row["step"]), pytest.approx(float(row["val_iou"]))) for row in rows]
    assert len(events.Scalars("train/loss")) == int(rows[-1]["step"]) // 10
    assert len(events.Images("validation/predictions")) == len(rows)


@pytest.fixture
def short(tiny: FitConfig) -> FitConfig:
    """Settings of a run of three steps and one validation."""
    return tiny.model_copy(update={"epochs": 1.0, "validations": 1})


@pytest.fixture(scope="module")
def whole(discs: Path, fresh_discs: Path, tiny: FitConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps that was left alone."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    fit([discs], folder, tiny, validation=[fresh_discs])
    return folder


def test_one_seed_one_result(whole: Path, tmp_path: Path, discs: Path, fresh_discs: Path, tiny: FitConfig) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        fit([discs], tmp_path / name, tiny.model_copy(update={"seed": seed}), validation=[fresh_discs])
    assert same(whole, tmp_path / "same")
    assert not same(whole, tmp_path / "other")


def signal_after(step: int, number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process a signal once a fit has taken so many steps."""
    learn = Learner.learn

    def learn_then_stop(self: Learner, windows: torch.Tensor, used: float) -> float:
        loss = learn(self, windows, used)
        if self.step == step:
            os.kill(os.getpid(), number)
        return loss

    monkeypatch.setattr(Learner, "learn", learn_then_stop)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    whole: Path, tmp_path: Path, discs: Path, fresh_discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_after(4, signal.SIGINT, monkeypatch)
    with pytest.raises(KeyboardInterrupt, match=r"after step 4.*--resume"):
        fit([discs], tmp_path / "broken", tiny, validation=[fresh_discs])
    monkeypatch.undo()
    assert not load_checkpoint(tmp_path / "broken" / "last.pt")["finished"]
    config, sources = resume_settings(tmp_path / "broken")
    assert config == tiny
    assert sources.validation == [fresh_discs]
    fit((), tmp_path / "broken", resume=True)
    assert same(whole, tmp_path / "broken")
    losses = [[row["train_loss"] for row in read_rows(run)] for run in (whole, tmp_path / "broken")]
    assert losses[0] == losses[1]


def test_a_run_whose_reader_was_killed_has_lost_nothing(
    tmp_path: Path, discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def four_batches(loader: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        yield from islice(loader, 4)
        raise RunError("a process that reads patches died")

    monkeypatch.setattr("mitoseg.training.trainer.read_batches", four_batches)
    with pytest.raises(RunError, match=r"died; stopped after step 4, all saved; go on with: mitoseg fit --resume"):
        fit([discs], tmp_path, tiny)
    saved = load_checkpoint(tmp_path / "last.pt")
    assert (saved["step"], saved["finished"]) == (4, False)


def test_a_finished_run_is_only_continued_with_a_larger_budget(
    whole: Path, tmp_path: Path, discs: Path, fresh_discs: Path, tiny: FitConfig
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already"):
        fit([discs], run, tiny, validation=[fresh_discs])
    with pytest.raises(RunError, match="is finished"):
        fit([discs], run, tiny, validation=[fresh_discs], resume=True)
    longer = tiny.model_copy(update={"epochs": 3.0})
    assert fit([discs], run, longer, validation=[fresh_discs], resume=True).steps == 9


def test_a_run_killed_before_its_first_save_starts_again(tmp_path: Path, discs: Path, short: FitConfig) -> None:
    steps = fit([discs], tmp_path, short).steps
    for name in ("last.pt", "best.pt"):
        (tmp_path / name).unlink()
    (tmp_path / ".last.pt.abcd1234.partial").write_bytes(b"half")
    assert fit([discs], tmp_path, short, resume=True).steps == steps
    assert not list(tmp_path.glob(".last*"))


def test_a_validation_says_of_how_many_sections_it_is(
    tmp_path: Path, discs: Path, fresh_discs: Path, short: FitConfig
) -> None:
    settings = {"epochs": None, "steps": 2, "validations": 2, "validation_images": 2}
    fit([discs], tmp_path, short.model_copy(update=settings), validation=[fresh_discs])
    assert [row["val_sections"] for row in read_rows(tmp_path)] == ["2", "6"]  # the last is of all
    assert score_title([2, 6]) == "validation IoU of 2 sections, at last 6"
    assert score_title([6, 6]) == score_title([]) == "validation IoU"


def test_two_processes_do_not_work_on_one_run(tmp_path: Path, discs: Path, short: FitConfig) -> None:
    with alone_in(tmp_path), pytest.raises(RunError, match="another process is at work here"):
        fit([discs], tmp_path, short)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    fit([discs], tmp_path, short)


def test_a_run_that_no_longer_improves_ends_early(tmp_path: Path, discs: Path, tiny: FitConfig) -> None:
    settings = {"epochs": None, "steps": 40, "validations": 20, "early_stopping": 2, "learning_rate": 1e-9}
    config = tiny.model_copy(update=settings)
    result = fit([discs], tmp_path, config)
    assert result.steps <= 12
    assert load_checkpoint(tmp_path / "last.pt")["finished"]
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["step"] for row in rows}) == len(rows)  # the last validation takes the place of the one before
    assert float(rows[-1]["train_loss"]) > 0
    with pytest.raises(RunError, match="ended early, no longer improving"):
        fit([discs], tmp_path, config.model_copy(update={"steps": 80}), resume=True)


FITTED = ("network", "working_voxel_nm", "patch_px", "batch", "learning_rate")
"""What sets `tiny` apart from the defaults."""


@pytest.mark.slow
def test_a_team_learns_what_one_process_learns(tmp_path: Path, discs: Path, fresh_discs: Path, tiny: FitConfig) -> None:
    """Two processes with half of each batch: the same weights as one process with all of it."""
    settings = {"epochs": None, "steps": 3, "validations": 1, "optimiser": "sgd", "augment": {"enabled": False}}
    settings["amp"] = "off"  # sums of half batches, rounded to bfloat16, differ
    config = parse_config({**tiny.model_dump(), **settings}, "settings")
    fit([discs], tmp_path / "one", config, validation=[fresh_discs])
    options = [f"--set={name}={settings[name]}" for name in ("steps", "validations", "optimiser", "amp")]
    options += [f"--set={name}={getattr(config, name)}" for name in FITTED]
    files = ["fit", str(discs), "--val", str(fresh_discs), "-o", str(tmp_path / "two"), "--set=augment.enabled=false"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    # As torchrun starts them.
    team = [
        start([*files, *options], tmp_path / f"said-{rank}", {**meeting, "RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    codes = [ended(process) for process in team]
    output, errors = (
        "".join((tmp_path / f"said-{rank}" / f"{stream}.txt").read_text() for rank in "01")
        for stream in ("stdout", "stderr")
    )
    assert codes == [0, 0], errors
    assert output.count("validation IoU") == 1  # one of them reports
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-4, atol=1e-6)
    rows = [read_rows(tmp_path / name)[-1] for name in ("one", "two")]
    assert float(rows[0]["train_loss"]) == pytest.approx(float(rows[1]["train_loss"]), rel=1e-5)


def test_minutes_count_wall_time(tmp_path: Path, discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Half a second passes whenever somebody looks at the clock.
    clock = SimpleNamespace(monotonic=partial(next, count(0, 0.5)))
    monkeypatch.setattr("mitoseg.training.trainer.time", clock)
    result = fit([discs], tmp_path, tiny.model_copy(update={"epochs": None, "minutes": 0.2}))
    assert result.minutes == pytest.approx(0.2, abs=0.05)
    assert result.steps > 1
    rows = read_rows(tmp_path)
    assert float(rows[-1]["minutes"]) == pytest.approx(result.minutes, abs=0.001)
    assert len({row["step"] for row in rows}) == len(rows)  # no state is validated twice


def test_steps_do_not_depend_on_the_amount_of_data(tmp_path: Path, discs: Path, tiny: FitConfig) -> None:
    config = tiny.model_copy(update={"epochs": None, "steps": 2, "validations": 1})
    assert fit([discs], tmp_path / "one", config).steps == 2
    more = shutil.copy(discs, tmp_path / "more.h5")
    assert fit([discs, more], tmp_path / "two", config).steps == 2


@pytest.mark.parametrize("held_out", ["discs", "nothing"])
def test_data_without_foreground_is_refused(
    held_out: str, tmp_path: Path, discs: Path, tiny: FitConfig, make_file: Callable[..., Path]
) -> None:
    none = np.zeros((1, 64, 64), np.uint8)
    nothing = make_file(Sample(none, (40, 8, 8), none.astype(np.uint16), none), name="nothing")
    training, validation = (nothing, discs) if held_out == "discs" else (discs, nothing)
    with pytest.raises(DataError, match=r"nothing\.h5: no foreground in 1"):
        fit([training], tmp_path / "run", tiny, validation=[validation])
    assert not (tmp_path / "run").exists()


def test_two_signals_at_once_are_one_request() -> None:
    with stop_politely() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        stop.since -= 10
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def deaf() -> Iterator[None]:
    """A process that a signal does not end, whatever the program does."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("deaf")
def test_sigterm_saves_and_says_how_to_go_on(
    tmp_path: Path, discs: Path, mitoseg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_after(3, signal.SIGTERM, monkeypatch)
    run = tmp_path / "run"
    settings = ["--set", "network=tiny", "--set", "patch_px=64", "--set", "batch=2", "--set", "validations=1000"]
    code, _, message = mitoseg("fit", discs, "-o", run, "--minutes", 5, *settings)
    assert code == 130
    assert "mitoseg fit --resume" in message
    assert "Traceback" not in message
    saved = load_checkpoint(run / "last.pt")
    assert (saved["step"], saved["finished"]) == (3, False)


def test_learning_rate_rises_then_falls(tiny: FitConfig) -> None:
    rates = [learning_rate(tiny, used / 100) for used in range(101)]
    assert max(rates) == pytest.approx(tiny.learning_rate)
    assert rates.index(max(rates)) == 5
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[0] < 0.05 * max(rates)
    assert rates[-1] == pytest.approx(0.01 * max(rates))


def test_the_average_forgets_the_start() -> None:
    average, values = warmed_average(0.999), [torch.tensor(100.0), torch.tensor([-100.0, 100.0])]
    for step in range(1, 200):
        average(values, [torch.tensor(1.0), torch.tensor([1.0, 2.0])], step)
    assert torch.cat([value.flatten() for value in values]).tolist() == pytest.approx([1, 1, 2], abs=1e-3)


def test_problems_are_said_in_one_line(tmp_path: Path, discs: Path, tiny: FitConfig) -> None:
    (tmp_path / "file").write_text("")
    for folder, config, files, expected in (
        (tmp_path / "new", tiny.model_copy(update={"epochs": None}), [discs], "epochs nor minutes"),
        (tmp_path / "new", tiny, [tmp_path / "missing.h5"], "missing.h5"),
        (tmp_path / "file" / "run", tiny, [discs], "file"),
    ):
        with pytest.raises((RunError, DataError)) as caught:
            fit(files, folder, config)
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(RunError, match="not found"):
        resume_settings(tmp_path)
    with pytest.raises(RunError, match="not found"):
        fit([discs], tmp_path / "new", tiny, resume=True)


def test_a_loss_that_explodes_is_named(tiny: FitConfig) -> None:
    learner = Learner(tiny)
    with pytest.raises(RunError, match="not finite at step 0"):
        learner.learn(torch.full((2, 3, 80, 80), torch.nan), 0.5)


def test_sessions_end_with_a_validation(run: Path) -> None:
    last = read_rows(run)[-1]
    assert int(last["step"]) == load_checkpoint(run / "last.pt")["step"]


def test_the_last_validation_looks_at_more(
    tmp_path: Path, discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[tuple[int, int]] = []

    def counted(model: Model, files: SectionFiles, sections: Sequence[Slab], *, kept_px: int) -> Validation:
        looked_at.append((len(sections), kept_px))
        return validate(model, files, sections, kept_px=kept_px)

    monkeypatch.setattr("mitoseg.training.trainer.validate", counted)
    few = tiny.model_copy(update={"validation_images": 2, "epochs": None, "steps": 2})
    fit([discs], tmp_path / "run", few, val_fraction=0.5)
    assert looked_at == [(2, KEPT_PX), (8, FINAL_PX)]
