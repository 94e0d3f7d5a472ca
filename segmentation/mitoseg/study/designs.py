"""From factors to conditions: full grid, one factor at a time, leave one out, random search."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mitodata.errors import RunError
from mitogen.recipe.distributions import Distribution
from mitogen.recipe.knob import KINDS, parse
from mitoseg.study.plan import Contents
from mitoseg.study.settings import Setup, check_name, flatten, is_whole, resolve, value_of

BASELINE = "baseline"
WITHOUT = "without"


@dataclass(frozen=True)
class Level:
    """One value of a factor.

    Attributes:
        label: for people.
        number: the same as a number; nan where it is none.
        changes: settings that it changes.
    """

    label: str
    number: float
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Condition:
    """One combination of levels.

    Attributes:
        name: for people; unique in a study.
        levels: factor -> level; factors that stay as they are in the base are left out.
        setup: what trials of this condition are made with.
    """

    name: str
    levels: Mapping[str, Level]
    setup: Setup


@dataclass(frozen=True)
class Design:
    """The conditions of a study.

    Attributes:
        conditions: all of them, the baseline first if there is one.
        factors: factor -> its levels in order; of a random search, the levels that were drawn.
        references: factor -> label of the level that the others are compared with.
        random: whether the levels of scales were drawn, so that hardly any is there twice.
    """

    conditions: Sequence[Condition]
    factors: Mapping[str, Sequence[Level]]
    references: Mapping[str, str]
    random: bool = False


def make_design(contents: Contents, folder: Path, where: str) -> Design:
    """Make the conditions of a study and check every one of them.

    Raises:
        RunError: a factor, a level or a setting is unknown or impossible.
    """
    return DESIGNS[contents.design](contents, folder, where)


def _grid(contents: Contents, folder: Path, where: str) -> Design:
    factors = {name: _levels(name, value, where) for name, value in contents.factors.items()}
    conditions = [
        _condition(contents, dict(zip(factors, chosen, strict=True)), folder, where)
        for chosen in product(*factors.values())
    ]
    return Design(conditions, factors, {name: levels[0].label for name, levels in factors.items()})


def _one_at_a_time(contents: Contents, folder: Path, where: str) -> Design:
    base = _condition(contents, {}, folder, where)
    factors: dict[str, Sequence[Level]] = {}
    references, conditions = {}, [base]
    for name, value in contents.factors.items():
        levels = _levels(name, value, where)
        if isinstance(value, dict) and BASELINE in value:
            raise RunError(
                f"{where}: factors: {name}: level {BASELINE}: is what the base is called; expected another name"
            )
        own = BASELINE if isinstance(value, dict) else _label(value_of(name, base.setup))
        # A level that is the base itself is the baseline, not a second fit of the same thing.
        new = [level for level in levels if level.label != own]
        conditions += [_condition(contents, {name: level}, folder, where) for level in new]
        at_base = Level(own, math.nan, {}) if isinstance(value, dict) else _level(name, value_of(name, base.setup))
        factors[name] = _in_order([at_base, *new])
        references[name] = own
    return Design(conditions, factors, references)


def _leave_one_out(contents: Contents, folder: Path, where: str) -> Design:
    factors = {name: [_without(name, value, where)] for name, value in contents.factors.items()}
    conditions = [_condition(contents, {}, folder, where)]
    conditions += [_condition(contents, {name: levels[0]}, folder, where) for name, levels in factors.items()]
    return Design(conditions, factors, dict.fromkeys(factors, BASELINE))


def _random(contents: Contents, folder: Path, where: str) -> Design:
    choices: dict[str, Sequence[Level] | Distribution] = {}
    for name, value in contents.factors.items():
        is_range = isinstance(value, dict) and len(value) == 1 and next(iter(value)) in KINDS
        choices[name] = _range(name, value, where) if is_range else _levels(name, value, where)
    samples = []
    for sample in range(contents.samples):
        levels = {}
        for place, (name, choice) in enumerate(choices.items()):
            # Each sample and each factor has a stream of its own: more samples leave the first ones as they were.
            u = float(np.random.default_rng(np.random.SeedSequence(0, spawn_key=(sample, place))).random())
            levels[name] = _draw(name, choice, max(u, 1e-12))
        samples.append(_condition(contents, levels, folder, where, f"sample {sample}"))
    known = twins(samples)  # a sample that was drawn before would be the same fit, not another observation
    conditions = [one for one in samples if one.name not in known]
    factors = {name: _in_order([one.levels[name] for one in conditions]) for name in choices}
    references = {name: level.label for name, level in conditions[0].levels.items()}
    return Design(conditions, factors, references, random=True)


DESIGNS: Mapping[str, Callable[[Contents, Path, str], Design]] = {
    "grid": _grid,
    "one-at-a-time": _one_at_a_time,
    "leave-one-out": _leave_one_out,
    "random": _random,
}


def twins(conditions: Sequence[Condition]) -> dict[str, str]:
    """Name of each condition whose settings are those of an earlier one -> name of that one."""
    first: dict[str, str] = {}
    owners = {one.name: first.setdefault(json.dumps(one.setup.content, sort_keys=True), one.name) for one in conditions}
    return {name: owner for name, owner in owners.items() if name != owner}


def _levels(name: str, value: object, where: str) -> list[Level]:
    """Read a factor: a list of values of one setting, or a table of named levels, each a table of settings."""
    if isinstance(value, dict) and value and all(isinstance(changes, dict) for changes in value.values()):
        levels = [Level(label, math.nan, flatten(changes)) for label, changes in value.items()]
    elif isinstance(value, list) and value:
        check_name(name, f"{where}: factors")
        levels = [_level(name, one) for one in value]
    else:
        raise RunError(
            f"{where}: factors: {name}: got {value!r}; expected a list of values, or a table of named levels, each "
            "a table of settings"
        )
    labels = [level.label for level in levels]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise RunError(f"{where}: factors: {name}: level {twice} is there twice")
    return levels


def _without(name: str, value: object, where: str) -> Level:
    if not isinstance(value, dict) or not value:
        raise RunError(f"{where}: factors: {name}: got {value!r}; expected a table of the settings that switch it off")
    return Level(WITHOUT, math.nan, flatten(value))


def _range(name: str, value: object, where: str) -> Distribution:
    check_name(name, f"{where}: factors")
    try:
        return parse(value)
    except ValueError as error:
        raise RunError(f"{where}: factors: {name}: {error}") from error


def _draw(name: str, choice: Sequence[Level] | Distribution, u: float) -> Level:
    if not isinstance(choice, Distribution):
        return choice[int(u * len(choice))]
    number = choice.ppf(u)
    return _level(name, round(number) if is_whole(name) else float(f"{number:.4g}"))


def _condition(
    contents: Contents, levels: Mapping[str, Level], folder: Path, where: str, name: str | None = None
) -> Condition:
    name = name or ", ".join(_title(factor, level) for factor, level in levels.items()) or BASELINE
    changes = dict(flatten(contents.base))
    for level in levels.values():
        changes |= level.changes
    place = f"{where}: {name}" if levels else f"{where}: base"
    return Condition(name, levels, resolve(changes, folder, place))


def _title(factor: str, level: Level) -> str:
    return f"{WITHOUT} {factor}" if level.label == WITHOUT else f"{factor.removeprefix('mitogen:')} = {level.label}"


def _level(name: str, value: object) -> Level:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    return Level(_label(value), number, {name: value})


def _label(value: object) -> str:
    if isinstance(value, dict) and any(kind in value for kind in KINDS):
        with suppress(ValueError):  # an impossible one is refused, with its name, when the recipe is made
            return parse(value).text()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_order(levels: Sequence[Level]) -> list[Level]:
    """Each level once, numbers rising."""
    once = list({level.label: level for level in levels}.values())
    return sorted(once, key=lambda level: level.number) if all(not math.isnan(one.number) for one in once) else once


def is_numeric(levels: Sequence[Level]) -> bool:
    """Whether a factor is a scale: at least two levels, all numbers."""
    return len(levels) > 1 and not any(math.isnan(level.number) for level in levels)
