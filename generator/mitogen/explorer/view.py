"""A view: what an address asks for, which is all that the picture depends on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from mitodata.errors import MitoError, did_you_mean

SMALLEST_PX, LARGEST_PX = 16, 1024
LAYERS = ("plain", "outlines", "compartments")
"""What lies on the grey image: nothing, the outlines of instances, or paint by compartment."""

_NUMBERS = {"seed": (0, 2**63 - 1), "index": (0, 10**9 - 1), "size": (SMALLEST_PX, LARGEST_PX)}
_NAMES = ("recipe", *_NUMBERS, "layer")
_LONGEST = 60  # characters of an address that a message quotes


class ViewError(MitoError):
    """An address asks for something that there is not."""


@dataclass(frozen=True)
class View:
    """What is to be seen.

    Attributes:
        recipe: name of a recipe.
        seed: seed of the dataset, 0 to 2^63 - 1.
        index: number of the image, 0 to 10^9 - 1.
        size_px: edge of the image.
        layer: one of `LAYERS`.
        changes: knobs that differ from the recipe, each with its value in TOML, in alphabetical order.
    """

    recipe: str = "mito"
    seed: int = 0
    index: int = 0
    size_px: int = 256
    layer: str = "plain"
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (Z, Y, X) of the image."""
        return (1, self.size_px, self.size_px)

    @property
    def compartments(self) -> bool:
        """Whether the map of compartments is needed."""
        return self.layer == "compartments"

    @property
    def overrides(self) -> list[str]:
        """The changes as the option `--set` takes them."""
        return [f"{name}={value}" for name, value in self.changes]

    def plain(self, compartments: bool) -> Self:
        """What has to be rendered for this view, with or without the map of compartments."""
        return replace(self, layer="compartments" if compartments else "plain")


def read_view(pairs: Iterable[tuple[str, str]]) -> View:
    """Read an address: `recipe`, `seed`, `index`, `size`, `layer`, and knobs by their full names.

    Knobs are only checked when they meet a recipe.

    Args:
        pairs: names and values of the query, as (name, text).

    Raises:
        ViewError: a name is unknown or comes twice, or a value is impossible.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in _NAMES and "." not in name:
            hint = did_you_mean(name, _NAMES, f"there is: {', '.join(_NAMES)}")
            raise ViewError(f"{_short(name)}: unknown{hint}")
        if name in given:
            raise ViewError(f"{_short(name)}: got it twice; expected it once")
        given[name] = value
    numbers = {name: _whole(name, given[name]) for name in _NUMBERS if name in given}
    layer = given.get("layer", LAYERS[0])
    if layer not in LAYERS:
        raise ViewError(f"layer={_short(layer)}: expected one of {', '.join(LAYERS)}")
    return View(
        recipe=given.get("recipe", View.recipe),
        seed=numbers.get("seed", View.seed),
        index=numbers.get("index", View.index),
        size_px=numbers.get("size", View.size_px),
        layer=layer,
        changes=tuple(sorted((name, value) for name, value in given.items() if name not in _NAMES)),
    )


def _whole(name: str, text: str) -> int:
    low, high = _NUMBERS[name]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(high)) else -1
    if not low <= number <= high:
        raise ViewError(f"{name}={_short(text)}: expected a whole number from {low} to {high}")
    return number


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
