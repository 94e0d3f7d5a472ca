"""How a match searches: ranges of knobs, rounds of trials, and the journal that they are kept in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from mitodata import DataError
from mitogen.match.ranges import named_ranges, range_of
from mitogen.match.search import finished, open_study, search
from mitogen.recipe.distributions import Fixed, LogUniform
from mitogen.recipe.recipe import load_recipe

KNOBS = ("imaging.white", "imaging.noise")


@given(st.sampled_from(sorted(load_recipe("mito").values)), st.floats(0, 1), st.floats(0, 1))
def test_a_widened_knob_holds_its_value_and_stays_allowed(name: str, place: float, share: float) -> None:
    one = range_of(load_recipe("mito"), name)
    if one is None:
        return
    low, high = one.ends
    value = low + place * (high - low)
    params = one.widened(value, share)
    assert one.knob.fit(params) == params
    bottom, top = params.support
    assert bottom - 1e-3 * abs(value) <= value <= top + 1e-3 * abs(value)
    if one.by_factors:
        assert top / bottom <= (one.high / one.low) ** share * 1.002
    elif not one.fixed:
        assert top - bottom <= share * (one.high - one.low) * 1.002 + 1e-3 * abs(value)


def test_what_is_fixed_stays_one_number_and_factors_stay_factors() -> None:
    fixed = range_of(load_recipe("epfl"), "imaging.blur_px")
    assert fixed is not None
    assert fixed.widened(0.7, 0.5) == Fixed(0.7)
    noise = range_of(load_recipe("mito"), "imaging.noise")
    assert noise is not None
    assert isinstance(noise.widened(4, 0.5), LogUniform)


def test_the_search_finds_the_bottom_of_a_bowl(tmp_path: Path) -> None:
    ranges = named_ranges(load_recipe("mito"), KNOBS)
    bottom = {"imaging.white": 230.0, "imaging.noise": 3.0}

    def bowl(trials: Sequence[Mapping[str, float]]) -> list[float]:
        return [abs(one["imaging.white"] - 230) / 100 + abs(np.log(one["imaging.noise"] / 3)) for one in trials]

    start = {"imaging.white": 160.0, "imaging.noise": 9.0}
    study = open_study(tmp_path / "j", "bowl")
    best = search(study, ranges, start, bowl, (0, 80, np.inf))
    assert study.trials[0].params == start
    assert finished(study) == 80
    assert bowl([best.params])[0] < 0.15, (best.params, bottom)


def bumps(trials: Sequence[Mapping[str, float]]) -> list[float]:
    return [abs(one["imaging.white"] - 230) + abs(np.sin(7 * one["imaging.noise"])) for one in trials]


def tried(study: optuna.Study) -> list[Mapping[str, float]]:
    return [trial.params for trial in study.trials if trial.state == TrialState.COMPLETE]


def test_more_trials_go_on_as_if_they_had_been_asked_for_at_once(tmp_path: Path) -> None:
    ranges, start = named_ranges(load_recipe("mito"), KNOBS), {"imaging.white": 160.0, "imaging.noise": 9.0}
    whole, halves = open_study(tmp_path / "whole", "x"), open_study(tmp_path / "parts", "x")
    search(whole, ranges, start, bumps, (0, 24, np.inf))
    for count in (1, 10, 11, 24):
        search(halves, ranges, start, bumps, (0, count, np.inf))
        assert finished(halves) == count
    assert tried(halves) == tried(whole)


@pytest.mark.parametrize(("name", "stop_at"), [("tell", 10), ("ask", 14)])
def test_stopped_in_the_middle_of_a_round_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stop_at: int
) -> None:
    ranges, start = named_ranges(load_recipe("mito"), KNOBS), {"imaging.white": 160.0, "imaging.noise": 9.0}
    whole, storage = open_study(tmp_path / "whole", "x"), tmp_path / "stopped"
    search(whole, ranges, start, bumps, (0, 20, np.inf))
    calls, method = [], getattr(optuna.Study, name)

    def stop(*args: Any, **more: Any) -> object:
        calls.append(args)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return method(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, name, stop)
        with pytest.raises(KeyboardInterrupt):
            search(open_study(storage, "x"), ranges, start, bumps, (0, 20, np.inf))
    again = open_study(storage, "x")
    assert finished(again) < 20
    search(again, ranges, start, bumps, (0, 20, np.inf))
    assert tried(again) == tried(whole)


def test_time_ends_a_search_after_a_round(tmp_path: Path) -> None:
    ranges = named_ranges(load_recipe("mito"), ["imaging.noise"])
    study = open_study(tmp_path / "j", "x")
    search(study, ranges, {"imaging.noise": 5.0}, lambda trials: [1.0] * len(trials), (0, 80, 0.0))
    assert finished(study) == 4


def test_a_storage_of_something_else_is_refused(tmp_path: Path) -> None:
    open_study(tmp_path / "j", "one search")
    with pytest.raises(DataError, match="holds a search with another recipe"):
        open_study(tmp_path / "j", "another")
    for number, content in enumerate((b"no journal", b"neither\nis this\nhere", b'{"a": 1}\nb', b"[" * 5000)):
        (tmp_path / f"{number}").write_bytes(content)
        with pytest.raises(DataError, match="is not the journal"):
            open_study(tmp_path / f"{number}", "x")
        assert (tmp_path / f"{number}").read_bytes() == content
    (tmp_path / "empty").touch()
    assert not open_study(tmp_path / "empty", "x").trials
    with pytest.raises(DataError, match="cannot be used"):
        open_study(tmp_path / "missing" / "j", "x")
