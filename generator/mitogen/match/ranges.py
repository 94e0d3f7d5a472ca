"""Where to look for the value of a knob, and how far around a value to draw from afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

from mitodata.errors import RecipeError
from mitogen.recipe.catalogue import find_knobs
from mitogen.recipe.distributions import Choice, Distribution, Fixed, LogNormal, LogUniform, Uniform
from mitogen.recipe.knob import Knob
from mitogen.recipe.recipe import Recipe

SEARCHED = ("cells", "imaging")
"""Sections whose knobs a search may choose by itself: what decides the look of every image, wherever it lies.

Not what is rare or scattered: in a few crops, turning it shows where it happens to lie. Not what is to be segmented
either: grey statistics without labels cannot tell a darker mitochondrion from a darker something else."""

STRETCH = 0.25
"""The search looks so far beyond either end of what the recipe draws, as a share of its range."""

_TAIL = 0.02  # of a distribution on either side that is not counted as its range
_DIGITS = 4


@dataclass(frozen=True)
class Range:
    """The values of one knob.

    Attributes:
        knob: what may be turned.
        low, high: what the recipe draws, but for 2 % on either side.
        by_factors: whether equal factors, not equal differences, count alike.
        fixed: whether the recipe holds the knob at one number; the range is then that of its default.
    """

    knob: Knob
    low: float
    high: float
    by_factors: bool
    fixed: bool

    @property
    def ends(self) -> tuple[float, float]:
        """Where the search looks: the range and somewhat more, within what is allowed."""
        return self._around(self.low, self.high, STRETCH)

    def widened(self, value: float, share: float) -> Distribution:
        """Draw around a value, over `share` of the range of the recipe; from what is fixed, nothing is drawn."""
        if self.fixed or share == 0:
            return Fixed(_rounded(value))
        low, high = (_rounded(end) for end in self._around(value, value, share / 2))
        low, high = max(low, self.knob.low), min(high, self.knob.high)
        return LogUniform(low, high) if self.by_factors else Uniform(low, high)

    def aside(self, value: float, share: float) -> tuple[float, float]:
        """Go down and up from a value by `share` of the range, within what is allowed."""
        low, high = self._around(value, value, share)
        return max(_rounded(low), self.knob.low), min(_rounded(high), self.knob.high)

    def _around(self, low: float, high: float, share: float) -> tuple[float, float]:
        if self.by_factors:
            factor = (self.high / self.low) ** share
            low, high = low / factor, high * factor
        else:
            step = (self.high - self.low) * share
            low, high = low - step, high + step
        return max(low, self.knob.low), min(high, self.knob.high)


def range_of(recipe: Recipe, name: str) -> Range | None:
    """Find the range of a knob; None if neither the recipe nor its default gives it one."""
    knob, params = recipe.knobs[name], recipe.values[name]
    fixed = params.support[0] == params.support[1]
    if fixed:
        params = knob.fit(knob.default)
    low, high = params.ppf(_TAIL), params.ppf(1 - _TAIL)
    if not low < high:
        return None
    return Range(knob, low, high, isinstance(params, LogUniform | LogNormal), fixed)


def named_ranges(recipe: Recipe, names: Sequence[str]) -> list[Range]:
    """Look up knobs, or all knobs of sections that have a range.

    Raises:
        RecipeError: there is no such knob, or it has no range.
    """
    scene = {recipe.scene: recipe.knobs}
    chosen: dict[str, Range] = {}
    for name in names:
        found = [range_of(recipe, knob.name) for knob in find_knobs(name, scene)]
        ranges = [one for one in found if one is not None]
        if not ranges:
            raise RecipeError(
                f"--knob {name}: one number, with no range to search; give it one: "
                f"--set '{name}={{ uniform = [LOW, HIGH] }}'"
            )
        chosen |= {one.knob.name: one for one in ranges}
    return list(chosen.values())


def candidates(recipe: Recipe) -> list[Range]:
    """List the knobs that a search may choose by itself: those of `SEARCHED` that are drawn from a range.

    A choice of few values is a rare artefact, or a kind; neither is searched for.
    """
    names = [name for name in recipe.knobs if name.split(".")[0] in SEARCHED and not _is_choice(recipe, name)]
    return [one for name in names if (one := range_of(recipe, name)) is not None]


def _is_choice(recipe: Recipe, name: str) -> bool:
    return isinstance(recipe.values[name], Choice) or isinstance(recipe.knobs[name].default, Choice)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
