"""A fitted network with all that is needed to use it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig, parse_config
from mitoseg.inference.postprocess import Decoding
from mitoseg.networks.checkpoint import checkpoint_of, load_checkpoint
from mitoseg.networks.device import memory_format, pick_device
from mitoseg.networks.targets import to_maps
from mitoseg.networks.unet import build_model

Predictor = Callable[[Tensor], Tensor]
"""Windows (B, 1, Z, Y, X) float32 to maps (B, C, Z, Y, X) float32 in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that is needed to use it.

    Attributes:
        network: in evaluation mode, on its device.
        config: the settings it was trained with.
        decoding: how its maps become foreground and instances, chosen on the validation set.
        name: where it came from.
    """

    network: nn.Module
    config: FitConfig
    decoding: Decoding = field(default_factory=Decoding)
    name: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of weights and settings (SHA-256), by which a model is known wherever it lies."""
        digest = sha256(self.config.model_dump_json(exclude={"device"}).encode())
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def predict_windows(self, windows: Tensor) -> Tensor:
        """What the network says of windows, normalised and on the working grid.

        Args:
            windows: (B, 1, Z, Y, X) float32, on the device of the network; Z = 1 for a 2D network.

        Returns:
            (B, C, Z, Y, X) float32 in [0, 1]; the channels are those of `mitoseg.networks.targets.to_maps`.
        """
        flat = self.config.dimensions == 2
        images = (windows[:, :, 0] if flat else windows).contiguous(memory_format=memory_format(self.config))
        maps = to_maps(self.network(images), self.config.target)
        return maps[:, :, None] if flat else maps

    def with_decoding(self, threshold: float | None = None, peak: float | None = None) -> "Model":
        """The same network with another threshold, for sections of any thickness, or another peak (see `Decoding`).

        Args:
            threshold: 0-1; None keeps those of the model.
            peak: 0-1; None keeps that of the model.
        """
        changed = self.decoding if threshold is None else replace(self.decoding, threshold=threshold, by_thickness=())
        return replace(self, decoding=changed if peak is None else replace(changed, peak=peak))


def load_model(run: Path | str, device: str = "auto") -> Model:
    """Load the averaged weights and the thresholds of a run.

    Args:
        run: a run's folder (its `last.pt` is taken), or a checkpoint.
        device: "auto", "cpu" or "cuda".

    Raises:
        RunError: there is no run, or its checkpoint is damaged.
    """
    path = checkpoint_of(Path(run))
    target = pick_device(device)
    content = load_checkpoint(path, target)
    try:
        # Fitted on a GPU, it may be used without one.
        config = parse_config(content["config"], str(path)).model_copy(update={"device": target.type})
        network = build_model(config).to(target)
        network.load_state_dict(content["weights"])
        decoding = Decoding.from_checkpoint(content)
        if not all(weight.isfinite().all() for weight in network.state_dict().values()):
            raise RunError(f"{path}: holds weights that are no numbers; the fit went wrong: fit again")
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: weights or thresholds do not fit the settings; fitted by another version, or damaged: fit again"
        ) from error
    return Model(network.eval(), config, decoding, str(run))


def open_model(model: Model | Path | str) -> Model:
    """A model as it is, or the one of a run or a checkpoint.

    Raises:
        RunError: as `load_model`.
    """
    return model if isinstance(model, Model) else load_model(model)
