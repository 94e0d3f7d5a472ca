"""Matching a recipe to unlabelled images: it gets closer, is blind to labels, repeats itself, and can be stopped."""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from here import Here
from PIL import Image

from mitodata import DataError, Sample
from mitodata.errors import MitoError, RecipeError
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitogen.cli.main import cli, main
from mitogen.match import Match, Settings, look_at_real, match_recipe, matching
from mitogen.match.matching import FAVOURED, favoured
from mitogen.match.ranges import candidates, named_ranges, range_of
from mitogen.match.report import summary
from mitogen.recipe.distributions import Fixed, Uniform
from mitogen.recipe.kinds import Kind
from mitogen.recipe.recipe import Recipe, load_recipe, parse_recipe
from mitogen.rendering.image import render

WIDE = ("imaging.white={ uniform = [150, 250] }", "imaging.noise={ loguniform = [2, 20] }")
KNOBS = ("imaging.white", "imaging.noise")
QUICK = Settings(KNOBS, trials=12, crops=1, fresh=2)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("epfl", overrides=WIDE)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that are darker and noisier than most of what `recipe` draws."""
    path = tmp_path_factory.mktemp("real") / "real.h5"
    other = load_recipe("epfl", overrides=["imaging.white=165", "imaging.noise=17"])
    write_dataset(path, [render(other, 99, index, (1, 96, 96)) for index in range(6)], Provenance())
    return path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No processes, and few images where the command chooses how many."""
    monkeypatch.setattr(matching, "Workers", Here)
    monkeypatch.setattr("mitogen.match.Settings", partial(Settings, crops=1, fresh=2))


def same(a: Match, b: Match) -> bool:
    return a.matched == b.matched and a.best == b.best and a.distances() == b.distances()


@pytest.mark.usefixtures("here")
def test_a_darker_and_noisier_recipe_is_recovered(recipe: Recipe, real: Path, tmp_path: Path) -> None:
    found = match_recipe(recipe, look_at_real(real), tmp_path / "j", replace(QUICK, trials=32, crops=2, width=0.2))
    before, at_best, after = found.distances()
    assert at_best < 0.5 * before
    assert after < 0.7 * before
    assert found.best["imaging.white"] == pytest.approx(165, abs=8)
    assert found.best["imaging.noise"] == pytest.approx(17, rel=0.15)
    for name in KNOBS:  # still randomised, around the match
        low, high = found.matched.values[name].support
        assert low < found.best[name] < high
    others = set(recipe.values) - set(KNOBS) - {"section.pixel_nm", "section.thickness_nm", "section.spacing_nm"}
    assert all(found.matched.values[name] == recipe.values[name] for name in others)


