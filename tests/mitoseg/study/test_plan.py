"""Study files: designs, and mistakes that are found before anything is run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from study_file import BASE, names

from mitodata.errors import MitoError, RunError
from mitoseg.config.settings import FitConfig
from mitoseg.study import settings
from mitoseg.study.designs import Design, make_design
from mitoseg.study.plan import given_tests, read_plan, ready_names
from mitoseg.study.study import Study
from mitoseg.study.trials import make_trials, open_tests


def test_designs(study: Callable[..., Study]) -> None:
    two = '[factors]\nimages = [4, 8]\n"augment.noise" = [0.0, 0.4]'
    assert names(study(f'design = "grid"\n{two}')) == [
        "images = 4, augment.noise = 0",
        "images = 4, augment.noise = 0.4",
        "images = 8, augment.noise = 0",
        "images = 8, augment.noise = 0.4",
    ]
    # What the base is already is the baseline: no second fit of the same thing.
    one = study(f'design = "one-at-a-time"\n{two}')
    assert names(one) == ["baseline", "images = 8", "augment.noise = 0"]
    assert one.design.references == {"images": "4", "augment.noise": "0.4"}
    out = study('design = "leave-one-out"\n[factors]\nmyelin = { "mitogen:myelin.density_per_um3" = 0 }')
    assert names(out) == ["baseline", "without myelin"]
    assert out.design.conditions[1].setup.recipe.values["myelin.density_per_um3"].ppf(0.5) == 0
    some = study('design = "random"\nsamples = 5\n[factors]\nimages = { uniform = [4, 9] }\npreset = ["mito", "s0"]')
    more = study('design = "random"\nsamples = 7\n[factors]\nimages = { uniform = [4, 9] }\npreset = ["mito", "s0"]')
    assert len({condition.setup.images.images for condition in some.design.conditions}) > 1
    # More samples leave the first ones as they were.
    first = [trial.key for trial in some.trials if trial.seed == 0]
    assert [trial.key for trial in more.trials if trial.seed == 0][: len(first)] == first


def test_a_random_search_draws_nothing_twice(study: Callable[..., Study]) -> None:
    opened = study(
        'design = "random"\nsamples = 40\nseeds = [0]\n[factors]\nimages = [4, 8]\n"augment.noise" = [0.0, 0.4]'
    )
    assert len(opened.trials) == len({trial.key for trial in opened.trials}) == 4
    assert names(opened)[0] == "sample 0"
    assert {factor: len(levels) for factor, levels in opened.design.factors.items()} == {
        "images": 2,
        "augment.noise": 2,
    }


def test_named_levels_and_levels_that_are_ranges(study: Callable[..., Study]) -> None:
    opened = study(
        'design = "one-at-a-time"\n[factors]\n"mitogen:imaging.noise" = [2, { uniform = [0, 20] }]\n'
        '[factors.look]\nflat = { "mitogen:cristae.contrast" = 0, network = "small" }'
    )
    assert names(opened)[1:] == ["imaging.noise = 2", "imaging.noise = { uniform = [0, 20] }", "look = flat"]
    assert opened.design.conditions[3].setup.config.network == "small"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('design = "grid"\n[factors]\n"mitogen:cristae.contrst" = [1]', "did you mean mitogen:cristae.contrast?"),
        ('design = "grid"\n[factors]\n"cristae.contrast" = [1]', "did you mean mitogen:cristae.contrast?"),
        ('design = "grid"\n[factors]\nnetwrk = ["tiny"]', "did you mean network?"),
        ('design = "grid"\n[factors]\n"mitogen:cristae.contrast" = [1, 7]', "7 is outside the allowed 0 to 2"),
        ('design = "grid"\n[factors]\n"augment.noise" = [0, -1]', "augment.noise: got -1"),
        ('design = "grid"\n[factors]\nimages = [0]', "images: got 0"),
        ('design = "grid"\n[factors]\nnetwork = ["tinny"]', "network = tinny: network: got 'tinny'"),
        ('design = "grid"\n[factors]\nnetwork_arguments = [{ features = 8 }]', "network tiny, which takes none"),
        (
            'design = "grid"\n[factors]\nlook = { flat = { network = "UNet", network_arguments = { strydes = [2] } } }',
            "did you mean strides?",
        ),
        ('design = "grid"\n[factors]\npreset = ["mitoo"]', "preset mitoo: unknown; did you mean mito?"),
        ('design = "grid"\n[factors]\nminutes = [1]', "depend on the machine"),
        ('design = "grid"\n[factors]\nseed = [1]', "comes from the study's seeds"),
        ('design = "grid"\n[factors]\nimages = 4', "expected a list of values"),
        ('design = "grid"\n[factors]\nimages = [4, 4]', "level 4 is there twice"),
        (
            'design = "one-at-a-time"\n[factors]\nlook = { baseline = { preset = "s0" }, other = { images = 8 } }',
            "factors: look: level baseline: is what the base is called; expected another name",
        ),
        ('design = "leave-one-out"\n[factors]\nmyelin = [0]', "expected a table of the settings"),
        ('design = "leave-one-out"\n[factors]\nmyelin = { "mitogen:myelin.density" = 9 }', "9 is outside"),
        ('design = "grid"\n[factors]\n"mitogen:imaging.noise" = [{ unifrm = [0, 1] }]', "did you mean uniform?"),
        ('design = "grid"\n[factors]\n"mitogen:imaging.noise" = [{ uniform = [2, 1] }]', "imaging.noise"),
        ('design = "random"\n[factors]\n"mitogen:imaging.noise" = { uniform = [2, 1] }', "imaging.noise"),
        ('design = "latin"\n[factors]\nimages = [4]', "design: got 'latin'"),
        ('design = "grid"\nseed = [1]\n[factors]\nimages = [4]', "seed: unknown; did you mean seeds?"),
        ('design = "grid"\nseeds = []\n[factors]\nimages = [4]', "seeds"),
        ('design = "grid"\nseeds = [0, 0, 1]\n[factors]\nimages = [4]', "got [0, 0, 1]; expected each seed once"),
        ('design = "grid"\n[factors]\nimages = [4', "not valid TOML"),
    ],
)
def test_mistakes_are_found_before_anything_is_run(
    head: str, expected: str, study: Callable[..., Study], tmp_path: Path
) -> None:
    with pytest.raises(MitoError) as caught:
        study(head)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_network_is_built_once_and_with_weights_only_where_it_must(
    study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def build(config: FitConfig) -> None:
        built.append((config.network, torch.empty(1).device.type))
        if built[-1] == ("small", "meta"):
            raise RunError("looks at its weights")

    monkeypatch.setattr("mitoseg.networks.unet.build_model", build)
    settings._try_network.cache_clear()
    head = 'design = "grid"\n[factors]\nimages = [4, 8]\nnetwork = ["tiny", "small"]\nbatch = [2, 4]'
    assert len(names(study(head, BASE.replace('network = "tiny"', "").replace("batch = 2", "")))) == 8
    assert built == [("tiny", "meta"), ("small", "meta"), ("small", "cpu")]
    settings._try_network.cache_clear()


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ('held = { file = "none.h5" }', "none.h5: no such file"),
        ("", "--test NAME=FILE.h5"),
        ("held = {}", "--test held=FILE.h5"),
        ('real = { file = "held.h5" }', "expected another name"),
        ('held = { file = "held.h5", evry = 2 }', "did you mean every?"),
        ('held = { file = "mine.toml" }', "not HDF5"),
    ],
)
def test_test_sets_are_checked_first(tests: str, expected: str, study: Callable[..., Study]) -> None:
    with pytest.raises(MitoError) as caught:
        study('design = "grid"\n[factors]\nimages = [4]', tests=tests)
    assert expected in str(caught.value)


def test_what_to_score_on_may_be_given_with_the_command_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('design = "grid"\n[base]\nsteps = 2\n[factors]\nimages = [4]\n')
    plan = read_plan(str(tmp_path / "mine.toml"))
    assert given_tests(plan, {"mine": tmp_path / "mine.h5"})["mine"].file == tmp_path / "mine.h5"


def test_a_budget_is_needed(study: Callable[..., Study]) -> None:
    with pytest.raises(RunError, match="no budget; expected steps"):
        study('design = "grid"\n[factors]\nimages = [4]', BASE.replace("steps = 2", ""))


def test_no_such_study(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="did you mean leave-one-out"):
        read_plan("leave-one-ot")
    with pytest.raises(RunError, match="cannot be read"):
        read_plan(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", ready_names())
def test_ready_studies_are_possible(name: str, fresh_discs: Path) -> None:
    plan = read_plan(name)
    design: Design = make_design(plan.contents, plan.folder, name)
    trials = make_trials(design, plan.contents.seeds, open_tests(given_tests(plan, {"epfl": fresh_discs})))
    assert len(plan.contents.seeds) >= 3
    # No condition is another one in disguise: every switch does something.
    assert len({trial.key for trial in trials}) == len(trials)


def test_there_are_enough_things_to_leave_out() -> None:
    assert len(read_plan("leave-one-out").contents.factors) >= 10
