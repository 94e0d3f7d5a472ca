"""What a study leaves for people: tables, pictures, the ranking, and one page of it all."""

import base64
from collections.abc import Sequence
from math import isnan
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from mitodata.files import write_atomic
from mitoseg.evaluation.metric_table import HEADLINE
from mitoseg.study.charts import draw_ranking, draw_scores
from mitoseg.study.designs import Design, twins
from mitoseg.study.effects import Effect, is_repeated, rank_effects
from mitoseg.study.plan import Plan
from mitoseg.study.results import GAP, Outcome, as_csv, as_markdown, columns_of, summarise, trials_csv, write_csv

PAGE = "index.html"
RANKING = ("factor", "change", "difference", "low", "high", "size", "slope", "p", "p_holm", "trials")


def publish(folder: Path, plan: Plan, design: Design, outcomes: Sequence[Outcome], planned: int) -> Path:
    """Write tables, pictures and the page of a study, finished or not, into its folder.

    Args:
        folder: of the study.
        plan: the study file.
        design: its conditions.
        outcomes: of the trials that have ended, at least one.
        planned: how many trials it has in all, each once.

    Returns:
        The path of the page.

    Raises:
        RunError: the folder cannot be written.
    """
    table = summarise(outcomes, design.conditions)
    names = [name for name in columns_of(outcomes) if name != GAP]
    # The last one is the only test set, or the mean over all of them.
    rankings = {name: rank_effects(outcomes, design, name) for name in reversed(names)}
    judged = names[-1]
    markdown = as_markdown(table)
    pictures = {"scores.png": draw_scores(outcomes, design), "ranking.png": draw_ranking(rankings[judged], judged)}
    notes = notes_on(outcomes, design, planned)
    texts = {
        "table.csv": as_csv(table),
        "trials.csv": trials_csv(outcomes, list(design.factors)),
        "ranking.csv": _ranking_csv(rankings),
        "table.md": "\n".join([markdown, *(f"- {note}" for note in notes), "", *_ranking_markdown(rankings)]) + "\n",
        "study.toml": plan.text,
    }
    for name, text in texts.items():
        write_atomic(folder / name, text.encode())
    for name, content in pictures.items():
        write_atomic(folder / name, content)
    environment = Environment(loader=PackageLoader("mitoseg.study"), autoescape=select_autoescape())
    page = environment.get_template("study.html").render(
        plan=plan,
        table=table,
        names=columns_of(outcomes),
        rankings={name: [_texts(effect) for effect in effects] for name, effects in rankings.items()},
        judged=judged,
        notes=notes,
        pictures={name: base64.b64encode(content).decode() for name, content in pictures.items()},
        outcomes=outcomes,
        headline=HEADLINE,
    )
    write_atomic(folder / PAGE, page.encode())
    return folder / PAGE


def notes_on(outcomes: Sequence[Outcome], design: Design, planned: int) -> list[str]:
    """What a reader has to know about the numbers."""
    seeds = len({one.trial.seed for one in outcomes})
    repeated = is_repeated(outcomes)
    tests = ", ".join(
        f"{test.name} ({test.file.name}{f', one section in {test.every}' if test.every > 1 else ''})"
        for test in outcomes[0].trial.tests
    )
    notes = [
        f"{len(outcomes)} of {planned} trials have ended; seeds: {seeds}. Foreground IoU, mean over images, threshold "
        f"chosen on synthetic images. Scored on: {tests}.",
        "Differences are estimated within seeds, with the noise of all trials; p is corrected by Holm for all effects "
        "of a ranking.",
    ]
    if not repeated:
        notes.append(
            "One seed, or a second one that has just begun, says nothing about chance: no intervals and no tests."
        )
    elif seeds < 5:
        notes.append(
            f"With {seeds} seeds only large effects can be told from chance; what is not significant is not zero."
        )
    notes += [
        f"{name} has the same settings as {first}: it is the same fit, and is counted there only."
        for name, first in twins(design.conditions).items()
    ]
    versions = {one.code for one in outcomes}
    if len(versions) > 1:
        notes.append(
            f"These trials were made by {len(versions)} versions of the program; to compare like with like, remove "
            "trials/ and run again."
        )
    return notes


def format_ranking(effects: Sequence[Effect]) -> str:
    """The ranking as a Markdown table."""
    lines = ["| factor | change | IoU | 95 % interval | Cohen's d | slope | p | p, Holm |", "|---" * 8 + "|"]
    lines += [f"| {' | '.join(_texts(effect))} |" for effect in effects]
    return "\n".join(lines) + "\n"


def _ranking_markdown(rankings: dict[str, list[Effect]]) -> list[str]:
    return [line for name, effects in rankings.items() for line in (f"## Ranking: {name}", "", format_ranking(effects))]


def _ranking_csv(rankings: dict[str, list[Effect]]) -> str:
    rows = [
        [name, *(_plain(getattr(effect, part)) for part in RANKING)]
        for name, effects in rankings.items()
        for effect in effects
    ]
    return write_csv(["set", *RANKING], rows)


def _texts(effect: Effect) -> list[str]:
    interval = "-" if isnan(effect.low) else f"{effect.low:+.3f} to {effect.high:+.3f}"
    numbers = [
        _number(effect.difference, "+.3f"),
        interval,
        _number(effect.size, "+.2f"),
        _number(effect.slope, "+.2f"),
        _chance(effect.p),
        _chance(effect.p_holm),
    ]
    return [effect.factor.removeprefix("mitogen:"), effect.change, *numbers]


def _number(value: float, form: str) -> str:
    return "-" if isnan(value) else format(value, form)


def _chance(p: float) -> str:
    return "< .001" if p < 0.001 else _number(p, ".3f")


def _plain(value: object) -> object:
    return ("" if isnan(value) else f"{value:.5g}") if isinstance(value, float) else value
