"""Training: one loop, seeded, within a budget of passes or of wall time, that can be stopped and continued."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Any, TypedDict

from mitodata import DataError, RunError
from mitoseg.checkpoint import save_checkpoint, write_atomic
from mitoseg.config import BUDGETS, FitConfig, parse_config
from mitoseg.data import (
    Patches,
    RenderedPatches,
    Section,
    SectionFiles,
    Split,
    make_loader,
    render_validation,
    slices,
    split_sections,
    spread,
)
from mitoseg.learner import Budget, Learner
from mitoseg.progress import Progress
from mitoseg.record import Row, read_settings, write_history, write_settings
from mitoseg.validate import draw_validation, validate

SAME_REQUEST_S = 1.0
"""Signals to stop that come within this many seconds are one request: `timeout` and some schedulers send two."""

SAVE_EVERY_S = 120.0
"""Seconds between two saves of a run that is not validating."""


class Sources(TypedDict):
    """Where the images of a run come from: arguments of `fit`."""

    training: Sequence[Path]
    validation: Sequence[Path]
    val_fraction: float
    recipe: str


@dataclass(frozen=True, eq=False)
class FitData:
    """What a run learns from and what it is validated on.

    Attributes:
        patches: to learn from.
        files: what `validation` lies in.
        validation: single slices.
        notes: what the user should know about them, one line each.
    """

    patches: Patches | RenderedPatches
    files: SectionFiles
    validation: list[Section]
    notes: list[str]

    def close(self) -> None:
        """Close all files."""
        self.files.close()
        if isinstance(self.patches, Patches):
            self.patches.files.close()


@dataclass(frozen=True)
class FitResult:
    """How a run ended.

    Attributes:
        run: its folder.
        steps: training steps.
        minutes: wall time.
        threshold: the threshold chosen on the validation sections.
        val_iou: mean foreground IoU over them.
    """

    run: Path
    steps: int
    minutes: float
    threshold: float
    val_iou: float


def fit(
    training: Sequence[Path],
    run: Path,
    config: FitConfig,
    *,
    validation: Sequence[Path] = (),
    val_fraction: float = 0.1,
    recipe: str = "",
    resume: bool = False,
) -> FitResult:
    """Train a network on labelled files or rendered images; leave it, its threshold and its history in folder `run`.

    The result is the average of the weights at the end of the run, with the threshold that is best on the validation
    sections. `best.pt` keeps, for supervised work, the averaged weights that scored best on them.

    Args:
        training: HDF5 files in the format of `mitodata`; none with a recipe.
        run: folder, made if it is missing.
        config: settings; see `FitConfig`. Exactly one of epochs, minutes and steps must be set.
        validation: files held out; if empty, `val_fraction` of the training data is (see `split_sections`).
        val_fraction: share that is held out, between 0 and 1.
        recipe: TOML of a recipe to render from, in the workers and without end; see `resolve_recipe`. Without
            validation files, images for validation are rendered from another seed.
        resume: go on with the run in the folder, on CPU exactly as if it had not been stopped.

    Raises:
        RunError: the folder holds a run and `resume` is not set, or it holds none and it is; no budget.
        DataError: a file is missing, damaged or unlabelled.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after saving.
    """
    if all(getattr(config, name) is None for name in BUDGETS):
        raise RunError("neither epochs nor minutes nor steps are set; expected one of them")
    last = run / "last.pt"
    if last.exists() and not resume:
        raise RunError(f"{run}: holds a run already; add --resume to go on with it, or choose another folder")
    learner = Learner(config)
    if resume:
        saved = learner.restore(last)
        # The sheet of predictions is drawn last: without it the run was killed between its end and its last picture.
        if learner.finished and saved == config and (run / "validation.png").exists():
            raise RunError(f"{run}: is finished; to train it longer give more --epochs or --minutes than it had")
        learner.finished = False
    paths = {"training": training, "validation": validation}
    sources: dict[str, Any] = {name: [str(path.resolve()) for path in group] for name, group in paths.items()}
    sources |= {"val_fraction": val_fraction, "recipe": recipe}
    if recipe:
        data = open_rendered(recipe, run, validation, config)
    else:
        data = open_data(training, validation, val_fraction, config)
    make_folder(run)
    write_settings(run, {"config": config.model_dump(), **sources})
    try:
        with stop_politely() as stop:
            Session(learner, data, run, stop).work()
    finally:
        data.close()
    row = learner.rows[-1]
    return FitResult(run, learner.step, row.minutes, row.threshold, row.val_iou)


def make_folder(run: Path) -> None:
    """Make the folder of a run.

    Raises:
        RunError: it cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{run}: cannot be made: {error.strerror or error}; expected a folder") from error


