import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from PIL import Image

from mitodata.store import Dataset
from mitogen.cli import cli, main
from mitogen.options import images
from mitogen.recipe import load_recipe, parse_recipe

HUGE = "9" * 30


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> "Program":
    monkeypatch.chdir(tmp_path)
    return Program(monkeypatch, capsys)


class Program:
    """Calls `mitogen` in this process; returns exit code, output and errors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["mitogen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        output, errors = self.capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, output, errors

    def fails(self, *arguments: str) -> str:
        """Check that it ends with code 2 and one line, and return the line."""
        code, _, errors = self(*arguments)
        assert code == 2
        assert errors.startswith("Error: ")
        assert errors.count("\n") == 1
        return errors


def test_render_then_look_at_it(run: Program, tmp_path: Path) -> None:
    code, output, errors = run("render", "-n", "3", "--size", "64", "--seed", "5", "--workers", "2", "-o", "a.h5")
    assert (code, output) == (0, "3 images in a.h5\n")
    assert "rendered 3 of 3 images" in errors
    with Dataset(tmp_path / "a.h5") as dataset:
        assert (len(dataset), dataset.shape(0), dataset.provenance.seed) == (3, (1, 64, 64), 5)
        assert parse_recipe(dataset.provenance.recipe) == load_recipe("mito")
    assert run("preview", "a.h5", "-o", "a.png")[0] == 0
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.format == "PNG"
    code, output, _ = run("info", "a.h5")
    assert code == 0
    assert "samples: 3\n" in output
    assert "seed: 5\n" in output
    assert run("validate", "a.h5")[:2] == (0, "a.h5: no problems\n")
    assert "exists already" in run.fails("render", "-n", "3", "--size", "64", "-o", "a.h5")
    assert run("render", "-n", "1", "--size", "64", "-o", "a.h5", "--overwrite")[0] == 0


def test_one_image_again_byte_for_byte(run: Program, tmp_path: Path) -> None:
    settings = ("--size", "48", "--seed", "5", "--set", "section.thickness_nm=12", "--labels", "compartments")
    assert run("render", "-n", "6", *settings, "--workers", "1", "-o", "all.h5")[0] == 0
    assert run("render", "--only", "4", *settings, "--workers", "1", "-o", "one.h5")[:2] == (0, "1 image in one.h5\n")
    assert run("render", "--like", "all.h5", "--only", "1,4:6", "--workers", "1", "-o", "some.h5")[0] == 0
    with Dataset(tmp_path / "all.h5") as whole:
        for name, images in (("one", [4]), ("some", [1, 4, 5])):
            with Dataset(tmp_path / f"{name}.h5") as some:
                assert some.provenance.recipe == whole.provenance.recipe
                for found, index in zip(some, images, strict=True):
                    assert found.name == f"{index:06d}"
                    for array in ("raw", "label", "mask", "compartment"):
                        assert np.array_equal(getattr(found, array), getattr(whole[index], array))
                    assert dict(found.params) == dict(whole[index].params)
    assert "classes: 0 extracellular, 1 cytoplasm, " in run("info", "some.h5")[1]
    assert "source: mitogen render --only 1,4:6\n" in run("info", "some.h5")[1]


def test_what_is_given_beside_like_wins(run: Program, tmp_path: Path) -> None:
    run("render", "-n", "1", "--size", "32", "--seed", "5", "--set", "section.thickness_nm=12", "-o", "a.h5")
    changes = ("--seed", "6", "--size", "40", "--set", "imaging.noise=3", "--labels", "compartments")
    assert run("render", "--like", "a.h5", *changes, "-n", "2", "-o", "b.h5")[0] == 0
    with Dataset(tmp_path / "b.h5") as dataset:
        made = dataset.provenance
        assert (len(dataset), dataset.shape(0), made.seed) == (2, (1, 40, 40), 6)
        assert dataset[0].compartment is not None
        assert parse_recipe(made.recipe) == load_recipe(
            "mito", overrides=["section.thickness_nm=12", "imaging.noise=3"]
        )


def test_like_a_file_of_another_version_says_so(run: Program, tmp_path: Path) -> None:
    run("render", "-n", "1", "--size", "32", "-o", "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["software"] = "mitogen-em 0.0.1"
    code, _, errors = run("render", "--like", "a.h5", "-n", "1", "-o", "b.h5")
    assert code == 0
    assert errors.startswith("a.h5 was made by mitogen-em 0.0.1, this is mitogen-em")


def test_volumes(run: Program, tmp_path: Path) -> None:
    volume = ("render", "--shape", "6", "32", "48", "--workers", "1")
    code, output, _ = run(*volume, "--voxel-size", "30", "8", "8", "-o", "a.h5")
    assert (code, output) == (0, "1 volume in a.h5\n")
    assert run(*volume, "--voxel-size", "30", "8", "8", "-n", "2", "--set", "section.pixel_nm=6", "-o", "b.h5")[0] == 0
    with Dataset(tmp_path / "a.h5") as one, Dataset(tmp_path / "b.h5") as two:
        assert one.shape(0) == (6, 32, 48)
        assert one.voxel_size_nm(0) == (30, 8, 8)
        assert one.params["section.thickness_nm"] == one.params["section.spacing_nm"] == [30]
        assert len(two) == 2
        assert two.voxel_size_nm(1) == (30, 6, 6)  # --set comes last
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["raw"].shape == (2, 6, 32, 48)
        assert list(file["label"].attrs["resolution"]) == [30, 6, 6]


def test_sections_that_are_not_square(run: Program, tmp_path: Path) -> None:
    options = ("--shape", "1", "32", "48", "--voxel-size", "50", "4.6", "4.6", "-n", "2", "--workers", "1")
    assert run("render", *options, "-o", "a.h5")[:2] == (0, "2 images in a.h5\n")
    with Dataset(tmp_path / "a.h5") as dataset:
        assert dataset.shape(0) == (1, 32, 48)
        assert dataset.voxel_size_nm(0) == (50, 4.6, 4.6)


def test_preview_renders_a_recipe(run: Program, tmp_path: Path) -> None:
    assert run("preview", "-n", "2", "--size", "64", "-o", "a.png")[0] == 0
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size[0] > 2 * 2 * 256


def test_gallery(run: Program, tmp_path: Path) -> None:
    options = ("--size", "16", "--images", "2", "--set", "imaging.noise=3", "--knobs", "imaging.noise", "-o", "a")
    assert run("gallery", *options, "--workers", "1")[:2] == (0, "gallery in a/index.html\n")
    with Image.open(tmp_path / "a" / "strips" / "imaging.noise.png") as strip:
        assert strip.size == (2 * 16 + 4, 16)
    assert "a: exists already" in run.fails("gallery", *options)
    assert run("gallery", *options, "--workers", "1", "--overwrite")[0] == 0


def test_import(run: Program, tmp_path: Path) -> None:
    for folder, value in (("images", 90), ("masks", 255)):
        (tmp_path / "real" / folder).mkdir(parents=True)
        for name in ("a", "b"):
            Image.new("L", (32, 24), value).save(tmp_path / "real" / folder / f"{name}.png")
    assert "--voxel-size" in run.fails("import", "pairs", "real", "-o", "real.h5")
    code, output, _ = run("import", "auto", "real", "--voxel-size", "50", "5", "5", "-o", "real.h5")
    assert (code, output) == (0, "2 images in real.h5\n")
    with Dataset(tmp_path / "real.h5") as dataset:
        assert dataset.voxel_size_nm(1) == (50, 5, 5)
    assert "exists already" in run.fails("import", "pairs", "real", "--voxel-size", "50", "5", "5", "-o", "real.h5")


def test_fetch_lists_and_says_licence_citation_and_what_to_do_next(
    run: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "lucchi++" in run("fetch")[1]
    monkeypatch.setattr("mitodata.fetch.fetch", lambda name, folder, progress: folder / name)
    output = run("fetch", "lucchi++", "--to", "there")[1].splitlines()
    assert output[0].startswith("licence: ")
    assert output[1].startswith("please cite: ")
    assert output[2] == "next: mitogen import epfl there/lucchi++ -o epfl.h5"


def test_validate_lists_problems(run: Program, tmp_path: Path) -> None:
    assert run("render", "-n", "1", "--size", "64", "-o", "a.h5")[0] == 0
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["mask"][0, 0, 0] = 7
    code, output, errors = run("validate", "a.h5")
    assert code == 2
    assert "sample 0" in output
    assert errors == "Error: a.h5: 1 problem, listed above\n"


def test_recipe_commands(run: Program, tmp_path: Path) -> None:
    assert f"mito           {load_recipe('mito').description}\n" in run("recipe", "list")[1]
    (tmp_path / "mine.toml").write_text(run("recipe", "show", "mito", "--set", "section.thickness_nm=12")[1])
    assert "thickness_nm = 12\n" in run("recipe", "show", "mine.toml")[1]
    assert run("recipe", "validate", "mine.toml")[1].startswith("mine.toml: fine")
    assert "allowed 1 to 200 nm" in run("recipe", "explain", "section.thickness_nm")[1]
    assert "section.thickness_nm" in run("recipe", "explain", "section")[1]
    assert "only in scene blobs" in run("recipe", "explain", "blobs.radius_nm")[1]
    code, output, _ = run("recipe", "diff", "mito", "mine.toml")
    changed = [line.split() for line in output.splitlines()]
    assert (code, changed[0]) == (0, ["section.thickness_nm:", "{", "loguniform", "=", "[5,", "45]", "}", "->", "12"])
    assert all(line[0] == "kind" and line[-3:] == ["as", "the", "recipe"] for line in changed[1:])
    assert run("recipe", "diff", "mito", "mito")[1] == "no differences\n"
    assert run("recipe", "schema", "-o", "s.json")[0] == 0
    assert (tmp_path / "s.json").read_text() == run("recipe", "schema")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bake", "No such command 'bake'"),
        ("render", "Missing option '-o'"),
        ("render -n 0 -o a.h5", "0 is not in the range 1<=x<=999999999"),
        ("render -n x -o a.h5", "'x' is not a valid integer"),
        ("render --size 3 -o a.h5", "3 is not in the range"),
        ("render --seed -1 -o a.h5", "-1 is not in the range"),
        ("render --workers 0 -o a.h5", "expected auto or a number of at least 1"),
        ("render --workers many -o a.h5", "expected auto or a number of at least 1"),
        ("render --preset mto -o a.h5", "preset mto: unknown; did you mean mito?"),
        ("render --recipe nix.toml -o a.h5", "'nix.toml' does not exist"),
        ("render --recipe bad.toml -o a.h5", "bad.toml: section.thicknes_nm: unknown knob; did you mean section.thic"),
        ("render --recipe text.h5 -o a.h5", "text.h5: not valid TOML"),
        ("render --recipe . -o a.h5", "'.' is a directory"),
        ("render --recipe bad.toml --preset mito -o a.h5", "expected one of them"),
        ("render --set section.thickness_nm=900 -o a.h5", "900 is outside the allowed 1 to 200 nm"),
        ("render --set section.thickness_nm -o a.h5", "expected section.knob=VALUE"),
        ("render --size 32 --shape 4 32 32 -o a.h5", "got --size and --shape; expected one of them"),
        ("render --shape 4 8 32 -o a.h5", "--shape 4 8 32: expected Y and X of at least 16"),
        ("render --shape 0 32 32 -o a.h5", "0 is not in the range x>=1"),
        ("render --shape 32 32 -o a.h5", "Invalid value for '--shape'"),
        ("render --voxel-size 5 4 5 -o a.h5", "--voxel-size 5 4 5: pixels are square; expected Y = X"),
        ("render --voxel-size 5 0.1 0.1 -o a.h5", "--voxel-size: section.pixel_nm: 0.1 is outside the allowed 1 to 50"),
        ("render --voxel-size nan 5 5 -o a.h5", "--voxel-size: section.spacing_nm: "),
        ("render --preset blobs --labels compartments -o a.h5", "the scene blobs has no compartments"),
        ("render --labels all -o a.h5", "'all' is not one of 'instances', 'compartments'"),
        ("render --only 5:3 -o a.h5", "'5:3'; expected numbers and ranges such as 417 or 417,420:430"),
        ("render --only 5, -o a.h5", "expected numbers and ranges"),
        ("render --only -3 -o a.h5", "expected numbers and ranges"),
        ("render --only all -o a.h5", "expected numbers and ranges"),
        (f"render -n {HUGE} -o a.h5", "is not in the range 1<=x<=999999999"),
        (f"render --only 0:{HUGE} -o a.h5", "none above 999999999"),
        (f"render --only 1,{HUGE} -o a.h5", "none above 999999999"),
        (f"render --only {'9' * 5000} -o a.h5", "none above 999999999"),
        ("render --only 3:400000000,500000000:900000000 -o a.h5", "images in several ranges"),
        (f"render --workers {HUGE} -o a.h5", "at most 1024"),
        ("render --overwrite -o pipe", "pipe: is no regular file"),
        ("render --set section.thickness_nm={normal={mean=500,std=1}} -o a.h5", "practically no value falls between"),
        ("render --only 3 -n 3 -o a.h5", "got --n and --only; expected one of them"),
        ("render --like nix.h5 -o a.h5", "'nix.h5' does not exist"),
        ("render --like text.h5 -o a.h5", "text.h5: is not HDF5"),
        ("render --like text.h5 --preset mito -o a.h5", "got --like and a recipe"),
        ("render -o .", "'.' is a directory"),
        ("render -o text.h5", "text.h5: exists already"),
        ("render -n 1 -o text.h5/a.h5", "Not a directory"),
        ("render -n 1 -o taken.h5", "taken.h5.parts: is no folder of unfinished images"),
        ("preview nix.h5", "'nix.h5' does not exist"),
        ("preview text.h5", "text.h5"),
        (f"preview -n {HUGE}", "is not in the range"),
        ("preview -n 1 --size 16 -o text.h5", "text.h5: exists and is not a PNG; choose another name, or remove it"),
        ("preview -n 1 --size 16 -o pipe", "pipe: is no regular file"),
        ("recipe schema -o bad.toml", "bad.toml: exists and is not a JSON schema; choose another name, or remove it"),
        ("recipe schema -o pipe", "pipe: is no regular file"),
        ("gap text.h5 text.h5 --pixel-size nan", "nan is not in the range"),
        (f"gap text.h5 text.h5 --every {HUGE}", "is not in the range"),
        ("gap text.h5 text.h5 -o pipe", "pipe: is no folder"),
        ("match text.h5 -o a.toml --pixel-size nan", "nan is not in the range"),
        ("gallery --overwrite -o .", "has no name of its own"),
        ("import pairs . --sections ²:3 -o b.h5", "expected two numbers such as 0:110"),
        (f"import pairs . --sections 0:{'9' * 5000} -o b.h5", "expected two numbers such as 0:110"),
        ("preview -n 1 --size 16 -o nix/a.png", "No such file or directory"),
        ("gallery", "Missing option '-o'"),
        ("gallery --knobs cells.gap -o b", "cells.gap: unknown knob; did you mean cells.gap_nm?"),
        ("gallery --images 1 -o b", "1 is not in the range"),
        ("gallery --workers 0 -o b", "expected auto or a number of at least 1"),
        ("gallery -o text.h5", "'text.h5' is a file"),
        ("gallery -o taken.h5.parts", "taken.h5.parts: exists already"),
        ("gallery -o taken.h5.parts --overwrite", "taken.h5.parts: is no gallery and is left alone"),
        ("gallery -o text.h5/b --workers 1 --knobs imaging.noise", "text.h5/b: cannot be written: Not a directory"),
        ("info text.h5", "text.h5"),
        ("info .", "'.' is a directory"),
        ("validate text.h5", "text.h5"),
        ("fetch lucky", "lucky: unknown dataset"),
        ("import epfl . -o b.h5", "Error: ."),
        ("import nix . -o b.h5", "nix: unknown source"),
        ("import auto nix -o b.h5", "'nix' does not exist"),
        ("import pairs . --voxel-size 5 0 5 -o b.h5", "expected three positive numbers"),
        ("recipe show nix", "preset nix: unknown"),
        ("recipe show nix.toml", "nix.toml: cannot be read"),
        ("recipe validate bad.toml", "did you mean section.thickness_nm?"),
        ("recipe explain section.thicknes_nm", "did you mean section.thickness_nm?"),
    ],
)
def test_bad_input_is_one_line_and_code_2(run: Program, tmp_path: Path, arguments: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text("[section]\nthicknes_nm = 3\n")
    (tmp_path / "text.h5").write_text("this is no HDF5\n")
    (tmp_path / "taken.h5.parts").mkdir()
    (tmp_path / "taken.h5.parts" / "thesis.txt").write_text("")
    os.mkfifo(tmp_path / "pipe")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert message in run.fails(*arguments.split())
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}.items()
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    "arguments", [["render"], ["preview"], ["recipe", "schema"], ["gap", "a.h5", "a.h5"], ["gallery"]], ids=" ".join
)
def test_an_empty_name_is_refused(run: Program, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "a.h5").write_text("")
    assert "got an empty name" in run.fails(*arguments, "-o", "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_pictures_and_schemas_replace_their_like(run: Program, tmp_path: Path) -> None:
    for arguments, content in ((("preview", "-n", "1", "--size", "16"), b""), (("recipe", "schema"), b"{}")):
        (tmp_path / "a").write_bytes(b"")
        for _ in range(2):
            assert run(*arguments, "-o", "a")[0] == 0
        (tmp_path / "a").write_bytes(b"else" + content)
        assert "a: exists and is not a" in run.fails(*arguments, "-o", "a")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("7", range(7, 8)),
        ("000000000007", range(7, 8)),
        ("5:7,1:3", (1, 2, 5, 6)),
        ("3:5,1:9,9", range(1, 10)),
        ("0:999999999,5", range(999999999)),
    ],
)
def test_numbers_of_images(text: str, numbers: Sequence[int]) -> None:
    assert images(click.Context(cli), click.Option(["--only"]), text) == numbers


@pytest.mark.parametrize("closed", [["2"], ["0", "1", "2"]])
def test_closed_streams_change_nothing(tmp_path: Path, closed: list[str]) -> None:
    for name, ends in (("a.h5", ""), ("b.h5", " ".join(f"{number}>&-" for number in closed))):
        code = "from mitogen.cli import main; main()"
        line = f'exec "$0" -c "$1" render -n 1 --size 32 --workers 1 -o {name} {ends}'
        done = subprocess.run(["sh", "-c", line, sys.executable, code], cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_full_stderr_stops_no_work(tmp_path: Path) -> None:
    code = "from mitogen.cli import main; main()"
    options = ["render", "-n", "1", "--size", "32", "--workers", "1", "-o", "a.h5"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code, *options], cwd=tmp_path, stderr=full, check=False)
    assert done.returncode == 0
    with Dataset(tmp_path / "a.h5") as dataset:
        assert len(dataset) == 1


def test_every_command_explains_itself(run: Program) -> None:
    for command in (
        "render",
        "preview",
        "gallery",
        "match",
        "info",
        "validate",
        "import",
        "fetch",
        "recipe",
        "recipe show",
        "recipe explain",
    ):
        code, output, _ = run(*command.split(), "--help")
        assert code == 0
        assert "Usage: mitogen" in output


def test_version(run: Program) -> None:
    assert run("--version")[1].startswith("mitogen, version ")


def test_help_is_quick() -> None:
    assert min(_seconds_for_help() for _ in range(5)) < 0.3


def _seconds_for_help() -> float:
    """Processor time, not time on the clock: other programs on the machine do not count."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", "from mitogen.cli import main; main()", "--help"], check=True, capture_output=True
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def test_a_full_output_is_one_line(tmp_path: Path) -> None:
    code = "from mitogen.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, "recipe", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "Error: No space left on device\n")


