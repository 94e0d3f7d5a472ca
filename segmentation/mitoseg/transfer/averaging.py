"""One model from several: the mean of their weights.

For models that began with the same weights, such as the stages of one training. Their mean is about as good on images
like those they learned from, and often better on others. Wortsman et al., Model soups, 2022,
https://arxiv.org/abs/2203.05482.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mitodata import RunError
from mitoseg.inference.model import Model, load_model
from mitoseg.models.card import Card
from mitoseg.training.start import unlike

AKIN = 0.1
"""Cosine between the weights of two models below which neither began with those of the other. Between stages of one
training it was .37 to .92, between models that began with random weights of their own less than .01."""


def average_models(models: Sequence[Path | str]) -> Model:
    """Average the weights of models, each counted alike.

    Args:
        models: at least two, as `mitoseg.load_model` takes them. Settings and thresholds are those of the last one.

    Returns:
        The new model, on the processor. Its thresholds should be chosen anew (`mitoseg.training.tune`).

    Raises:
        RunError: there is one model only, one cannot be loaded or has no weights, two are the same, their networks
            differ, or they did not begin with the same weights.
    """
    if len(models) < 2:
        raise RunError(f"got {len(models)} model; expected two or more to average")
    loaded = [load_model(each, "cpu") for each in models]
    last = loaded[-1]
    for number, one in enumerate(loaded):
        one.check_weights()
        _check_akin(one, last)
        if one.fingerprint in [other.fingerprint for other in loaded[:number]]:
            raise RunError(f"{one.name}: given twice, or the same as another; expected each model once")
    weights = [one.network.state_dict() for one in loaded]
    mean = {
        name: torch.stack([each[name].double() for each in weights]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in weights[-1].items()
    }
    network = deepcopy(last.network)
    network.load_state_dict(mean)
    return replace(last, network=network.eval(), name=" + ".join(one.name for one in loaded), card=Card())


def _check_akin(one: Model, last: Model) -> None:
    """See whether the mean of two models means anything.

    Raises:
        RunError: their networks differ, or they did not begin with the same weights.
    """
    setting = unlike(one.config, last.config)
    if setting:
        raise RunError(
            f"{one.name}: {setting} is {getattr(one.config, setting)}, and {getattr(last.config, setting)} in "
            f"{last.name}; expected models of the same settings"
        )
    ours, theirs = (_flat(each.network.state_dict()) for each in (one, last))
    if float(torch.nn.functional.cosine_similarity(ours, theirs, 0)) < AKIN:
        raise RunError(
            f"{one.name}: has nothing in common with {last.name}, and their mean would find nothing; expected models "
            "of which each began with the weights of another (mitoseg fit --from)"
        )


def _flat(weights: Mapping[str, Tensor]) -> Tensor:
    """All kernels in a row; biases and norms are alike in any two models."""
    return torch.cat([each.flatten().double() for each in weights.values() if each.ndim > 1])
