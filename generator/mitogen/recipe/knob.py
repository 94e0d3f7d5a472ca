"""A knob: what one number of a recipe may be, and how its value is read from TOML."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pydantic import ValidationError

from mitodata.errors import did_you_mean
from mitogen.recipe.distributions import Choice, Distribution, Fixed, LogNormal, LogUniform, Named, Normal, Uniform

KINDS: dict[str, type[Uniform] | type[LogUniform] | type[Normal] | type[LogNormal]] = {
    "uniform": Uniform,
    "loguniform": LogUniform,
    "normal": Normal,
    "lognormal": LogNormal,
}
"""Distributions by their name in a recipe; beside them there are a plain number and `choice`."""
EXAMPLES = "a number, { uniform = [1, 2] }, { lognormal = { median = 1, spread = 0.3 } } or { choice = [1, 2] }"


@dataclass(frozen=True)
class Knob:
    """One thing that can be turned: its name, what it may be, and what it means.

    Attributes:
        name: `section.knob`, the unit as its suffix where it has one.
        unit: "nm", "1/um3", ... ; "1" or nothing for a plain ratio or count.
        low, high: the allowed range, both ends included.
        default: a number or a distribution.
        help: one line of meaning.
        names: for a knob that chooses, what its whole numbers from 0 on are called; a new name comes last, because
            files hold the numbers.
    """

    name: str
    unit: str
    low: float
    high: float
    default: float | Distribution
    help: str
    names: tuple[str, ...] = ()

    def fit(self, value: object) -> Distribution:
        """Turn a number, a distribution or its TOML form into a distribution within this knob's range.

        Raises:
            ValueError: it is no distribution, an impossible one, or reaches outside the range; the text says which.
        """
        if self.names:
            return self._choose(value)
        try:
            spec = parse(value).bounded(self.low, self.high)
        except ValidationError as error:
            raise ValueError(_first_line(error)) from error
        low, high = spec.support
        if not (self.low <= low and high <= self.high):
            got = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            raise ValueError(f"{got} is outside the allowed {self.low:g} to {self.high:g}{self._unit()}")
        return spec

    def describe(self) -> str:
        """Write down the knob for a reader, in three lines."""
        return f"{self.name}\n  {self.help}\n  {self.limits()}"

    def _choose(self, value: object) -> Named:
        """Read a name or a choice of names; their numbers will do."""
        match value:
            case Named():
                return value
            case {"choice": list(some), **rest}:
                places = parse({"choice": [self._place(one) for one in some], **rest})
            case _:
                places = parse(self._place(value))
        if not isinstance(places, Fixed | Choice):
            raise ValueError(f"got {places.text()}; expected one of {', '.join(self.names)}, or a choice of them")
        return Named(places, self.names)

    def _place(self, value: object) -> int:
        """The number of a name."""
        if isinstance(value, str) and value in self.names:
            return self.names.index(value)
        if isinstance(value, int | float) and value in range(len(self.names)) and not isinstance(value, bool):
            return int(value)
        hint = did_you_mean(value, list(self.names)) if isinstance(value, str) else ""
        raise ValueError(f"got {value!r}{hint}; expected one of {', '.join(self.names)}, or a choice of them")

    def _unit(self) -> str:
        """The unit behind a number, with a space; nothing for plain ratios and counts."""
        return "" if self.unit in ("", "1") else f" {self.unit}"

    def limits(self) -> str:
        """Write down its range and default on one line."""
        allowed = f"{self.low:g} to {self.high:g}{self._unit()}" if not self.names else " or ".join(self.names)
        return f"allowed {allowed}; default {self.fit(self.default).text()}"


def knob(name: str, unit: str, allowed: tuple[float, float], default: Distribution | float, text: str) -> Knob:
    """Write a knob on one line."""
    return Knob(name, unit=unit, low=allowed[0], high=allowed[1], default=default, help=text)


def choice(name: str, names: tuple[str, ...], text: str) -> Knob:
    """Write a knob that chooses one of some names on one line; the first is its default."""
    return Knob(name, unit="1", low=0, high=len(names) - 1, default=0, help=text, names=names)


def knob_table(*knobs: Knob) -> Mapping[str, Knob]:
    """Put knobs into a table by name, checked.

    Raises:
        ValueError: a name is taken twice or is not `section.knob`, or a default does not fit its own range.
    """
    table: dict[str, Knob] = {}
    for knob in knobs:
        if knob.name in table or knob.name.count(".") != 1 or not knob.help:
            raise ValueError(f"{knob.name}: expected a new name of the form section.knob, and a line of help")
        try:
            knob.fit(knob.default)
        except ValueError as error:
            raise ValueError(f"{knob.name}: default: {error}") from error
        table[knob.name] = knob
    return table


def parse(value: object) -> Distribution:
    """Read a number, a distribution or the TOML form of one.

    Raises:
        ValueError: `value` is none of these or describes an impossible distribution; the text is one line.
    """
    try:
        match value:
            case Fixed() | Uniform() | LogUniform() | Normal() | LogNormal() | Choice():
                return value
            case bool():
                raise ValueError(f"got {str(value).lower()}; expected {EXAMPLES}")
            case int() | float():
                return Fixed(value)
            case {"choice": list(values), "weights": list(weights), **rest} if not rest:
                return Choice(tuple(values), tuple(weights))
            case {"choice": list(values), **rest} if not rest:
                return Choice(tuple(values))
            case dict() if len(value) == 1:
                return _parse_kind(*next(iter(value.items())))
    except ValidationError as error:
        raise ValueError(_first_line(error)) from error
    raise ValueError(f"got {value!r}; expected {EXAMPLES}")


def _parse_kind(kind: str, numbers: object) -> Distribution:
    if kind not in KINDS:
        raise ValueError(f"unknown distribution {kind!r}{did_you_mean(kind, [*KINDS, 'choice'])}; expected {EXAMPLES}")
    names = [item.name for item in fields(KINDS[kind])]
    if isinstance(numbers, list) and len(numbers) <= len(names):
        numbers = dict(zip(names, numbers, strict=False))
    if not isinstance(numbers, dict):
        raise ValueError(f"{kind} = {numbers!r}; expected {', '.join(names)}")
    for name in numbers:
        if name not in names:
            raise ValueError(f"{kind}: {name} is not a part of it{did_you_mean(name, names)}")
    return KINDS[kind](**numbers)


def _first_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(part for part in first["loc"] if isinstance(part, str))
    if first["type"] == "missing":
        return f"{where} is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}, got {str(first['input'])[:40]}" if where else message
