"""All that changes while a network learns, and the rules by which it does."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mitodata import RunError
from mitoseg.config.settings import FitConfig, parse_stored
from mitoseg.data.augmentation import augment
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.networks.device import memory_format, mixed_precision, pick_device
from mitoseg.networks.targets import split_planes
from mitoseg.networks.unet import build_model
from mitoseg.training.distributed import ALONE, Team
from mitoseg.training.losses import Loss, make_loss
from mitoseg.training.optimiser import is_stalled, lay_out, learning_rate, make_optimiser
from mitoseg.training.run_folder import Row

Weights = tuple[Tensor, ...] | list[Tensor]

AverageFunction = Callable[[Weights, Weights, Tensor | int], None]
"""(averaged weights, which change; new weights; averages taken so far)."""


@dataclass(frozen=True)
class Budget:
    """How long a run is: `steps`, or `seconds` of wall time of which `reserve_s` are kept for the last validation."""

    steps: int | None
    seconds: float | None
    reserve_s: float = 0.0

    def used(self, step: int, seconds: float) -> float:
        """The share of the budget that is used up; 1 or more when training is over."""
        if self.steps is not None:
            return step / self.steps
        if self.seconds is None:
            raise RunError("neither epochs nor minutes are set; expected one of them")
        return seconds / max(self.seconds - self.reserve_s, 1e-3)


class Learner:
    """All that changes while training: weights, their average, the optimiser, and what has been seen so far."""

    def __init__(self, config: FitConfig, team: Team = ALONE) -> None:
        """Start with random weights.

        Raises:
            RunError: there is no such network, or batches cannot be shared out evenly.
        """
        torch.manual_seed(config.seed)
        self.config = config
        self.team = team
        team.share_of(config.batch)
        self.device = pick_device(config.device)
        self.network = build_model(config).to(self.device)
        self.replica = team.replicate(self.network)
        self.averaged = AveragedModel(self.network, multi_avg_fn=warmed_average(config.ema_decay))
        self.optimiser = make_optimiser(config, self.network.parameters())
        self.loss: Loss = make_loss(config)
        self.step = 0
        self.seconds = 0.0
        self.rows: list[Row] = []
        self.losses: list[float] = []
        self.decoding = Decoding()
        self.best_iou = -1.0
        self.finished = False

    def begin_with(self, model: Model) -> None:
        """Take the weights of a model of the same layers in place of random ones."""
        self.network.load_state_dict(model.network.state_dict())
        self.averaged.module.load_state_dict(model.network.state_dict())

    def learn(self, windows: Tensor, used: float) -> float:
        """Take one step on windows with `used` of the budget gone; returns the loss.

        Args:
            windows: (B, 2 + P, ...) float32: grey, and the planes of `networks.targets.make_planes`; this process's
                share of the batch.
            used: share of the budget.

        Raises:
            RunError: the loss is not finite.
            LostRankError: another process of the team is gone; nothing was learned in this step.
        """
        # Of seed and step alone, so that a run can go on; everyone in a team draws other numbers.
        own = (self.team.rank,) if self.team.size > 1 else ()
        key = np.random.SeedSequence(self.config.seed, spawn_key=(5, self.step, *own))
        seeds = key.generate_state(2, np.uint64) >> np.uint64(1)
        generator = torch.Generator().manual_seed(int(seeds[0]))
        torch.manual_seed(int(seeds[1]))  # dropout
        numbers = self.config.target == "compartments"
        planes = augment(windows.to(self.device), self.config.augment, self.config.patch_shape, generator, numbers)
        image = planes[:, :1].contiguous(memory_format=memory_format(self.config))
        truth, valid = split_planes(planes[:, 1:], self.config.target)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, used, self.validation)
        self.optimiser.zero_grad(set_to_none=True)
        with self.team.together():
            with self._precision():
                logits = self.replica(image)
            loss = self.loss(*(self.team.join(part) for part in (logits.float(), truth, valid)))
            if not torch.isfinite(loss):
                raise RunError(f"loss is not finite at step {self.step}; try a lower learning_rate (--set)")
            # The gradients of a team are averaged, and each member's are those of its own part of the joint loss.
            torch.autograd.backward(loss * self.team.size)
        if self.config.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_clip)
        self.optimiser.step()
        self.averaged.update_parameters(self.network)
        self.step += 1
        self.losses.append(float(loss.detach()))
        return self.losses[-1]

    @property
    def validation(self) -> list[float]:
        """Mean foreground IoU of the validations so far."""
        return [row.val_iou for row in self.rows]

    @property
    def stalled(self) -> bool:
        """Whether the run is to be stopped early."""
        return is_stalled(self.config, self.validation)

    def _precision(self) -> AbstractContextManager[None]:
        """Bfloat16 where it is asked for or faster."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed_precision(self.config, self.device))

    def model(self) -> Model:
        """The averaged weights as a model, with the thresholds chosen last."""
        return Model(self.averaged.module.eval(), self.config, self.decoding)

    def weights(self) -> dict[str, Any]:
        """What is needed to predict."""
        return self.model().checkpoint(self.step, finished=self.finished)

    def state(self) -> dict[str, Any]:
        """What is needed to predict and to go on."""
        return {
            **self.weights(),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "seconds": self.seconds,
            "rows": [asdict(row) for row in self.rows],
            "losses": self.losses,
            "best_iou": self.best_iou,
        }

    def restore(self, path: Path) -> FitConfig:
        """Take up the state saved at `path`.

        Returns:
            The settings it was saved with.

        Raises:
            RunError: the checkpoint is missing or damaged, or was not saved to go on with.
        """
        content = load_checkpoint(path, self.device)
        try:
            self.network.load_state_dict(content["network"])
            self.averaged.load_state_dict(content["averaged"])
            self.optimiser.load_state_dict(content["optimiser"])
            lay_out(self.optimiser)
            self.step, self.seconds = content["step"], content["seconds"]
            self.rows = [Row(**row) for row in content["rows"]]
            self.losses = content["losses"]
            self.decoding = Decoding.from_checkpoint(content)
            self.best_iou = content["best_iou"]
            self.finished = content["finished"]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"{path}: does not fit the run's settings; start a new run in another folder") from error
        return parse_stored(content["config"], str(path))


def warmed_average(decay: float) -> AverageFunction:
    """Exponential averaging whose memory grows with the run, up to `decay`.

    After n steps the decay is (1 + n) / (10 + n), so that about the last ninth of a short run counts and the random
    weights of the start are forgotten.
    """
    function_of: Callable[[float], AverageFunction] = get_ema_multi_avg_fn

    def average(averaged: Weights, current: Weights, count: Tensor | int) -> None:
        n = int(count)
        function_of(min(decay, (1 + n) / (10 + n)))(averaged, current, count)

    return average
