"""Pictures of a study: scores against levels, and the ranking of effects."""

import io
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from mitoseg.evaluation.metric_table import HEADLINE
from mitoseg.study.designs import Design, Level, is_numeric
from mitoseg.study.effects import LOG_FROM, Effect
from mitoseg.study.results import GAP, REAL, Interval, Outcome, columns_of, interval, summarise
from mitoseg.study.trials import SYNTHETIC

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:pink", "tab:olive")
FIXED = {SYNTHETIC: "0.55", REAL: "black", GAP: "tab:red"}
FEW_COLUMNS = 3
MOST_TICKS = 8
BESIDE = 0.02
"""Distance of the first set from the last at a level, relative to the range of all levels."""

AXIS = "IoU, mean over images"


def draw_scores(outcomes: Sequence[Outcome], design: Design) -> bytes:
    """Draw score and gap against the levels of each factor, with 95 % intervals over seeds, as PNG.

    Where factors have one level each (leave-one-out), every condition is a row instead.
    """
    if all(len(levels) == 1 for levels in design.factors.values()):
        return _draw_rows(outcomes, design)
    return _draw_factors(outcomes, design)


def draw_ranking(effects: Sequence[Effect], title: str) -> bytes:
    """Draw the differences of all effects with their 95 % intervals, the largest on top, as PNG."""
    from matplotlib.figure import Figure

    shown = [effect for effect in effects if not isnan(effect.difference)]
    figure = Figure(figsize=(8, 1.2 + 0.34 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    for place, effect in enumerate(shown):
        half = 0.0 if isnan(effect.low) else effect.high - effect.difference
        colour = "black" if effect.p_holm < 0.05 else "0.55"
        axes.errorbar(effect.difference, place, xerr=half, fmt="o", color=colour, capsize=3)
    axes.axvline(0, color="0.8", zorder=0)
    labels = [effect.title for effect in shown]
    axes.set_yticks(range(len(shown)), labels, fontsize="small")
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.set_xlabel(f"change of the IoU, {title}")
    return _png(figure)


def _draw_rows(outcomes: Sequence[Outcome], design: Design) -> bytes:
    """One row a condition, sorted by the real score; scores on the left, gap on the right."""
    from matplotlib.figure import Figure

    table = summarise(outcomes, design.conditions)
    names = columns_of(outcomes)
    by = REAL if REAL in names else names[1]
    first = next(iter(table))
    scored = [name for name, row in table.items() if row[by].seeds and name != first]
    order = [first, *sorted(scored, key=lambda name: table[name][by].mean)]
    figure = Figure(figsize=(11, 1.5 + 0.36 * len(order)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    shown = [name for name in names if name != GAP]
    for number, name in enumerate(shown):
        for place, condition in enumerate(order):
            at = place + 0.5 * (number / max(len(shown) - 1, 1) - 0.5)
            _point(left, table[condition][name], at, _colour(name, number), name if place == 0 else None)
    for place, condition in enumerate(order):
        _point(right, table[condition][GAP], place, FIXED[GAP], None)
    for axes, name in ((left, by), (right, GAP)):
        if table[first][name].seeds:
            axes.axvline(table[first][name].mean, color="0.8", zorder=0)
        axes.grid(axis="y", color="0.94")
    left.set_yticks(range(len(order)), order)
    left.invert_yaxis()
    left.set_xlabel(AXIS)
    right.set_xlabel("gap: synthetic minus real")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(shown), fontsize="small")
    return _png(figure)


def _draw_factors(outcomes: Sequence[Outcome], design: Design) -> bytes:
    """One column of panels a factor: scores above, gap below."""
    from matplotlib.figure import Figure

    columns = min(len(design.factors), FEW_COLUMNS)
    bands = -(-len(design.factors) // columns)
    figure = Figure(figsize=(5.2 * columns, 5.6 * bands), layout="constrained")
    grid = figure.subplots(2 * bands, columns, squeeze=False, height_ratios=[2, 1] * bands)
    for axes in grid.flat[:]:
        axes.set_visible(False)
    for number, (factor, levels) in enumerate(design.factors.items()):
        band, column = divmod(number, columns)
        above, below = grid[2 * band][column], grid[2 * band + 1][column]
        for axes in (above, below):
            axes.set_visible(True)
        names = [name for name in columns_of(outcomes) if name != GAP]
        for place, name in enumerate(names):
            # Sets lie side by side, on a scale hardly beside the number, so that their bars do not hide one another.
            beside = place / max(len(names) - 1, 1) - 0.5
            _series(above, outcomes, design, factor, (name, _colour(name, place), beside))
        _series(below, outcomes, design, factor, (GAP, FIXED[GAP], 0.0))
        above.set_ylabel(AXIS)
        below.set_ylabel("gap: synthetic\nminus real")
        below.set_xlabel(factor.removeprefix("mitogen:"))
        _scale(above, levels, (-0.02, 1.02))
        _scale(below, levels, (-1.02, 1.02))
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize="small")
    return _png(figure)


def _series(
    axes: "Axes", outcomes: Sequence[Outcome], design: Design, factor: str, style: tuple[str, str, float]
) -> None:
    """One set (name, colour, where beside) against a factor's levels: mean over other factors, interval over seeds."""
    name, colour, beside = style
    levels = design.factors[factor]
    places = _places(levels, 0.0 if design.random else beside)
    if design.random:
        by_label = {level.label: place for level, place in zip(levels, places, strict=True)}
        x = [by_label[one.trial.condition.levels[factor].label] for one in outcomes]
        axes.plot(x, [one.scores[name][HEADLINE] for one in outcomes], ".", color=colour, label=name)
        return
    found = [_interval_at(outcomes, design, factor, level, name) for level in levels]
    kept = [(place, one) for place, one in zip(places, found, strict=True) if one.seeds]
    half = [0.0 if isnan(one.low) else one.high - one.mean for _, one in kept]
    marks = "o-" if is_numeric(levels) else "o"
    means = [one.mean for _, one in kept]
    axes.errorbar([place for place, _ in kept], means, half, fmt=marks, color=colour, capsize=3, label=name)


def _interval_at(outcomes: Sequence[Outcome], design: Design, factor: str, level: Level, name: str) -> Interval:
    values: dict[int, list[float]] = {}
    for one in outcomes:
        own = one.trial.condition.levels
        label = own[factor].label if factor in own else design.references[factor]
        # In a grid all factors are in every condition; else only trials in which no other one is changed count.
        if label == level.label and (len(own) == len(design.factors) or set(own) <= {factor}):
            values.setdefault(one.trial.seed, []).append(one.scores[name][HEADLINE])
    return interval([sum(scores) / len(scores) for scores in values.values()])


def _places(levels: Sequence[Level], beside: float) -> list[float]:
    """Where a set is drawn at each level, `beside` (-.5 to .5) of all sets that are drawn there."""
    if not is_numeric(levels):
        return [place + 0.3 * beside for place in range(len(levels))]
    numbers = [level.number for level in levels]
    if _by_factors(numbers):
        return [number * (max(numbers) / min(numbers)) ** (BESIDE * beside) for number in numbers]
    return [number + (max(numbers) - min(numbers)) * BESIDE * beside for number in numbers]


def _by_factors(numbers: Sequence[float]) -> bool:
    return min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_FROM


def _scale(axes: "Axes", levels: Sequence[Level], possible: tuple[float, float]) -> None:
    numbers = [level.number for level in levels]
    if not is_numeric(levels):
        axes.set_xticks(range(len(levels)), [level.label for level in levels])
        axes.set_xlim(-0.5, len(levels) - 0.5)
    elif _by_factors(numbers):
        axes.set_xscale("log")
        axes.set_xticks(numbers, [level.label for level in levels])
        axes.minorticks_off()
    elif len(numbers) <= MOST_TICKS:
        axes.set_xticks(numbers, [level.label for level in levels])
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, possible[0]), min(top, possible[1]))
    axes.grid(axis="y", color="0.94")


def _point(axes: "Axes", value: Interval, place: float, colour: str, label: str | None) -> None:
    if value.seeds:
        half = 0.0 if isnan(value.low) else value.high - value.mean
        axes.errorbar(value.mean, place, xerr=half, fmt="o", markersize=4, color=colour, capsize=2, label=label)


def _colour(name: str, place: int) -> str:
    return FIXED.get(name, COLOURS[(place - 1) % len(COLOURS)])


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
