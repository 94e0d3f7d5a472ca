"""The recipes of the page, and what leaves it: a recipe file and commands that render what is seen."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tomli_w

from mitodata.errors import RecipeError, did_you_mean
from mitogen.explorer.view import View, ViewError
from mitogen.recipe.catalogue import WITH_COMPARTMENTS
from mitogen.recipe.kinds import find_kind, pick_kind
from mitogen.recipe.recipe import Recipe, adjust, load_recipe, preset_names
from mitogen.recipe.rng import uniform

_LOOKED_THROUGH = 20_000  # images among which one of a kind is looked for


@dataclass(frozen=True)
class Recipes:
    """Every preset, and the files that were given when the program started; no other file is ever opened.

    Attributes:
        files: paths by the names under which addresses know them.
        held: recipes of these files, as they were at the start.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    held: Mapping[str, Recipe] = field(default_factory=dict)

    @classmethod
    def of(cls, *paths: Path) -> "Recipes":
        """Read recipe files.

        Raises:
            RecipeError: one cannot be read.
            ViewError: one does not end in .toml.
        """
        for path in paths:
            if path.suffix != ".toml":
                raise ViewError(f"{path}: expected a name that ends in .toml, by which a saved recipe can refer to it")
        files = {path.name: path for path in paths}
        return cls(files, {name: load_recipe(path=path) for name, path in files.items()})

    def names(self) -> list[str]:
        """Names of all recipes, files first."""
        return [*self.files, *(name for name in preset_names() if name not in self.files)]

    def base(self, name: str) -> Recipe:
        """The recipe of this name, without changes.

        Raises:
            ViewError: there is none.
        """
        if name in self.held:
            return self.held[name]
        if name not in preset_names():
            names = self.names()
            raise ViewError(f"recipe={name[:60]!r}: unknown{did_you_mean(name, names)}; there is: {', '.join(names)}")
        return _preset(name)

    def recipe(self, view: View) -> Recipe:
        """The recipe that a view shows an image of.

        Raises:
            ViewError: there is no such recipe, or its scene has no compartments.
            RecipeError: a knob or its value is not possible.
        """
        base = self.base(view.recipe)
        try:
            recipe = adjust(base, view.overrides)
        except RecipeError as error:  # it speaks of the command's option; here it is a knob on the page
            raise RecipeError(str(error).removeprefix("--set").lstrip(": ")) from error
        if view.compartments and recipe.scene not in WITH_COMPARTMENTS:
            raise ViewError(f"layer={view.layer}: the scene {recipe.scene} has none; expected plain or outlines")
        return recipe

    def toml(self, view: View) -> str:
        """Write the recipe of a view as a file that holds what differs from its base.

        Raises:
            ViewError: see `recipe`.
            RecipeError: see `recipe`.
        """
        recipe = self.recipe(view)
        beside = f"; keep this file beside {view.recipe}" if view.recipe in self.files else ""
        lines = [f"# Image {view.index} of seed {view.seed} at {view.size_px} px was looked at{beside}.\n"]
        lines += [tomli_w.dumps({"base": view.recipe})]
        section = ""
        for name, _ in view.changes:
            if name.split(".")[0] != section:
                section = name.split(".")[0]
                lines += [f"\n[{section}]\n"]
            lines += [f"{name.split('.')[1]} = {recipe.values[name].text()}\n"]
        return "".join(lines)

    def command(self, view: View, n: int | None = None) -> str:
        """Write a command, quoted for a shell: the image of a view, or the first `n` images of its recipe.

        Raises:
            ViewError: see `recipe`.
            RecipeError: see `recipe`.
        """
        recipe = self.recipe(view)
        file = self.files.get(view.recipe)
        words = ["mitogen", "render", *(["--recipe", str(file)] if file else ["--preset", view.recipe])]
        for name, _ in view.changes:
            words += ["--set", f"{name}={recipe.values[name].text()}"]
        words += ["--size", str(view.size_px), "--seed", str(view.seed)]
        words += ["--only", str(view.index)] if n is None else ["--n", str(n)]
        words += ["--labels", "compartments"] if recipe.scene in WITH_COMPARTMENTS else []
        return shlex.join([*words, "-o", f"image-{view.index}.h5" if n is None else "train.h5"])


def kind_of(recipe: Recipe, view: View) -> str:
    """The kind of tissue that an image shows; empty if the recipe has none, or for what no kind takes."""
    kind = pick_kind(recipe.kinds, uniform(view.seed, view.index, "kind")) if recipe.kinds else None
    return kind.name if kind else ""


def next_of_kind(recipe: Recipe, view: View, kind: str) -> int:
    """Number of the first image from that of the view on that shows a kind of tissue.

    Raises:
        RecipeError: the recipe has no such kind.
        ViewError: it is so rare that none was found.
    """
    find_kind(recipe.kinds, kind)
    for index in range(view.index, view.index + _LOOKED_THROUGH):
        found = pick_kind(recipe.kinds, uniform(view.seed, index, "kind"))
        if found and found.name == kind:
            return index
    raise ViewError(f"kind {kind!r}: none among {_LOOKED_THROUGH} images; expected one that is less rare")


@cache
def _preset(name: str) -> Recipe:
    return load_recipe(name)
