"""Studies: designs, what makes a trial, and that nothing is run twice."""

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from study_file import BASE, names

from mitodata.cluster.workers import ClusterError
from mitodata.errors import RunError
from mitodata.hdf5.dataset import Dataset
from mitoseg.evaluation.metric_table import COLUMNS
from mitoseg.io.process import LOCK, alone_in
from mitoseg.study import study as study_module
from mitoseg.study import trials as trials_module
from mitoseg.study.results import read_outcomes
from mitoseg.study.study import Study, cluster, local, missing_trials, run_study, run_trials
from mitoseg.study.trials import Trial


def write_result(study: Study, trial: Trial, iou: float) -> None:
    """A result as if the trial had been run."""
    scores = {name: {metric: {"mean": iou} for metric in COLUMNS} for name in ("synthetic", "held")}
    result = {"key": trial.key, "scores": scores, "threshold": 0.5, "minutes": 1.0, "code": "none"}
    path = trials_module.result_path(study.folder, trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result))


def at_once(function: Callable[..., None], *arguments: object) -> "Future[None]":
    """Do the work here and now, with arguments as a process would get them."""
    future: Future[None] = Future()
    try:
        future.set_result(function(1, *pickle.loads(pickle.dumps(arguments))))
    except Exception as error:
        future.set_exception(error)
    return future


def test_the_same_fit_is_one_observation(study: Callable[..., Study]) -> None:
    opened = study(
        'design = "leave-one-out"\nseeds = [0, 1]\n[factors]\nspeed = { workers = 1 }\n'
        'myelin = { "mitogen:myelin.density_per_um3" = 0 }'
    )
    assert names(opened) == ["baseline", "without speed", "without myelin"]
    for trial in opened.trials:
        write_result(opened, trial, 0.5)
    outcomes = read_outcomes(opened.trials, opened.folder)
    assert [one.trial.condition.name for one in outcomes] == ["baseline", "without myelin"] * 2
    run_study(opened, 1)
    said = (opened.folder / "table.md").read_text()
    assert "4 of 4 trials have ended" in said
    assert "without speed has the same settings as baseline" in said


def test_results_of_earlier_versions_are_read(study: Callable[..., Study]) -> None:
    opened = study('design = "grid"\n[factors]\nimages = [4]')
    for trial in opened.trials:
        write_result(opened, trial, 0.5)
    (opened.folder / "trials").rename(opened.folder / "cells")
    assert not missing_trials(opened.trials, opened.folder)
    write_result(opened, opened.trials[0], 0.7)  # made again, it goes first
    assert read_outcomes(opened.trials, opened.folder)[0].scores["held"]["iou"] == 0.7


def test_a_key_says_what_a_trial_depends_on(study: Callable[..., Study], tmp_path: Path, discs: Path) -> None:
    def key(base: str = BASE, **arguments: str) -> str:
        return study('design = "grid"\n[factors]\nimages = [4]', base, **arguments).trials[0].key

    first = key()
    assert key() == first
    for change in ('"mitogen:cristae.contrast" = 1', '"augment.noise" = 0', "data_seed = 3", "device = 'cpu'"):
        same = key(f"{BASE}\n{change}") == first
        assert same == (change == "device = 'cpu'"), change
    assert key(tests='held = { file = "held.h5", every = 2 }') != first
    # Another name of the same file is the same data; another content under the same name is not.
    shutil.copy(tmp_path / "held.h5", tmp_path / "again.h5")
    assert key(tests='held = { file = "again.h5", every = 3 }') == first
    shutil.copy(discs, tmp_path / "held.h5")
    assert key() != first


