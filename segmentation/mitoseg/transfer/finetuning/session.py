"""One run of learning from labels: what the model knows, what each stage brings, and the stage that is kept."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mitodata.files import write_atomic
from mitoseg.config.settings import FitConfig
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model
from mitoseg.io.process import Stop
from mitoseg.networks.checkpoint import save_checkpoint
from mitoseg.training.monitor import Progress
from mitoseg.training.refinement import Refiner, refining
from mitoseg.transfer.finetuning.crossvalidation import (
    Probabilities,
    StageScore,
    choose_decoding,
    predict_reviewed,
    score_as_is,
    stitch,
)
from mitoseg.transfer.finetuning.expectation import expected_iou
from mitoseg.transfer.finetuning.habit import measure_habit
from mitoseg.transfer.finetuning.pages import draw_before_and_after
from mitoseg.transfer.finetuning.patches import MarkedPatches, RenderedPool
from mitoseg.transfer.finetuning.regions import Reviewed
from mitoseg.transfer.finetuning.stages import STAGES, Training

LABELS = "labels.h5"
"""File of a run that holds the labels which it learns from."""

OUTCOMES = {
    "nothing": "the model is kept as it was",
    "threshold": "a new threshold",
    "threshold and outline": "a new threshold and outline",
    "head": "the last layers learned",
    "all": "all layers learned",
}
"""What changed, by the stage that is kept."""

SHEET = "before-and-after.png"
"""Picture in the folder of a run."""

GAIN = 0.003
"""A later stage is taken if it is better by this IoU: fewer changes are safer. All layers are taken if they are better
at all: they learn longer in the end."""

FINAL = 5
"""The last training is so many times as long as those that only choose: it is what brings most."""

LEAST_STEPS = 20
"""A training is at least so long."""

TIMED_STEPS = 3
"""Steps that tell how long one takes."""

TRAINING = 0.85
"""Share of the minutes that steps take; the rest is for predicting what was left out."""


@dataclass(frozen=True)
class Goal:
    """What is wanted.

    Attributes:
        minutes: wall time of all trainings together; None where steps say it.
        steps: of all trainings together; None where minutes say it.
        outline_nm: where labels end, nm outside of the outer face; None where the model's masks end.
        seed: of patches and augmentation.
    """

    minutes: float | None
    steps: int | None
    outline_nm: float | None
    seed: int


@dataclass(frozen=True)
class FinetuneResult:
    """What was reached.

    Attributes:
        run: the folder of the run.
        stage: how far it went, one of `OUTCOMES`.
        iou_before: foreground IoU of the model as it was, on all labels.
        iou: the same of what is kept, on labels that it was not learned from.
        decoding: thresholds and outline that are kept.
    """

    run: Path
    stage: str
    iou_before: float
    iou: float
    decoding: Decoding

    @property
    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.run}: {OUTCOMES[self.stage]}; IoU {self.iou_before:.3f} before, {self.iou:.3f} on labels that it "
            f"did not learn from, by {self.decoding.summary}"
        )

    @property
    def picture(self) -> Path:
        """Sections with labels, before and after."""
        return self.run / SHEET


@dataclass(frozen=True, eq=False)
class Candidate:
    """A stage that could be kept, with its predictions of what it has not learned from."""

    stage: str
    outcome: StageScore
    probabilities: Probabilities


class Session:
    """The work in the folder of a run."""

    def __init__(self, run: Path, model: Model, reviewed: Reviewed, goal: Goal, notes: Sequence[str] = ()) -> None:
        self.run, self.model, self.reviewed, self.goal, self.notes = run, model, reviewed, goal, notes
        # Labels end at the outer face: what learns from them counts the outer membrane.
        self.start = replace(model, config=model.config.model_copy(update={"outer_membrane": True}))
        self.settings: FitConfig = refining(self.start.config, goal.seed)
        self.outline_nm = model.decoding.outline_nm if goal.outline_nm is None else goal.outline_nm
        self.folder = run / "trainings"

    def work(self, rendered: RenderedPool, stop: Stop) -> FinetuneResult:
        """Look at what the model knows, train, and keep the best stage.

        Raises:
            KeyboardInterrupt: stopped, after saving.
        """
        try:
            return self._work(rendered, stop)
        except KeyboardInterrupt:
            again = f"mitoseg finetune --resume -o {self.run}"
            raise KeyboardInterrupt(f"stopped, all saved; go on with: {again}") from None

    def _work(self, rendered: RenderedPool, stop: Stop) -> FinetuneResult:
        began = time.monotonic()
        with Progress(f"finetune {self.run.name}") as progress:
            for note in (*self.notes, self.reviewed.summary):
                progress.report(note)
            candidates = self._untrained(stop, progress)
            self._save(self.model, choose_stage(candidates).outcome.decoding, finished=False)
            if len(self.reviewed.folds) > 1:
                candidates += self._trained(rendered, stop, progress, choose_stage(candidates).outcome.iou)
            else:
                progress.report("labels: too few to leave some out, so only the threshold moves; label more")
            best = choose_stage(candidates)
            model = self._final(best.stage, rendered, stop, progress)
        first = candidates[0]
        sheet = draw_before_and_after(
            self.reviewed.sections,
            (first.probabilities, first.outcome.decoding, "before"),
            (best.probabilities, best.outcome.decoding, f"after ({best.stage}), by models that had not seen it"),
        )
        write_atomic(self.run / SHEET, sheet)
        self._write_results(candidates, best, time.monotonic() - began)
        self._save(model, best.outcome.decoding, finished=True)  # last: what it says is done has been written
        self._tidy()
        return FinetuneResult(self.run, best.stage, first.outcome.iou, best.outcome.iou, best.outcome.decoding)

    def _untrained(self, stop: Stop, progress: Progress) -> list[Candidate]:
        """What the model knows of the labels, and what better thresholds and outlines would bring."""
        sections, decoding = self.reviewed.sections, replace(self.model.decoding, outline_nm=self.outline_nm)
        probabilities = predict_reviewed(self.model, sections, stop)
        iou = score_as_is(self.reviewed, probabilities, decoding)
        progress.report(f"as it is: IoU {iou:.3f} by {decoding.summary}")
        moved = choose_decoding(self.reviewed, probabilities, self.outline_nm, decoding.threshold)
        now = StageScore(iou, decoding, iou, max(iou, moved.best_iou))
        candidates = [Candidate("nothing", now, probabilities)]
        progress.report(f"threshold: IoU {moved.iou:.3f} by {moved.decoding.summary}")
        candidates.append(Candidate("threshold", moved, probabilities))
        habit = measure_habit(sections, probabilities, replace(decoding, outline_nm=0.0))
        if habit is not None:
            progress.report(habit.summary)
            if habit.unlabelled > habit.profiles:
                progress.report(
                    f"labels: the model finds {habit.unlabelled} more where 0 counts as background; if you have not "
                    "looked there, say where you have: --region MASKS"
                )
            if self.goal.outline_nm is None and round(habit.outline_nm):
                drawn = choose_decoding(self.reviewed, probabilities, habit.outline_nm, decoding.threshold)
                progress.report(f"threshold and outline: IoU {drawn.iou:.3f} by {drawn.decoding.summary}")
                candidates.append(Candidate("threshold and outline", drawn, probabilities))
        return candidates

    def _trained(self, rendered: RenderedPool, stop: Stop, progress: Progress, now: float) -> list[Candidate]:
        """What each stage brings, on folds that are left out in turn."""
        folds = self.reviewed.folds
        steps, all_steps = self._plan_steps(rendered)
        expected = expected_iou(now, self.reviewed.mitochondria)
        progress.report(
            f"training: expect IoU {expected:.2f} or so, a guess from {self.reviewed.mitochondria} profiles; "
            f"{all_steps} steps. Ctrl-C keeps what is there"
        )
        found: list[dict[int, Probabilities]] = [{} for _ in STAGES]
        for number, fold in enumerate(folds):
            others = [other for other in folds if other != fold]
            training = self._training(others, f"without-{fold}.pt", rendered, steps)
            models = training.run(STAGES, stop, _teller(progress, number * steps, all_steps, self.settings.batch))
            for place, model in enumerate(models):
                found[place][fold] = predict_reviewed(model, self.reviewed.sections, stop)
        candidates = []
        for stage, by_fold in zip(STAGES, found, strict=True):
            probabilities = stitch(self.reviewed.sections, by_fold)
            found_best = choose_decoding(self.reviewed, probabilities, self.outline_nm)
            outcome = replace(found_best, iou=found_best.iou_at_decoding)
            progress.report(f"{stage.name}: IoU {outcome.iou:.3f} by {outcome.decoding.summary}")
            candidates.append(Candidate(stage.name, outcome, probabilities))
        return candidates

    def _final(self, stage: str, rendered: RenderedPool, stop: Stop, progress: Progress) -> Model:
        """The model to keep: where it has to be trained, on all labels."""
        names = [each.name for each in STAGES]
        if stage not in names:
            return self.model
        steps, all_steps = self._plan_steps(rendered)
        training = self._training(self.reviewed.folds, "all.pt", rendered, FINAL * steps)
        tell = _teller(progress, len(self.reviewed.folds) * steps, all_steps, self.settings.batch)
        return training.run(STAGES[: names.index(stage) + 1], stop, tell)[-1]

    def _training(self, folds: Sequence[int], name: str, rendered: RenderedPool, steps: int) -> Training:
        marked = MarkedPatches(self.reviewed.sections, folds, self.settings, self.outline_nm)
        self.folder.mkdir(exist_ok=True)
        return Training(self.start, marked, rendered, steps, self.goal.seed, self.folder / name)

    def _plan_steps(self, rendered: RenderedPool) -> tuple[int, int]:
        """Steps of a training that only chooses, and of all; from the time that a step takes, where minutes are given.

        Written down once, so that a run that goes on takes as many.
        """
        path, trainings = self.folder / "steps.json", len(self.reviewed.folds) + FINAL
        if not path.exists():
            self.folder.mkdir(exist_ok=True)
            steps = self.goal.steps or max(LEAST_STEPS * trainings, self._affordable(rendered))
            write_atomic(path, json.dumps(max(2, steps // trainings)).encode())
        each = int(json.loads(path.read_text(encoding="utf-8")))
        return each, each * trainings

    def _affordable(self, rendered: RenderedPool) -> int:
        """Steps in the minutes that are given, by the time that some take."""
        training = self._training(self.reviewed.folds, "timed.pt", rendered, 1)
        refiner = Refiner(self.start, training.settings(STAGES[-1]))
        training.step(refiner, 0, 0.5)  # the first one takes longer
        began = time.monotonic()
        for number in range(1, 1 + TIMED_STEPS):
            training.step(refiner, number, 0.5)
        each_s = (time.monotonic() - began) / TIMED_STEPS
        return int(TRAINING * 60 * (self.goal.minutes or 0) / max(each_s, 1e-3))

    def _save(self, model: Model, decoding: Decoding, *, finished: bool) -> None:
        save_checkpoint(self.run / "last.pt", replace(model, decoding=decoding).checkpoint(finished=finished))

    def _write_results(self, candidates: Sequence[Candidate], best: Candidate, seconds: float) -> None:
        rows = [
            {"stage": each.stage, "iou": each.outcome.iou, "decoding": asdict(each.outcome.decoding)}
            for each in candidates
        ]
        content = {
            "kept": best.stage,
            "stages": rows,
            "labels": {
                "sections": len(self.reviewed.sections),
                "regions": self.reviewed.regions,
                "folds": len(self.reviewed.folds),
                "megapixels": self.reviewed.known_px / 1e6,
                "profiles": self.reviewed.mitochondria,
            },
            "minutes": seconds / 60,
        }
        write_atomic(self.run / "finetune.json", (json.dumps(content, indent=2) + "\n").encode())

    def _tidy(self) -> None:
        for path in (*self.folder.glob("*.pt"), *self.folder.glob("*.json")):
            path.unlink()
        if self.folder.exists():
            self.folder.rmdir()


def choose_stage(candidates: Sequence[Candidate]) -> Candidate:
    """The best stage; of two that are about as good the earlier one.

    Stages without training are judged by folds that their decoding was not chosen on. Trained ones are compared with
    them, and with the model as it is, at the best threshold of each, because every fold was predicted by another model.
    The last one needs no `GAIN`.

    Args:
        candidates: in the order of stages.
    """
    trained = [stage.name for stage in STAGES]
    best = candidates[0]
    for each in candidates[1:]:
        gain = each.outcome.iou - best.outcome.iou
        if each.stage in trained:
            gain = each.outcome.best_iou - best.outcome.best_iou
        if gain > (0.0 if each.stage == trained[-1] else GAIN):
            best = each
    return best


def _teller(progress: Progress, taken: int, steps: int, batch: int) -> Callable[[float], None]:
    """What tells of steps, `taken` of all `steps` before."""

    def tell(loss: float) -> None:
        nonlocal taken
        taken += 1
        progress.update(taken / steps, loss, batch)

    return tell
