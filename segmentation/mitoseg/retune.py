"""The thresholds of a finished run, chosen again on images of other tissue, or on more of them."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mitodata import DataError, RunError
from mitoseg.checkpoint import checkpoint_of, load_checkpoint, save_checkpoint
from mitoseg.data import SectionFiles, any_foreground, spread
from mitoseg.locking import alone_in
from mitoseg.predict import load_model
from mitoseg.record import read_settings, write_settings
from mitoseg.validate import Validation, validate

MOST = 4096
"""Sections that are looked at, evenly spread where there are more."""


def tune_run(run: Path, data: Sequence[Path]) -> Validation:
    """Choose the thresholds of a run on labelled files, and keep them in its `last.pt`; nothing is learned.

    Args:
        run: the folder of a run.
        data: HDF5 files in the format of `mitodata`, none of which the run has learned from.

    Returns:
        What is found, with the thresholds.

    Raises:
        RunError: there is no run, its checkpoint is damaged, or another process works on it.
        DataError: a file is missing, damaged or unlabelled, or there is no foreground.
    """
    if not run.is_dir():
        raise RunError(f"{run}: not found; expected the folder of a run")
    settings = read_settings(run)
    learned = {Path(path).resolve() for path in settings["training"]}
    for path in data:
        if path.resolve() in learned:
            raise RunError(f"{path}: the run has learned from it; expected images that it has not seen")
    with alone_in(run):
        path = checkpoint_of(run)
        model = load_model(path)
        files = SectionFiles(data)
        sections = spread(files.sections(), MOST)
        if not any_foreground(files, sections):
            raise DataError(f"{data[0]}: no foreground in {len(sections)} sections; expected some to choose by")
        outcome = validate(model, files, sections)
        files.close()
        kept = {"threshold": outcome.threshold, "decoding": asdict(outcome.decoding)}
        save_checkpoint(path, {**load_checkpoint(path), **kept})
        write_settings(run, {**settings, "tuned": [str(each.resolve()) for each in data]})
    return outcome
