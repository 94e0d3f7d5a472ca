"""A whole study: read and checked first, then run, then published."""

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from mitodata.cluster.workers import ClusterWorkers
from mitodata.errors import MitoError, RunError
from mitogen.rendering.process_pool import Workers, cores
from mitogen.rendering.versions import versions
from mitoseg.evaluation.metric_table import HEADLINE
from mitoseg.io.process import alone_in
from mitoseg.study.designs import Design, make_design
from mitoseg.study.plan import Plan, given_tests, read_plan
from mitoseg.study.publishing import publish
from mitoseg.study.results import read_outcomes
from mitoseg.study.trials import (
    Chunk,
    Trial,
    chunks_of,
    make_trials,
    open_tests,
    read_result,
    render_chunk,
    run_trial,
    unique,
)

T = TypeVar("T")


class Submit(Protocol):
    """Hands work to somebody: calls function(threads, *arguments) there."""

    def __call__(self, function: Callable[..., None], *arguments: object) -> "Future[None]":
        """Submit one call."""
        ...


@dataclass(frozen=True)
class Failure:
    """A trial that could not be run.

    Attributes:
        trial: which.
        reason: one line.
    """

    trial: Trial
    reason: str


def missing_trials(trials: Sequence[Trial], folder: Path) -> list[Trial]:
    """The trials without a result, each key once."""
    return [trial for trial in unique(trials) if read_result(folder, trial) is None]


def run_trials(trials: Sequence[Trial], folder: Path, submit: Submit, *, keep_models: bool = False) -> list[Failure]:
    """Render what `trials` need and run them, as many at a time as there are workers.

    Returns:
        The trials that failed; the others have their results in `folder`.

    Raises:
        RunError: images cannot be rendered, or a worker was killed; results so far are kept.
    """
    needs = {trial.key: chunks_of(trial, folder) for trial in trials}
    chunks = {chunk.path: chunk for training, held_out in needs.values() for chunk in (*training, held_out)}
    to_render = [chunk for path, chunk in chunks.items() if not path.exists()]
    for future, chunk in _work([(chunk, (render_chunk, chunk)) for chunk in to_render], submit, "render", _of_chunk):
        reason = _reason(future)
        if reason:
            raise RunError(f"{chunk.path.name}: {reason}")
    tasks = [(trial, (run_trial, trial, *needs[trial.key], folder, keep_models)) for trial in trials]
    ended = [(trial, _reason(future)) for future, trial in _work(tasks, submit, "fit", _of_trial(folder))]
    return [Failure(trial, reason) for trial, reason in ended if reason]


