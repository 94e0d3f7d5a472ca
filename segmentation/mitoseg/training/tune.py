"""The thresholds of a finished run, chosen again on images of other tissue, or on more of them."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from mitodata import DataError, RunError
from mitodata.files import write_atomic
from mitoseg.data import SectionFiles, spread_with_foreground
from mitoseg.inference.model import Model, load_model
from mitoseg.io.process import alone_in
from mitoseg.models.weights_file import check_place, save_weights
from mitoseg.networks.checkpoint import checkpoint_of, load_checkpoint, save_checkpoint
from mitoseg.training.run_folder import TUNED, git_revision, read_settings
from mitoseg.training.validation import FINAL_PX, Validation, validate

MOST = 4096
"""Sections that are looked at, evenly spread where there are more."""


def tune_model(model: Path | str, data: Sequence[Path], path: Path) -> Validation:
    """Choose the thresholds of any model on labelled files, and write it with them to a file of its own.

    Args:
        model: as `mitoseg.load_model` takes it; it stays as it is.
        data: as for `tune_run`.
        path: the new file.

    Returns:
        What is found, with the thresholds.

    Raises:
        RunError: there is no such model, or it has learned from a file.
        DataError: as `tune_run`; or `path` is the model itself, or holds something else than a model.
    """
    check_place(path, [model])
    folder = Path(model)
    loaded = load_model(model)
    loaded.check_weights()
    _check_data(data, read_settings(folder)["training"] if folder.is_dir() else ())
    outcome, _ = _choose(loaded, data)
    save_weights(path, replace(loaded, decoding=outcome.decoding).packed())
    return outcome


def tune_run(run: Path, data: Sequence[Path]) -> Validation:
    """Choose the thresholds of a run on labelled files, and keep them in its `last.pt`; nothing is learned.

    What was looked at is written down in `tuned.json` beside it.

    Args:
        run: the folder of a finished run.
        data: HDF5 files in the format of `mitodata`, none of which the run has learned from.

    Returns:
        What is found, with the thresholds.

    Raises:
        RunError: there is no run, it is not finished, its checkpoint is damaged, or another process works on it.
        DataError: a file is missing, damaged, unlabelled or given twice, or there is no foreground.
    """
    if not run.is_dir():
        got = "is a file" if run.exists() else "not found"
        raise RunError(f"{run}: {got}; expected the folder of a run, or with -o FILE.safetensors any model")
    _check_data(data, read_settings(run)["training"])
    with alone_in(run):
        path = checkpoint_of(run)
        model, content = load_model(path), load_checkpoint(path)
        if not content["finished"]:
            raise RunError(f"{run}: is not finished; go on with it first: mitoseg fit --resume -o {run}")
        outcome, sections = _choose(model, data)
        said = {
            "files": [str(each.resolve()) for each in data],
            "sections": sections,
            "thresholds": outcome.decoding.summary,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "git": git_revision(),
        }
        content.pop("threshold", None)  # beside the decoding only in checkpoints of earlier versions
        save_checkpoint(path, {**content, "decoding": asdict(outcome.decoding)})
        write_atomic(run / TUNED, (json.dumps(said, indent=2) + "\n").encode())
    return outcome


def _check_data(data: Sequence[Path], training: Sequence[str]) -> None:
    """See that a model has not learned from files, and that each is given once.

    Raises:
        RunError: it has learned from one.
        DataError: one is given twice.
    """
    learned = {Path(path).resolve() for path in training}
    for number, path in enumerate(data):
        if path.resolve() in learned:
            raise RunError(f"{path}: the run has learned from it; expected images that it has not seen")
        if path.resolve() in {other.resolve() for other in data[:number]}:
            raise DataError(f"{path}: given twice; expected each file once")


def _choose(model: Model, data: Sequence[Path]) -> tuple[Validation, int]:
    """Choose the thresholds of a model on sections of files; also says on how many.

    Raises:
        DataError: a file is missing, damaged or unlabelled, or there is no foreground.
    """
    with closing(SectionFiles(data)) as files:
        sections = spread_with_foreground(files, files.sections(), MOST)
        if not files.any_foreground(sections):
            raise DataError(f"{data[0]}: no foreground in {len(sections)} sections; expected some to choose by")
        return validate(model, files, sections, kept_px=FINAL_PX), len(sections)
