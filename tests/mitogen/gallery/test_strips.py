"""Strips: which values, which field of view, and what is turned up so that a knob shows."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mitogen.gallery.strips import NEEDS, UNSEEN, Setting, Studio, draw_strip, fields_for
from mitogen.gallery.sweeps import plenty, span
from mitogen.recipe.catalogue import SCENES
from mitogen.recipe.distributions import Choice, Distribution, LogNormal, LogUniform, Uniform
from mitogen.recipe.knob import Knob, knob_table
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.job import RenderError

STANDIN = Path(__file__).parents[1] / "standin"
KNOBS = knob_table(
    Knob("plain.grey", "grey", 0, 255, Uniform(100, 140), "Grey level of the ground."),
    Knob("dot.share", "1", 0, 1, Uniform(0, 0.2), "Share of images with a dot."),
    Knob("dot.grey", "grey", 0, 255, Uniform(20, 60), "Grey level of the dot."),
    Knob("stack.step", "grey", 0, 4, 0.0, "Grey levels from section to section."),
    Knob("idle.knob", "1", 0, 1, Uniform(0.5, 1), "Nothing."),
)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.syspath_prepend(STANDIN)
    import standin

    return Studio(Recipe("dots", scenes={"dots": KNOBS}), size=16, renderer=standin.dots)


def test_a_knob_that_shows_is_shown_as_it_is(studio: Studio) -> None:
    strip = draw_strip(studio, "plain.grey", [0, 1])
    assert strip.values == (90, 105, 120, 135, 150)
    assert strip.setting == Setting(0, {})
    assert strip.change == 10  # 15 grey levels a step: plain to see
    with Image.open(BytesIO(strip.png)) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (16, 5 * 16 + 4 * 4, 3)
    assert [pixels[3, 20 * i + 3, 0] for i in range(5)] == [90, 105, 120, 135, 150]
    assert np.all(pixels[:, 16:20] == 255)


def test_what_is_rare_is_made_frequent(studio: Studio) -> None:
    strip = draw_strip(studio, "dot.grey", [0, 2, 3])
    assert strip.setting == Setting(3, {"dot.share": 0.59})
    assert strip.change > UNSEEN
    strip = draw_strip(studio, "dot.share", [3, 0, 2])
    assert strip.values[-1] == 0.59
    assert strip.setting == Setting(3, {})


def test_fields_of_view_hold_what_a_section_is_about(studio: Studio) -> None:
    assert all(field % 2 for field in fields_for(studio, "dot"))
    assert len(fields_for(studio, "plain")) == 2


def test_what_sections_do_not_show_is_shown_in_a_volume(studio: Studio) -> None:
    strip = draw_strip(studio, "stack.step", [0, 1])
    assert strip.setting == Setting(0, {}, volume=True)
    with Image.open(BytesIO(strip.png)) as picture:
        assert picture.size == (5 * 16 + 4 * 4, 96)  # 48 sections of two pixels each


def test_a_knob_without_effect_is_found_out(studio: Studio) -> None:
    strip = draw_strip(studio, "idle.knob", [0, 1])
    assert strip.change < UNSEEN
    assert not strip.setting.volume


def test_a_failing_image_says_with_which_numbers(studio: Studio) -> None:
    import standin

    broken = Studio(studio.recipe.override({"plain.grey": {"uniform": [100, 255]}}), 0, 16, renderer=standin.breaking)
    with pytest.raises(RenderError, match=r"image 0 with plain\.grey=255: ValueError: too bright"):
        draw_strip(broken, "plain.grey", [0])


@pytest.mark.parametrize(
    ("knob", "params", "values"),
    [
        (Knob("a.b", "nm", 0, 100, 1, "x"), Uniform(20, 60), (10, 25, 40, 55, 70)),
        (Knob("a.b", "nm", 15, 65, 20, "x"), Uniform(20, 60), (15, 27.5, 40, 52.5, 65)),
        (Knob("a.b", "nm", 1, 1000, 2, "x"), LogUniform(1, 16), (1, 2.38, 5.66, 13.5, 32)),
        (Knob("a.b", "nm", 0, 1000, 2, "x"), LogUniform(1, 16), (0, 0.5, 2, 8, 32)),
        (Knob("a.b", "nm", 0, 100, 2, "x"), 30.0, (0, 30, 50, 75, 100)),
        (Knob("a.b", "nm", 1, 10000, 2, "x"), 8.0, (1, 8, 100, 1000, 10000)),
        (Knob("a.b", "1", 0, 2, 1, "x"), Choice((0.0, 0.4)), (0, 0.4, 0.8, 1.2, 1.6)),
        (Knob("a.b", "1", 0, 1, 1, "x"), Choice((0.0, 0.5, 1.0)), (0, 0.25, 0.5, 0.75, 1)),
        (Knob("a.b", "1", 0, 95, 1, "x"), Choice((0, 10, 25)), (0, 10, 25, 40, 55)),
        (Knob("a.b", "1", 0, 9, 1, "x"), Choice((1, 2, 3, 4, 5, 6, 7, 8, 9)), (1, 3, 5, 7, 9)),
        (Knob("a.b_share", "1", 0, 1, 0.5, "x"), Uniform(0, 0.2), (0, 0.147, 0.295, 0.443, 0.59)),
        (Knob("a.density_per_um3", "", 0, 100, 1, "x"), LogUniform(0.01, 1), (0, 0.00316, 0.0446, 0.63, 8.9)),
    ],
)
def test_values_go_somewhat_beyond_what_is_drawn(
    knob: Knob, params: Distribution | float, values: tuple[float, ...]
) -> None:
    assert span(knob, knob.fit(params), 5) == values


@st.composite
def settings(draw: st.DrawFn) -> tuple[Knob, Distribution]:
    low, high = sorted(draw(st.tuples(st.floats(-100, 1000), st.floats(-100, 1000)).filter(lambda p: p[1] - p[0] > 1)))
    a, b = sorted(draw(st.tuples(st.floats(low, high), st.floats(low, high))))
    kinds: list[Distribution | float] = [Uniform(a, b), a]
    kinds += [LogUniform(a, b), LogNormal((a * b) ** 0.5, 0.5)] if a > 0.01 and b > 1.1 * a else []
    knob = Knob("some.knob", "nm", low, high, a, "x")
    return knob, knob.fit(draw(st.sampled_from(kinds)))


@given(settings(), st.integers(2, 9))
def test_values_are_allowed_and_ascend(case: tuple[Knob, Distribution], count: int) -> None:
    knob, params = case
    values = span(knob, params, count)
    assert len(values) == count
    assert knob.low <= values[0] < values[-1] <= knob.high
    assert all(a <= b for a, b in pairwise(values))
    assert knob.low <= plenty(knob, params) <= knob.high


def test_what_knobs_need_exists() -> None:
    known = {name for table in SCENES.values() for name in table}
    sections = {name.split(".")[0] for name in known}
    for what, needed in NEEDS.items():
        assert what in known | sections, what
        assert set(needed) <= known, needed
