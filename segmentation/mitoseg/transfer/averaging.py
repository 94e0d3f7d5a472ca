"""One model from several: the mean of their weights.

For models that began with the same weights, such as the stages of one training. Their mean is about as good on images
like those they learned from, and often better on others. Wortsman et al., Model soups, 2022,
https://arxiv.org/abs/2203.05482.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from mitodata import RunError
from mitoseg.inference.model import Model, load_model
from mitoseg.models.card import Card
from mitoseg.training.start import ALIKE


def average_models(models: Sequence[Path | str]) -> Model:
    """Average the weights of models, each counted alike.

    Args:
        models: at least two, as `mitoseg.load_model` takes them. Settings and thresholds are those of the last one.

    Returns:
        The new model, on the processor. Its thresholds should be chosen anew (`mitoseg.training.tune`).

    Raises:
        RunError: there is one model only, one cannot be loaded or has no weights, two are the same, or their networks
            differ.
    """
    if len(models) < 2:
        raise RunError(f"got {len(models)} model; expected two or more to average")
    loaded = [load_model(each, "cpu") for each in models]
    last = loaded[-1]
    for number, one in enumerate(loaded):
        one.check_weights()
        _check_alike(one, last)
        if one.fingerprint in [other.fingerprint for other in loaded[:number]]:
            raise RunError(f"{one.name}: given twice, or the same as another; expected each model once")
    weights = [one.network.state_dict() for one in loaded]
    mean = {
        name: sum(each[name].double() for each in weights).div(len(weights)).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in weights[-1].items()
    }
    network = deepcopy(last.network)
    network.load_state_dict(mean)
    return replace(last, network=network.eval(), name=" + ".join(one.name for one in loaded), card=Card())


def _check_alike(one: Model, last: Model) -> None:
    for setting in ALIKE:
        ours, theirs = getattr(one.config, setting), getattr(last.config, setting)
        if ours != theirs:
            raise RunError(
                f"{one.name}: {setting} is {ours}, and {theirs} in {last.name}; expected models of the same settings"
            )
