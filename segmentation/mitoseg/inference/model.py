"""A fitted network with all that is needed to use it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import nn

from mitodata import RunError
from mitoseg.config.settings import FitConfig, parse_config
from mitoseg.inference.postprocess import Decoding
from mitoseg.networks.checkpoint import checkpoint_of, load_checkpoint
from mitoseg.networks.device import pick_device
from mitoseg.networks.unet import build_model


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that is needed to use it.

    Attributes:
        network: in evaluation mode, on its device.
        config: the settings it was trained with.
        threshold: probability from which on a pixel is foreground, chosen on the validation set for all its images.
        name: where it came from.
        decoding: how its maps become instances, chosen on the validation set; it may know thresholds by the thickness
            of sections, which go before.
    """

    network: nn.Module
    config: FitConfig
    threshold: float
    name: str = ""
    decoding: Decoding = field(default_factory=Decoding)

    @property
    def rule(self) -> Decoding:
        """How its maps are read: `decoding` with `threshold`, which counts where there is none by thickness."""
        return replace(self.decoding, threshold=self.threshold)

    def read_by(self, threshold: float | None = None, peak: float | None = None) -> "Model":
        """The same network, its maps read by another threshold or peak (see `Decoding`); None: as it is."""
        rule = self.rule
        rule = rule if threshold is None else replace(rule, threshold=threshold, by_thickness=())
        rule = replace(rule, peak=rule.peak if peak is None else peak)
        return replace(self, threshold=rule.threshold, decoding=rule)


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
        threshold = float(content["threshold"])
        decoding = Decoding(**content.get("decoding", {"threshold": threshold}))
        if not 0 <= threshold <= 1 or not all(weight.isfinite().all() for weight in network.state_dict().values()):
            raise RunError(f"{path}: holds weights or a threshold that are no numbers; the fit went wrong: fit again")
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: weights do not fit the network of its settings; fitted by another version, or damaged: fit again"
        ) from error
    return Model(network.eval(), config, threshold, str(run), decoding)
