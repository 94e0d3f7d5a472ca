"""Intervals, effect sizes and their ranking, against numbers that are known."""

from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mitoseg.evaluation.metric_table import COLUMNS
from mitoseg.study.charts import draw_ranking, draw_scores
from mitoseg.study.designs import Condition, Design, Level
from mitoseg.study.effects import holm, pooled_std, rank_effects
from mitoseg.study.results import GAP, REAL, Interval, Outcome, as_markdown, interval
from mitoseg.study.settings import resolve
from mitoseg.study.trials import SYNTHETIC, Test, Trial

SETUP = resolve({"steps": 1}, Path(), "test")


def outcome(levels: dict[str, Level], seed: int, real: float, synthetic: float = 0.9) -> Outcome:
    name = ", ".join(f"{factor} = {level.label}" for factor, level in levels.items()) or "baseline"
    trial = Trial(Condition(name, levels, SETUP), seed, [Test("epfl", Path("epfl.h5"), 1, "")])
    values = {"epfl": real, REAL: real, SYNTHETIC: synthetic, GAP: synthetic - real}
    return Outcome(trial, {key: dict.fromkeys(COLUMNS, value) for key, value in values.items()}, 0.5, 1.0, "code")


def left_out(effects: dict[str, float], noise: float, seeds: int = 3) -> tuple[list[Outcome], Design]:
    rng = np.random.default_rng(0)
    levels = {name: Level("without", nan, {}) for name in effects}
    conditions = [{}, *({name: level} for name, level in levels.items())]
    outcomes = [
        # A seed moves all conditions alike, far more than the noise does.
        outcome(own, seed, 0.6 + 0.1 * seed + sum(effects[name] for name in own) + rng.normal(0, noise))
        for seed in range(seeds)
        for own in conditions
    ]
    design = Design(
        [one.trial.condition for one in outcomes if one.trial.seed == 0],
        {name: [level] for name, level in levels.items()},
        dict.fromkeys(effects, "baseline"),
    )
    return outcomes, design


def test_what_costs_most_comes_first_and_is_told_from_chance() -> None:
    truth = {"a": 0.0, "b": -0.2, "c": 0.05, "d": 0.0, "e": 0.0}
    outcomes, design = left_out(truth, noise=0.005)
    effects = rank_effects(outcomes, design, REAL)
    assert [effect.factor for effect in effects][:2] == ["b", "c"]
    for effect in effects:
        assert effect.difference == pytest.approx(truth[effect.factor], abs=0.02)
        assert effect.low < truth[effect.factor] < effect.high
        assert (effect.p_holm < 0.05) == (truth[effect.factor] != 0)
        assert effect.size == pytest.approx(effect.difference / pooled_std(outcomes, REAL))


def test_two_conditions_are_a_paired_t_test() -> None:
    outcomes, design = left_out({"a": -0.02}, noise=0.01, seeds=6)
    (effect,) = rank_effects(outcomes, design, REAL)
    scores = {len(one.trial.condition.levels): [] for one in outcomes}
    for one in outcomes:
        scores[len(one.trial.condition.levels)].append(one.scores[REAL]["iou"])
    test = stats.ttest_rel(scores[1], scores[0])
    assert effect.p == pytest.approx(test.pvalue)
    assert (effect.low, effect.high) == pytest.approx(tuple(test.confidence_interval()))


def test_chance_alone_is_rarely_called_significant() -> None:
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        outcomes, design = left_out(dict.fromkeys("abcdefgh", 0.0), noise=0.0)
        noisy = [outcome(dict(one.trial.condition.levels), one.trial.seed, rng.normal()) for one in outcomes]
        found += any(effect.p_holm < 0.05 for effect in rank_effects(noisy, design, REAL))
    assert found <= 6


def test_scales_are_lines() -> None:
    levels = [Level(str(number), number, {}) for number in (10.0, 100.0, 1000.0)]
    rng = np.random.default_rng(1)
    outcomes = [
        outcome({"images": level}, seed, 0.3 + 0.1 * np.log10(level.number) + rng.normal(0, 0.002))
        for seed in range(3)
        for level in levels
    ]
    conditions = [one.trial.condition for one in outcomes[:3]]
    (effect,) = rank_effects(outcomes, Design(conditions, {"images": levels}, {"images": "10"}), REAL)
    assert effect.change == "10 to 1000 (logarithm)"
    assert effect.difference == pytest.approx(0.2, abs=0.005)
    assert effect.slope == pytest.approx(1, abs=0.01)
    assert effect.p < 1e-6


