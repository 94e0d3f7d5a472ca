"""A whole study: read and checked first, then run, then published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitodata.errors import RunError
from mitogen.rendering.workers import cores
from mitoseg.study.designs import Layout, lay_out
from mitoseg.study.plan import Plan, given_tests, read_plan
from mitoseg.study.publishing import publish
from mitoseg.study.results import read_outcomes
from mitoseg.study.running import cluster, local, missing_cells, run_cells
from mitoseg.study.trials import Cell, chunks_of, make_cells, open_tests, unique
from mitoseg.training.process import alone_in


@dataclass(frozen=True)
class Study:
    """A study that was checked and can be run.

    Attributes:
        plan: its file.
        layout: its conditions.
        cells: all of its cells.
        folder: where everything it makes is kept.
    """

    plan: Plan
    layout: Layout
    cells: Sequence[Cell]
    folder: Path

    def describe(self) -> str:
        """Say in one line what is done and what is left to do."""
        missing = missing_cells(self.cells, self.folder)
        needs = [chunks_of(cell, self.folder) for cell in missing]
        files = {chunk.path for training, held_out in needs for chunk in (*training, held_out)}
        left = sum(not path.exists() for path in files)
        return (
            f"{self.plan.name}: {len(self.layout.conditions)} conditions x {len(self.plan.contents.seeds)} seeds = "
            f"{len(self.cells)} cells, {len(missing)} of them to run; {left} files of images to render"
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
    layout = lay_out(plan.contents, plan.folder, name if name.endswith(".toml") else f"study {name}")
    cells = make_cells(layout, plan.contents.seeds, open_tests(given_tests(plan, tests)))
    return Study(plan, layout, cells, folder or Path("studies") / plan.name)


def run_study(study: Study, workers: int | None, scheduler: str | None = None) -> Path:
    """Run what is missing of a study and write its tables and its page.

    Args:
        study: what to run.
        workers: local processes, which share the cores; one a core if None.
        scheduler: address of a Dask cluster that does the work instead.

    Returns:
        The path of the page.

    Raises:
        RunError: a cell failed (the others are finished first), the folder cannot be written, or another process runs
            the study.
        KeyboardInterrupt: stopped; its message says how to go on.
    """
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{study.folder}: cannot be made: {error.strerror or error}; expected a folder") from error
    with alone_in(study.folder):
        missing = missing_cells(study.cells, study.folder)
        failures = []
        if missing:
            try:
                with cluster(scheduler) if scheduler else local(workers or cores()) as submit:
                    failures = run_cells(missing, study.folder, submit, keep_models=study.plan.contents.keep_models)
            except KeyboardInterrupt:
                left = len(missing_cells(study.cells, study.folder))
                raise KeyboardInterrupt(f"stopped, {left} cells left; the same command goes on from here") from None
        outcomes = read_outcomes(study.cells, study.folder)
        page = publish(study.folder, study.plan, study.layout, outcomes, len(unique(study.cells))) if outcomes else None
    if failures or page is None:
        first = failures[0]
        raise RunError(
            f"{len(failures)} of {len(study.cells)} cells failed; the first, {first.cell.condition.name} with seed "
            f"{first.cell.seed}: {first.reason}"
        )
    return page