def resume_settings(run: Path) -> tuple[FitConfig, Sources]:
    """Settings of the run in folder `run`, and where its images come from.

    Raises:
        RunError: there is no run in it.
    """
    content = read_settings(run)
    config = parse_config(content["config"], str(run / "config.json"))
    training, validation = ([Path(path) for path in content[name]] for name in ("training", "validation"))
    fraction, recipe = float(content["val_fraction"]), str(content.get("recipe", ""))
    return config, Sources(training=training, validation=validation, val_fraction=fraction, recipe=recipe)


def open_data(training: Sequence[Path], validation: Sequence[Path], val_fraction: float, config: FitConfig) -> FitData:
    """Open the files of a run and choose its sections.

    Raises:
        DataError: a file is missing, damaged or unlabelled, too few sections are left, or none of them has foreground.
    """
    files = SectionFiles(training)
    if validation:
        held_out_files = SectionFiles(validation)
        split = Split(files.runs(), held_out_files.runs())
    else:
        held_out_files = files
        split = split_sections(files, val_fraction, config.seed)
    sections = list(slices(split.training))
    held_out = spread(list(slices(split.held_out)), config.validation_images)
    if not _any_foreground(files, sections):
        raise DataError(
            f"{training[0]}: no foreground in {len(sections)} training sections; expected some to learn from"
        )
    _check_foreground(held_out_files, held_out)
    return FitData(Patches(files, sections, config), held_out_files, held_out, split.notes)


def open_rendered(recipe: str, run: Path, validation: Sequence[Path], config: FitConfig) -> FitData:
    """Prepare to render patches; images for validation are rendered into the folder of the run if no files are given.

    Raises:
        MitoError: as `open_data`; the recipe is wrong, or an image cannot be rendered.
    """
    patches = RenderedPatches(recipe, config)
    if not validation:
        make_folder(run)
        validation = [run / "validation.h5"]
        render_validation(recipe, validation[0], config)
    files = SectionFiles(validation)
    held_out = spread(files.sections(), config.validation_images)
    _check_foreground(files, held_out)
    return FitData(patches, files, held_out, [])


def _check_foreground(files: SectionFiles, held_out: Sequence[Section]) -> None:
    if not _any_foreground(files, held_out):
        raise DataError(
            f"{files.files[0].path}: no foreground in {len(held_out)} validation sections, so no threshold can be "
            "chosen; give --val FILE with some, or a larger --val-fraction"
        )


def _any_foreground(files: SectionFiles, sections: Sequence[Section]) -> bool:
    return any((files.read(section)[1] == 1).any() for section in sections)


class Stop:
    """Whether somebody asked the run to stop."""

    requested = False
    since = 0.0


