"""What a knob can be set to: a number, or a distribution from which a number is drawn for each image.

Every distribution has `ppf`, the value at a quantile: drawing is `ppf(u)` of one uniform number, so that widening a
range moves an image's value but keeps its place in the range, and no other knob notices.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from statistics import NormalDist
from typing import Annotated

from pydantic import ConfigDict, Field, FiniteFloat
from pydantic.dataclasses import dataclass

Positive = Annotated[FiniteFloat, Field(gt=0)]
Bound = Annotated[float, Field(allow_inf_nan=True)]

# Strict: a TOML `true` or "12" is a mistake, not a number.
_CONFIG = ConfigDict(strict=True)
# Below this the numbers of a truncated tail are rounding errors, and nobody meant such a knob.
_LEAST_MASS = 1e-6


class Distribution(ABC):
    """A number or a distribution of numbers."""

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Smallest and largest value; infinite where a bound was left out."""

    def bounded(self, low: float, high: float) -> "Distribution":
        """Return this distribution with bounds that were left out set to `low` and `high`."""
        return self

    @abstractmethod
    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""

    @abstractmethod
    def toml(self) -> object:
        """Return what stands for it in a recipe: a number or a table with one kind as key."""

    def text(self) -> str:
        """Write its form in a recipe on one line."""
        return _inline(self.toml())


@dataclass(frozen=True, config=_CONFIG)
class Fixed(Distribution):
    """Always the same number. In TOML: `12.5`."""

    value: FiniteFloat

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.value, self.value

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        return self.value

    def toml(self) -> object:
        """Return its form in a recipe."""
        return _tidy(self.value)


@dataclass(frozen=True, config=_CONFIG)
class Uniform(Distribution):
    """Every value between two bounds alike. In TOML: `{ uniform = [5, 50] }`."""

    low: FiniteFloat
    high: FiniteFloat

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.low, self.high

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        return _clip(self.low + (self.high - self.low) * u, self.low, self.high)

    def toml(self) -> object:
        """Return its form in a recipe."""
        return {"uniform": [_tidy(self.low), _tidy(self.high)]}


@dataclass(frozen=True, config=_CONFIG)
class LogUniform(Distribution):
    """Every factor between two positive bounds alike. In TOML: `{ loguniform = [0.1, 10] }`."""

    low: Positive
    high: Positive

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.low, self.high

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        return _clip(math.exp(math.log(self.low) + math.log(self.high / self.low) * u), self.low, self.high)

    def toml(self) -> object:
        """Return its form in a recipe."""
        return {"loguniform": [_tidy(self.low), _tidy(self.high)]}


