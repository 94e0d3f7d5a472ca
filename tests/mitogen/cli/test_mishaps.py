"""Bad input, full disks, closed streams: one line, code 2, and nothing lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import Program

from mitodata.hdf5.dataset import Dataset

HUGE = "9" * 30


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
        (
            "render --recipe liver -o a.h5",
            "liver: is not a file; recipes that come with mitogen are given with --preset",
        ),
        ("render --preset bad.toml -o a.h5", "--preset bad.toml: is a file; give it with --recipe bad.toml"),
        ("render --preset tissues -o a.h5", "preset tissues: unknown; there is: blobs, "),
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
        ("render --overwrite -o pipe", "pipe: is not a regular file"),
        ("render --set section.thickness_nm={normal={mean=500,std=1}} -o a.h5", "practically no value falls between"),
        ("render --only 3 -n 3 -o a.h5", "got --n and --only; expected one of them"),
        ("render --like nix.h5 -o a.h5", "'nix.h5' does not exist"),
        ("render --like text.h5 -o a.h5", "text.h5: is not HDF5"),
        ("render --like text.h5 --preset mito -o a.h5", "got --like and a recipe"),
        ("render -o .", ".: is not a regular file; expected a file to write"),
        ("render -o text.h5", "text.h5: exists already"),
        ("render -n 1 -o text.h5/a.h5", "Not a directory"),
        ("render -n 1 -o taken.h5", "taken.h5.parts: is not a folder of unfinished images"),
        ("render -o https://example.org/a.h5", "expected a path, or a place to write to such as s3://bucket/name"),
        ("render -o file:///tmp/a.h5", "expected a path, or a place to write to such as s3://bucket/name"),
        ("render -o s3://bucket", "expected a place to write to such as s3://bucket/name"),
        ("render --scheduler tcp://a:1 -o s3://b/a.h5", "s3://b/a.h5: with --scheduler expected a file in a folder"),
        ("merge text.h5 -o s3://b/a.h5", "s3://b/a.h5: is a URL; expected a path on this machine"),
        ("gallery -o gs://b/a", "gs://b/a: is a URL; expected a path on this machine"),
        ("export text.h5 -o s3://b/a.h5", "s3://b/a.h5: is a URL; expected a path on this machine"),
        ("preview nix.h5", "'nix.h5' does not exist"),
        ("preview text.h5", "text.h5"),
        (f"preview -n {HUGE}", "is not in the range"),
        ("preview -n 1 --size 16 -o text.h5", "text.h5: exists and is not a PNG; choose another name, or remove it"),
        ("preview -n 1 --size 16 -o pipe", "pipe: is not a regular file"),
        ("recipe schema -o bad.toml", "bad.toml: exists and is not a JSON schema; choose another name, or remove it"),
        ("recipe schema -o pipe", "pipe: is not a regular file"),
        ("gap text.h5 text.h5 --pixel-size nan", "nan is not in the range"),
        (f"gap text.h5 text.h5 --every {HUGE}", "is not in the range"),
        ("gap text.h5 text.h5 -o pipe", "pipe: is not a folder"),
        ("match text.h5 -o a.toml --pixel-size nan", "nan is not in the range"),
        ("gallery --overwrite -o .", "has no name of its own"),
        ("import pairs . --sections ²:3 -o b.h5", "expected two numbers such as 0:110"),
        (f"import pairs . --sections 0:{'9' * 5000} -o b.h5", "expected two numbers such as 0:110"),
        ("preview -n 1 --size 16 -o nix/a.png", "No such file or directory"),
        ("gallery", "Missing option '-o'"),
        ("gallery --knobs cells.gap -o b", "cells.gap: unknown knob; did you mean cells.gap_nm?"),
        ("gallery --images 1 -o b", "1 is not in the range"),
        ("gallery --workers 0 -o b", "expected auto or a number of at least 1"),
        ("gallery -o text.h5", "text.h5: is not a folder; expected a folder to write"),
        ("gallery -o taken.h5.parts", "taken.h5.parts: exists already"),
        ("gallery -o taken.h5.parts --overwrite", "taken.h5.parts: is not a gallery and is left alone"),
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
    assert not list(tmp_path.glob("*:"))  # of a URL


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


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize("closed", [pytest.param(["2"], marks=pytest.mark.slow), ["0", "1", "2"]])
def test_closed_streams_change_nothing(run: Program, tmp_path: Path, closed: list[str]) -> None:
    options = ["render", "-n", "1", "--size", "32", "--workers", "1", "-o"]
    assert run(*options, "a.h5")[0] == 0
    code = "from mitogen.cli.main import main; main()"
    line = f'exec "$0" -c "$@" {" ".join(f"{number}>&-" for number in closed)}'
    command = ["sh", "-c", line, sys.executable, code, *options, "b.h5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_full_stderr_stops_no_work(tmp_path: Path) -> None:
    code = "from mitogen.cli.main import main; main()"
    options = ["render", "-n", "1", "--size", "32", "--workers", "1", "-o", "a.h5"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code, *options], cwd=tmp_path, stderr=full, check=False)
    assert done.returncode == 0
    with Dataset(tmp_path / "a.h5") as dataset:
        assert len(dataset) == 1


def test_a_full_output_is_one_line(tmp_path: Path) -> None:
    code = "from mitogen.cli.main import main; main()"
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

    monkeypatch.setattr("mitodata.hdf5.dataset.describe", fails)
    (tmp_path / "a.h5").touch()
    error = run.fails("info", "a.h5")
    assert error.startswith(f"Error: not enough memory: {message.partition(chr(10))[0]}")
    assert "use smaller images or fewer workers" in error


@pytest.mark.usefixtures("no_processes")
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


def test_an_url_that_cannot_be_reached(run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="obstore is optional")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("mitodata.readers.remote.RETRIES", 0)
    url = "http://127.0.0.1:1/stack.tif"
    assert f"{url}: cannot be reached" in run.fails(
        "import", "images", url, "--voxel-size", "8", "8", "8", "-o", "a.h5"
    )
    assert f"{url}: cannot be reached" in run.fails("import", "pairs", tmp_path, url, "-o", "a.h5")
