"""Trials: one condition with one seed. What makes two of them the same, how one is run, and what is kept of it."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from mitodata.errors import RunError
from mitodata.files import source_hash, write_atomic
from mitodata.hdf5.dataset import SCHEMA_VERSION, Dataset, software, write_dataset
from mitogen.rendering.job import Job
from mitogen.rendering.process_pool import go_on
from mitoseg.config.settings import FitConfig
from mitoseg.study.designs import Condition, Design
from mitoseg.study.plan import TestSet

FORMAT = 1
"""Changes when results mean something else than before; results of another format are made again."""

SYNTHETIC = "synthetic"
"""The name of the scores on the synthetic images that were held out."""

CHUNK = 100
"""Images in one rendered file; two trials that share a recipe and a seed share these files."""

HELD_OUT_FROM = 1_000_000
"""Number of the first image that is held out: the same seed, never an image of the training set."""


TRIALS, OLDER_TRIALS = "trials", "cells"
"""Folders of results in the folder of a study; the second is what earlier versions called it, and is read as well."""

PACKAGES = ("mitodata", "mitogen", "mitoseg")
"""The program: results that another version of it made are told apart."""


@dataclass(frozen=True)
class Test:
    """A test set.

    Attributes:
        name: of its column.
        file: the file.
        every: only every so-manieth section is scored.
        content: SHA-256 of the file.
    """

    __test__ = False

    name: str
    file: Path
    every: int
    content: str


@dataclass(frozen=True)
class Trial:
    """One condition with one seed, and what it is scored on."""

    condition: Condition
    seed: int
    tests: Sequence[Test]

    @property
    def job(self) -> Job:
        """What renders its images."""
        images = self.condition.setup.images
        seed = self.seed if images.data_seed is None else images.data_seed
        parts = self.condition.setup.config.target == "compartments"
        return Job(self.condition.setup.recipe, seed, (1, images.size_px, images.size_px), parts)

    @property
    def config(self) -> FitConfig:
        """How it is fitted."""
        return self.condition.setup.config.model_copy(update={"seed": self.seed})

    @property
    def settings(self) -> dict[str, Any]:
        """Everything its scores depend on, as plain values; the version of the program apart."""
        content = self.condition.setup.content
        return {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            **content,
            "data_seed": self.job.seed,
            "fit": {**content["fit"], "seed": self.seed},
            "tests": {test.name: {"sha256": test.content, "every": test.every} for test in self.tests},
        }

    @property
    def key(self) -> str:
        """Hash of its settings: trials with the same key are the same trial, in any study."""
        return sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Chunk:
    """Some images of a dataset, in a file of their own.

    Attributes:
        job: what renders them.
        images: their numbers.
        path: the file.
    """

    job: Job
    images: range
    path: Path


def make_trials(design: Design, seeds: Sequence[int], tests: Sequence[Test]) -> list[Trial]:
    """All trials of a study, one seed after the other, so that a part of them is a smaller study."""
    return [Trial(condition, seed, tests) for seed in seeds for condition in design.conditions]


def unique(trials: Sequence[Trial]) -> list[Trial]:
    """Each key once: trials whose settings are the same are one fit, whatever their conditions are called."""
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.key, trial)
    return list(first.values())


def open_tests(tests: Mapping[str, TestSet]) -> list[Test]:
    """Check that test sets can be read and scored, and hash them.

    Raises:
        DataError: a file is missing or damaged.
        RunError: a file has no labels.
    """
    opened = []
    for name, test in tests.items():
        if test.file is None:
            continue
        with Dataset(test.file) as dataset:
            if not len(dataset) or not dataset.labelled:
                raise RunError(f"{test.file}: test set {name} has no labels; expected labelled images to score on")
        with test.file.open("rb") as stream:
            opened.append(Test(name, test.file.resolve(), test.every, file_digest(stream, "sha256").hexdigest()))
    return opened


def chunks_of(trial: Trial, folder: Path) -> tuple[list[Chunk], Chunk]:
    """The files of training images and the one of held-out images that a trial needs, in `folder`/renders."""
    job, images = trial.job, trial.condition.setup.images
    # The program is part of the fingerprint: images of another version are rendered again.
    name = job.fingerprint()[:16]

    def chunk(numbers: range) -> Chunk:
        return Chunk(job, numbers, folder / "renders" / f"{name}-{numbers.start}-{numbers.stop}.h5")

    starts = range(0, images.images, CHUNK)
    training = [chunk(range(start, min(start + CHUNK, images.images))) for start in starts]
    return training, chunk(range(HELD_OUT_FROM, HELD_OUT_FROM + images.validation_images))


def render_chunk(threads: int, chunk: Chunk) -> None:
    """Render the images of a chunk in this process, if they are not there yet; `threads` is not used."""
    go_on()
    if not chunk.path.exists():
        chunk.path.parent.mkdir(parents=True, exist_ok=True)
        samples = chunk.job.samples(_while_wanted(chunk.images))
        write_dataset(chunk.path, samples, chunk.job.provenance(chunk.images), overwrite=True)


def _while_wanted(images: range) -> Iterator[int]:
    for image in images:
        go_on()
        yield image


def run_trial(threads: int, trial: Trial, training: Sequence[Chunk], held_out: Chunk, folder: Path, keep: bool) -> None:
    """Fit and score one trial in this process; its result appears as a whole or not at all.

    Args:
        threads: how many to compute with.
        trial: what to run.
        training: images to fit to, rendered.
        held_out: images to choose the threshold on, rendered.
        folder: of the study.
        keep: keep the weights.

    Raises:
        MitoError: the fit failed, or a file cannot be read or written.
    """
    import torch

    from mitoseg.evaluation import as_json, evaluate
    from mitoseg.inference.model import load_model
    from mitoseg.training.fit import fit

    code = source_hash(*PACKAGES)[:8]  # before anybody changes the files
    go_on()  # a pool has a trial or two in its queue that cannot be taken back when the study is stopped
    torch.set_num_threads(threads)
    run = folder / "runs" / trial.key
    shutil.rmtree(run, ignore_errors=True)  # what a killed process left
    run.mkdir(parents=True)
    with (run / "log.txt").open("w", encoding="utf-8") as log, redirect_stderr(log):
        fitted = fit([chunk.path for chunk in training], run, trial.config, validation=[held_out.path])
        model = load_model(run)
        sets = {SYNTHETIC: (held_out.path, 1), **{test.name: (test.file, test.every) for test in trial.tests}}
        scores = {}
        for name, (path, every) in sets.items():
            # Section by section: all of a volume for a few of its sections would take longer than the fit.
            results = evaluate(model, [path], every=every, axes="z")
            scores[name] = as_json(results)[results[0].name]
    if not keep:
        for path in run.glob("*.pt"):
            path.unlink()
    result = {
        "key": trial.key,
        "condition": trial.condition.name,
        "seed": trial.seed,
        "settings": trial.settings,
        "scores": scores,
        "threshold": scores[SYNTHETIC]["threshold"],
        "steps": fitted.steps,
        "minutes": fitted.minutes,
        "software": software(),
        "code": code,
    }
    place = result_path(folder, trial)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())


def result_path(folder: Path, trial: Trial) -> Path:
    """Where the result of a trial is, once it has one."""
    return folder / TRIALS / f"{trial.key}.json"


def read_result(folder: Path, trial: Trial) -> dict[str, Any] | None:
    """The result of a trial; None if there is none, or none that can be read."""
    for place in (result_path(folder, trial), folder / OLDER_TRIALS / f"{trial.key}.json"):
        with suppress(OSError, ValueError):
            result = json.loads(place.read_text(encoding="utf-8"))
            if isinstance(result, dict) and result.get("key") == trial.key and "scores" in result:
                return result
    return None
