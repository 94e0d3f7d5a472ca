"""Optimisers by name, the learning rate along a run, and when a run has nothing left to gain."""

from collections.abc import Iterable, Sequence
from math import cos, pi
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mitoseg.config.settings import FitConfig

MOMENTUM = 0.9
"""Of SGD, with Nesterov's correction."""

POWER = 0.9
"""Exponent of the polynomial schedule."""

LEAST = 0.01
"""Share of the peak below which the learning rate never falls."""


def make_optimiser(config: FitConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Make the optimiser of `config`."""
    # Fused: all weights in one call, a fifth of the time of one call each.
    common: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "fused": True}
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=MOMENTUM, nesterov=True, **common)
    if config.optimiser == "adam":
        return torch.optim.Adam(parameters, **common)
    return torch.optim.AdamW(parameters, **common)


def lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Bring what an optimiser remembers of each weight to the memory order of the weight.

    The order depends on the machine, loading keeps the one that was saved, and fused optimisers take both for equal.
    """
    for weight in (weight for group in optimiser.param_groups for weight in group["params"]):
        remembered = optimiser.state[weight]
        for name, value in remembered.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                remembered[name] = torch.empty_like(weight.detach()).copy_(value)


def learning_rate(config: FitConfig, used: float, validation: Sequence[float] = ()) -> float:
    """Learning rate with `used` (0-1) of the budget gone and the scores `validation` reached so far.

    After a linear rise it follows half a cosine, a polynomial (Chen et al., DeepLab, 2017), stays, or is reduced
    whenever validation does not improve. A function of what a run stores, so that a resumed run goes on exactly.
    """
    if used < config.warm_up:
        return config.learning_rate * max(used / config.warm_up, LEAST)
    rest = min((used - config.warm_up) / (1 - config.warm_up), 1.0)
    share = 1.0
    if config.schedule == "cosine":
        share = 0.5 * (1 + cos(pi * rest))
    elif config.schedule == "poly":
        share = (1 - rest) ** POWER
    elif config.schedule == "plateau":
        share = _plateau(validation, config)
    return config.learning_rate * max(share, LEAST)


def is_stalled(config: FitConfig, validation: Sequence[float]) -> bool:
    """Whether the last `early_stopping` of the scores `validation` brought nothing better than those before."""
    patience = config.early_stopping
    if patience is None or len(validation) <= patience:
        return False
    return max(validation[-patience:]) <= max(validation[:-patience])


def _plateau(validation: Sequence[float], config: FitConfig) -> float:
    """Share of the learning rate that is left: torch's scheduler, shown all scores again."""
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    scheduler = ReduceLROnPlateau(
        optimiser, "max", factor=config.plateau_factor, patience=config.plateau_patience, threshold=0.0
    )
    for score in validation:
        scheduler.step(score)
    return float(optimiser.param_groups[0]["lr"])
