"""One student of several adapted models: on the images of each it learns from the pseudo-labels of that one.

A mean of adapted models has lost part of what each of them learned. A student that begins as their mean, and sees the
images of all of them, can get it back. Half of each batch is freshly rendered. The pseudo-labels are those that the
adaptations left behind; labels of a person are not opened. A call that was stopped goes on.

    python benchmarks/distillation.py MODEL runs/adapted-epfl runs/adapted-vnc -o runs/student
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata import Sample
from mitodata.errors import RunError
from mitodata.hdf5.dataset import Dataset
from mitoseg.data import resolve_recipe
from mitoseg.inference.model import load_model
from mitoseg.transfer.adaptation.learning import Lesson, learn_round
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.pseudo_labels import read_masks
from mitoseg.transfer.adaptation.record import BLOCKS, STATE, marks_path, read_record, write_model
from pipeline import run_program

POWER = 0.25
"""The weight of a set is the fourth root of its area. A volume has a third of the patches, a tile a twentieth."""


def main() -> None:
    """Parse, learn, write the student."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("start", metavar="MODEL", help="what the student begins as, such as the mean of the runs")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders that mitoseg adapt has filled")
    parser.add_argument("--steps", type=int, default=2100, metavar="N")
    parser.add_argument("--recipe", default="mito-scales", metavar="NAME", help="what the rendered half is drawn from")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    distil(arguments.start, arguments.runs, arguments.output, arguments.steps, arguments.recipe, arguments.seed)


def distil(start: str, runs: Sequence[Path], folder: Path, steps: int, recipe: str, seed: int) -> None:
    """Let a student learn from the pseudo-labels of adapted models; it lies in `folder` as `student.pt`.

    Raises:
        RunError: a run is not a finished adaptation.
        KeyboardInterrupt: stopped, after saving.
    """
    blocks: list[Sample] = []
    masks: list[NDArray[np.uint8]] = []
    for number, run in enumerate(runs):
        found, marked = read_marked(run)
        blocks += [replace(block, params={**block.params, "source": number}) for block in found]
        masks += marked
    plan = AdaptPlan(images=tuple(map(str, runs)), minutes=None, steps=steps, seed=seed, recipe=recipe)
    lesson = Lesson(load_model(start), blocks, masks, resolve_recipe(recipe), plan, 0, POWER)
    folder.mkdir(parents=True, exist_ok=True)
    learned = learn_round(lesson, folder, None)
    write_model(folder / "student.pt", learned.model, learned.steps)
    (folder / STATE).unlink(missing_ok=True)


def read_marked(run: Path) -> tuple[list[Sample], list[NDArray[np.uint8]]]:
    """The images of an adaptation, and what its model marks in them.

    Raises:
        RunError: it is not finished.
    """
    record = read_record(run)
    if not record.done:
        raise RunError(f"{run}: is not finished; go on with: mitoseg adapt --resume -o {run}")
    with Dataset(run / BLOCKS) as file:
        return list(file), read_masks(marks_path(run, record.kept))


if __name__ == "__main__":
    run_program(main)
