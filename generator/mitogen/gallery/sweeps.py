"""Which values of a knob show what it does: from low to high, and enough of it to be seen."""

from collections.abc import Sequence
from math import floor, isclose, log10, sqrt

import numpy as np

from mitogen.recipe.distributions import Choice, Distribution, LogNormal, LogUniform
from mitogen.recipe.knob import Knob

_DENSITIES = ("density_per_um3", "density_per_um2")
_WIDE = 20.0  # allowed ranges whose ends differ by more than this factor are walked through by factors


def span(knob: Knob, distribution: Distribution, count: int) -> tuple[float, ...]:
    """Choose the values of a strip: over somewhat more than the recipe draws, or all that is allowed of a fixed knob.

    Values are spaced by equal factors where the recipe draws so; a knob that may be 0 then starts with 0. Of a choice
    they are those to choose from and more like them; of a fixed knob what it is fixed to is one of them.

    Returns:
        `count` ascending numbers within the allowed range, rounded to about a hundredth of the span.
    """
    if knob.names:
        return tuple(map(float, range(len(knob.names))))
    low, high = distribution.support
    if isinstance(distribution, Choice) and not isclose(low, high):
        return _like(distribution.values, knob.high, count)
    own = low if isclose(low, high) else None
    by_factors = isinstance(distribution, LogNormal | LogUniform)
    if own is not None:
        low, high = knob.low, knob.high
        by_factors = low > 0 and high > _WIDE * low
    elif by_factors:
        low = low if low > 0 else distribution.ppf(0.02)
        stretch = (high / low) ** 0.25
        low, high = low / stretch, high * stretch
    else:
        low, high = low - (high - low) / 4, high + (high - low) / 4
    if _is_rare(knob, distribution):  # up to where some are in view
        high = max(high, plenty(knob, distribution))
    low, high = max(low, knob.low), min(high, knob.high)
    if by_factors and knob.low == 0:
        numbers = [0.0, *np.geomspace(low, high, count - 1)]
    else:
        numbers = [*(np.geomspace if by_factors else np.linspace)(low, high, count)]
    digits = 2 - floor(log10(high - low))
    rounded = [float(f"{number:.3g}") if by_factors else round(float(number), digits) for number in numbers]
    if own is not None:
        nearest = min(range(count), key=lambda place: abs(rounded[place] - own))
        rounded[nearest] = own
    return tuple(sorted(min(max(number, knob.low), knob.high) for number in rounded))


def plenty(knob: Knob, distribution: Distribution) -> float:
    """Turn a knob up: to the upper end of what the recipe draws, and further if it says how much there is."""
    low, high = distribution.support
    if isclose(low, high):
        high = (knob.low + knob.high) / 2
    elif knob.name.endswith(_DENSITIES):
        high = sqrt(distribution.ppf(0.95) * knob.high)
    elif (knob.low, knob.high) == (0, 1):
        high = (distribution.ppf(0.95) + 1) / 2
    return float(f"{high:.2g}") if knob.low <= float(f"{high:.2g}") <= knob.high else high


def _like(values: Sequence[float], highest: float, count: int) -> tuple[float, ...]:
    """`count` ascending numbers: `values`, or some of them; then further ones at the last distance, or between them."""
    numbers = sorted(set(values))
    if len(numbers) > count:
        numbers = [numbers[round(place)] for place in np.linspace(0, len(numbers) - 1, count)]
    step = numbers[-1] - numbers[-2]
    while len(numbers) < count and numbers[-1] + step <= highest:
        numbers.append(round(numbers[-1] + step, 6))
    while len(numbers) < count:
        wide = max(range(len(numbers) - 1), key=lambda place: numbers[place + 1] - numbers[place])
        numbers.insert(wide + 1, (numbers[wide] + numbers[wide + 1]) / 2)
    return tuple(numbers)


def _is_rare(knob: Knob, distribution: Distribution) -> bool:
    """Whether the knob is a number of things in a volume, or a share of them of which the recipe draws few."""
    return knob.name.endswith(_DENSITIES) or ((knob.low, knob.high) == (0, 1) and distribution.support[1] < 1 / 3)
