"""Tiny tissue that a network learns in seconds: dark discs are foreground, pale discs are not."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from here import Here
from PIL import Image
from processes import forks
from program import Program
from study_file import BASE
from torch.utils.data import DataLoader

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitogen.recipe.recipe import open_recipe
from mitogen.rendering.job import Job
from mitogen.tissue.compartments import Compartment
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.io.panels import png
from mitoseg.report import charts, probabilities
from mitoseg.study.study import Study, open_study
from mitoseg.training import run_folder, trainer
from mitoseg.training.fit import fit

PIXEL = png(Image.new("RGB", (1, 1)))


def draw_sample(seed: int, shape: tuple[int, int, int] = (1, 64, 64), voxel_nm: float = 8.0) -> Sample:
    """Discs, dark ones labelled, on a noisy ground; in a volume they run through all slices."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[1], : shape[2]]
    raw, label = np.full(shape, 150.0), np.zeros(shape, np.uint16)
    for number in range(1, 7):
        cy, cx = rng.uniform(0, shape[1]), rng.uniform(0, shape[2])
        disc = np.broadcast_to((y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(5, 10) ** 2, shape)
        dark = number <= 3
        raw[disc] = 80 if dark else 200
        label[disc] = number if dark else 0
    raw = (raw + rng.normal(0, 8, shape)).clip(0, 255).astype(np.uint8)
    return Sample(raw, (40.0, voxel_nm, voxel_nm), label, (label > 0).astype(np.uint8), name=f"disc {seed}")


def name_compartments(sample: Sample) -> Sample:
    """Dark discs are matrix, and all else cytoplasm."""
    assert sample.mask is not None
    inside = np.where(sample.mask, Compartment.MATRIX, Compartment.CYTOPLASM)
    return replace(sample, compartment=inside.astype(np.uint8))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write samples to a file of their own."""

    def make(*samples: Sample, name: str = "data") -> Path:
        path = tmp_path_factory.mktemp("data") / f"{name}.h5"
        write_dataset(path, samples, Provenance(source="test"))
        return path

    return make


@pytest.fixture(scope="session")
def draw() -> Callable[..., Sample]:
    """(seed, shape, voxel_nm) -> a labelled sample of discs."""
    return draw_sample


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """(name, make) -> what `make(path)` made for all workers of pytest-xdist; only the first of them calls it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def find(name: str, make: Callable[[Path], object]) -> Path:
        path = folder / "shared" / name
        path.parent.mkdir(exist_ok=True)
        with FileLock(path.with_suffix(".making")):
            if not path.exists():
                make(path)
        return path

    return find


def write_discs(path: Path, seeds: range) -> None:
    write_dataset(path, map(draw_sample, seeds), Provenance(source="test"))


@pytest.fixture(scope="session")
def discs(once: Callable[..., Path]) -> Path:
    """24 labelled images."""
    return once("discs.h5", lambda path: write_discs(path, range(24)))


@pytest.fixture(scope="session")
def fresh_discs(once: Callable[..., Path]) -> Path:
    """6 labelled images that no network has seen."""
    return once("fresh.h5", lambda path: write_discs(path, range(1000, 1006)))


@pytest.fixture(scope="session")
def as_rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """(compartments) -> two images in a file that says what `mitogen render` says of its own."""

    def make(compartments: bool) -> Path:
        job = Job(open_recipe("mito"), shape=(1, 64, 64), compartments=compartments)
        path = tmp_path_factory.mktemp("rendered") / "train.h5"
        samples = [draw_sample(seed) for seed in range(2)]
        write_dataset(path, map(name_compartments, samples) if compartments else samples, job.provenance(range(2)))
        return path

    return make


@pytest.fixture(scope="session")
def tiny() -> FitConfig:
    """Settings that train in seconds."""
    return make_config(
        (
            "network=tiny", "working_voxel_nm=8", "patch_px=64", "batch=8", "validations=2", "learning_rate=0.01",
            "augment.padding_probability=0",
        ),
        epochs=2,
    )  # fmt: skip


@pytest.fixture(scope="session")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    once: Callable[..., Path],
    discs: Path,
    fresh_discs: Path,
    tiny: FitConfig,
) -> Path:
    """A trained run: of each worker its own copy, for one at a time works on a run."""

    def make(path: Path) -> None:
        unfinished = tmp_path_factory.mktemp("runs") / "discs"
        config = tiny.model_copy(update={"epochs": 15.0, "learning_rate": 0.02})
        fit([discs], unfinished, config, validation=[fresh_discs])
        unfinished.rename(path)

    return shutil.copytree(once("run", make), tmp_path_factory.mktemp("run") / "discs")


@pytest.fixture(autouse=True)
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits whose pictures are a single pixel, but for those of fixtures: they are half of what a short fit takes."""
    monkeypatch.setattr(run_folder, "plot_history", lambda _: PIXEL)
    monkeypatch.setattr(trainer, "draw_validation", lambda *_: PIXEL)


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What worker processes would render is rendered in this one."""
    monkeypatch.setattr("mitogen.rendering.parallel.Workers", Here)


@pytest.fixture
def forked_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that read patches start as forks, not by loading libraries, which takes two seconds each."""

    def load(*arguments: object, **options: object) -> DataLoader[torch.Tensor]:
        if options["multiprocessing_context"]:
            options["multiprocessing_context"] = forks()
        return DataLoader(*arguments, **options)

    monkeypatch.setattr("mitoseg.data.loader.DataLoader", load)


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without charts, which take two seconds each, for tests of what a page says."""
    for module in (charts, probabilities):
        for name in vars(module):
            if name.startswith("draw_"):
                monkeypatch.setattr(module, name, lambda *_: None)


@pytest.fixture
def mitoseg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """`mitoseg`, called in this process, which holds what the tests before left: that must not count for --memory."""
    for module in ("mitoseg.inference.tiling", "mitoseg.inference.blockwise"):
        monkeypatch.setattr(f"{module}.resident_bytes", lambda: 2**29)
    return Program("mitoseg", monkeypatch, capsys)


@pytest.fixture
def study(tmp_path: Path, fresh_discs: Path) -> Callable[..., Study]:
    """Write a study file and open it."""
    shutil.copy(fresh_discs, tmp_path / "held.h5")

    def make(head: str, base: str = BASE, tests: str = 'held = { file = "held.h5", every = 3 }') -> Study:
        path = tmp_path / "mine.toml"
        path.write_text(
            f"{head.partition('[factors]')[0]}\n{base}\n[factors]{head.partition('[factors]')[2]}\n[tests]\n{tests}\n"
        )
        return open_study(str(path), {}, tmp_path / "out")

    return make
