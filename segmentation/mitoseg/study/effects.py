"""Which factor changes the score most: effect sizes with tests, in one ranking.

One linear model for each question, scores = condition + seed + noise, so that conditions are compared within seeds and
all trials together say how large the noise is. With three seeds the noise of a single pair of conditions would rest on
two numbers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mitoseg.evaluation.metric_table import HEADLINE
from mitoseg.study.designs import WITHOUT, Design, is_numeric
from mitoseg.study.results import Outcome

Column = NDArray[np.float64]
LOG_FROM = 10.0
"""Scales whose largest level is at least this many times the smallest are read as logarithms."""


@dataclass(frozen=True)
class Effect:
    """What a factor does to the score.

    Attributes:
        factor: its name.
        change: "LEVEL against REFERENCE", "LOWEST to HIGHEST" of a scale, or "without".
        difference: change of the score; of a scale, that of the fitted line from its lowest to its highest level.
        low, high: its 95 % interval.
        size: Cohen's d: the difference over the pooled standard deviation within conditions.
        slope: standardised slope of a scale (standard deviations of the score for one of the level); nan for others.
        p: of the t-test that the difference is 0.
        p_holm: the same, corrected by Holm for the number of effects in the ranking.
        trials: behind it.
    """

    factor: str
    change: str
    difference: float
    low: float
    high: float
    size: float
    slope: float
    p: float
    p_holm: float
    trials: int

    @property
    def title(self) -> str:
        """What was changed, for people."""
        name = self.factor.removeprefix("mitogen:")
        return f"{WITHOUT} {name}" if self.change == WITHOUT else f"{name}: {self.change}"


@dataclass(frozen=True)
class _Fit:
    """One coefficient of a linear model: its estimate, standard error and the degrees of freedom of the noise."""

    estimate: float
    error: float
    freedom: int


def rank_effects(outcomes: Sequence[Outcome], design: Design, name: str) -> list[Effect]:
    """Rank what factors do to the score on the set `name`, largest absolute effect first.

    Effects for which there are too few trials have nan for what cannot be said, and come last; with one seed, or one
    that is hardly repeated yet, all have nan for interval and p.
    """
    scored = [one for one in outcomes if not isnan(one.scores[name][HEADLINE])]
    scatter = pooled_std(scored, name)
    effects: list[Effect] = []
    for factor, levels in design.factors.items():
        if is_numeric(levels):
            effects.append(_slope(scored, design, factor, name, scatter))
        else:
            labels = [level.label for level in levels if level.label != design.references[factor]]
            effects += [_contrast(scored, design, factor, label, name, scatter) for label in labels]
    corrected = holm([effect.p for effect in effects])
    ranked = [replace(effect, p_holm=p) for effect, p in zip(effects, corrected, strict=True)]
    return sorted(ranked, key=lambda effect: -1.0 if isnan(effect.difference) else abs(effect.difference), reverse=True)


def pooled_std(outcomes: Sequence[Outcome], name: str) -> float:
    """Standard deviation over seeds within conditions, pooled over all conditions; nan without any repetition."""
    groups: dict[str, list[float]] = {}
    for one in outcomes:
        groups.setdefault(one.trial.condition.name, []).append(one.scores[name][HEADLINE])
    freedom = sum(len(values) - 1 for values in groups.values())
    if not freedom:
        return nan
    return sqrt(sum(float(np.sum((np.array(values) - np.mean(values)) ** 2)) for values in groups.values()) / freedom)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm, Scandinavian Journal of Statistics 6, 1979); nan stays, uncounted."""
    order = sorted((place for place, p in enumerate(values) if not isnan(p)), key=lambda place: values[place])
    corrected, largest = list(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[place]))
        corrected[place] = largest
    return corrected


def _contrast(
    outcomes: Sequence[Outcome], design: Design, factor: str, label: str, name: str, scatter: float
) -> Effect:
    """One level against the factor's reference, within seeds."""
    here = np.array([_label(one, design, factor) == label for one in outcomes], float)
    others = _others(outcomes, design, factor)
    # Every other level of this factor has a mean of its own too; the reference is what is left.
    others += _dummies([_label(one, design, factor) for one in outcomes], without=(label, design.references[factor]))
    reference = any(_label(one, design, factor) == design.references[factor] for one in outcomes)
    fit = _coefficient(outcomes, name, here, others) if here.any() and reference else None
    change = WITHOUT if label == WITHOUT else f"{label} against {design.references[factor]}"
    return _effect(factor, change, fit, 1.0, scatter, nan, int(here.sum()))


