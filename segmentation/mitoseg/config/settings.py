"""What a training run is told: every setting with its unit, its range and one line of meaning."""

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mitodata import RunError
from mitodata.errors import did_you_mean
from mitoseg.config.problems import find_problems

Target = Literal["semantic", "instance", "compartments"]
"""What a network is taught: see `mitoseg.networks.targets`."""

Switch = Literal["auto", "on", "off"]

DEFAULT_MINUTES = 13.0
"""Wall time of a run that is told neither epochs nor minutes; enough on two cores for a thousand images of 256 px."""

BUDGETS = ("epochs", "minutes", "steps")
"""The settings that say how long a run is; exactly one of them is set."""


class Augmentation(BaseModel):
    """How much images are changed while training; 0 (or False, or a factor of 1) switches a change off.

    Grey amplitudes are in units of the image's own standard deviation (see `mitoseg.networks.normalisation`); lengths
    are in pixels of the working grid. Each change that has no probability of its own is drawn for every patch.
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
    sharpen: float = Field(
        default=1.5, ge=0, le=8, description="largest share of its detail finer than a pixel or so that a patch gains"
    )
    sharpen_probability: float = Field(default=0.4, ge=0, le=1, description="share of patches that are sharpened")
    low_resolution: float = Field(
        default=2.0, ge=1, le=8, description="largest factor by which a patch is shrunk and regrown"
    )
    low_resolution_probability: float = Field(default=0.2, ge=0, le=1, description="share of patches of low resolution")
    cutout: float = Field(
        default=0.15, ge=0, le=0.9, description="largest side of a blanked rectangle, as share of the patch"
    )
    cutout_probability: float = Field(default=0.2, ge=0, le=1, description="share of patches with a blanked rectangle")
    padding_probability: float = Field(
        default=0.05, ge=0, le=1, description="share of patches with a black or white side, which is no tissue"
    )
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

    network: str = Field(
        default="base", description="size of our U-Net (tiny, small, base, large), or a class of monai.networks.nets"
    )
    network_arguments: dict[str, Any] = Field(
        default_factory=dict, description="arguments of a MONAI network; channels and dimensions are filled in"
    )
    norm: Literal["instance", "group", "batch"] = Field(
        default="instance", description="normalisation of our U-Net; batch keeps averages over images, the others none"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of activations of our U-Net that are dropped")
    dimensions: int = Field(default=2, ge=2, le=3, description="2: section by section; 3: blocks of a volume")
    target: Target = Field(
        default="semantic", description="semantic, instance (decoded by watershed) or compartments (many classes)"
    )
    outer_membrane: bool = Field(
        default=True,
        description="whether a mitochondrion learned in compartments ends at the outer face of the outer membrane, or "
        "inside it",
    )
    working_voxel_nm: float = Field(
        default=10.0, gt=0, description="pixel edge (y, x) at which the network sees the tissue, nm"
    )
    working_slice_nm: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="distance of slices at which a 3D network works, nm; none is working_voxel_nm",
    )
    patch_px: int = Field(
        default=160, ge=32, le=2048, multiple_of=32, description="side (y, x) of a patch on the working grid, px"
    )
    patch_z_px: int = Field(default=32, ge=1, le=1024, description="sections of a patch on the working grid, for 3D")
    batch: int = Field(default=8, ge=1, le=1024, description="patches a step")
    foreground_fraction: float = Field(
        default=0.25, ge=0, le=1, description="share of patches centred on foreground; the rest lie anywhere"
    )
    loss: Literal["dice_ce", "bce", "weighted_bce", "dice", "dice_focal", "focal", "tversky"] = Field(
        default="dice_ce", description="what is minimised"
    )
    foreground_weight: float | None = Field(
        default=None, gt=0, le=1000, description="weight of foreground in weighted_bce; none balances each batch"
    )
    optimiser: Literal["adam", "adamw", "sgd"] = Field(default="adamw", description="sgd has a momentum of .9")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="peak learning rate")
    weight_decay: float = Field(default=1e-2, ge=0, le=1, description="weight decay")
    schedule: Literal["cosine", "poly", "plateau", "constant"] = Field(
        default="cosine", description="how the learning rate falls; plateau follows the validation score"
    )
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="share of the run in which the learning rate rises")
    plateau_factor: float = Field(default=0.5, gt=0, lt=1, description="what plateau multiplies the learning rate by")
    plateau_patience: int = Field(
        default=2, ge=0, le=1000, description="validations without improvement that plateau waits for"
    )
    early_stopping: int | None = Field(
        default=None, ge=1, le=1000, description="validations without improvement after which a run ends; none is never"
    )
    gradient_clip: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient; none is any")
    ema_decay: float = Field(
        default=0.999, ge=0, lt=1, description="memory of the averaged weights; shorter in the beginning; 0 is none"
    )
    amp: Switch = Field(
        default="auto",
        description="bfloat16 where precision allows; auto is on GPUs and, in 2D, on processors made for it",
    )
    channels_last: Switch = Field(default="auto", description="memory order of images; auto is the faster one")
    epochs: float | None = Field(
        default=None, gt=0, le=1e6, allow_inf_nan=False, description="passes over the data; give this or minutes"
    )
    minutes: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="wall time with validation, minutes; give this or epochs"
    )
    steps: int | None = Field(
        default=None, gt=0, description="training steps, whatever the amount of data; give this or epochs or minutes"
    )
    validations: int = Field(default=6, ge=1, le=1000, description="validations in a run")
    validation_images: int = Field(
        default=64,
        ge=1,
        description="sections a validation looks at, spread evenly; the last one, up to 4 times as many",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="processes that read patches; 0 reads in the training process"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where to compute; auto takes a GPU if it can"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of weights, patches and augmentation")
    augment: Augmentation = Field(default_factory=Augmentation, description="see Augmentation")

    @field_validator("loss", mode="before")
    @classmethod
    def _older_name(cls, loss: object) -> object:
        return "bce" if loss == "ce" else loss

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Sides of a patch on the working grid, px: (y, x), or (z, y, x) in 3D."""
        sides = (self.patch_z_px, self.patch_px, self.patch_px)
        return sides[3 - self.dimensions :]

    @property
    def working_voxel(self) -> tuple[float, float, float]:
        """Voxel size (z, y, x) of the working grid in nm; z counts in 3D only."""
        return (self.working_slice_nm or self.working_voxel_nm, self.working_voxel_nm, self.working_voxel_nm)

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
        if name not in known and not name.startswith("network_arguments."):
            raise RunError(f"--set {text}: {_unknown(name)}")
        branch = tree
        *parents, leaf = name.split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise RunError(f"--set {text}: {parent} was set to {branch!r} before; expected one or the other")
        branch[leaf] = _plain_value(value.strip(), name.startswith("network_arguments"))
    return parse_config(tree, "settings")


def _unknown(name: str) -> str:
    known = known_settings()
    return f"unknown setting {name!r}{did_you_mean(name, known, 'known settings: ' + ', '.join(known))}"


def _plain_value(text: str, free: bool) -> object:
    """What `text` stands for; a `free` setting has no type of its own and is read as JSON where it is JSON."""
    if text.lower() == "none":
        return None
    if free:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


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


def parse_stored(tree: object, where: str) -> FitConfig:
    """Check the settings of a run or a checkpoint; the first versions did not count the outer membrane.

    Raises:
        RunError: as `make_config`.
    """
    return parse_config({"outer_membrane": False, **tree} if isinstance(tree, dict) else tree, where)


def parse_config(tree: object, where: str) -> FitConfig:
    """Check a tree of plain values (from JSON or a checkpoint); `where` starts the message.

    Raises:
        RunError: as `make_config`.
    """
    try:
        return FitConfig.model_validate(tree)
    except ValidationError as error:
        first = find_problems(error)[0]
        if first.unknown:
            raise RunError(f"{where}: {_unknown(first.place)}") from error
        got = "" if isinstance(first.got, dict) else f"got {first.got!r}; "
        raise RunError(f"{where}: {first.place or 'budget'}: {got}{first.message}") from error


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
