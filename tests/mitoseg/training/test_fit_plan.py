"""What is asked of a fit, as settings and data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mitodata import RunError
from mitogen.recipe.recipe import open_recipe
from mitoseg.config.settings import DEFAULT_MINUTES, FitConfig
from mitoseg.training.fit import FitRequest, plan_fit, plan_resumed


@pytest.fixture(scope="module")
def compartments(as_rendered: Callable[[bool], Path]) -> Path:
    """Images that were rendered with compartments."""
    return as_rendered(True)


def test_files_alone_mean_the_defaults(discs: Path, fresh_discs: Path) -> None:
    plan = plan_fit(FitRequest([discs], validation=[fresh_discs], val_fraction=0.2))
    assert plan.config == FitConfig(minutes=DEFAULT_MINUTES)
    assert (plan.sources.training, plan.sources.validation, plan.sources.recipe) == ([discs], [fresh_discs], "")
    assert plan.notes == ()


def test_later_settings_win(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('network = "large"\nbatch = 3\nseed = 5\n')
    request = FitRequest([discs], study="s0", config_file=tmp_path / "mine.toml")
    assert plan_fit(request).config.network == "large"
    plan = plan_fit(replace(request, settings={"network": "small", "seed": None}, overrides=("batch=2",)))
    assert (plan.config.network, plan.config.batch, plan.config.seed) == ("small", 2, 5)
    assert plan_fit(replace(request, settings={"network": "small"}, overrides=("network=tiny",))).config.network == (
        "tiny"
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 2.0}, (2.0, None, None)),
        ({"minutes": 3.0}, (None, 3.0, None)),
        ({"steps": 4}, (None, None, 4)),
        ({"epochs": None}, (None, DEFAULT_MINUTES, None)),
    ],
)
def test_there_is_one_budget(settings: dict[str, object], expected: tuple[object, ...], discs: Path) -> None:
    config = plan_fit(FitRequest([discs], settings=settings)).config
    assert (config.epochs, config.minutes, config.steps) == expected


def test_images_with_compartments_are_learned_with_them_unless_told_otherwise(
    compartments: Path, discs: Path, tiny: FitConfig
) -> None:
    plan = plan_fit(FitRequest([compartments]))
    assert (plan.config.target, plan.config.loss) == ("compartments", "dice_focal")
    assert plan.notes == ("target: compartments, by focal loss, since the images have them (--set target=...)",)
    for told in (
        FitRequest([compartments, discs]),
        FitRequest([compartments], settings={"target": "semantic"}),
        FitRequest([compartments], overrides=("target = semantic",)),
        FitRequest([compartments], study="s0"),
        FitRequest([compartments], config=tiny),
    ):
        plan = plan_fit(told)
        assert plan.config.target != "compartments"
        assert plan.notes == ()


def test_a_recipe_is_rendered_by_the_other_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mitoseg.data.sources.spare_cores", lambda: 7)
    plan = plan_fit(FitRequest(recipe="mito"))
    assert (plan.config.workers, plan.config.target) == (7, "compartments")
    assert plan.sources.recipe == open_recipe("mito").to_toml()
    assert plan_fit(FitRequest(recipe="mito", overrides=("workers=1",))).config.workers == 1


def test_what_cannot_be_is_said(discs: Path) -> None:
    for request in (FitRequest(), FitRequest([discs], recipe="mito")):
        with pytest.raises(RunError, match="got neither TRAIN nor --recipe, or both"):
            plan_fit(request)
    with pytest.raises(RunError, match="epochs and minutes are both given"):
        plan_fit(FitRequest([discs], settings={"epochs": 1.0, "minutes": 1.0}))
    with pytest.raises(RunError, match="did you mean network"):
        plan_fit(FitRequest([discs], settings={"netwrk": "tiny"}))


def test_a_run_goes_on_with_its_own_settings_and_perhaps_another_budget(run: Path, discs: Path) -> None:
    plan = plan_resumed(run, FitRequest(settings={"seed": None, "epochs": None, "minutes": None}))
    assert (plan.config.network, plan.config.epochs, plan.sources.training) == ("tiny", 15, [discs])
    assert plan_resumed(run, FitRequest(settings={"epochs": 40.0})).config.epochs == 40
    for request in (
        FitRequest([discs]),
        FitRequest(recipe="mito"),
        FitRequest(validation=[discs]),
        FitRequest(study="s0"),
        FitRequest(overrides=("batch=2",)),
        FitRequest(settings={"seed": 1}),
    ):
        with pytest.raises(RunError, match="--resume takes data and settings from the run"):
            plan_resumed(run, request)