def _slope(outcomes: Sequence[Outcome], design: Design, factor: str, name: str, scatter: float) -> Effect:
    """A line through the levels of a scale, within seeds."""
    by_label = {level.label: level.number for level in design.factors[factor]}
    levels = list(by_label.values())
    logarithmic = min(levels) > 0 and max(levels) / min(levels) >= LOG_FROM
    numbers = np.array([by_label[_label(one, design, factor)] for one in outcomes])
    scale = np.log(numbers) if logarithmic else numbers
    span = float(np.log(max(levels) / min(levels))) if logarithmic else max(levels) - min(levels)
    # Where one factor is changed at a time, trials in which another one is changed say how large the noise is only.
    fit = _coefficient(outcomes, name, scale, _others(outcomes, design, factor))
    mine = [set(one.trial.condition.levels) in (set(), {factor}, set(design.factors)) for one in outcomes]
    std = float(np.std([one.scores[name][HEADLINE] for one, own in zip(outcomes, mine, strict=True) if own] or [0.0]))
    slope = fit.estimate * float(np.std(scale[mine])) / std if fit and std > 0 else nan
    change = f"{min(levels):g} to {max(levels):g}{' (logarithm)' if logarithmic else ''}"
    return _effect(factor, change, fit, span, scatter, slope, sum(mine))


def _effect(
    factor: str, change: str, fit: _Fit | None, span: float, scatter: float, slope: float, trials: int
) -> Effect:
    if fit is None:
        return Effect(factor, change, nan, nan, nan, nan, nan, nan, nan, trials)
    difference, error = fit.estimate * span, fit.error * span
    size = difference / scatter if scatter > 0 else nan
    if fit.freedom < 1 or not error > 0:
        return Effect(factor, change, difference, nan, nan, size, slope, nan, nan, trials)
    half = float(stats.t.ppf(0.975, fit.freedom)) * error
    p = 2 * float(stats.t.sf(abs(difference) / error, fit.freedom))
    return Effect(factor, change, difference, difference - half, difference + half, size, slope, p, nan, trials)


def _others(outcomes: Sequence[Outcome], design: Design, factor: str) -> list[Column]:
    """Columns for everything that differs between trials, apart from `factor`: seeds, and the other factors."""
    columns = _dummies([str(one.trial.seed) for one in outcomes])
    for other, levels in design.factors.items():
        if other == factor:
            continue
        labels = [_label(one, design, other) for one in outcomes]
        if design.random and is_numeric(levels):  # a line: hardly any level is there twice
            by_label = {level.label: level.number for level in levels}
            columns.append(np.array([by_label[label] for label in labels]))
        else:
            columns += _dummies(labels)
    return columns


def _label(outcome: Outcome, design: Design, factor: str) -> str:
    level = outcome.trial.condition.levels.get(factor)
    return level.label if level else design.references[factor]


def _dummies(labels: Sequence[str], without: Sequence[str] = ()) -> list[Column]:
    names = [name for name in dict.fromkeys(labels) if name not in without]
    return [np.array([label == name for label in labels], float) for name in (names if without else names[1:])]


def _coefficient(outcomes: Sequence[Outcome], name: str, column: Column, others: Sequence[Column]) -> _Fit | None:
    """Ordinary least squares with a mean, `column` and `others`; None where the trials do not tell `column` apart."""
    y = np.array([one.scores[name][HEADLINE] for one in outcomes])
    rest = np.column_stack([np.ones(len(y)), *others])
    matrix = np.column_stack([column, rest])
    rank = int(np.linalg.matrix_rank(matrix))
    if rank == np.linalg.matrix_rank(rest):
        return None
    solution = np.linalg.lstsq(matrix, y, rcond=None)[0]
    # With one seed, what is left over is interactions and bends as much as noise, and nothing tells them apart.
    freedom = len(y) - rank if is_repeated(outcomes) else 0
    noise = float(np.sum((y - matrix @ solution) ** 2)) / freedom if freedom > 0 else nan
    variance = float(np.linalg.pinv(matrix.T @ matrix)[0, 0])
    return _Fit(float(solution[0]), sqrt(noise * variance) if freedom > 0 else nan, freedom)


def is_repeated(outcomes: Sequence[Outcome]) -> bool:
    """Whether a second seed has been through at least half of the trials of the one with most."""
    counts = sorted(Counter(one.trial.seed for one in outcomes).values(), reverse=True)
    return len(counts) > 1 and 2 * counts[1] >= counts[0]
