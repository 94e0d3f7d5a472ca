"""Every network of MONAI by its name, with arguments that are checked before anything is trained."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from monai.networks import nets
from torch import Tensor, nn

from mitodata import RunError
from mitodata.errors import did_you_mean
from mitoseg.config.settings import FitConfig
from mitoseg.networks.targets import output_channels


class PlainOutput(nn.Module):
    """A network of MONAI of which only the first output counts, where it gives several."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, ...) float32 to logits (B, C, ...)."""
        logits: Tensor | list[Tensor] | tuple[Tensor, ...] = self.network(image)
        return logits if isinstance(logits, Tensor) else logits[0]


def monai_network(config: FitConfig, ours: Sequence[str]) -> nn.Module:
    """Make the network of MONAI that `config` names, with random weights, and try it on the shape of a patch.

    Args:
        config: the settings.
        ours: what else could have been meant: names of our own networks.

    Raises:
        RunError: no such network, an argument that it does not take, or a patch that it cannot work on.
    """
    known = {
        name: value for name, value in vars(nets).items() if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    if config.network not in known:
        hint = did_you_mean(config.network, [*ours, *known], "see https://docs.monai.io/en/stable/networks.html")
        raise RunError(
            f"network: got {config.network!r}; expected {', '.join(ours)} or a class of monai.networks.nets{hint}"
        )
    kind = known[config.network]
    takes = inspect.signature(kind).parameters
    unknown = [name for name in config.network_arguments if name not in takes]
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in takes.values()):
        hint = did_you_mean(unknown[0], takes, f"it takes {', '.join(takes)}")
        raise RunError(f"network_arguments.{unknown[0]}: {config.network} takes no such argument{hint}")
    filled_in = {
        "spatial_dims": config.dimensions,
        "in_channels": 1,
        "out_channels": output_channels(config.target),
        "img_size": config.patch_shape,
    }
    arguments = {name: value for name, value in filled_in.items() if name in takes} | config.network_arguments
    missing = [name for name, each in takes.items() if each.default is each.empty and name not in arguments]
    missing = [
        name
        for name in missing
        if takes[name].kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    if missing:
        raise RunError(
            f"network_arguments: {config.network} also needs {', '.join(missing)}; "
            f"for example --set network_arguments.{missing[0]}=..."
        )
    network = PlainOutput(_make(kind, arguments, config))
    _try_patch(network, kind, arguments, config)
    return network


def _make(kind: type[nn.Module], arguments: dict[str, Any], config: FitConfig) -> nn.Module:
    try:
        return kind(**arguments)
    except Exception as error:  # whatever a network's constructor says about its arguments
        raise RunError(f"network_arguments: {config.network} refuses them: {_first_line(error)}") from error


def _try_patch(network: nn.Module, kind: type[nn.Module], arguments: dict[str, Any], config: FitConfig) -> None:
    """See whether the network turns a patch into logits of its size: without computing them, where it lets us."""
    expected = (2, output_channels(config.target), *config.patch_shape)
    try:
        try:
            with torch.device("meta"):
                logits = PlainOutput(kind(**arguments))(torch.empty(2, 1, *config.patch_shape))
        except Exception:  # some look at values while they are built or run, such as SwinUNETR
            with torch.inference_mode():
                logits = network(torch.zeros(2, 1, *config.patch_shape))
    except ImportError as error:
        said = _first_line(error).rstrip(".")
        raise RunError(
            f"network: {config.network} needs a package that MONAI does not bring along: {said}; install it, or take "
            "another network"
        ) from error
    except Exception as error:  # whatever a network says about shapes
        raise RunError(
            f"network: {config.network} cannot work on patches of {config.patch_shape} px: {_first_line(error)}; "
            "change patch_px, patch_z_px or network_arguments"
        ) from error
    if tuple(logits.shape) != expected:
        raise RunError(
            f"network: {config.network} gives {tuple(logits.shape)} for a batch of two patches; expected {expected}: "
            "a network that segments"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
