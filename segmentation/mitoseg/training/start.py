"""Fits that begin with the weights of another model: which settings must be alike, and what is written down of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitodata import RunError
from mitoseg.config.settings import FitConfig
from mitoseg.inference.model import Model, load_model

ALIKE = (
    "network",
    "network_arguments",
    "norm",
    "dimensions",
    "target",
    "working_voxel_nm",
    "working_slice_nm",
)
"""Settings that must be those of the model: of its layers, of what they mean, and of the pixels that they see."""


@dataclass(frozen=True)
class Start:
    """The model whose weights a run begins with.

    Attributes:
        model: a run's folder or a model's file, absolute; or the name of a released model.
        fingerprint: `mitoseg.inference.model.Model.fingerprint`.
    """

    model: str
    fingerprint: str

    def load(self, config: FitConfig) -> Model:
        """Load the model.

        Raises:
            RunError: it is missing, damaged, another one by now, or does not fit the settings.
        """
        model = load_model(self.model, config.device)
        if model.fingerprint != self.fingerprint:
            raise RunError(f"{self.model}: has changed since the run began with it; begin a new run in another folder")
        check_alike(self.model, model.config, config)
        return model


def choose_start(model: Path | str) -> tuple[Start, FitConfig]:
    """Look at a model to begin with.

    Returns:
        What is written down of it, and its settings.

    Raises:
        RunError: as `load_model`; or the model is an ONNX file.
    """
    loaded = load_model(model, "cpu")
    loaded.check_weights()
    place = Path(model)
    return Start(str(place.resolve() if place.exists() else model), loaded.fingerprint), loaded.config


def start_settings(config: FitConfig) -> dict[str, Any]:
    """Settings that a run takes from the model it begins with, unless the user says otherwise."""
    return {name: getattr(config, name) for name in (*ALIKE, "loss")}


def check_alike(name: str, model: FitConfig, config: FitConfig) -> None:
    """See whether the weights of a model fit a run.

    Raises:
        RunError: a setting differs that must not.
    """
    setting = unlike(config, model)
    if setting:
        raise RunError(
            f"--from {name}: {setting} is {getattr(model, setting)} there and {getattr(config, setting)} here; "
            "expected the same: leave the setting out, or fit without --from"
        )


def unlike(one: FitConfig, other: FitConfig) -> str:
    """The first of the settings `ALIKE` in which two differ; "" if there is none."""
    return next((setting for setting in ALIKE if getattr(one, setting) != getattr(other, setting)), "")


def read_start(settings: Mapping[str, Any], where: str) -> Start | None:
    """What the settings of a run say of its start; None where it began with random weights.

    Raises:
        RunError: it makes no sense.
    """
    stored = settings.get("start")
    if stored is None:
        return None
    try:
        return Start(str(stored["model"]), str(stored["fingerprint"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{where}: start: got {stored!r}; expected a model and its fingerprint") from error
