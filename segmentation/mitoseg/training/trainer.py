"""Training: one loop, seeded, within a budget of passes or of wall time, that can be stopped and continued."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path

from torch import Tensor

from mitodata import RunError
from mitodata.cluster.event_log import emit
from mitodata.files import write_atomic
from mitoseg.config.settings import BUDGETS, FitConfig
from mitoseg.data import FitData, Sources, make_loader, read_batches
from mitoseg.inference.decoding import Decoding
from mitoseg.io.process import Stop, stop_politely
from mitoseg.networks.checkpoint import save_checkpoint
from mitoseg.training.distributed import LostRankError, gather_team
from mitoseg.training.learner import Budget, Learner
from mitoseg.training.monitor import Events, Progress
from mitoseg.training.run_folder import Row, open_in_turn, read_settings, with_row, write_history
from mitoseg.training.start import Start
from mitoseg.training.validation import FINAL_PX, KEPT_PX, Validation, draw_validation, validate

SAVE_EVERY_S = 120.0
"""Seconds between two saves of a run that is not validating."""


@dataclass(frozen=True)
class FitResult:
    """How a run ended.

    Attributes:
        run: its folder.
        steps: training steps.
        minutes: wall time.
        decoding: the thresholds chosen on the validation sections.
        val_iou: mean foreground IoU over them.
        leads: whether this process is the one that reports, of those that trained together.
    """

    run: Path
    steps: int
    minutes: float
    decoding: Decoding
    val_iou: float
    leads: bool = True


@dataclass(frozen=True)
class FitPlan:
    """What a run is to do.

    Attributes:
        config: settings; exactly one of epochs, minutes and steps must be set.
        sources: where its images come from.
        notes: what the user should know, one line each.
        start: whose weights it begins with; None for random ones.
    """

    config: FitConfig
    sources: Sources
    notes: tuple[str, ...] = ()
    start: Start | None = None


def train(run: Path, plan: FitPlan, *, resume: bool = False) -> FitResult:
    """Train a network as planned; leave it, its thresholds and history in folder `run`.

    Args:
        run: folder, made if it is missing.
        plan: settings and data.
        resume: go on with the run in the folder, on CPU exactly as if it had not been stopped.

    Raises:
        RunError: the folder holds a run and `resume` is not set, or it holds none and it is; no budget.
        DataError: a file is missing, damaged or unlabelled.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after saving.
    """
    config = plan.config
    if all(getattr(config, name) is None for name in BUDGETS):
        raise RunError("neither epochs nor minutes nor steps are set; expected one of them")
    _check_folder(run, resume)
    with gather_team(config.device) as team:
        learner = Learner(config, team)
        restored = resume and _restore(learner, run)
        if plan.start and not restored:
            learner.begin_with(plan.start.load(config))
        with (
            open_in_turn(plan.sources, run, config, team, plan.start) as data,
            stop_politely() as stop,
            _memory(config),
        ):
            Session(learner, data, run, stop, plan.notes).work()
    row = learner.rows[-1]
    return FitResult(run, learner.step, row.minutes, learner.decoding, row.val_iou, team.leads)


def _check_folder(run: Path, resume: bool) -> None:
    """See that no run is replaced.

    Raises:
        RunError: the folder holds a run that is not to be resumed, or something else under the name of one.
    """
    if (run / "last.pt").exists() and not resume:
        raise RunError(f"{run}: holds a run already; add --resume to go on with it, or choose another folder")
    if not resume and (run / "config.json").exists():
        read_settings(run)  # a run that was killed before its first save starts again; no other file is replaced


def _restore(learner: Learner, run: Path) -> bool:
    """Take up where a run stopped.

    Returns:
        Whether there was anything to take up: a run that was killed before its first save starts again.

    Raises:
        RunError: there is no run, or it has nothing left to do.
    """
    if not (run / "last.pt").exists() and (run / "config.json").exists():
        return False
    saved = learner.restore(run / "last.pt")
    if learner.finished and saved == learner.config:
        raise RunError(f"{run}: is finished; to train it longer give more --epochs or --minutes than it had")
    if learner.finished and learner.stalled:
        raise RunError(f"{run}: ended early, no longer improving; a larger budget changes nothing: fit it anew")
    learner.finished = False
    return True


@contextmanager
def _memory(config: FitConfig) -> Iterator[None]:
    """Say in one line that memory does not suffice; what was saved stays.

    Raises:
        RunError: it does not.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # torch raises a RuntimeError of its own for a GPU, and a plain one for a processor.
        if isinstance(error, RuntimeError) and not re.search("out of memory|allocate memory", str(error)):
            raise
        raise RunError(
            f"not enough memory for {config.batch} patches of {' x '.join(map(str, config.patch_shape))} px with "
            f"network {config.network}; take a smaller batch, patch_px or network (--set batch=...)"
        ) from error


