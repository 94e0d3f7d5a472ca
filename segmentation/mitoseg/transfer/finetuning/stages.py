"""The stages in which a model moves: first its threshold, then its last layers, then all of it."""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model
from mitoseg.io.process import Stop
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from mitoseg.training.refinement import Refiner, refining
from mitoseg.transfer.finetuning.patches import MarkedPatches, RenderedPool

HEAD = 0.02
"""The head are the last layers, with at most this share of all weights (at least the last one)."""

SAVE_EVERY_S = 120.0
"""Seconds between two saves."""


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Attributes:
        name: of the stage.
        share: of the steps.
        rate: peak of the learning rate, as a share of that of the model's own fit.
    """

    name: str
    share: float
    rate: float


STAGES = (Stage("head", 0.1, 1.0), Stage("all", 0.9, 1.0))


@dataclass(frozen=True, eq=False)
class Training:
    """One training through the stages.

    Attributes:
        model: where it starts.
        marked: patches of labels.
        rendered: patches that keep the model from forgetting; None for none.
        steps: of all stages together.
        seed: of augmentation.
        saved: file that holds its state while it goes on.
    """

    model: Model
    marked: MarkedPatches
    rendered: RenderedPool | None
    steps: int
    seed: int
    saved: Path

    def run(self, stages: Sequence[Stage], stop: Stop, tell: Callable[[float], None]) -> list[Model]:
        """Train, or go on with what was saved.

        Args:
            stages: those to go through, the first ones of `STAGES`.
            stop: whether somebody asked to stop.
            tell: is told of every step.

        Returns:
            The model after each stage.

        Raises:
            KeyboardInterrupt: stopped, after saving.
            RunError: what was saved is damaged or of another model.
        """
        models: list[Model] = []
        content = load_checkpoint(self.saved, self.model.device) if self.saved.exists() else {}
        for number, stage in enumerate(stages):
            start = models[-1] if models else self.model
            done = content.get("done", [])
            if number < len(done):
                models.append(with_weights(start, done[number]))
                continue
            refiner = Refiner(start, self.settings(stage), self._trained(stage))
            if number == len(done) and "refiner" in content:
                refiner.restore(content["refiner"])
            self._refine(refiner, stage, [each.network.state_dict() for each in models], stop, tell)
            models.append(replace(refiner.model(), config=self.model.config))
        save_checkpoint(self.saved, {"done": [each.network.state_dict() for each in models]})
        return models

    def settings(self, stage: Stage) -> FitConfig:
        """Settings of a stage."""
        return refining(self.model.config, self.seed, learning_rate=stage.rate * self.model.config.learning_rate)

    def step(self, refiner: Refiner, number: int, used: float) -> float:
        """Take a step on patches of a number, half of them rendered; returns the loss."""
        marked = self.model.config.batch // 2 if self.rendered is not None else self.model.config.batch
        own = max(marked, 1)
        rendered = None
        if self.rendered is not None:
            rendered = self.rendered.batch(number * own, own)
        return refiner.learn(rendered, self.marked.batch(number * own, own), used)

    def _refine(
        self, refiner: Refiner, stage: Stage, done: list[dict[str, Any]], stop: Stop, tell: Callable[[float], None]
    ) -> None:
        steps = max(1, round(self.steps * stage.share))
        saved = time.monotonic()
        while refiner.step < steps:
            if stop.requested or time.monotonic() - saved > SAVE_EVERY_S:
                save_checkpoint(self.saved, {"done": done, "refiner": refiner.state()})
                saved = time.monotonic()
            if stop.requested:
                raise KeyboardInterrupt
            number = len(done) * self.steps + refiner.step  # other patches in each stage
            tell(self.step(refiner, number, refiner.step / steps))

    def _trained(self, stage: Stage) -> Callable[[str], bool]:
        names = head_names(self.model.network) if stage.name == "head" else None
        return lambda name: names is None or name in names


def head_names(network: nn.Module) -> set[str]:
    """Names of the weights of the last layers; see `HEAD`."""
    weights = list(network.named_parameters())
    room = HEAD * sum(weight.numel() for _, weight in weights)
    last = weights[-1][0].rpartition(".")[0]
    chosen: set[str] = set()
    for name, weight in reversed(weights):
        room -= weight.numel()
        if room < 0 and name.rpartition(".")[0] != last:
            break
        chosen.add(name)
    return chosen


def with_weights(model: Model, weights: dict[str, Any]) -> Model:
    """A model of the same settings with other weights.

    Raises:
        RunError: they are those of another network.
    """
    network = deepcopy(model.network)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{model.name}: saved weights are of another network; start again in another folder") from error
    return replace(model, network=network.eval())
