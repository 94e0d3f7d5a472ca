"""Which knobs bring an image nearer to the user's own, by grey levels alone."""

import json
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from served import Site, make, served

from mitogen.explorer.nearer import PIXEL, STEP, list_steps
from mitogen.explorer.own_images import OwnImages
from mitogen.explorer.recipes import Recipes
from mitogen.explorer.view import View
from mitogen.match.ranges import range_of
from mitogen.recipe.recipe import draw, load_recipe

BRIGHT = OwnImages("real.h5", 8.0, (np.random.default_rng(0).integers(240, 256, (64, 64), np.uint8),))


def nearer(site: Site, **changes: str) -> dict[str, object]:
    answer = site.get(f"/nearer?{urlencode({'recipe': 'vnc', 'size': '48', 'index': '3', **changes})}")
    assert answer.status == 200, answer.text
    found: dict[str, object] = json.loads(answer.text)
    return found


def test_a_step_says_how_far_it_leads_and_leads_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "standin")
    import standin

    before = draw(load_recipe("vnc"), 0, 3)["imaging.white"]
    with served(make(own_images=BRIGHT, renderer=standin.grey_of_white)) as site:
        found = nearer(site)
        assert isinstance(found["steps"], list)
        (step,) = found["steps"]  # of a constant image nothing else changes
        assert step["knob"] == "imaging.white"
        assert step["before"] == pytest.approx(before)
        assert step["after"] > before
        assert step["distance"] < found["distance"]
        assert step["because"]["title"] == "grey, Wasserstein distance"
        assert step["because"]["before"] > step["because"]["after"] > step["because"]["real"] == 0
        reached = nearer(site, **{"imaging.white": str(step["after"])})
        assert reached["distance"] == pytest.approx(step["distance"])


def test_every_knob_is_tried_both_ways_within_what_is_allowed() -> None:
    recipes, view = Recipes(), View(recipe="mito", seed=3, index=1, size_px=1024)
    steps = list_steps(recipes, view, 6.0)
    assert steps[0].knob == PIXEL
    assert steps[0].after == 6
    mito = load_recipe("mito")
    numbers = draw(mito, 3, 1)
    for step in steps:
        knob = mito.knobs[step.knob]
        assert step.before == numbers[step.knob]
        assert knob.low <= step.after <= knob.high
        assert step.view.size_px == 256
        assert draw(recipes.recipe(step.view), 3, 1) == {**numbers, step.knob: step.after}
    assert len({step.knob for step in steps}) < len(steps) <= 2 * len({step.knob for step in steps})
    assert not {step.knob.split(".")[0] for step in steps} - {"section", "cells", "imaging"}


def test_a_knob_that_was_turned_goes_on_from_there() -> None:
    one = range_of(load_recipe("vnc"), "imaging.noise")
    assert one is not None
    view = View(recipe="vnc", changes=(("imaging.noise", "9"),))
    after = [step.after for step in list_steps(Recipes(), view, 8.0) if step.knob == "imaging.noise"]
    assert after == list(one.aside(9.0, STEP))


def test_without_own_images_there_is_nothing_to_come_near_to() -> None:
    with served(make()) as site:
        answer = site.get("/nearer?size=48")
    assert (answer.status, "--image FILE.h5" in answer.text) == (400, True)
