"""Scores of trials brought together: a row a condition, with intervals over seeds."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from pathlib import Path

import numpy as np
from scipy import stats

from mitoseg.evaluation.metric_table import COLUMNS, HEADLINE, read_means
from mitoseg.study.designs import Condition
from mitoseg.study.trials import SYNTHETIC, Trial, read_result, unique

REAL = "real"
"""The name of the mean over all test sets."""

GAP = "gap"
"""The name of synthetic minus real."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % interval; nan where there are too few.

    Attributes:
        mean: of the seeds.
        low, high: ends of the t-interval; nan for less than two seeds.
        seeds: how many.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def mean_text(self) -> str:
        """The mean for people."""
        return f"{self.mean:.3f}" if self.seeds else "-"

    @property
    def range_text(self) -> str:
        """The interval for people."""
        return "-" if isnan(self.low) else f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True)
class Outcome:
    """A trial that was run.

    Attributes:
        trial: which.
        scores: set -> metric -> mean over images; of `REAL`, over test sets too; of `GAP`, the difference. nan where a
            metric is not defined.
        threshold: the middle one of those of the synthetic images.
        minutes: wall time of the fit.
        code: hash of the program.
    """

    trial: Trial
    scores: Mapping[str, Mapping[str, float]]
    threshold: float
    minutes: float
    code: str


def read_outcomes(trials: Sequence[Trial], folder: Path) -> list[Outcome]:
    """The outcomes of those trials that have a result, in their order; trials that are the same count once."""
    outcomes = []
    for trial in unique(trials):
        result = read_result(folder, trial)
        if result is None:
            continue
        scores = {name: read_means(values) for name, values in result["scores"].items()}
        tests = [scores[test.name] for test in trial.tests]
        scores[REAL] = {metric: float(np.mean([test[metric] for test in tests])) for metric in COLUMNS}
        scores[GAP] = {metric: scores[SYNTHETIC][metric] - scores[REAL][metric] for metric in COLUMNS}
        outcomes.append(Outcome(trial, scores, result["threshold"], result["minutes"], result["code"]))
    return outcomes


def columns_of(outcomes: Sequence[Outcome]) -> list[str]:
    """The sets in the order of the table: synthetic, each test set, real where there are several, gap."""
    tests = [test.name for test in outcomes[0].trial.tests]
    return [SYNTHETIC, *tests, *([REAL] if len(tests) > 1 else []), GAP]


def summarise(outcomes: Sequence[Outcome], conditions: Sequence[Condition]) -> dict[str, dict[str, Interval]]:
    """Condition -> set -> interval over seeds of `HEADLINE`; conditions without any outcome have empty ones."""
    return {
        condition.name: {
            name: interval(
                [one.scores[name][HEADLINE] for one in outcomes if one.trial.condition.name == condition.name]
            )
            for name in columns_of(outcomes)
        }
        for condition in conditions
    }


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % t-interval of a few numbers; those that are nan are left out."""
    defined = [value for value in values if not isnan(value)]
    count = len(defined)
    if not count:
        return Interval(nan, nan, nan, 0)
    mean = float(np.mean(defined))
    if count < 2:
        return Interval(mean, nan, nan, count)
    half = float(stats.t.ppf(0.975, count - 1) * np.std(defined, ddof=1) / sqrt(count))
    return Interval(mean, mean - half, mean + half, count)


def as_csv(table: Mapping[str, Mapping[str, Interval]]) -> str:
    """The table for programs: a row a condition; of each set the mean and the ends of the interval."""
    names = list(next(iter(table.values())))
    header = ["condition", "seeds", *(f"{name}_{HEADLINE}{part}" for name in names for part in ("", "_low", "_high"))]
    rows = [
        [
            condition,
            max(one.seeds for one in row.values()),
            *(_digits(v) for one in row.values() for v in (one.mean, one.low, one.high)),
        ]
        for condition, row in table.items()
    ]
    return write_csv(header, rows)


def as_markdown(table: Mapping[str, Mapping[str, Interval]]) -> str:
    """The table for people: means, and below them the intervals where there are any."""
    names = list(next(iter(table.values())))
    means = [
        [condition, str(max(one.seeds for one in row.values())), *(one.mean_text for one in row.values())]
        for condition, row in table.items()
    ]
    text = _markdown(["condition", "seeds", *names], means)
    if all(isnan(one.low) for row in table.values() for one in row.values()):
        return text
    ranges = [[condition, *(one.range_text for one in row.values())] for condition, row in table.items()]
    return f"{text}\n95 % t-intervals over seeds:\n\n{_markdown(['condition', *names], ranges)}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    lines.insert(1, "|---" * len(header) + "|")
    return "\n".join(lines) + "\n"


def trials_csv(outcomes: Sequence[Outcome], factors: Sequence[str]) -> str:
    """Every trial on a row: its condition, levels and seed, and all its scores."""
    names = columns_of(outcomes)
    header = ["key", "condition", *factors, "seed", "threshold", "minutes"]
    header += [f"{name}_{metric}" for name in names for metric in COLUMNS]
    rows = []
    for one in outcomes:
        condition = one.trial.condition
        levels = [condition.levels[factor].label if factor in condition.levels else "" for factor in factors]
        scores = [_digits(one.scores[name][metric]) for name in names for metric in COLUMNS]
        start = [one.trial.key, condition.name, *levels, one.trial.seed]
        rows.append([*start, f"{one.threshold:.2f}", f"{one.minutes:.2f}", *scores])
    return write_csv(header, rows)


def write_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _digits(value: float) -> str:
    return "" if isnan(value) else f"{value:.4f}"
