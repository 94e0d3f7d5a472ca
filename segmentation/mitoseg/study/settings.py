"""What a trial is made with: one flat list of names for images, knobs and fit, checked before anything runs.

A name is one of `Images` (`preset`, `images`, ...), a knob of the generator (`mitogen:section.knob`), or a setting of
the fit (`network`, `augment.noise`; see `mitoseg fit --settings`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mitodata.errors import MitoError, RunError, did_you_mean
from mitogen.recipe.catalogue import SCENES, find_knobs
from mitogen.recipe.distributions import Fixed
from mitogen.recipe.recipe import Recipe, open_recipe
from mitoseg.config.problems import find_problems
from mitoseg.config.settings import FitConfig, known_settings, parse_config

KNOB = "mitogen:"
"""What names of knobs begin with."""

REFUSED = {
    "seed": "comes from the study's seeds",
    "minutes": "would make results depend on the machine; expected steps or epochs",
}

NOT_IN_KEY = ("device", "workers")
"""Settings of a fit that change how fast it is, not what comes out."""

NETWORK = {
    "network",
    "network_arguments",
    "norm",
    "dropout",
    "dimensions",
    "target",
    "working_voxel_nm",
    "working_slice_nm",
    "patch_px",
    "patch_z_px",
}
"""Settings of a fit that decide whether its network can be built."""


class Images(BaseModel):
    """What is rendered for a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    preset: str = Field(default="mito", description="recipe: a preset of mitogen, or a file that ends in .toml")
    without: str = Field(default="", description="kind of tissue that the recipe does without; empty leaves out none")
    images: int = Field(default=400, ge=2, le=1_000_000, description="training images")
    validation_images: int = Field(default=64, ge=1, le=1_000_000, description="synthetic images that are held out")
    size_px: int = Field(default=256, ge=32, le=8192, description="side of an image, px")
    data_seed: int | None = Field(
        default=None, ge=0, lt=2**63, description="seed of the images; left out, each seed has images of its own"
    )


@dataclass(frozen=True)
class Setup:
    """Everything that a condition decides.

    Attributes:
        recipe: the knobs, resolved.
        images: what is rendered.
        config: the fit; its seed is that of the trial.
    """

    recipe: Recipe
    images: Images
    config: FitConfig

    @property
    def content(self) -> dict[str, Any]:
        """Everything that scores depend on, as plain values; but for the seed, the test sets and the program."""
        return {
            "recipe": self.recipe.to_toml(),
            "data_seed": self.images.data_seed,
            "shape": [1, self.images.size_px, self.images.size_px],
            "images": self.images.images,
            "validation_images": self.images.validation_images,
            "fit": self.config.model_dump(exclude=set(NOT_IN_KEY)),
        }


def resolve(settings: Mapping[str, object], folder: Path, where: str) -> Setup:
    """Turn settings by name into what they mean; what is not named has its default.

    Args:
        settings: name -> value, as in a study file.
        folder: what relative paths of recipes start from.
        where: what messages begin with.

    Raises:
        RunError: a name is unknown, with the nearest known one; a value is impossible; there is no budget; or the
            network cannot be built.
    """
    for name in settings:
        check_name(name, where)
    images = _images(settings, where)
    knobs = {name.removeprefix(KNOB): value for name, value in settings.items() if name.startswith(KNOB)}
    preset = str(folder / images.preset) if images.preset.endswith(".toml") else images.preset
    try:
        recipe = open_recipe(preset).without(*filter(None, [images.without])).override(knobs)
    except MitoError as error:
        raise RunError(f"{where}: {error}") from error
    config = parse_config(_tree(settings), where)
    if config.steps is None and config.epochs is None:
        raise RunError(f"{where}: no budget; expected steps = NUMBER (or epochs) under [base]")
    try:
        _try_network(config.model_dump_json(include=NETWORK))
    except RunError as error:
        raise RunError(f"{where}: {error}") from error
    return Setup(recipe, images, config)


def check_name(name: str, where: str) -> None:
    """Check that a setting exists.

    Raises:
        RunError: it does not, or may not be set in a study.
    """
    known = known_names()
    if name in REFUSED:
        raise RunError(f"{where}: {name}: {REFUSED[name]}")
    if name not in known:
        otherwise = f"expected {KNOB}section.knob, or one of: {', '.join(_plain())}"
        hint = f"; did you mean {KNOB}{name}?" if KNOB + name in known else did_you_mean(name, known, otherwise)
        raise RunError(f"{where}: {name}: unknown setting{hint}")


def known_names() -> list[str]:
    """All names that settings may have."""
    return [*_plain(), *(f"{KNOB}{knob}" for table in SCENES.values() for knob in table)]


def flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Undo what TOML does to a dotted key that is not in quotes: {"augment": {"noise": 0}} is "augment.noise"."""
    return dict(_flat(settings))


def value_of(name: str, setup: Setup) -> object:
    """The value that a setting has in a setup; of a knob that is drawn, the text of its distribution."""
    if name.startswith(KNOB):
        value = setup.recipe.values[find_knobs(name.removeprefix(KNOB))[0].name]
        return value.value if isinstance(value, Fixed) else value.text()
    if name in Images.model_fields:
        return getattr(setup.images, name)
    branch: Any = setup.config
    for part in name.split("."):
        branch = getattr(branch, part)
    return branch


def is_whole(name: str) -> bool:
    """Whether a setting is a whole number, such as `images` or `steps`."""
    fields = {**Images.model_fields, **FitConfig.model_fields}
    return name in fields and fields[name].annotation in (int, int | None)


def _plain() -> list[str]:
    return [*Images.model_fields, *(name for name in known_settings() if name not in REFUSED)]


def _images(settings: Mapping[str, object], where: str) -> Images:
    try:
        return Images.model_validate({name: value for name, value in settings.items() if name in Images.model_fields})
    except ValidationError as error:
        first = find_problems(error)[0]
        raise RunError(f"{where}: {first.place}: got {first.got!r}; {first.message}") from error


@cache
def _try_network(settings: str) -> None:
    """Build a network once for all conditions that have it; `settings` are those of `NETWORK`, in JSON."""
    import torch

    from mitoseg.networks.unet import build_model

    config = FitConfig.model_validate_json(settings)
    try:
        with torch.device("meta"):  # without weights
            build_model(config)
    except RunError:  # some networks of MONAI look at values while they are built
        build_model(config)


def _tree(settings: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        if name.startswith(KNOB) or name in Images.model_fields:
            continue
        *parents, leaf = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = value
    return tree


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    known = known_names()
    for name, value in settings.items():
        inner = f"{prefix}{name}."
        if isinstance(value, dict) and any(one.startswith(inner) for one in known):
            yield from _flat(value, inner)
        else:
            yield prefix + name, value