@dataclass(frozen=True, config=_CONFIG)
class Normal(Distribution):
    """A bell curve cut off at two bounds. In TOML: `{ normal = { mean = 0, std = 1, low = -2, high = 2 } }`.

    A bound that is left out is the end of the knob's allowed range.
    """

    mean: FiniteFloat
    std: Positive
    low: Bound = -math.inf
    high: Bound = math.inf

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _truncated(NormalDist(self.mean, self.std), self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.low, self.high

    def bounded(self, low: float, high: float) -> "Normal":
        """Return this distribution with bounds that were left out set to `low` and `high`."""
        return replace(self, low=_first_finite(self.low, low), high=_first_finite(self.high, high))

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        curve = NormalDist(self.mean, self.std)
        return _clip(curve.inv_cdf(_inside(curve, self.low, self.high, u)), self.low, self.high)

    def toml(self) -> object:
        """Return its form in a recipe."""
        return {"normal": _table(mean=self.mean, std=self.std, low=self.low, high=self.high)}


@dataclass(frozen=True, config=_CONFIG)
class LogNormal(Distribution):
    """A bell curve of the logarithm, cut off: sizes. In TOML: `{ lognormal = { median = 130, spread = 0.35 } }`.

    `spread` is the standard deviation of the natural logarithm: about two thirds of the values lie between
    median / exp(spread) and median * exp(spread). A bound (`low`, `high`) that is left out is the end of the knob's
    allowed range.
    """

    median: Positive
    spread: Positive
    low: Bound = -math.inf
    high: Bound = math.inf

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _truncated(self._curve, _log(self.low), _log(self.high))

    @property
    def _curve(self) -> NormalDist:
        return NormalDist(math.log(self.median), self.spread)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.low, self.high

    def bounded(self, low: float, high: float) -> "LogNormal":
        """Return this distribution with bounds that were left out set to `low` and `high`."""
        return replace(self, low=_first_finite(self.low, low), high=_first_finite(self.high, high))

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        curve = self._curve
        return _clip(math.exp(curve.inv_cdf(_inside(curve, _log(self.low), _log(self.high), u))), self.low, self.high)

    def toml(self) -> object:
        """Return its form in a recipe."""
        return {"lognormal": _table(median=self.median, spread=self.spread, low=self.low, high=self.high)}


@dataclass(frozen=True, config=_CONFIG)
class Choice(Distribution):
    """One of a few values. In TOML: `{ choice = [0, 1], weights = [0.7, 0.3] }`; without weights all are alike."""

    values: Annotated[tuple[FiniteFloat, ...], Field(min_length=1, strict=False)]
    weights: Annotated[tuple[FiniteFloat, ...] | None, Field(strict=False)] = None

    def __post_init__(self) -> None:
        if self.weights is None:
            return
        if len(self.weights) != len(self.values):
            raise ValueError(f"{len(self.weights)} weights for {len(self.values)} values; expected one each")
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise ValueError(f"weights {list(self.weights)}; expected none negative and not all zero")

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return min(self.values), max(self.values)

    def ppf(self, u: float) -> float:
        """Return the value at quantile `u` in (0, 1)."""
        steps = list(accumulate(self.weights or (1.0,) * len(self.values)))
        return self.values[min(bisect_right(steps, u * steps[-1]), len(self.values) - 1)]

    def toml(self) -> object:
        """Return its form in a recipe."""
        table = {"choice": [_tidy(v) for v in self.values]}
        return table | {"weights": [_tidy(w) for w in self.weights]} if self.weights else table


@dataclass(frozen=True, config=_CONFIG)
class Named(Distribution):
    """One of a few things with names. In TOML: `"neuropil"`, or a choice of names as one of numbers."""

    places: Fixed | Choice
    names: tuple[str, ...]

    @property
    def support(self) -> tuple[float, float]:
        """First and last place among the names."""
        return self.places.support

    @property
    def possible(self) -> tuple[str, ...]:
        """The names that may be drawn."""
        places = (self.places.value,) if isinstance(self.places, Fixed) else self.places.values
        return tuple(self.names[int(place)] for place in places)

    def ppf(self, u: float) -> float:
        """Return the place of a name at quantile `u` in (0, 1)."""
        return self.places.ppf(u)

    def toml(self) -> object:
        """Return its form in a recipe."""
        if isinstance(self.places, Fixed):
            return self.names[int(self.places.value)]
        table = {"choice": [self.names[int(value)] for value in self.places.values]}
        return table | {"weights": [_tidy(w) for w in self.places.weights]} if self.places.weights else table


def _check_order(low: float, high: float) -> None:
    if not low <= high:  # also true for NaN
        raise ValueError(f"low {low:g} and high {high:g}; expected low <= high")


def _truncated(curve: NormalDist, low: float, high: float) -> None:
    if low < high and curve.cdf(high) - curve.cdf(low) < _LEAST_MASS:
        raise ValueError("practically no value falls between low and high; move the middle or the bounds")


def _inside(curve: NormalDist, low: float, high: float, u: float) -> float:
    """Return the quantile of the whole curve at quantile `u` of its part between `low` and `high`."""
    below = curve.cdf(low)
    p = below + (curve.cdf(high) - below) * u
    return _clip(p, math.ulp(0.0), 1.0 - math.ulp(0.5))


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _log(bound: float) -> float:
    return math.log(bound) if bound > 0 else -math.inf


def _first_finite(bound: float, fallback: float) -> float:
    return bound if math.isfinite(bound) else fallback


def _tidy(value: float) -> float | int:
    """Write 30.0 as 30: the same double when it is read again, and easier on the eye."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _table(**numbers: float) -> dict[str, float | int]:
    return {key: _tidy(value) for key, value in numbers.items() if math.isfinite(value)}


def _inline(value: object) -> str:
    """Write numbers, lists and tables of them on one line; tomli_w would open a table for every distribution."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
