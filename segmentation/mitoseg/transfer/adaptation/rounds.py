"""Rounds of self-training: look, judge, learn; each stage leaves a file, and a call that was stopped goes on."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import RunError, Sample
from mitodata.files import write_atomic
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitoseg.data import favour_alike, resolve_recipe
from mitoseg.inference.decoding import PEAK, settle
from mitoseg.inference.model import Model
from mitoseg.metrics import count_probabilities
from mitoseg.training.run_folder import write_settings
from mitoseg.training.start import Start
from mitoseg.training.threshold_selection import threshold_nearest
from mitoseg.transfer.adaptation.guard import Judgement, objection, refusal
from mitoseg.transfer.adaptation.learning import Lesson, learn_round
from mitoseg.transfer.adaptation.pseudo_labels import Marks, mark, read_masks, write_marks
from mitoseg.transfer.adaptation.record import (
    BLOCKS,
    STATE,
    Record,
    looks_path,
    marks_path,
    model_path,
    read_model,
    write_model,
)
from mitoseg.transfer.adaptation.sampling import sample_blocks
from mitoseg.transfer.adaptation.views import look_around

SHOWN = 6
"""Sections on the page."""

SHOWN_PX = 640
"""Their edge, at most."""

CROPS = 24
"""Crops of the images that kinds of rendered tissue are compared with."""

MARGIN = 1.1
"""A look is expected to take this much longer than the last one."""

Say = Callable[[str], object]


class Rounds:
    """An adaptation, from where its record stands to its end."""

    def __init__(self, run: Path, record: Record, start: Model, say: Say) -> None:
        """Take up an adaptation.

        Args:
            run: its folder, which exists and belongs to this process.
            record: how far it is.
            start: the model that it began with.
            say: is told in lines how it goes.
        """
        self.run, self.record, self.start, self.say = run, record, start, say
        self.began = time.monotonic() - record.seconds
        self.blocks: list[Sample] = []

    def work(self) -> Record:
        """Do what is left to be done; returns the record at the end.

        Raises:
            RunError: the model finds next to nothing.
            KeyboardInterrupt: a stop was requested; all is saved.
        """
        self._sample()
        self._choose_kinds()
        plan, rounds = self.record.plan, len(self.record.steps)
        while True:
            if len(self.record.judgements) == rounds:
                judgement = self._judge(rounds)
                self._note(self.record.judged(judgement))
                self.say(f"{f'round {rounds}' if rounds else 'start'}: {judgement.text}")
            problem = self._problem(rounds)
            if problem:
                self.say(f"round {rounds} is not taken: {problem}; the model before it is kept")
                self._note(replace(self.record, ended=problem))
                break
            self._keep(rounds)
            if rounds == plan.rounds:
                break
            self._learn(rounds)
            rounds += 1
        return self.record

    def finish(self) -> Record:
        """Note that nothing is left to be done; returns the record."""
        write_model(self.run / "last.pt", self._kept(), sum(self.record.steps[: self.record.kept]))
        self._note(replace(self.record, done=True))
        return self.record

    def _note(self, record: Record) -> None:
        self.record = replace(record, seconds=time.monotonic() - self.began)
        self.record.write(self.run)

    def _sample(self) -> None:
        path = self.run / BLOCKS
        if not path.exists():
            blocks = sample_blocks(self.record.plan, self.start, self.say)
            write_dataset(path, blocks, Provenance(source="mitoseg adapt: images, labels never opened"))
        with Dataset(path) as file:
            self.blocks = list(file)
        voxels = sum(block.raw.size for block in self.blocks)
        many = f"{len(self.blocks)} parts, " if len(self.blocks) > 1 else ""
        self.say(f"images: {many}{voxels / 1e6:.1f} million voxels, the first of {_size(self.blocks[0])}")

    def _choose_kinds(self) -> None:
        if self.record.recipe:
            return
        recipe = resolve_recipe(self.record.plan.recipe)
        crops = [section for _, section in self._sections(CROPS)]
        found = favour_alike(recipe, crops, self.blocks[0].voxel_size_nm, self.record.plan.seed)
        if found.shares:
            alike = "; ".join(list(found.shares)[:3])
            self.say(f"rendered tissue that looks most like yours, and now comes up more often: {alike}")
        self._note(replace(self.record, recipe=found.recipe, distances=found.distances, shares=found.shares))

    def _sections(self, count: int) -> list[tuple[tuple[int, int], NDArray[np.uint8]]]:
        """Some sections, evenly spread: (part, z) of each, and its grey levels."""
        places = [(number, z) for number, block in enumerate(self.blocks) for z in range(len(block.raw))]
        middles = [places[(2 * part + 1) * len(places) // (2 * count)] for part in range(count)]
        return [(place, self.blocks[place[0]].raw[place[1]]) for place in sorted(set(middles))]

    def _judge(self, rounds: int) -> Judgement:
        """Look at all parts with the model of so many rounds; write its pseudo-labels, and what the page shows."""
        began = time.monotonic()
        model = read_model(self.run, rounds, self.start.device)
        views = [look_around(model, block) for block in self.blocks]
        means = [each.mean for each in views]
        if rounds:
            masks = read_masks(marks_path(self.run, rounds - 1))
            counts = [count_probabilities(mean, mask) for mean, mask in zip(means, masks, strict=True)]
            thresholds = [threshold_nearest(sum(counts[1:], counts[0]))] * len(means)
        else:
            thresholds = [settle(model.decoding, mean[None]).threshold for mean in means]
        marks = [mark(mean, threshold) for mean, threshold in zip(means, thresholds, strict=True)]
        write_marks(marks_path(self.run, rounds), self.blocks, [each.mask for each in marks])
        self._write_looks(rounds, means, marks)
        sizes = [block.raw.size for block in self.blocks]
        agreement = sum((each.agreement for each in views[1:]), views[0].agreement)
        threshold = float(np.average(thresholds, weights=sizes))
        found = float(np.average([each.found for each in marks], weights=sizes))
        return Judgement(threshold, found, agreement.at(threshold), time.monotonic() - began)

    def _write_looks(self, rounds: int, means: Sequence[NDArray[np.float32]], marks: Sequence[Marks]) -> None:
        """Write probability and found pieces of some sections, (2, Y, X) uint8 each, 255 being all."""
        window = slice(0, SHOWN_PX)
        shown: dict[str, Any] = {
            f"{number}-{z}": (255 * np.stack([means[number][z], marks[number].pieces[z]])[:, window, window])
            .round()
            .astype(np.uint8)
            for (number, z), _ in self._sections(SHOWN)
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **shown)
        write_atomic(looks_path(self.run, rounds), buffer.getvalue())

    def _problem(self, rounds: int) -> str:
        """Why the model of so many rounds is not taken; empty if it is.

        Raises:
            RunError: that of the start finds too little.
        """
        judgements = self.record.judgements
        if rounds:
            return objection(judgements[rounds - 1], judgements[rounds], judgements[0])
        problem = refusal(judgements[0])
        if problem:
            raise RunError(f"{self.record.start}: {problem}; start from a model of such tissue (--from)")
        return ""

    def _keep(self, rounds: int) -> None:
        self._note(replace(self.record, kept=rounds))
        self._write_settings()
        write_model(self.run / "last.pt", self._kept(), sum(self.record.steps), finished=False)

    def _write_settings(self) -> None:
        """Write down what other commands read of a run: its settings, and what it learned from."""
        plan = self.record.plan
        kept = {"training": [], "validation": [], "val_fraction": 0.1, "recipe": self.record.recipe}
        start = Start(self.record.start, self.start.fingerprint)
        adapted = {"adapted": plan.to_json(), "start": asdict(start)}
        write_settings(self.run, {**kept, **adapted, "config": self.start.config.model_dump()})

    def _kept(self) -> Model:
        """The model that is kept, with the threshold that was found for it."""
        kept = self.record.kept
        model = read_model(self.run, kept, self.start.device)
        outline_nm = self.record.plan.outline_nm
        if not kept:
            return model.with_decoding(outline_nm=outline_nm)
        return model.with_decoding(self.record.judgements[kept].threshold, PEAK, outline_nm)

    def _learn(self, rounds: int) -> None:
        """One round: learn from the pseudo-labels of the model of so many rounds."""
        plan = self.record.plan
        lesson = Lesson(
            model=read_model(self.run, rounds, self.start.device),
            blocks=self.blocks,
            masks=read_masks(marks_path(self.run, rounds)),
            recipe=self.record.recipe,
            plan=plan,
            number=rounds,
        )
        learned = learn_round(lesson, self.run, self._seconds_for(rounds))
        self.began -= learned.earlier_s
        write_model(model_path(self.run, rounds + 1), learned.model, learned.steps)
        self._note(replace(self.record, steps=(*self.record.steps, learned.steps)))
        (self.run / STATE).unlink(missing_ok=True)
        self.say(f"round {rounds + 1}: {learned.steps} steps")

    def _seconds_for(self, rounds: int) -> float | None:
        """Wall time for learning in the round after so many, so that looking fits in as well; None with steps."""
        plan = self.record.plan
        if plan.minutes is None:
            return None
        left = 60 * plan.minutes - (time.monotonic() - self.began)
        to_come = plan.rounds - rounds
        return max(left / to_come - MARGIN * self.record.judgements[-1].seconds, 0.0)


def _size(block: Sample) -> str:
    shape = " x ".join(map(str, block.raw.shape))
    return f"{shape} voxels of {' x '.join(f'{edge:.3g}' for edge in block.voxel_size_nm)} nm"
