"""The thresholds of a finished run, chosen again on images of other tissue, or on more of them."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mitodata import DataError, RunError
from mitodata.files import write_atomic
from mitoseg.data import SectionFiles, any_foreground, spread
from mitoseg.inference.model import load_model
from mitoseg.networks.checkpoint import checkpoint_of, load_checkpoint, save_checkpoint
from mitoseg.training.process import alone_in
from mitoseg.training.run_folder import TUNED, git_revision, read_settings
from mitoseg.training.validation import FINAL_PX, Validation, validate

MOST = 4096
"""Sections that are looked at, evenly spread where there are more."""


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
        raise RunError(f"{run}: {'is a file' if run.exists() else 'not found'}; expected the folder of a run")
    learned = {Path(path).resolve() for path in read_settings(run)["training"]}
    for number, path in enumerate(data):
        if path.resolve() in learned:
            raise RunError(f"{path}: the run has learned from it; expected images that it has not seen")
        if path.resolve() in {other.resolve() for other in data[:number]}:
            raise DataError(f"{path}: given twice; expected each file once")
    with alone_in(run):
        path = checkpoint_of(run)
        model, content = load_model(path), load_checkpoint(path)
        if not content["finished"]:
            raise RunError(f"{run}: is not finished; go on with it first: mitoseg fit --resume -o {run}")
        with closing(SectionFiles(data)) as files:
            sections = spread(files.sections(), MOST)
            if not any_foreground(files, sections):
                raise DataError(f"{data[0]}: no foreground in {len(sections)} sections; expected some to choose by")
            outcome = validate(model, files, sections, kept_px=FINAL_PX)
        said = {
            "files": [str(each.resolve()) for each in data],
            "sections": len(sections),
            "thresholds": outcome.decoding.summary,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "git": git_revision(),
        }
        content.pop("threshold", None)  # beside the decoding only in checkpoints of earlier versions
        save_checkpoint(path, {**content, "decoding": asdict(outcome.decoding)})
        write_atomic(run / TUNED, (json.dumps(said, indent=2) + "\n").encode())
    return outcome