@contextmanager
def local(workers: int) -> Iterator[Submit]:
    """Processes of this machine, which share its cores; stopped, they do not finish what they are at.

    How many threads each has depends on `workers` alone, not on how much there is left to do: rounding differs with it,
    and a study that goes on must end as one that was not stopped. Processes start when there is work for them.
    """
    threads = max(1, cores() // workers)
    with Workers(threads, workers) as pool:
        try:
            yield pool.submit
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def cluster(address: str) -> Iterator[Submit]:
    """The workers of a Dask cluster; they need the same program and see the study's folder under the same path.

    Raises:
        ClusterError: Dask is not installed, or nobody answers.
    """
    with ClusterWorkers(1, address, versions) as workers:
        yield workers.submit


def _work(
    tasks: Sequence[tuple[T, tuple[Any, ...]]], submit: Submit, title: str, describe: Callable[[T], str]
) -> Iterator[tuple["Future[None]", T]]:
    """Do all tasks and yield each when it has ended, with progress and the time left on stderr."""
    futures = {submit(*call): subject for subject, call in tasks}
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    with tqdm(total=len(tasks), desc=title, unit=title, disable=not terminal or not tasks) as bar:
        for done, future in enumerate(as_completed(futures), 1):
            subject = futures[future]
            yield future, subject
            left = round((time.monotonic() - started) / done * (len(tasks) - done))
            line = f"{title} {done} of {len(tasks)}: {describe(subject)}"
            if terminal:
                bar.update()
                bar.write(line, file=sys.stderr)
            else:
                clock = f"{left // 3600}:{left % 3600 // 60:02d}:{left % 60:02d}"
                print(f"{line}; {clock} left", file=sys.stderr, flush=True)


def _of_chunk(chunk: Chunk) -> str:
    return f"{len(chunk.images)} images"


def _of_trial(folder: Path) -> Callable[[Trial], str]:
    def describe(trial: Trial) -> str:
        result = read_result(folder, trial)
        scores = (
            "failed"
            if result is None
            else "IoU "
            + ", ".join(
                f"{name} {values[HEADLINE]['mean']:.3f}" if values[HEADLINE]["mean"] is not None else f"{name} -"
                for name, values in result["scores"].items()
            )
        )
        return f"{trial.condition.name}, seed {trial.seed}: {scores}"

    return describe


def _reason(future: "Future[None]") -> str:
    """Why a task failed, in one line; empty if it did not."""
    error = future.exception()
    if error is None:
        return ""
    if isinstance(error, BrokenProcessPool):
        raise RunError("a worker was killed, perhaps because memory ran out; all results so far are kept") from error
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt("stopped; all results so far are kept, the same command goes on") from error
    text = str(error).partition("\n")[0]
    return text if isinstance(error, MitoError) else f"{type(error).__name__}: {text}"


@dataclass(frozen=True)
class Study:
    """A study that was checked and can be run.

    Attributes:
        plan: its file.
        design: its conditions.
        trials: all of its trials.
        folder: where everything it makes is kept.
    """

    plan: Plan
    design: Design
    trials: Sequence[Trial]
    folder: Path

    def describe(self) -> str:
        """Say in one line what is done and what is left to do."""
        missing = missing_trials(self.trials, self.folder)
        needs = [chunks_of(trial, self.folder) for trial in missing]
        files = {chunk.path for training, held_out in needs for chunk in (*training, held_out)}
        left = sum(not path.exists() for path in files)
        return (
            f"{self.plan.name}: {len(self.design.conditions)} conditions x {len(self.plan.contents.seeds)} seeds = "
            f"{len(self.trials)} trials, {len(missing)} of them to run; {left} files of images to render"
        )


def open_study(name: str, tests: Mapping[str, Path], folder: Path | None = None) -> Study:
    """Read a study and check all of it: names, levels, ranges, test files. Nothing is run or written.

    Args:
        name: a file that ends in .toml, or a study that comes with mitoseg.
        tests: name of a test set -> file; wins over what the study file says.
        folder: where results are kept; studies/NAME if None.

    Raises:
        MitoError: something in it is unknown, impossible or missing.
    """
    plan = read_plan(name)
    design = make_design(plan.contents, plan.folder, name if name.endswith(".toml") else f"study {name}")
    trials = make_trials(design, plan.contents.seeds, open_tests(given_tests(plan, tests)))
    return Study(plan, design, trials, folder or Path("studies") / plan.name)


def run_study(study: Study, workers: int | None, scheduler: str | None = None) -> Path:
    """Run what is missing of a study and write its tables and its page.

    Args:
        study: what to run.
        workers: local processes, which share the cores; one a core if None.
        scheduler: address of a Dask cluster that does the work instead.

    Returns:
        The path of the page.

    Raises:
        RunError: a trial failed (the others are finished first), the folder cannot be written, or another process runs
            the study.
        KeyboardInterrupt: stopped; its message says how to go on.
    """
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{study.folder}: cannot be made: {error.strerror or error}; expected a folder") from error
    with alone_in(study.folder):
        missing = missing_trials(study.trials, study.folder)
        failures = []
        if missing:
            try:
                with cluster(scheduler) if scheduler else local(workers or cores()) as submit:
                    failures = run_trials(missing, study.folder, submit, keep_models=study.plan.contents.keep_models)
            except KeyboardInterrupt:
                left = len(missing_trials(study.trials, study.folder))
                raise KeyboardInterrupt(f"stopped, {left} trials left; the same command goes on from here") from None
        outcomes = read_outcomes(study.trials, study.folder)
        page = (
            publish(study.folder, study.plan, study.design, outcomes, len(unique(study.trials))) if outcomes else None
        )
    if failures or page is None:
        first = failures[0]
        raise RunError(
            f"{len(failures)} of {len(study.trials)} trials failed; the first, {first.trial.condition.name} with seed "
            f"{first.trial.seed}: {first.reason}"
        )
    return page
