"""The knobs that would bring a rendered image nearer to the user's own, by the statistics of `gap` without labels.

One knob at a time is moved both ways by a part of what its recipe draws; all else in the image stays (common random
numbers, as in `match`). Of an image that was rendered nothing but its grey levels is looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mitogen.explorer.recipes import Recipes, kind_of
from mitogen.explorer.view import View
from mitogen.gap.appearance import Appearance
from mitogen.gap.comparison import WEIGHTS, Row, appearance_distance, compare_appearances
from mitogen.match.ranges import candidates
from mitogen.recipe.recipe import draw

STEP = 0.25
"""How far a knob is moved, as a share of its range."""

LARGEST_PX = 256
"""Edge of the images that are compared: the crops of the user's own are no larger."""

MOST = 8
"""Knobs that are listed."""

PIXEL = "section.pixel_nm"

_WORTH = 0.98  # of the distance: less is not listed


@dataclass(frozen=True)
class Step:
    """A knob that was moved.

    Attributes:
        knob: its name.
        before, after: its value.
        view: the image with it.
    """

    knob: str
    before: float
    after: float
    view: View


def small(view: View) -> View:
    """The view at the size at which it is compared."""
    return replace(view, size_px=min(view.size_px, LARGEST_PX))


def list_steps(recipes: Recipes, view: View, pixel_nm: float) -> list[Step]:
    """List what can be tried: the user's own pixel size, then every knob that decides the look of all images.

    Raises:
        ViewError: there is no such recipe.
        RecipeError: a knob or its value is not possible.
    """
    return list(_steps(recipes, small(view), pixel_nm))


def rank_steps(steps: Sequence[tuple[Step, Appearance]], start: Appearance, real: Appearance) -> dict[str, Any]:
    """Rank steps by how much nearer they bring an image.

    Args:
        steps: each with what the image looks like after it.
        start: what it looks like before.
        real: what the user's own look like.

    Returns:
        `distance`, that of the image (see `appearance_distance`), and `steps`, the best first, each with its `knob`,
        `before`, `after`, `distance`, and `because`: the statistic that it brings nearest, with its values.
    """
    distance = appearance_distance(start, real)
    best: dict[str, tuple[float, Step, Appearance]] = {}
    for step, look in steps:
        reached = appearance_distance(look, real)
        if reached < _WORTH * distance and (step.knob not in best or reached < best[step.knob][0]):
            best[step.knob] = (reached, step, look)
    ranked = sorted(best.values(), key=lambda entry: entry[0])[:MOST]
    return {
        "distance": distance,
        "steps": [
            {
                "knob": step.knob,
                "before": step.before,
                "after": step.after,
                "distance": reached,
                "because": _most_improved(start, look, real),
            }
            for reached, step, look in ranked
        ],
    }


def _steps(recipes: Recipes, view: View, pixel_nm: float) -> Iterator[Step]:
    recipe, base = recipes.recipe(view), recipes.base(view.recipe)
    numbers = draw(recipe, view.seed, view.index)
    pixel = recipe.knobs[PIXEL]
    if pixel.low <= pixel_nm <= pixel.high and abs(pixel_nm / numbers[PIXEL] - 1) > 1 - _WORTH:
        yield _step(view, PIXEL, numbers[PIXEL], pixel_nm)
    for one in candidates(base.alone(kind_of(recipe, view) or None)):
        before = numbers[one.knob.name]
        for after in one.aside(before, STEP):
            if after != before:
                yield _step(view, one.knob.name, before, after)


def _step(view: View, knob: str, before: float, after: float) -> Step:
    changes = {**dict(view.changes), knob: repr(after)}
    return Step(knob, before, after, replace(view, changes=tuple(sorted(changes.items()))))


def _most_improved(start: Appearance, look: Appearance, real: Appearance) -> dict[str, Any]:
    """The statistic that has come nearest to the real one, in tolerances of the table of `gap`."""
    rows, later = (
        {row.statistic.name: row for row in compare_appearances(each, real) if row.statistic.name in WEIGHTS}
        for each in (start, look)
    )
    name = max(rows.keys() & later.keys(), key=lambda name: _gain(rows[name], later[name]))
    row = rows[name]
    return {
        "title": row.statistic.title,
        "unit": row.statistic.unit,
        "before": row.synthetic,
        "after": later[name].synthetic,
        "real": row.real,
    }


def _gain(before: Row, after: Row) -> float:
    return (abs(before.difference) - abs(after.difference)) / (before.tolerance or 1.0)
