"""What a training run is told: every setting with its unit, its range and one line of meaning."""

import difflib
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mitodata import RunError

DEFAULT_MINUTES = 13.0
"""Wall time of a run that is told neither epochs nor minutes; enough on two cores for a thousand images of 256 px."""

BUDGETS = ("epochs", "minutes", "steps")
"""The settings that say how long a run is; exactly one of them is set."""


class Augmentation(BaseModel):
    """How much images are changed while training; 0 (or False, or a factor of 1) switches a change off.

    Grey amplitudes are in units of the image's own standard deviation (see `mitoseg.preprocess`); lengths are in
    pixels of the working grid. Each change that has no probability of its own is drawn for every patch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="augment at all")
    flip: bool = Field(default=True, description="mirror and turn by multiples of 90 degrees")
    rotation_deg: float = Field(default=20.0, ge=0, le=180, description="largest further rotation, degrees either way")
    zoom: float = Field(default=1.4, ge=1, le=4, description="largest magnification; the smallest is its inverse")
    shift_px: float = Field(default=0.0, ge=0, le=64, description="largest shift, px; windows lie at random anyway")
    shear_deg: float = Field(default=0.0, ge=0, le=45, description="largest shear, degrees either way")
    elastic_px: float = Field(default=2.0, ge=0, le=32, description="typical displacement of an elastic warp, px")
    gamma: float = Field(
        default=0.4, ge=0, le=2, description="gamma is drawn log-uniformly from exp(-gamma) to exp(gamma)"
    )
    contrast: float = Field(
        default=0.3, ge=0, le=2, description="contrast factor, drawn from exp(-contrast) to exp(contrast)"
    )
    brightness: float = Field(default=0.3, ge=0, le=3, description="largest shift of all grey levels")
    shading: float = Field(default=0.3, ge=0, le=3, description="amplitude of a smooth field added to the image")
    noise: float = Field(default=0.4, ge=0, le=3, description="largest standard deviation of added white noise")
    blur_px: float = Field(default=1.2, ge=0, le=8, description="largest sigma of a Gaussian blur, px")
    blur_probability: float = Field(default=0.3, ge=0, le=1, description="share of patches that are blurred")
    low_resolution: float = Field(
        default=2.0, ge=1, le=8, description="largest factor by which a patch is shrunk and regrown"
    )
    low_resolution_probability: float = Field(default=0.2, ge=0, le=1, description="share of patches of low resolution")
    cutout: float = Field(
        default=0.15, ge=0, le=0.9, description="largest side of a blanked rectangle, as share of the patch"
    )
    cutout_probability: float = Field(default=0.2, ge=0, le=1, description="share of patches with a blanked rectangle")
    stripe_probability: float = Field(
        default=0.0, ge=0, le=1, description="share of 2D patches with a stripe of low contrast"
    )
    missing_probability: float = Field(default=0.0, ge=0, le=1, description="share of 3D patches with a blank section")
    uneven_probability: float = Field(
        default=0.0, ge=0, le=1, description="share of 3D patches with a dark or bright section"
    )
    misaligned_probability: float = Field(
        default=0.0, ge=0, le=1, description="share of 3D patches with a section out of place"
    )
    misaligned_px: float = Field(default=8.0, ge=0, le=64, description="largest shift of a section out of place, px")


class FitConfig(BaseModel):
    """All settings of one training run; stored in the run's folder and in its checkpoints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["tiny", "small", "base", "large"] = Field(default="base", description="size of the U-Net")
    norm: Literal["instance", "group"] = Field(
        default="instance", description="normalisation layer; neither keeps averages"
    )
    working_voxel_nm: float = Field(
        default=8.0, gt=0, description="pixel edge at which the network sees the tissue, nm"
    )
    patch_px: int = Field(
        default=192, ge=32, le=2048, multiple_of=32, description="side of a patch on the working grid, px"
    )
    dimensions: Literal[2, 3] = Field(default=2, description="2: slice by slice; 3: volumes as a whole")
    patch_z_px: int = Field(
        default=32, ge=4, le=512, multiple_of=4, description="slices of a 3D patch on the working grid"
    )
    working_slice_nm: float | None = Field(
        default=None, gt=0, description="distance of slices at which a 3D network works, nm; none: working_voxel_nm"
    )
    batch: int = Field(default=8, ge=1, le=1024, description="patches a step")
    foreground_fraction: float = Field(
        default=0.25, ge=0, le=1, description="share of patches centred on foreground; the rest lie anywhere"
    )
    loss: Literal["dice_ce", "ce", "dice", "focal", "tversky"] = Field(
        default="dice_ce", description="what is minimised"
    )
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="peak learning rate of AdamW")
    weight_decay: float = Field(default=1e-2, ge=0, le=1, description="weight decay of AdamW")
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="share of the run in which the learning rate rises")
    gradient_clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema_decay: float = Field(
        default=0.999, ge=0, lt=1, description="memory of the averaged weights; shorter in the beginning"
    )
    epochs: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="passes over the data; give this or minutes"
    )
    minutes: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="wall time with validation, minutes; give this or epochs"
    )
    steps: int | None = Field(
        default=None, gt=0, description="training steps, whatever the amount of data; give this or epochs or minutes"
    )
    validations: int = Field(default=6, ge=1, le=1000, description="validations in a run")
    validation_images: int = Field(default=64, ge=1, description="sections a validation looks at, spread evenly")
    workers: int = Field(
        default=0, ge=0, le=64, description="processes that read patches; 0 reads in the training process"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where to compute; auto takes a GPU if it can"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of weights, patches and augmentation")
    augment: Augmentation = Field(default_factory=Augmentation, description="see Augmentation")

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Sides of a patch on the working grid, px: (y, x), or (z, y, x) in 3D."""
        sides = (self.patch_z_px, self.patch_px, self.patch_px)
        return sides[3 - self.dimensions :]

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both given; expected one of them")
        return self


def make_config(overrides: tuple[str, ...] = (), base: FitConfig | None = None, **values: object) -> FitConfig:
    """Make a config from defaults, keyword values and `key=value` texts, the later winning.

    Args:
        overrides: texts such as `network=small` or `augment.noise=0.2`.
        base: settings to start from; the defaults if None.
        values: further settings by name; None leaves a setting as it is.

    Raises:
        RunError: a setting is unknown (with the nearest known name), or a value has the wrong type or range.
    """
    tree: dict[str, Any] = base.model_dump() if base else {}
    tree.update({name: value for name, value in values.items() if value is not None})
    known = known_settings()
    for text in overrides:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise RunError(f"--set {text}: expected key=value, for example network=small")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known settings: {', '.join(known)}"
            raise RunError(f"--set {text}: unknown setting {name!r}; {hint}")
        branch = tree
        *parents, leaf = name.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = None if value.strip().lower() == "none" else value.strip()
    return parse_config(tree, "settings")


def choose_budget(config: FitConfig, epochs: float | None, minutes: float | None) -> FitConfig:
    """`config` with the budget that is given, else its own, else `DEFAULT_MINUTES`.

    Raises:
        RunError: both are given, or one is not positive.
    """
    if epochs is None and minutes is None:
        if any(getattr(config, name) is not None for name in BUDGETS):
            return config
        minutes = DEFAULT_MINUTES
    return parse_config({**config.model_dump(), "steps": None, "epochs": epochs, "minutes": minutes}, "settings")


def parse_config(tree: object, where: str) -> FitConfig:
    """Check a tree of plain values (from JSON or a checkpoint); `where` starts the message.

    Raises:
        RunError: as `make_config`.
    """
    try:
        return FitConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "budget"
        message = first["msg"].removeprefix("Value error, ")
        got = "" if isinstance(first["input"], dict) else f"got {first['input']!r}; "
        raise RunError(f"{where}: {name}: {got}{message[0].lower()}{message[1:]}") from error


def known_settings() -> dict[str, str]:
    """All settings that `make_config` accepts by name, each with its meaning; nested ones have dots."""
    settings: dict[str, str] = {}
    for name, field in FitConfig.model_fields.items():
        if name == "augment":
            for inner, inner_field in Augmentation.model_fields.items():
                settings[f"{name}.{inner}"] = inner_field.description or ""
        else:
            settings[name] = field.description or ""
    return settings
