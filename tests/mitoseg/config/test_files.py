from pathlib import Path

import pytest

from mitodata import RunError
from mitoseg.config.files import load_config, study_config, study_names
from mitoseg.config.settings import make_config
from mitoseg.networks.unet import build_model


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_settings_that_make_a_network(name: str) -> None:
    config = study_config(name)
    assert (config.epochs or config.minutes) is not None
    build_model(config)


def test_studies_are_what_was_published() -> None:
    assert {"s0", "s1", "s2", "s3", "s4-2d", "s4-3d"} <= set(study_names())
    s1 = study_config("s1")
    assert (s1.loss, s1.optimiser, s1.learning_rate, s1.epochs, s1.batch) == ("bce", "adam", 1e-4, 25, 4)
    assert (s1.network_arguments["norm"], s1.gradient_clip, s1.schedule) == ("batch", None, "plateau")
    assert study_config("s4-3d").patch_shape == (64, 64, 64)
    assert study_config("s2").target == "instance"


def test_a_file_goes_over_a_study_and_texts_over_both(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("batch = 3\n[augment]\nnoise = 0.2\n")
    config = make_config(("batch=5",), load_config(path, study_config("s1")))
    assert (config.batch, config.augment.noise, config.augment.shear_deg, config.loss) == (5, 0.2, 10, "bce")
    assert load_config(path) == make_config(("batch=3", "augment.noise=0.2"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("netwrok = 1", "mine.toml: unknown setting 'netwrok'; did you mean network?"),
        ("[augment]\nnose = 1", "unknown setting 'augment.nose'; did you mean augment.noise?"),
        ("batch = 0", "mine.toml: batch: got 0"),
        ("batch", "is not TOML"),
        ("augment = 3", "augment"),
    ],
)
def test_bad_files_are_said_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        load_config(path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.toml: cannot be read"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(RunError, match=r"study s4-2: unknown; did you mean s4-2d\?; there is: best-2d, "):
        study_config("s4-2")