def test_a_stopped_study_goes_on_where_it_was(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = 'design = "one-at-a-time"\nseeds = [0, 1]\n[factors]\nimages = [4, 6]'
    opened = study(head)
    ran: list[str] = []
    fitted: list[str] = []
    original = trials_module.run_trial

    def killed_in_the_third(threads: int, trial: Any, *arguments: Any) -> None:
        if len(ran) == 2:
            # The folder of the run is there, the result is not.
            (opened.folder / "runs" / trial.key).mkdir(parents=True)
            (opened.folder / "runs" / trial.key / "last.pt").write_bytes(b"half")
            raise KeyboardInterrupt
        ran.append(trial.key)
        write_result(opened, trial, 0.5)

    def only_the_killed_one_is_fitted(threads: int, trial: Any, *arguments: Any) -> None:
        ran.append(trial.key)
        if (opened.folder / "runs" / trial.key).exists():
            original(threads, trial, *arguments)
            fitted.append(trial.key)
        else:
            write_result(opened, trial, 0.5)

    monkeypatch.setattr(study_module, "run_trial", killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_trials(opened.trials, opened.folder, at_once)
    assert len(missing_trials(opened.trials, opened.folder)) == 2
    # A result that is damaged counts for nothing.
    damaged = trials_module.result_path(opened.folder, opened.trials[0])
    damaged.write_text(damaged.read_text()[:50])
    ran_before = list(ran)
    monkeypatch.setattr(study_module, "run_trial", only_the_killed_one_is_fitted)
    assert not run_trials(missing_trials(opened.trials, opened.folder), opened.folder, at_once)
    assert len(fitted) == 1
    assert sorted(ran[2:]) == sorted(trial.key for trial in opened.trials if trial.key != ran_before[1])
    monkeypatch.undo()
    # Nothing is left to do: no process is started, and all is written again from the results.
    monkeypatch.setattr("mitoseg.study.study.local", None)
    page = run_study(opened, 1)
    table = (opened.folder / "table.csv").read_text()
    assert table.splitlines()[0].startswith("condition,seeds,synthetic_iou")
    assert len(table.splitlines()) == 3
    text = re.sub("base64,[A-Za-z0-9+/=]+", "", page.read_text())  # pictures may hold any letters by chance
    assert "baseline" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    # An extended study keeps what it has; training images that trials share are rendered once.
    longer = study(head.replace("[4, 6]", "[4, 6, 8]"))
    assert [trial.condition.name for trial in missing_trials(longer.trials, longer.folder)] == ["images = 8"] * 2
    assert len(list((opened.folder / "renders").glob("*.h5"))) == 2 * (2 + 1)


def test_what_is_left_is_run_with_as_many_threads(study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = study('design = "grid"\nseeds = [0, 1, 2]\n[factors]\nimages = [4]')
    told: list[int] = []

    class Here:
        """A pool of no processes."""

        def __init__(self, threads: int, count: int) -> None:
            told.append(threads)

        def __enter__(self) -> "Here":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def submit(self, *call: Any) -> "Future[None]":
            return at_once(*call)

    monkeypatch.setattr(study_module, "Workers", Here)
    monkeypatch.setattr(study_module, "render_chunk", lambda *arguments: None)
    monkeypatch.setattr(study_module, "run_trial", lambda threads, trial, *arguments: write_result(opened, trial, 0.5))
    monkeypatch.setattr(study_module, "cores", lambda: 8)
    for workers in (2, None):
        for left in (3, 1):
            for trial in opened.trials[:left]:
                trials_module.result_path(opened.folder, trial).unlink(missing_ok=True)
            run_study(opened, workers)
            assert not missing_trials(opened.trials, opened.folder)
    assert told == [4, 4, 1, 1]


def test_two_processes_do_not_run_one_study(study: Callable[..., Study]) -> None:
    opened = study('design = "one-at-a-time"\nseeds = [0]\n[factors]\nimages = [4]')
    opened.folder.mkdir()
    with alone_in(opened.folder), pytest.raises(RunError, match="another process is at work here"):
        run_study(opened, 1)
    assert [path.name for path in opened.folder.iterdir()] == [LOCK]


@pytest.mark.slow
def test_a_study_that_teaches_compartments_renders_them(study: Callable[..., Study]) -> None:
    head = 'design = "grid"\nseeds = [0]\n[factors]\nimages = [4]'
    opened = study(head, f'{BASE}\ntarget = "compartments"')
    with local(1) as by_a_process:

        def fit_here(function: Callable[..., None], *arguments: object) -> "Future[None]":
            return (by_a_process if function is trials_module.render_chunk else at_once)(function, *arguments)

        assert not run_trials(opened.trials, opened.folder, fit_here)
    assert not missing_trials(opened.trials, opened.folder)
    rendered = list((opened.folder / "renders").glob("*.h5"))
    assert len(rendered) == 2
    for path in rendered:
        with Dataset(path) as file:
            assert file[0].compartment is not None


def test_a_trial_that_fails_does_not_stop_the_others(
    study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = study('design = "one-at-a-time"\nseeds = [0]\n[factors]\nimages = [4, 6]')

    def first_fails(threads: int, trial: Any, *arguments: Any) -> None:
        if trial.key == opened.trials[0].key:
            raise RunError("no foreground\nmore")
        write_result(opened, trial, 0.5)

    monkeypatch.setattr(study_module, "render_chunk", lambda *arguments: None)
    monkeypatch.setattr(study_module, "run_trial", first_fails)
    (failure,) = run_trials(opened.trials, opened.folder, at_once)
    assert (failure.trial.key, failure.reason) == (opened.trials[0].key, "no foreground")
    assert len(read_outcomes(opened.trials, opened.folder)) == 1


@pytest.mark.slow
def test_a_killed_study_gives_the_same_table(study: Callable[..., Study], tmp_path: Path) -> None:
    base = BASE.replace("steps = 2", 'preset = "s0"\nlearning_rate = 0.01\nsteps = 40')
    study('design = "one-at-a-time"\nseeds = [0, 1]\n[factors]\nimages = [4, 6]', base)

    def command(folder: str) -> list[str]:
        arguments = ["study", str(tmp_path / "mine.toml"), "-o", str(tmp_path / folder), "--workers", "1"]
        return [sys.executable, "-m", "mitoseg", *arguments]

    whole = subprocess.run(command("whole"), capture_output=True, text=True, timeout=600)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(command("killed"), stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not list((tmp_path / "killed" / "trials").glob("*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "trials").glob("*.json")}
    assert 1 <= len(done) < 4
    again = subprocess.run(command("killed"), capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "trials").glob("*.json")}
    assert done.items() <= after.items()
    assert f"{4 - len(done)} of them to run" in again.stderr or len(done) == 3
    for name in ("table.csv", "ranking.csv"):
        assert (tmp_path / "killed" / name).read_text() == (tmp_path / "whole" / name).read_text()
    results = [json.loads(path.read_text()) for path in (tmp_path / "killed" / "trials").glob("*.json")]
    assert all(result["steps"] == 40 for result in results)
    assert any(result["scores"]["synthetic"]["iou"]["mean"] > 0 for result in results)


@pytest.mark.slow
def test_a_stop_does_not_wait_for_the_trials_in_the_queue(study: Callable[..., Study], tmp_path: Path) -> None:
    base = BASE.replace("steps = 2", "steps = 100000")
    study('design = "one-at-a-time"\nseeds = [0, 1]\n[factors]\nimages = [4, 6]', base)
    command = [sys.executable, "-m", "mitoseg", "study", str(tmp_path / "mine.toml"), "-o", str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 300
    while not list((tmp_path / "out" / "runs").glob("*/config.json")) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped, 4 trials left" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_dask_cluster_does_the_work(study: Callable[..., Study]) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is optional")
    opened = study('design = "one-at-a-time"\nseeds = [0]\n[factors]\nimages = [4]')
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as one,
        cluster(one.scheduler_address) as submit,
    ):
        assert not run_trials(opened.trials, opened.folder, submit)
    assert len(read_outcomes(opened.trials, opened.folder)) == 1


@pytest.mark.slow
def test_a_cluster_that_does_not_answer() -> None:
    pytest.importorskip("distributed", reason="Dask is optional")
    with pytest.raises(ClusterError, match="no answer"), cluster("tcp://127.0.0.1:1"):
        pass
