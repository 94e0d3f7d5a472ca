"""Refining: a model learns on from masks of real images while rendered ones keep it from forgetting."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.data.augmentation import augment
from mitoseg.inference.model import Model
from mitoseg.networks.device import memory_format, mixed_precision
from mitoseg.networks.targets import split_planes
from mitoseg.training.learner import AverageFunction
from mitoseg.training.losses import make_foreground_loss, make_loss
from mitoseg.training.optimiser import lay_out, learning_rate, make_optimiser

GENTLE: Mapping[str, object] = {"learning_rate": 6e-4, "ema_decay": 0.99, "schedule": "cosine", "warm_up": 0.05}
"""Settings with which a few hundred steps change a model without undoing what it knows."""


def refining(config: FitConfig, seed: int = 0, **settings: object) -> FitConfig:
    """Settings of a model's own fit made `GENTLE`.

    Args:
        config: those of the model; its network, target and grid stay.
        seed: of patches and augmentation.
        settings: attributes of `FitConfig` that go over the gentle ones.
    """
    return config.model_copy(update={**GENTLE, "seed": seed, **settings})


class Refiner:
    """All that changes while a model is refined: weights, their average and the optimiser.

    A batch has two parts. Rendered patches are compared with all that is known of them, by the loss of the model's own
    fit; marked patches, of real images, with a mask alone. Each part's loss counts by its share of the batch.
    """

    def __init__(self, model: Model, config: FitConfig, trained: Callable[[str], bool] = lambda _: True) -> None:
        """Start from a model, which stays as it is.

        Args:
            model: what is refined.
            config: settings, from `refining`.
            trained: says by its name whether a weight may change; the others stay.
        """
        self.start, self.config = model, config
        self.device = model.device
        self.network = deepcopy(model.network).train()
        for name, weight in self.network.named_parameters():
            weight.requires_grad_(trained(name))
        average: Callable[[float], AverageFunction] = get_ema_multi_avg_fn
        self.averaged = AveragedModel(self.network, multi_avg_fn=average(config.ema_decay))
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.optimiser = make_optimiser(config, weights)
        self.rendered_loss = make_loss(config)
        self.marked_loss = make_foreground_loss(config.target, outer_membrane=config.outer_membrane)
        self.step = 0

    def learn(self, rendered: Tensor | None, marked: Tensor, used: float) -> float:
        """Take one step with `used` (0-1) of the budget gone; returns the loss.

        Args:
            rendered: (B, 2 + P, ...) float32, patches as `mitoseg.data.Patches` gives them for the model's target; None
                for none.
            marked: (B, 3, ...) float32, such patches for the target `semantic`: grey, foreground, ignored.
            used: share of the budget.

        Raises:
            RunError: the loss is not finite.
        """
        generator = self._generator()
        parts = [] if rendered is None else [self._augmented(rendered, self.config.target == "compartments", generator)]
        parts.append(self._augmented(marked, False, generator))
        image = torch.cat([part[:, :1] for part in parts]).contiguous(memory_format=memory_format(self.config))
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, used)
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed_precision(self.config, self.device)):
            logits = self.network(image)
        loss = self._loss(logits.float(), parts)
        if not torch.isfinite(loss):
            raise RunError(f"loss is not finite at step {self.step}; try a lower learning_rate")
        torch.autograd.backward(loss)
        if self.config.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_clip)
        self.optimiser.step()
        self.averaged.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def model(self, name: str = "") -> Model:
        """The averaged weights as a model of their own, with the thresholds of the one that it started from."""
        return Model(deepcopy(self.averaged.module).eval(), self.config, self.start.decoding, name or self.start.name)

    def state(self) -> dict[str, Any]:
        """What is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Take up what `state` gave.

        Raises:
            RunError: it is the state of something else.
        """
        try:
            self.network.load_state_dict(content["network"])
            self.averaged.load_state_dict(content["averaged"])
            self.optimiser.load_state_dict(content["optimiser"])
            lay_out(self.optimiser)
            self.step = int(content["step"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.start.name}: what was saved does not fit this model; start again in another folder"
            ) from error

    def _generator(self) -> torch.Generator:
        """Random numbers of this step, of the seed and its number alone, so that refining can go on."""
        key = np.random.SeedSequence(self.config.seed, spawn_key=(6, self.step))
        seeds = key.generate_state(2, np.uint64) >> np.uint64(1)
        torch.manual_seed(int(seeds[1]))  # dropout
        return torch.Generator().manual_seed(int(seeds[0]))

    def _augmented(self, windows: Tensor, numbers: bool, generator: torch.Generator) -> Tensor:
        return augment(windows.to(self.device), self.config.augment, self.config.patch_shape, generator, numbers)

    def _loss(self, logits: Tensor, parts: list[Tensor]) -> Tensor:
        marked = len(parts[-1])
        truth, valid = split_planes(parts[-1][:, 1:], "semantic")
        loss = self.marked_loss(logits[-marked:], truth, valid)
        if len(parts) == 1:
            return loss
        share = marked / len(logits)
        truth, valid = split_planes(parts[0][:, 1:], self.config.target)
        return share * loss + (1 - share) * self.rendered_loss(logits[:-marked], truth, valid)
