"""A fitted network with all that is needed to use it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig, parse_stored
from mitoseg.inference.decoding import Decoding
from mitoseg.models.card import Card
from mitoseg.models.onnx_file import is_onnx, load_onnx
from mitoseg.models.registry import Release, find_model
from mitoseg.models.weights_file import Packed, is_weights_file, load_weights
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.networks.device import memory_format, mixed_precision, pick_device
from mitoseg.networks.onnx_network import OnnxNetwork
from mitoseg.networks.targets import to_maps
from mitoseg.networks.unet import build_model

Precision = Literal["auto", "full"]

Predictor = Callable[[Tensor], Tensor]
"""Windows (B, 1, Z, Y, X) float32 to maps (B, C, Z, Y, X) float32 in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that is needed to use it.

    Attributes:
        network: in evaluation mode, on its device; of an ONNX file, one that gives maps.
        config: the settings it was trained with.
        decoding: how its maps become foreground and instances, chosen on the validation set.
        name: where it came from.
        card: what is known of it; empty for a run.
        precision: "full" is float32; "auto" is bfloat16 where that is faster, unless `config.amp` says otherwise.
    """

    network: nn.Module
    config: FitConfig
    decoding: Decoding = field(default_factory=Decoding)
    name: str = ""
    card: Card = field(default_factory=Card)
    precision: Precision = "auto"

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
        return next(chain(self.network.parameters(), self.network.buffers())).device

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
        if isinstance(self.network, OnnxNetwork):
            maps: Tensor = self.network(images)
        else:
            half = self.precision == "auto" and mixed_precision(self.config, self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
                logits = self.network(images)
            maps = to_maps(logits.float(), self.config.target, outer_membrane=self.config.outer_membrane)
        return maps[:, :, None] if flat else maps

    def with_decoding(
        self, threshold: float | None = None, peak: float | None = None, outline_nm: float | None = None
    ) -> "Model":
        """The same network with another threshold, for all images, peak or outline (see `Decoding`).

        Args:
            threshold: 0-1; None keeps that of the model, or of each image.
            peak: 0-1; None keeps that of the model.
            outline_nm: up to `FARTHEST_NM` either way; None keeps that of the model.
        """
        changed = self.decoding if threshold is None else self.decoding.fixed(threshold)
        changed = changed if peak is None else replace(changed, peak=peak)
        return replace(self, decoding=changed if outline_nm is None else replace(changed, outline_nm=outline_nm))

    def check_weights(self) -> None:
        """See whether there are weights, to learn with or to write.

        Raises:
            RunError: there are none: it is an ONNX file.
        """
        if isinstance(self.network, OnnxNetwork):
            raise RunError(
                f"{self.name}: an ONNX file can segment images, but its weights cannot be changed or written; expected "
                "the run or model that it was exported from"
            )

    def checkpoint(self, step: int = 0, *, finished: bool = True) -> dict[str, Any]:
        """What `load_model` reads of a checkpoint, for `mitoseg.networks.checkpoint.save_checkpoint`.

        Args:
            step: how many steps it has learned for.
            finished: False while it is learning.
        """
        return {
            "config": self.config.model_dump(),
            "weights": self.network.state_dict(),
            "decoding": asdict(self.decoding),
            "step": step,
            "finished": finished,
        }

    def packed(self, card: Card | None = None) -> Packed:
        """What `mitoseg.models.weights_file.save_weights` writes of it.

        Args:
            card: what is known of it; None keeps its own.

        Raises:
            RunError: as `check_weights`.
        """
        self.check_weights()
        settings = self.config.model_copy(update={"device": "auto"}).model_dump()
        return Packed(settings, asdict(self.decoding), self.network.state_dict(), card or self.card)


def load_model(model: Path | str | None = None, device: str = "auto") -> Model:
    """Load the averaged weights and the thresholds of a run, or a model in one file.

    Args:
        model: a run's folder (its `last.pt` is taken), a checkpoint, a file made by `mitoseg models export`, an ONNX
            file made by `mitoseg export`, or the name of a released model; a path that exists wins over a name. None
            takes the newest released model.
        device: "auto", "cpu" or "cuda"; ONNX files are always on the processor.

    Raises:
        RunError: there is no such model, or its file is damaged or of another version.
    """
    found = find_model(model)
    if isinstance(found, Path) and is_onnx(found):
        return _load_onnx(found)
    target = pick_device(device)
    content, card, where = _read(found, target)
    try:
        # Fitted on a GPU, it may be used without one.
        config = parse_stored(content["config"], where).model_copy(update={"device": target.type})
        network = build_model(config).to(target)
        network.load_state_dict(content["weights"])
        decoding = Decoding.from_checkpoint(content)
        if not all(weight.isfinite().all() for weight in network.state_dict().values()):
            raise RunError(f"{where}: holds weights that are no numbers; the fit went wrong: fit again")
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(
            f"{where}: weights or thresholds do not fit the settings; fitted by another version, or damaged: fit again"
        ) from error
    name = found.name if isinstance(found, Release) else str(model)
    return Model(network.eval(), config, decoding, name, card)


def _load_onnx(path: Path) -> Model:
    """Load an ONNX file.

    Raises:
        RunError: as `load_onnx`.
    """
    packed, network = load_onnx(path)
    try:
        config = parse_stored(dict(packed.config), str(path)).model_copy(update={"device": "cpu"})
        decoding = Decoding.from_checkpoint({"decoding": packed.decoding})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: its thresholds make no sense; made by another version: export it again") from error
    return Model(network.eval(), config, decoding, str(path), packed.card)


def open_model(model: Model | Path | str | None) -> Model:
    """A model as it is, or the one that `load_model` finds.

    Raises:
        RunError: as `load_model`.
    """
    return model if isinstance(model, Model) else load_model(model)


def _read(found: Path | Release, device: torch.device) -> tuple[Mapping[str, Any], Card, str]:
    """Read settings, weights and decoding of a model; also its card, and what errors call the file.

    Raises:
        RunError: the file is missing, damaged, of another version, or something else.
    """
    path = found.path if isinstance(found, Release) else found
    if isinstance(found, Path) and not is_weights_file(path):
        return load_checkpoint(path, device), Card(), str(path)
    packed = load_weights(path, found.check if isinstance(found, Release) else None)
    content = {"config": packed.config, "decoding": packed.decoding, "weights": packed.weights}
    return content, packed.card, str(path)
