import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitogen.recipe.distributions import (
    Choice,
    Distribution,
    Fixed,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
)
from mitogen.recipe.knob import Knob, knob_table, parse

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
positive = st.floats(1e-3, 1e6)
quantiles = st.floats(1e-12, 1 - 1e-12)
pairs = st.tuples(numbers, numbers).map(sorted)
positive_pairs = st.tuples(positive, positive).map(sorted)


@st.composite
def bells(draw: st.DrawFn) -> Distribution:
    middle, spread = draw(positive), draw(st.floats(0.01, 2))
    low, high = middle * math.exp(-spread * draw(st.floats(0, 3))), middle * math.exp(spread * draw(st.floats(0.01, 3)))
    if draw(st.booleans()):
        return LogNormal(median=middle, spread=spread, low=low, high=high)
    return Normal(mean=middle, std=middle * spread, low=low, high=high)


distributions = st.one_of(
    numbers.map(Fixed),
    pairs.map(lambda pair: Uniform(*pair)),
    positive_pairs.map(lambda pair: LogUniform(*pair)),
    bells(),
    st.lists(numbers, min_size=1, max_size=5).map(lambda values: Choice(tuple(values))),
)


@given(distributions, quantiles)
def test_values_stay_within_the_support(distribution: Distribution, u: float) -> None:
    low, high = distribution.support
    assert low <= distribution.ppf(u) <= high


@given(distributions.filter(lambda d: not isinstance(d, Choice)), quantiles, quantiles)
def test_a_larger_quantile_is_no_smaller_value(distribution: Distribution, u: float, v: float) -> None:
    small, large = sorted((u, v))
    assert distribution.ppf(small) <= distribution.ppf(large)


@given(distributions)
def test_its_form_in_a_recipe_reads_back(distribution: Distribution) -> None:
    assert parse(distribution.toml()) == distribution


@pytest.mark.parametrize(
    ("distribution", "u", "value"),
    [
        (Uniform(10, 20), 0.25, 12.5),
        (LogUniform(1, 100), 0.5, 10),
        (Normal(mean=5, std=2), 0.5, 5),
        (Normal(mean=0, std=1), 0.975, 1.959964),
        (Normal(mean=0, std=1, low=0), 0.5, 0.674490),
        (LogNormal(median=130, spread=0.35), 0.5, 130),
        (LogNormal(median=1, spread=1), 0.8413447, math.e),
        (Choice((1, 2, 3)), 0.5, 2),
        (Choice((1, 2), (0.9, 0.1)), 0.89, 1),
        (Choice((1, 2), (0.9, 0.1)), 0.91, 2),
        (Choice((1, 2, 3), (1, 0, 1)), 0.5, 3),
    ],
)
def test_known_quantiles(distribution: Distribution, u: float, value: float) -> None:
    assert distribution.ppf(u) == pytest.approx(value, rel=1e-5)


IMPOSSIBLE = [
    ({"uniform": [3, 2]}, "low 3 and high 2"),
    ({"uniform": [3]}, "high is missing"),
    ({"uniform": [3, 4, 5]}, "expected low, high"),
    ({"uniform": [math.nan, 4]}, "low: Input should be a finite number"),
    ({"uniform": [1, True]}, "high: Input should be a valid number"),
    ({"loguniform": [0, 4]}, "low: Input should be greater than 0"),
    ({"normal": {"mean": 1}}, "std is missing"),
    ({"normal": {"mean": 1, "std": 0}}, "std: Input should be greater than 0"),
    ({"normal": {"mean": 1, "std": 1, "low": math.nan}}, "low nan"),
    ({"normal": {"mean": 0, "std": 1, "low": 50, "high": 60}}, "practically no value"),
    ({"lognormal": {"median": 1, "sprad": 1}}, "did you mean spread?"),
    ({"lognormal": {"median": -1, "spread": 1}}, "median: Input should be greater than 0"),
    ({"lognormal": 3}, "expected median, spread"),
    ({"lognorml": [1, 2]}, "did you mean lognormal?"),
    ({"choice": []}, "at least 1 item"),
    ({"choice": [1, 2], "weights": [1]}, "1 weights for 2 values"),
    ({"choice": [1, 2], "weights": [1, -1]}, "none negative"),
    ({"choice": [1, 2], "weights": [0, 0]}, "not all zero"),
    ({"choice": [1, 2], "weight": [1, 1]}, "expected a number"),
    ({"choice": ["a"]}, "valid number"),
    ({}, "expected a number"),
    ("12", "expected a number"),
    (True, "expected a number"),
    (math.nan, "finite number"),
    (math.inf, "finite number"),
    (10**400, "valid number"),
    ([1, 2], "expected a number"),
]


@pytest.mark.parametrize(("value", "message"), IMPOSSIBLE)
def test_the_impossible_is_refused_in_one_line(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as caught:
        parse(value)
    assert "\n" not in str(caught.value)


RADIUS = Knob("mitochondria.radius_nm", "nm", 30, 800, LogNormal(130, 0.35), "Radius.")


def test_bounds_that_are_left_out_are_the_range_of_the_knob() -> None:
    assert RADIUS.fit({"normal": {"mean": 100, "std": 20, "low": 50}}) == Normal(100, 20, 50, 800)


@pytest.mark.parametrize("value", [29, 801, Uniform(20, 40), Choice((30, 900)), Normal(100, 10, low=0)])
def test_nothing_reaches_outside_the_range(value: float | Distribution) -> None:
    with pytest.raises(ValueError, match="outside the allowed 30 to 800 nm"):
        RADIUS.fit(value)


def test_a_table_refuses_what_its_author_got_wrong() -> None:
    with pytest.raises(ValueError, match=r"a\.b: default: 5 is outside"):
        knob_table(Knob("a.b", "", 0, 1, 5, "Something."))
    with pytest.raises(ValueError, match="expected a new name"):
        knob_table(RADIUS, RADIUS)
    with pytest.raises(ValueError, match=r"section\.knob"):
        knob_table(Knob("radius", "", 0, 1, 0, "Something."))


def test_description_names_unit_range_and_default() -> None:
    assert RADIUS.describe().splitlines() == [
        "mitochondria.radius_nm",
        "  Radius.",
        "  allowed 30 to 800 nm; default { lognormal = { median = 130, spread = 0.35, low = 30, high = 800 } }",
    ]
