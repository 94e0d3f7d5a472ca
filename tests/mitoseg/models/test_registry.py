"""Released models by name, wherever a run is taken."""

import shutil
from pathlib import Path

import pytest
from program import Program

import mitoseg as front_door
from mitodata import RunError
from mitoseg.inference.model import load_model
from mitoseg.models import registry
from mitoseg.models.registry import find_model, releases, split_model


def test_what_ships_is_whole_and_small_enough() -> None:
    found = releases()
    for release in found:
        card = load_model(release.name, "cpu").card
        assert card.name == release.name
        assert release.path.with_suffix(".md").read_text() == card.text()
    assert sum(release.size for release in found) <= 16e6
    shipped = {path.name for path in registry.FOLDER.iterdir()} - {registry.LISTED}
    assert shipped == {f"{each.name}{suffix}" for each in found for suffix in (".safetensors", ".md")}


def test_a_name_means_a_released_model_and_none_the_newest(released: Path) -> None:
    assert load_model("tiny-1").decoding.threshold == 0.3
    newest = front_door.load_model()
    assert (newest.name, newest.decoding.threshold) == ("tiny-2", 0.4)
    with pytest.raises(RunError, match=r"tiny-3: not found; did you mean tiny-[12]\?"):
        load_model("tiny-3")
    with pytest.raises(RunError, match=r"expected the folder of a run .*; released models: tiny-1, tiny-2"):
        load_model("elsewhere/entirely")


def test_a_path_that_exists_wins_over_a_name(
    released: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "tiny-1")
    assert load_model("tiny-1").fingerprint == load_model(run).fingerprint


def test_a_released_file_must_be_the_released_one(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(released, tmp_path / "weights")
    monkeypatch.setattr(registry, "FOLDER", tmp_path / "weights")
    shutil.copy(tmp_path / "weights" / "tiny-1.safetensors", tmp_path / "weights" / "tiny-2.safetensors")
    with pytest.raises(RunError, match=r"tiny-2\.safetensors: damaged: .*install the package again"):
        load_model()
    (tmp_path / "weights" / "tiny-2.safetensors").unlink()
    with pytest.raises(RunError, match=r"tiny-2\.safetensors: not found"):
        load_model()
    (tmp_path / "weights" / registry.LISTED).write_text("models = [{}]")
    with pytest.raises(RunError, match="missing or damaged: install the package again"):
        load_model()


def test_a_build_without_models_says_so(unreleased: None, run: Path, mitoseg: Program, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="this build has no released model; fit one"):
        find_model()
    assert "no released model" in mitoseg.fails("predict", run / "validation.png", "-o", tmp_path / "out")
    assert "this build has no released model" in mitoseg.fails("evaluate", "mito-1", "a.h5", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "this build has no released model; fit one" in mitoseg("models", "list")[1]


def test_the_model_may_stand_before_the_images(released: Path, run: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    image.touch()
    assert split_model([image], None) == (None, (image,))
    assert split_model([image, tmp_path], "tiny-1") == ("tiny-1", (image, tmp_path))
    for model in (run, run / "last.pt", Path("tiny-1"), released / "tiny-1.safetensors", tmp_path / "none"):
        assert split_model([model, image], None) == (model, (image,))
    with pytest.raises(RunError, match="is a model, and so is --model tiny-1"):
        split_model([run, image], "tiny-1")
    with pytest.raises(RunError, match="there are no images; expected mitoseg predict IMAGES --model"):
        split_model([run], None)
