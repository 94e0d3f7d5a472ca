from collections.abc import Sequence
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from PIL import Image
from program import Program

from mitodata.hdf5.dataset import Dataset
from mitodata.readers.remote import local
from mitogen.cli.main import cli
from mitogen.cli.options import images
from mitogen.recipe.recipe import load_recipe, parse_recipe

HERE = pytest.mark.usefixtures("no_processes")


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


@HERE
def test_a_file_goes_to_an_object_store_byte_for_byte(run: Program, tmp_path: Path, bucket: str) -> None:
    settings = ("--size", "48", "-n", "2", "--preset", "blobs")
    assert run("render", *settings, "-o", "a.h5")[0] == 0
    code, output, _ = run("render", *settings, "-o", f"{bucket}/sets/a.h5")
    assert (code, output) == (0, f"2 images in {bucket}/sets/a.h5\n")
    assert local(f"{bucket}/sets/a.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()
    assert "exists already" in run.fails("render", *settings, "-o", f"{bucket}/sets/a.h5")
    assert not list(tmp_path.glob("*:"))


@HERE
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


@HERE
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


@HERE
def test_like_a_file_of_another_version_says_so(run: Program, tmp_path: Path) -> None:
    run("render", "-n", "1", "--size", "32", "-o", "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["software"] = "mitogen-em 0.0.1"
    code, _, errors = run("render", "--like", "a.h5", "-n", "1", "-o", "b.h5")
    assert code == 0
    assert errors.startswith("a.h5 was made by mitogen-em 0.0.1, this is mitogen-em")


@HERE
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


@HERE
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


@HERE
def test_gallery(run: Program, tmp_path: Path) -> None:
    options = ("--size", "16", "--images", "2", "--set", "imaging.noise=3", "--knobs", "imaging.noise", "-o", "a")
    assert run("gallery", *options, "--workers", "1")[:2] == (0, "gallery in a/index.html\n")
    with Image.open(tmp_path / "a" / "strips" / "imaging.noise.png") as strip:
        assert strip.size == (2 * 16 + 4, 16)
    assert "a: exists already" in run.fails("gallery", *options)
    assert run("gallery", *options, "--workers", "1", "--overwrite")[0] == 0


def test_import(run: Program, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    for folder, pixels in (("images", noise), ("masks", np.pad(np.full((9, 9), 255, np.uint8), ((2, 13), (2, 21))))):
        (tmp_path / "real" / folder).mkdir(parents=True)
        for name in ("a", "b"):
            Image.fromarray(pixels).save(tmp_path / "real" / folder / f"{name}.png")
    assert "--voxel-size" in run.fails("import", "pairs", "real", "-o", "real.h5")
    settings = ("--voxel-size", "50", "5", "5", "-o", "real.h5")
    code, output, _ = run("import", "auto", "real", *settings)
    origin = "connected components in 2D (8 neighbours) of the mask"
    assert (code, output) == (0, f"2 images in real.h5: 2 instances, {origin}\n")
    with Dataset(tmp_path / "real.h5") as dataset:
        assert dataset.voxel_size_nm(1) == (50, 5, 5)
    assert "exists already" in run.fails("import", "pairs", "real", *settings)
    (tmp_path / "real/masks/b.png").write_bytes(b"")
    assert "real/masks/b.png" in run.fails("import", "pairs", "real", *settings, "--overwrite")
    code, output, errors = run("import", "pairs", "real", *settings, "--overwrite", "--skip-failed")
    assert (code, output) == (2, f"1 image in real.h5: 1 instance, {origin}\n")
    assert "real/masks/b.png" in errors.splitlines()[0]
    assert errors.splitlines()[1] == "Error: real.h5: lacks 1 image that failed, listed above"
    assert len(errors.splitlines()) == 2


def test_import_of_numbers_by_choice_and_of_two_paths(run: Program, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    numbers = np.zeros((24, 32), np.uint8)
    numbers[2:9, 2:9], numbers[2:9, 20:29], numbers[15:20, 2:9] = 100, 200, 100
    for folder, pixels in (("em", grey), ("drawn", numbers)):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    settings = ("import", "pairs", "em", "drawn", "--voxel-size", "50", "5", "5", "-o", "a.h5")
    assert "values 100 (2 regions), 200 (1 region) may be instances or classes" in run.fails(*settings)
    assert not (tmp_path / "a.h5").exists()
    code, output, _ = run(*settings, "--mask-values", "100")
    assert (code, output.partition(":")[2].split()[0]) == (0, "2")
    code, output, _ = run(*settings, "--mask-values", "instances", "--unknown", "200", "--overwrite")
    assert (code, output) == (0, "1 image in a.h5: 1 instance, given by the source\n")


def test_a_voxel_size_in_another_order_is_asked_about(run: Program, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (24, 32)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    asked = run.fails("import", "images", "a.png", "--voxel-size", "4", "4", "50", "-o", "a.h5")
    assert "did you mean --voxel-size 50 4 4? if not, add --non-square-pixels" in asked
    assert not (tmp_path / "a.h5").exists()
    confirmed = ("--voxel-size", "4", "4", "50", "--non-square-pixels", "-o", "a.h5")
    assert run("import", "images", "a.png", *confirmed)[0] == 0
    with Dataset(tmp_path / "a.h5") as dataset:
        assert dataset.voxel_size_nm(0) == (4, 4, 50)
        np.testing.assert_array_equal(dataset[0].raw[0], noise)


def test_fetch_lists_and_says_licence_citation_and_what_to_do_next(
    run: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "lucchi++" in run("fetch")[1]
    monkeypatch.setattr("mitodata.downloads.fetch", lambda name, folder, progress: folder / name)
    output = run("fetch", "lucchi++", "--to", "there")[1].splitlines()
    assert output[0].startswith("licence: ")
    assert output[1].startswith("please cite: ")
    assert output[2] == "next: mitogen import epfl there/lucchi++ -o epfl.h5"


@HERE
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
    listed = run("recipe", "explain")[1]
    assert "\nimaging: " in listed
    assert "radius_nm" in next(line for line in listed.splitlines() if line.startswith("mitochondria: "))
    assert "only in scene blobs" in run("recipe", "explain", "blobs.radius_nm")[1]
    code, output, _ = run("recipe", "diff", "mito", "mine.toml")
    changed = [line.split() for line in output.splitlines()]
    assert (code, changed[0]) == (0, ["section.thickness_nm:", "{", "loguniform", "=", "[5,", "45]", "}", "->", "12"])
    assert all(line[0] == "kind" and line[-3:] == ["as", "the", "recipe"] for line in changed[1:])
    assert run("recipe", "diff", "mito", "mito")[1] == "no differences\n"
    assert run("recipe", "schema", "-o", "s.json")[0] == 0
    assert (tmp_path / "s.json").read_text() == run("recipe", "schema")[1]


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


@HERE
def test_shards_by_command_are_merged_to_the_whole_file(run: Program, tmp_path: Path) -> None:
    settings = ("-n", "3", "--preset", "blobs", "--size", "32", "--workers", "1")
    assert run("render", *settings, "-o", "whole.h5")[0] == 0
    assert run("render", *settings, "--shard", "1/2", "-o", "1.h5")[:2] == (0, "1 image in 1.h5\n")
    assert "shard 2 of 2 is missing" in run.fails("merge", "1.h5", "-o", "merged.h5")
    assert run("render", *settings, "--shard", "2/2", "-o", "2.h5")[:2] == (0, "2 images in 2.h5\n")
    assert run("merge", "2.h5", "1.h5", "-o", "merged.h5")[:2] == (0, "3 images in merged.h5\n")
    assert (tmp_path / "merged.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert "source: mitogen render --shard 2/2\n" in run("info", "2.h5")[1]
    for text in ("0/2", "3/2", "2", "a/b", "1/2/3", "1/"):
        assert "expected I/N" in run.fails("render", "--shard", text, "-o", "a.h5")
