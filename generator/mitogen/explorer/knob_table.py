"""Knobs as the page needs them: their range, unit and meaning, what the recipe draws, what this image has."""

from collections.abc import Mapping
from typing import Any

from mitogen.explorer.recipes import Recipes, kind_of
from mitogen.explorer.view import View
from mitogen.gallery.page import ARRANGEMENT
from mitogen.recipe.catalogue import SCENES, WITH_COMPARTMENTS
from mitogen.recipe.distributions import Distribution
from mitogen.recipe.kinds import find_kind
from mitogen.recipe.knob import Knob
from mitogen.recipe.recipe import draw
from mitogen.recipe.tissue_knobs import ARRANGED

Json = dict[str, Any]

_WIDE = 20.0  # ranges whose ends differ by more than this factor are walked through by factors


def describe_recipes(recipes: Recipes) -> Json:
    """All recipes with their kinds, and the knobs of every scene."""
    loaded = {name: recipes.base(name) for name in recipes.names()}
    return {
        "recipes": [
            {
                "name": name,
                "description": recipe.description,
                "scene": recipe.scene,
                "compartments": recipe.scene in WITH_COMPARTMENTS,
                "kinds": [{"name": kind.name, "share": kind.share} for kind in recipe.kinds],
            }
            for name, recipe in loaded.items()
        ],
        "scenes": {scene: [_knob(knob) for knob in table.values()] for scene, table in SCENES.items()},
    }


def describe_view(recipes: Recipes, view: View) -> Json:
    """What belongs to one image: its kind, its numbers, what its recipe draws unchanged, and commands that render it.

    Raises:
        ViewError: there is no such recipe.
        RecipeError: a knob or its value is not possible.
    """
    recipe, base = recipes.recipe(view), recipes.base(view.recipe)
    kind = kind_of(recipe, view)
    values: Mapping[str, Distribution] = {**base.values, **(find_kind(base.kinds, kind).values if kind else {})}
    numbers = draw(recipe, view.seed, view.index)
    return {
        "kind": kind,
        "command": recipes.command(view),
        "dataset": recipes.command(view, n=1000),
        "idle": sorted(_idle(recipe.knobs, numbers)),
        "knobs": {
            name: {"drawn": numbers[name], "text": value.text(), "range": [value.ppf(0.05), value.ppf(0.95)]}
            for name, value in values.items()
        },
    }


def _knob(knob: Knob) -> Json:
    return {
        "name": knob.name,
        "unit": "" if knob.unit == "1" else knob.unit,
        "low": knob.low,
        "high": knob.high,
        "help": knob.help,
        "names": knob.names,
        "scale": _scale(knob),
    }


def _scale(knob: Knob) -> str:
    """How a slider walks through the range: evenly, by factors, or in cube roots where there is a 0."""
    if knob.low > 0 and knob.high > _WIDE * knob.low:
        return "factors"
    middle = knob.fit(knob.default).ppf(0.5)
    return "roots" if knob.low == 0 and 0 < _WIDE * middle < knob.high else "even"


def _idle(knobs: Mapping[str, Knob], numbers: Mapping[str, float]) -> set[str]:
    """Sections of knobs that do not matter in an image's arrangement of cells."""
    if ARRANGEMENT not in knobs:
        return set()
    arrangement = knobs[ARRANGEMENT].names[int(numbers[ARRANGEMENT])]
    return {section for section, only in ARRANGED.items() if arrangement not in only}
