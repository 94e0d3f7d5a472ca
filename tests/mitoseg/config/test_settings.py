import pytest

from mitodata import RunError
from mitoseg.config.settings import DEFAULT_MINUTES, choose_budget, known_settings, make_config, parse_config


def test_texts_win_over_values_and_reach_nested_settings() -> None:
    config = make_config(("network=small", "augment.noise=0.1", "augment.flip=false"), network="large", seed=3)
    assert (config.network, config.augment.noise, config.augment.flip, config.seed) == ("small", 0.1, False, 3)


def test_a_config_survives_its_plain_form() -> None:
    config = make_config(("augment.zoom=2", "batch=3"), minutes=5.0)
    assert parse_config(config.model_dump(), "here") == config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("netwrok=small", "did you mean network?"),
        ("augment.nose=1", "did you mean augment.noise?"),
        ("zzz=1", "known settings"),
        ("network", "expected key=value"),
        ("batch=0", "batch: got '0'; input should be greater than or equal to 1"),
        ("patch_px=100", "multiple of 32"),
        ("augment.zoom=nan", "augment.zoom"),
        ("learning_rate=fast", "valid number"),
        (f"seed={2**63}", "seed: got"),
    ],
)
def test_bad_settings_are_named(text: str, expected: str) -> None:
    with pytest.raises(RunError) as caught:
        make_config((text,))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_budget() -> None:
    assert choose_budget(make_config(), None, None).minutes == DEFAULT_MINUTES
    assert choose_budget(make_config(epochs=2.0), None, None).epochs == 2
    assert choose_budget(make_config(epochs=2.0), None, 7).epochs is None
    assert choose_budget(make_config(("steps=5",)), None, None).steps == 5
    assert choose_budget(make_config(("steps=5",)), 1, None).steps is None
    with pytest.raises(RunError, match="both given"):
        choose_budget(make_config(), 1, 1)
    with pytest.raises(RunError, match="epochs and steps are both given"):
        make_config(("epochs=1", "steps=5"))
    for impossible in (-1, float("inf"), float("nan")):
        with pytest.raises(RunError, match="minutes"):
            choose_budget(make_config(), None, impossible)


def test_every_setting_has_a_meaning() -> None:
    assert all(known_settings().values())