@contextmanager
def stop_politely() -> Iterator[Stop]:
    """Turn the first Ctrl-C or SIGTERM into a request: the step at hand is finished and saved. A later one raises."""
    stop = Stop()

    def request(number: int, frame: FrameType | None) -> None:
        if not stop.requested:
            stop.requested, stop.since = True, time.monotonic()
        elif time.monotonic() - stop.since > SAME_REQUEST_S:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Session:
    """One stretch of training, from where the learner stands to the end of the budget or to a request to stop."""

    def __init__(self, learner: Learner, data: FitData, run: Path, stop: Stop) -> None:
        self.learner = learner
        self.data = data
        self.run = run
        self.stop = stop
        self.started = time.monotonic() - learner.seconds
        config = learner.config
        self.patches = data.patches
        steps = config.steps
        if config.epochs is not None:
            steps = max(1, ceil(config.epochs * len(self.patches) / config.batch))
        seconds = None if config.minutes is None else 60 * config.minutes
        self.budget = Budget(steps, seconds)
        self.mark = (learner.step, learner.seconds)

    def work(self) -> None:
        """Train, validate and save until the budget is used up.

        Raises:
            KeyboardInterrupt: a stop was requested; everything is saved.
        """
        learner, config = self.learner, self.learner.config
        stop_at = None if self.budget.steps is None else self.budget.steps * config.batch
        batches = iter(make_loader(self.patches, learner.step * config.batch, stop_at))
        saved = time.monotonic()
        with Progress(f"fit {self.run.name}") as progress:
            for note in self.data.notes:
                progress.report(note)
            while (used := self.budget.used(learner.step, self._clock())) < 1:
                if used >= self._validated() + 1 / config.validations:
                    self._validate(progress)
                    saved = time.monotonic()
                    continue
                loss = learner.learn(next(batches), used)
                progress.update(used, loss, config.batch)
                if self.stop.requested or time.monotonic() - saved > SAVE_EVERY_S:
                    self._save()
                    saved = time.monotonic()
                if self.stop.requested:
                    raise KeyboardInterrupt(
                        f"stopped after step {learner.step}, all saved; go on with: mitoseg fit --resume -o {self.run}"
                    )
            learner.finished = True
            if learner.rows and learner.rows[-1].step == learner.step:  # just validated, the budget ended meanwhile
                self._save()
            else:
                self._validate(progress)
        panels = draw_validation(learner.model(), self.data.files, self.data.validation, learner.threshold)
        write_atomic(self.run / "validation.png", panels)

    def _validated(self) -> float:
        """Share of the budget at which the last validation was."""
        row = self.learner.rows[-1] if self.learner.rows else None
        return self.budget.used(row.step, 60 * row.minutes) if row else 0.0

    def _validate(self, progress: Progress) -> None:
        learner = self.learner
        seconds = self._clock()
        steps = learner.step - self.mark[0]
        outcome = validate(learner.model(), self.data.files, self.data.validation)
        learner.decoding = outcome.decoding
        row = Row(
            step=learner.step,
            epoch=learner.step * learner.config.batch / len(self.patches),
            minutes=self._clock() / 60,
            learning_rate=learner.optimiser.param_groups[0]["lr"],
            train_loss=sum(learner.losses) / max(len(learner.losses), 1),
            val_iou=outcome.iou,
            val_iou_at_half=outcome.iou_at_half,
            threshold=outcome.threshold,
            val_calibration_error=outcome.calibration_error,
            images_per_s=steps * learner.config.batch / max(seconds - self.mark[1], 1e-9),
        )
        learner.rows.append(row)
        learner.losses = []
        self._save()
        if outcome.iou > learner.best_iou:
            learner.best_iou = outcome.iou
            save_checkpoint(self.run / "best.pt", learner.weights())
        write_history(self.run, learner.rows)
        self.mark = (learner.step, self._clock())
        # What this validation took, the last one will take again, with a sheet of predictions on top.
        self.budget = replace(self.budget, reserve_s=1.2 * (self.mark[1] - seconds))
        progress.report(
            f"{row.minutes:.1f} min, step {row.step}, epoch {row.epoch:.1f}: loss {row.train_loss:.3f}, "
            f"validation IoU {row.val_iou:.3f} at {row.threshold:.2f} ({row.val_iou_at_half:.3f} at .5), "
            f"{row.images_per_s:.1f} images/s"
        )

    def _save(self) -> None:
        self.learner.seconds = self._clock()
        save_checkpoint(self.run / "last.pt", self.learner.state())

    def _clock(self) -> float:
        return time.monotonic() - self.started