def test_a_line_is_not_bent_by_other_factors() -> None:
    rng = np.random.default_rng(2)
    scale = [Level(str(number), float(number), {}) for number in (0, 1, 2)]
    flat = Level("flat", nan, {})
    conditions: list[dict[str, Level]] = [{}, {"noise": scale[0]}, {"noise": scale[2]}, {"look": flat}]
    outcomes = [
        outcome(own, seed, 0.5 + 0.1 * (own.get("noise", scale[1]).number - 1) - 0.3 * ("look" in own) + noise)
        for seed in range(3)
        for own in conditions
        for noise in [rng.normal(0, 0.001)]
    ]
    factors = {"noise": scale, "look": [Level("baseline", nan, {}), flat]}
    design = Design([one.trial.condition for one in outcomes[:4]], factors, {"noise": "1", "look": "baseline"})
    look, noise = rank_effects(outcomes, design, REAL)
    assert (look.change, noise.change) == ("flat against baseline", "0 to 2")
    assert look.difference == pytest.approx(-0.3, abs=0.005)
    assert noise.difference == pytest.approx(0.2, abs=0.005)
    assert noise.slope == pytest.approx(1, abs=0.01)
    assert noise.trials == 9


def test_too_few_trials_say_so() -> None:
    outcomes, design = left_out({"a": 0.1, "b": 0.0}, noise=0.01, seeds=1)
    for effect in rank_effects(outcomes, design, REAL):
        assert isnan(effect.p)
        assert not isnan(effect.difference)
    # The trials of b are missing.
    here = [one for one in outcomes if "b" not in one.trial.condition.levels]
    assert isnan(rank_effects(here, design, REAL)[-1].difference)


def test_one_seed_says_nothing_about_chance() -> None:
    rng = np.random.default_rng(3)
    x, y = [Level(str(n), float(n), {}) for n in range(5)], [Level(name, nan, {}) for name in "abc"]
    grid = [
        outcome({"x": one, "y": two}, seed, rng.normal(0.5 + 0.1 * one.number, 0.01))
        for seed in (0, 1)
        for one in x
        for two in y
    ]
    design = Design([one.trial.condition for one in grid[:15]], {"x": x, "y": y}, {"x": "0", "y": "a"})
    for done in (15, 16, 22):  # one seed, or a second one that has just begun
        for effect in rank_effects(grid[:done], design, REAL):
            assert not isnan(effect.difference)
            assert all(map(isnan, (effect.low, effect.high, effect.p, effect.p_holm)))
    assert all(effect.p >= 0 for effect in rank_effects(grid, design, REAL))


def test_holm_and_intervals() -> None:
    assert holm([0.01, 0.04, 0.03, nan]) == pytest.approx([0.03, 0.06, 0.06, nan], nan_ok=True)
    assert interval([]).seeds == 0
    assert isnan(interval([0.5]).low)
    assert interval([0.4, 0.5, 0.6, nan]) == Interval(0.5, *map(pytest.approx, (0.2515862, 0.7484138)), 3)


def test_intervals_stand_below_the_means() -> None:
    table = {"baseline": {"epfl": interval([0.4, 0.5, 0.6]), GAP: interval([])}}
    assert as_markdown(table).splitlines() == [
        "| condition | seeds | epfl | gap |",
        "|---|---|---|---|",
        "| baseline | 3 | 0.500 | - |",
        "",
        "95 % t-intervals over seeds:",
        "",
        "| condition | epfl | gap |",
        "|---|---|---|",
        "| baseline | 0.252 to 0.748 | - |",
    ]
    assert as_markdown({"baseline": {"epfl": interval([0.5])}}).endswith("| baseline | 1 | 0.500 |\n")


def test_pictures_are_drawn_where_nothing_has_a_score() -> None:
    outcomes, design = left_out({"a": 0.1}, noise=0.01)
    for scored in ([], [one for one in outcomes if one.trial.condition.levels]):
        kept = {id(one) for one in scored}
        unknown = {name: dict.fromkeys(COLUMNS, nan) for name in ("epfl", REAL, GAP)}
        known = [one if id(one) in kept else replace(one, scores={**one.scores, **unknown}) for one in outcomes]
        assert draw_scores(known, design).startswith(b"\x89PNG")


def test_pictures_are_drawn_for_every_design() -> None:
    outcomes, design = left_out({"a": 0.1, "b": 0.0}, noise=0.01)
    assert draw_scores(outcomes, design).startswith(b"\x89PNG")
    assert draw_ranking(rank_effects(outcomes, design, REAL), REAL).startswith(b"\x89PNG")
    both = {"x": [Level("1", 1.0, {}), Level("2", 2.0, {})], "y": [Level("a", nan, {}), Level("b", nan, {})]}
    grid = [outcome({"x": x, "y": y}, seed, 0.5) for seed in (0, 1) for x in both["x"] for y in both["y"]]
    conditions = [one.trial.condition for one in grid[:4]]
    for random in (False, True):
        assert draw_scores(grid, Design(conditions, both, {"x": "1", "y": "a"}, random)).startswith(b"\x89PNG")
