"""The main job in miniature: render, fit, import, evaluate, predict, all by command.

Rendering and fitting are by the installed programs, the rest by the same functions in this process.
"""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import program as program_here
import pytest
from here import Here
from numpy.typing import NDArray
from PIL import Image

from mitodata.hdf5.dataset import Dataset
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import job_of

Program = Callable[..., "subprocess.CompletedProcess[str]"]

N = 12
# Half a micrometre wide: with mitochondria so dense, enough of the images hold some, whatever the preset becomes.
CROWDED = ("--size", 64, "--workers", 1, "--set", "mitochondria.volume_fraction=0.2")
METRICS = {"iou", "dice", "precision", "recall", "accuracy", "kappa"}
SMALL = ("--set", "network=tiny", "--set", "patch_px=64", "--set", "batch=4", "--set", "validations=1")


def blob(seed: int, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A dark disc on noise, and its mask."""
    y, x = np.indices(shape)
    disc = (y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2 < 15**2
    noise = np.random.default_rng(seed).normal(0, 10, shape)
    return np.clip(150 - 60 * disc + noise, 0, 255).astype(np.uint8), disc.astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """Two rendered files, a network fitted to the first, and a folder of pairs."""
    folder = tmp_path_factory.mktemp("main-job")
    program("mitogen", "render", "--n", N, *CROWDED, "-o", folder / "train.h5")
    with pytest.MonkeyPatch.context() as patch:  # what comes of another seed needs no program
        patch.setattr("mitogen.rendering.parallel.Workers", Here)
        render_dataset(replace(job_of(folder / "train.h5")[0], seed=1), folder / "test.h5", 8, 1, progress=False)
    files = (folder / "train.h5", "--val", folder / "test.h5", "-o", folder / "run")
    program("mitoseg", "fit", *files, "--epochs", 2, *SMALL)
    for number, shape in enumerate([(80, 96), (64, 64)]):
        raw, mask = blob(number, shape)
        for kind, image in (("images", raw), ("masks", 255 * mask)):
            (folder / "pairs" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / "pairs" / kind / f"{number}.png")
    return folder


@pytest.fixture
def succeeds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call a program in this process, which must end with code 0, and return what it printed."""
    for module in ("mitoseg.inference.tiling", "mitoseg.inference.blockwise"):
        monkeypatch.setattr(f"{module}.resident_bytes", lambda: 2**29)  # what earlier tests left does not count

    def call(name: str, *arguments: object) -> str:
        code, output, errors = program_here.Program(name, monkeypatch, capsys)(*arguments)
        assert code == 0, errors
        return output

    return call


def test_rendered_file_is_valid_and_says_how_it_was_made(folder: Path, succeeds: Callable[..., str]) -> None:
    assert "no problems" in succeeds("mitogen", "validate", folder / "train.h5")
    with Dataset(folder / "train.h5") as train:
        assert len(train) == N
        assert "mitochondria" in train.provenance.recipe
        assert all(len(column) == N for column in train.params.values())


def test_scores_of_rendered_and_real_images_in_one_report(folder: Path, succeeds: Callable[..., str]) -> None:
    real = folder / "real.h5"
    succeeds("mitogen", "import", "auto", folder / "pairs", "--voxel-size", 30, 8, 8, "-o", real)
    report = folder / "report"
    shown = succeeds("mitoseg", "evaluate", folder / "run", folder / "test.h5", real, "-o", report)

    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics) == {"test", "real"}
    assert metrics["real"]["images"] == 2
    for scores in metrics.values():
        assert set(scores) >= METRICS
        for name in METRICS:
            assert set(scores[name]) == {"mean", "std", "pooled", "interval", "pooled_interval"}
            assert -1 <= scores[name]["mean"] <= 1
    rows, notes = shown.splitlines()[1:3], shown.splitlines()[3:]
    assert [line.split()[0] for line in rows] == ["test", "real"]
    without = [name for name, scores in metrics.items() if scores["images_with_foreground"] < scores["images"]]
    assert [line.split(":")[0] for line in notes if "no foreground" in line] == without
    assert [line for line in notes if "looks" in line] == [
        f"{name}: mean of 2 looks at each section." for name in metrics
    ]
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "<img" in page
    assert not re.search(r"(src|href)=.?(http|//)", page), "the page must work offline"


def test_mask_lies_on_the_grid_of_the_picture(folder: Path, succeeds: Callable[..., str]) -> None:
    picture = folder / "pairs" / "images" / "0.png"
    succeeds("mitoseg", "predict", folder / "run", picture, "--voxel-size", 30, 8, 8, "-o", folder / "masks")
    with Image.open(folder / "masks" / "0_mask.png") as mask:
        assert mask.size == (96, 80)
        assert set(np.unique(np.asarray(mask))) <= {0, 255}


def test_mistakes_are_one_line_and_code_2(
    folder: Path, program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = program("mitogen", "render", "--set", "mitochondria.radius=3", "-o", folder / "other.h5", code=2).stderr
    assert said.startswith("Error: ")
    assert said.count("\n") == 1, said
    mitoseg, mitogen = (program_here.Program(name, monkeypatch, capsys) for name in ("mitoseg", "mitogen"))
    mitoseg.fails("evaluate", folder / "run", folder / "nowhere.h5", "-o", folder / "other")
    mitoseg.fails("evaluate", folder / "pairs", folder / "test.h5", "-o", folder / "other")
    mitoseg.fails("fit", folder / "train.h5", "-o", folder / "run", "--epochs", 1)
    mitogen.fails("import", "auto", folder / "run", "-o", folder / "other.h5")