@pytest.mark.usefixtures("here")
def test_of_a_recipe_with_kinds_the_nearest_is_matched_and_favoured(
    recipe: Recipe, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real images are of white 165 and noise 17."""
    pale = Kind("pale", 0.5, {"imaging.white": Uniform(225, 245), "cells.grain_nm": Fixed(9)})
    dark = Kind("dark", 0.25, {"imaging.white": Uniform(150, 190)})
    mixed = replace(recipe, kinds=(pale, dark))
    target, settings = look_at_real(real), replace(QUICK, trials=24, crops=2)
    found = match_recipe(mixed, target, tmp_path / "j", settings)
    assert found.kind == "dark"
    assert list(found.kinds) == ["dark", "pale"]
    assert found.kinds["dark"] < found.kinds["pale"]
    new_pale, new_dark = found.matched.kinds
    assert new_dark.share == FAVOURED
    assert new_pale.share == pytest.approx(0.5 * (1 - FAVOURED) / 0.75)
    assert new_pale.values == pale.values
    assert set(new_dark.values) == set(KNOBS)
    assert found.best["imaging.white"] == pytest.approx(165, abs=12)
    low, high = new_dark.values["imaging.white"].support
    assert high - low <= 0.5 * 40 * 1.01  # half of what this kind drew, not of what the recipe did
    for name in KNOBS:  # beyond the kind all is as it was
        assert found.matched.values[name] == recipe.values[name]
    before, at_best, after = found.distances()
    assert max(at_best, after) < before
    assert parse_recipe(found.matched.to_toml()) == found.matched
    text = summary(found)
    assert "pale" in text
    assert "0.25 -> 0.6" in text
    monkeypatch.setattr(matching, "rank_kinds", lambda *_: pytest.fail("ranked again"))
    assert same(match_recipe(mixed, target, tmp_path / "j", settings), found)


def test_a_kind_that_is_all_of_a_recipe_stays_so(recipe: Recipe) -> None:
    only = replace(recipe, kinds=(Kind("only", 1.0, {}),))
    (kind,) = favoured(only, "only", {"imaging.white": Fixed(200)}).kinds
    assert kind == Kind("only", 1.0, {"imaging.white": Fixed(200)})
    with pytest.raises(RecipeError, match="kind 'other': not in the recipe; expected one of only"):
        only.alone("other")


@pytest.mark.usefixtures("here")
def test_labels_cannot_reach_it(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole command on the file as it is, with nonsense for labels, and without any: the same bytes."""
    with h5py.File(real) as file:
        raws = [Sample(raw[None], (5.0, 5.0, 5.0)) for raw in file["raw"]]
    results = {}
    for case in ("labels", "nonsense", "none"):
        folder = tmp_path / case
        folder.mkdir()
        if case == "none":
            write_dataset(folder / "real.h5", raws, Provenance())
        else:
            (folder / "real.h5").write_bytes(real.read_bytes())
        if case == "nonsense":
            with h5py.File(folder / "real.h5", "a") as file:
                file["label"][...] = np.random.default_rng(0).integers(0, 9, file["label"].shape)
                file["mask"][...] = 77
        monkeypatch.chdir(folder)
        options = ["--trials", "2", "--from", "epfl", "--knob", "imaging.noise", "-o", "m.toml"]
        done = CliRunner().invoke(cli, ["match", "real.h5", *options])
        assert done.exit_code == 0, done.output
        results[case] = ((folder / "m.toml").read_bytes(), (folder / "m.png").read_bytes(), done.stdout)
    assert results["nonsense"] == results["labels"] == results["none"]


def test_labels_are_not_even_opened(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_one = h5py.Group.__getitem__

    def refuse(group: h5py.Group, name: object) -> object:
        assert not any(word in str(name) for word in ("label", "mask", "compartment")), name
        return open_one(group, name)

    monkeypatch.setattr(h5py.Group, "__getitem__", refuse)
    assert look_at_real(real).appearance.images == 6


@pytest.mark.usefixtures("here")
def test_stopped_and_continued_it_ends_the_same(
    recipe: Recipe, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, storage = look_at_real(real), tmp_path / "stopped.journal"
    whole = match_recipe(recipe, target, tmp_path / "whole.journal", QUICK)
    calls = []

    def stop(*args: Any) -> object:
        calls.append(args)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return look(*args)

    look = matching.appearance_with
    monkeypatch.setattr(matching, "appearance_with", stop)
    with pytest.raises(KeyboardInterrupt, match=r"8 of 12 trials are kept in .*stopped\.journal; the same command"):
        match_recipe(recipe, target, storage, QUICK)
    with storage.open("ab") as file:  # as if killed while writing
        file.write(b'{"op_code": 5, "trial')
    assert same(match_recipe(recipe, target, storage, QUICK), whole)
    count = len(calls)
    assert same(match_recipe(recipe, target, storage, QUICK), whole)
    assert len(calls) == count + 3  # only fresh images were rendered again


@pytest.mark.slow
def test_workers_make_no_difference(
    recipe: Recipe, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(QUICK, trials=5, crops=1, fresh=1)
    target = look_at_real(real)
    by_two = match_recipe(recipe, target, tmp_path / "two.journal", quick, 2)
    monkeypatch.setattr(matching, "Workers", Here)
    assert same(by_two, match_recipe(recipe, target, tmp_path / "here.journal", quick, 1))


@pytest.mark.usefixtures("here")
def test_knobs_that_matter_are_found_once(
    recipe: Recipe, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [range_of(recipe, name) for name in (*KNOBS, "cells.dark_cytoplasm", "imaging.dust_radius_nm")]
    monkeypatch.setattr(matching, "candidates", lambda _: few)
    settings = Settings(most=2, trials=2, crops=2, fresh=1)
    found = match_recipe(recipe, look_at_real(real), tmp_path / "j", settings)
    assert {one.knob.name for one in found.ranges} == set(KNOBS)
    monkeypatch.setattr(matching, "candidates", lambda _: pytest.fail("screened again"))
    assert same(match_recipe(recipe, look_at_real(real), tmp_path / "j", settings), found)


def test_only_what_decides_the_look_everywhere_is_searched_unasked() -> None:
    names = {one.knob.name for one in candidates(load_recipe("mito"))}
    assert {"imaging.noise", "imaging.contrast", "cells.membrane_density"} < names
    assert {name.split(".")[0] for name in names} == {"imaging", "cells"}
    assert "imaging.folds" not in names


def test_real_images_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    def file(name: str, *samples: Sample) -> Path:
        write_dataset(tmp_path / name, samples, Provenance())
        return tmp_path / name

    raw = np.random.default_rng(0).integers(0, 256, (1, 80, 80), dtype=np.uint8)
    with pytest.raises(DataError, match="tissue of 40 px; expected at least 64"):
        look_at_real(file("small.h5", Sample(raw[:, :40], (5.0, 5.0, 5.0))))
    flat = file("flat.h5", Sample(raw, (50.0, 5.0, 8.0)))
    with pytest.raises(DataError, match=r"square pixels; --pixel-size 8"):
        look_at_real(flat)
    assert look_at_real(flat, 5.0).voxel_size_nm == (50, 5, 5)
    unlike = file("unlike.h5", Sample(raw, (50.0, 5.0, 5.0)), Sample(raw[:, 8:], (30.0, 5.0, 5.0)))
    with pytest.raises(DataError, match=r"voxels of 30-50 x 5 x 5 nm; expected one size"):
        look_at_real(unlike)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(MitoError, match="width 2"):
        Settings(width=2)
    with pytest.raises(MitoError, match="more than 0"):
        Settings(trials=0)
    with pytest.raises(RecipeError, match=r"did you mean imaging\.noise"):
        named_ranges(load_recipe("mito"), ["imaging.nois"])
    with pytest.raises(RecipeError, match="no range to search"):
        named_ranges(load_recipe("mito"), ["stack.jitter_nm"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "there.toml"], "exists already"),
        (["-o", "m.txt"], "ends in .toml"),
        (["-o", "there.toml/m.toml"], "there.toml"),
        (["-o", "m.toml", "--knob", "imaging.nois"], "did you mean imaging.noise"),
        (["-o", "m.toml", "--from", "mit"], "did you mean mito"),
        (["-o", "m.toml", "--width", "3"], "--width"),
        (["-o", "m.toml", "--storage", "there.toml"], "is not the journal"),
        (["-o", "m.toml", "--storage", "h5.toml"], "is not the journal"),
        (["-o", "m.toml", "--storage", "real.h5"], "is to hold the real images and the journal"),
        (["-o", "m.toml", "--storage", "./m.toml"], "is to hold the recipe and the journal"),
        (["-o", "m.toml", "--storage", "pipe"], "is not a regular file"),
        (["-o", "m.toml", "--storage", ""], "got an empty name"),
        (["-o", "n.toml"], "n.png: exists already"),
        (["-o", "n.toml", "--overwrite"], "n.png: exists and is not a PNG"),
        (["-o", "m.toml", "--pixel-size", "900"], "cannot be made 900 nm"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    real: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.toml").write_text("mine")
    Path("h5.toml").write_bytes(real.read_bytes())
    Path("n.png").write_text("mine")
    Path("real.h5").symlink_to(real)
    os.mkfifo("pipe")
    before = real.read_bytes()
    monkeypatch.setattr(sys, "argv", ["mitogen", "match", str(real), *options])
    with pytest.raises(SystemExit) as caught:
        main()
    errors = capsys.readouterr().err
    assert caught.value.code == 2
    assert message in errors
    assert errors.count("\n") == 1
    assert Path("there.toml").read_text() == Path("n.png").read_text() == "mine"
    assert Path("h5.toml").read_bytes() == real.read_bytes() == before
    assert not Path("m.toml").exists()


@pytest.mark.usefixtures("here")
def test_the_command_writes_a_recipe_and_a_sheet(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--from", "epfl", *(f"--set={one}" for one in WIDE), *(f"--knob={name}" for name in KNOBS)]
    done = CliRunner().invoke(cli, ["match", str(real), *options, "--trials", "8", "-o", "m.toml"])
    assert done.exit_code == 0, done.output
    matched = parse_recipe(Path("m.toml").read_text())
    assert "matched without labels to real.h5" in matched.description
    assert matched.values["section.pixel_nm"] == Fixed(5)
    for line in ("before", "drawn around them, as saved", "imaging.noise  { loguniform = [2, 20] } -> {"):
        assert line in done.output
    with Image.open("m.png") as sheet:
        assert sheet.size[0] > 5 * 256
    assert {path.name for path in tmp_path.iterdir()} == {"m.toml", "m.png", "m.journal"}
