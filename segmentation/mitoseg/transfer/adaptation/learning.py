"""Learning in a round: half of each batch from pseudo-labels, half freshly rendered."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import Sample
from mitoseg.config.settings import FitConfig
from mitoseg.data import Patches, RenderedPatches, make_loader, read_batches, single_sections
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AXES
from mitoseg.io.process import stop_politely
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.training.monitor import Progress
from mitoseg.training.refinement import Refiner, refining
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.pseudo_labels import MarkedSections
from mitoseg.transfer.adaptation.record import STATE
from mitoseg.transfer.adaptation.sources import repeats
from mitoseg.transfer.adaptation.views import looks_of

SAVE_EVERY_S = 120.0
"""Seconds between two saves."""

LEAST_STEPS, MOST_STEPS = 10, 600
"""Steps of a round, however little or much time is left: a student that learns too long learns mistakes by heart."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is learned in a round.

    Attributes:
        model: the teacher, which the student starts as.
        blocks: parts of the images.
        masks: their pseudo-labels.
        recipe: TOML that the rendered half is drawn from.
        plan: seed, steps and workers.
        number: of the round, from 0.
    """

    model: Model
    blocks: Sequence[Sample]
    masks: Sequence[NDArray[np.uint8]]
    recipe: str
    plan: AdaptPlan
    number: int

    @property
    def config(self) -> FitConfig:
        """Settings of the round; a seed of its own."""
        key = np.random.SeedSequence(self.plan.seed, spawn_key=(32, self.number))
        seed = int(key.generate_state(1, np.uint64)[0] >> 1)
        # The budget of the fit is no matter here.
        return refining(self.model.config, seed, epochs=None, minutes=None, steps=self.plan.steps)

    def marked(self, config: FitConfig) -> Patches:
        """Patches of the images: grey, foreground, left open."""
        flat = config.dimensions == 2
        axes = [
            (0, 1, 2) if looks_of(self.model, block.raw.shape, block.voxel_size_nm) == len(AXES) else (0,)
            for block in self.blocks
        ]
        often = self._repeats(axes)
        sections = MarkedSections(self.blocks, self.masks, axes)
        slabs = [slab for slab in sections.slabs() for _ in range(often[slab.sample])]
        return Patches(sections, list(single_sections(slabs)) if flat else slabs, config)

    def _repeats(self, axes: Sequence[Sequence[int]]) -> list[int]:
        """How often sections come up, for each part across each of its axes."""
        sources = [int(block.params.get("source", 0)) for block in self.blocks]
        areas = dict.fromkeys(sources, 0)
        for source, block, across in zip(sources, self.blocks, axes, strict=True):
            areas[source] += len(across) * block.raw.size
        often = dict(zip(areas, repeats(list(areas.values())), strict=True))
        return [often[source] for source, across in zip(sources, axes, strict=True) for _ in across]


@dataclass(frozen=True, eq=False)
class Learned:
    """How a round ended.

    Attributes:
        model: the averaged weights.
        steps: training steps.
        earlier_s: wall time that earlier calls had spent on the round.
    """

    model: Model
    steps: int
    earlier_s: float


def learn_round(lesson: Lesson, run: Path, seconds: float | None) -> Learned:
    """Refine a model on its own pseudo-labels and on rendered images.

    Args:
        lesson: what is learned.
        run: folder in which the state is kept; goes on from what is there.
        seconds: wall time; None for the steps of the plan.

    Raises:
        KeyboardInterrupt: a stop was requested; the state is saved.
        RunError: a process that renders died; the loss is not finite.
    """
    config = lesson.config
    refiner = Refiner(lesson.model, config)
    earlier_s = _restore(refiner, run, lesson.number)
    half = max(1, config.batch // 2)
    rendered = RenderedPatches(lesson.recipe, config.model_copy(update={"batch": half, "workers": lesson.plan.workers}))
    marked = lesson.marked(config.model_copy(update={"batch": half, "workers": 0, "target": "semantic"}))
    began = saved = time.monotonic()

    def clock() -> float:
        return earlier_s + time.monotonic() - began

    def save() -> None:
        save_checkpoint(run / STATE, {**refiner.state(), "round": lesson.number, "seconds": clock()})

    with ExitStack() as stack:
        stop = stack.enter_context(stop_politely())
        progress = stack.enter_context(Progress(f"round {lesson.number + 1}"))
        batches = [
            stack.enter_context(closing(read_batches(make_loader(patches, refiner.step * half, None))))
            for patches in (rendered, marked)
        ]
        while True:
            used = _used(refiner.step, clock(), lesson.plan.steps, seconds)
            if used >= 1:
                break
            if stop.requested:
                save()
                raise KeyboardInterrupt(
                    f"stopped after step {refiner.step} of round {lesson.number + 1}, all saved; go on with: "
                    f"mitoseg adapt --resume -o {run}"
                )
            loss = refiner.learn(next(batches[0]), next(batches[1]), used)
            progress.update(used, loss, 2 * half)
            if time.monotonic() - saved > SAVE_EVERY_S:
                save()
                saved = time.monotonic()
    return Learned(refiner.model(), refiner.step, earlier_s)


def _used(step: int, elapsed_s: float, steps: int | None, seconds: float | None) -> float:
    """The share of a round that is over, 1 or more at its end."""
    if steps is not None:
        return step / steps
    assert seconds is not None
    share = max(elapsed_s / max(seconds, 1e-3), step / MOST_STEPS)
    return share if step >= LEAST_STEPS else min(share, step / LEAST_STEPS)


def _restore(refiner: Refiner, run: Path, number: int) -> float:
    """Take up a round that was stopped; returns the seconds that it has taken so far."""
    if not (run / STATE).exists():
        return 0.0
    content: dict[str, Any] = load_checkpoint(run / STATE, refiner.device)
    if content.get("round") != number:
        return 0.0  # of the round before, whose model was saved and whose state was not removed any more
    refiner.restore(content)
    return float(content["seconds"])