class Session:
    """One stretch of training, from where the learner stands to the end of the budget or to a request to stop."""

    def __init__(self, learner: Learner, data: FitData, run: Path, stop: Stop, notes: Sequence[str] = ()) -> None:
        self.learner = learner
        self.team = learner.team
        self.data = data
        self.run = run
        self.stop = stop
        self.notes = (*notes, *data.notes)
        self.started = time.monotonic() - learner.seconds
        config = learner.config
        steps = config.steps
        if config.epochs is not None:
            steps = max(1, ceil(config.epochs * len(data.patches) / config.batch))
        seconds = None if config.minutes is None else 60 * config.minutes
        self.budget = Budget(steps, seconds)
        self.mark = (learner.step, learner.seconds)
        self.waited_s = 0.0

    def work(self) -> None:
        """Train, validate and save until the budget is used up or nothing improves any more.

        Raises:
            KeyboardInterrupt: a stop was requested; everything is saved.
            RunError: a process that reads patches died; everything is saved.
            LostRankError: another process of the team is gone; the leader, if it is there, has saved everything.
        """
        try:
            self._work()
        except LostRankError as error:
            self.learner.finished = False
            self._save()
            raise LostRankError(f"{error}; stopped after step {self.learner.step}, {self._saved}") from error

    def _work(self) -> None:
        learner, config = self.learner, self.learner.config
        stop_at = None if self.budget.steps is None else self.budget.steps * config.batch
        loader = make_loader(self.data.patches, learner.step * config.batch, stop_at, (self.team.rank, self.team.size))
        saved = time.monotonic()
        with ExitStack() as stack:
            batches = stack.enter_context(closing(read_batches(loader)))
            progress = stack.enter_context(Progress(f"fit {self.run.name}", silent=not self.team.leads))
            events = stack.enter_context(Events(self.run / "tensorboard", learner.step)) if self.team.leads else None
            progress.score = learner.rows[-1].val_iou if learner.rows else None
            for note in self.notes:
                progress.report(note)
            while True:
                used, stop = self.team.agree(self.budget.used(learner.step, self._clock()), self.stop.requested)
                if stop:
                    self._save()
                    raise KeyboardInterrupt(f"stopped after step {learner.step}, {self._saved}")
                if used >= 1 or learner.stalled:
                    break
                if used >= self._validated() + 1 / config.validations:
                    self._validate(progress, events)
                    saved = time.monotonic()
                    continue
                asked = time.monotonic()
                windows = self._next(batches)
                self.waited_s += time.monotonic() - asked
                loss = learner.learn(windows, used)
                progress.update(used, loss, config.batch)
                if events:
                    events.loss(learner.step, loss, learner.optimiser.param_groups[0]["lr"])
                if time.monotonic() - saved > SAVE_EVERY_S:
                    self._save()
                    saved = time.monotonic()
            learner.finished = True
            validated = learner.rows and learner.rows[-1].step == learner.step
            if validated and len(self.data.last) == len(self.data.validation):  # the budget ended meanwhile
                self._save()
            else:
                self._validate(progress, events)

    def _next(self, batches: Iterator[Tensor]) -> Tensor:
        """The next batch; if it cannot be had, the state before it is saved.

        Raises:
            RunError: a process that reads patches died.
        """
        try:
            return next(batches)
        except RunError as error:
            self._save()
            raise RunError(f"{error}; stopped after step {self.learner.step}, {self._saved}") from error

    @property
    def _saved(self) -> str:
        kept = "all saved" if self.team.leads else "what process 0 saved is kept"
        return f"{kept}; go on with: mitoseg fit --resume -o {self.run}"

    def _validated(self) -> float:
        """Share of the budget at which the last validation was."""
        row = self.learner.rows[-1] if self.learner.rows else None
        return self.budget.used(row.step, 60 * row.minutes) if row else 0.0

    def _validate(self, progress: Progress, events: Events | None) -> None:
        """Let the leader validate and write all down; what is found decides for all how they go on."""
        learner, began = self.learner, self._clock()
        found = learner.decoding, learner.rows
        if self.team.leads:
            sections = self.data.last if learner.finished else self.data.validation
            kept_px = FINAL_PX if learner.finished else KEPT_PX
            outcome = validate(learner.model(), self.data.files, sections, kept_px=kept_px)
            found = outcome.decoding, with_row(learner.rows, self._row(outcome, began, len(sections)))
        learner.decoding, learner.rows = self.team.tell(found)
        learner.losses = []
        row = learner.rows[-1]
        progress.score = row.val_iou
        if events:
            # The checkpoint comes last: what it says is done has been written.
            if row.val_iou > learner.best_iou:
                learner.best_iou = row.val_iou
                save_checkpoint(self.run / "best.pt", learner.weights())
            sheet = draw_validation(outcome)
            write_atomic(self.run / "validation.png", sheet)
            write_history(self.run, learner.rows)
            events.validation(row, sheet)
            self._save()
            emit("validation", **asdict(row))
            progress.report(row.text())
        self.mark = (learner.step, self._clock())
        self.waited_s = 0.0
        # What this validation took, the last one will take again, for more sections.
        more = len(self.data.last) / len(self.data.validation)
        self.budget = replace(self.budget, reserve_s=self.team.tell(1.1 * more * (self.mark[1] - began)))

    def _row(self, outcome: Validation, began: float, sections: int) -> Row:
        learner = self.learner
        steps, seconds = learner.step - self.mark[0], max(began - self.mark[1], 1e-9)
        return Row(
            step=learner.step,
            epoch=learner.step * learner.config.batch / len(self.data.patches),
            minutes=self._clock() / 60,
            learning_rate=learner.optimiser.param_groups[0]["lr"],
            train_loss=sum(learner.losses) / max(len(learner.losses), 1),
            val_iou=outcome.iou,
            val_iou_at_half=outcome.iou_at_half,
            threshold=outcome.threshold,
            val_calibration_error=outcome.calibration_error,
            images_per_s=steps * learner.config.batch / seconds,
            waiting=self.waited_s / seconds,
            val_sections=sections,
        )

    def _save(self) -> None:
        self.learner.seconds = self._clock()
        if self.team.leads:
            save_checkpoint(self.run / "last.pt", self.learner.state())

    def _clock(self) -> float:
        return time.monotonic() - self.started