@pytest.mark.parametrize("message", ["", "Unable to allocate 3 TiB\nfor an array"])
def test_too_little_memory_is_one_line(
    run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    def fails(_: Path) -> None:
        raise MemoryError(*[message] * bool(message))

    monkeypatch.setattr("mitodata.store.describe", fails)
    (tmp_path / "a.h5").touch()
    error = run.fails("info", "a.h5")
    assert error.startswith(f"Error: not enough memory: {message.partition(chr(10))[0]}")
    assert "use smaller images or fewer workers" in error


def test_a_picture_of_a_file_takes_no_recipe(run: Program, tmp_path: Path) -> None:
    run("render", "-n", "1", "--size", "32", "-o", "a.h5")
    for option in (("--preset", "mito"), ("--set", "section.thickness_nm=10")):
        assert "expected one of them" in run.fails("preview", "a.h5", *option, "-o", "a.png")
    assert "nowhere/a.png: cannot be written" in run.fails("preview", "a.h5", "-o", "nowhere/a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_seed_beyond_what_the_file_holds(run: Program) -> None:
    assert "range" in run.fails("render", "-n", "1", "--size", "32", "--seed", str(2**63), "-o", "a.h5")


def test_recipes_by_a_wrong_name(run: Program, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    assert "ends in .toml" in run.fails("recipe", "show", "a.txt")
    assert "expected section.knob=VALUE" in run.fails("recipe", "show", "--set", "=3")
