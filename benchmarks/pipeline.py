"""The main job as steps: import, render, fit, evaluate, each one command of `mitogen` or `mitoseg`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mitodata.errors import MitoError
from mitodata.importers import recognise
from mitoseg.networks.checkpoint import load_checkpoint
from steps import Step


def import_real(source: Path, folder: Path, voxel_size: Sequence[str] = (), sections: str = "", name: str = "") -> Step:
    """Import real images, or some sections A:B of them, into `folder`, in the layout that they are seen to have.

    The file is called as `name`, or else as the layout.

    Raises:
        DataError: no known layout.
    """
    layout = recognise(source)
    target = folder / f"{name or layout}.h5"
    size = ("--voxel-size", *voxel_size) if voxel_size else ()
    some = ("--sections", sections) if sections else ()
    return Step(("mitogen", "import", layout, str(source), *size, *some, "-o", str(target)), target, target)


def render(target: Path, n: int, seed: int, preset: str = "mito", *, compartments: bool = False) -> Step:
    """Render `n` images of 256 x 256 pixels as the recipe says; `fit` learns from those with compartments."""
    labels = ("--labels", "compartments") if compartments else ()
    command = ("mitogen", "render", "--preset", preset, "--n", str(n), "--seed", str(seed), *labels)
    command = (*command, "-o", str(target))
    return Step(command, target, target)


def preview(dataset: Step) -> Step:
    """Draw some images of a dataset beside it."""
    target = dataset.result.with_suffix(".png")
    return Step(("mitogen", "preview", str(dataset.result), "-o", str(target)), target, target, after=(dataset,))


def fit(
    run: Path, train: Sequence[Step], validation: Step, minutes: str, seed: int = 0, network: str = "base"
) -> Step:  # fmt: skip
    """Fit a network, the default one or another size, to compartments; a stopped fit goes on where it was."""
    files = (str(each.result) for each in train)
    command = ("mitoseg", "fit", *files, "--val", str(validation.result), "-o", str(run))
    command = (*command, "--set", f"network={network}", "--set", "target=compartments", "--set", "loss=dice_focal")
    return fit_step(run, (*command, "--minutes", minutes, "--seed", str(seed)), (*train, validation))


def fit_settings(run: Path, train: Step, study: str, minutes: str, seed: int = 0, changes: Sequence[str] = ()) -> Step:
    """Fit with the settings of a study and some changes KEY=VALUE; a share of `train` is held out for validation."""
    fit_it = ("mitoseg", "fit", str(train.result), "--val-fraction", "0.15", "-o", str(run), "--study", study)
    command = (*fit_it, *(word for change in changes for word in ("--set", change)))
    return fit_step(run, (*command, "--minutes", minutes, "--seed", str(seed)), (train,))


def fit_step(run: Path, command: tuple[str, ...], after: tuple[Step, ...], program: str = "fit") -> Step:
    """A fit, or an adaptation, in the folder `run`; stopped, it goes on where it was."""
    return Step(
        command,
        result=run / "last.pt",
        place=run,
        after=after,
        resume=("mitoseg", program, "--resume", "-o", str(run)),
        partial=run / "last.pt",
        finished=is_finished,
    )


def is_finished(checkpoint: Path) -> bool:
    """Whether a fit left this checkpoint at its end, and not when it was stopped or on its way.

    Raises:
        RunError: the checkpoint is damaged.
    """
    return checkpoint.exists() and bool(load_checkpoint(checkpoint)["finished"])


def evaluate(
    report: Path,
    fitted: Step,
    datasets: Sequence[Step],
    every: str = "1",
    turns: str = "1",
    axes: str = "auto",
) -> Step:
    """Score on every `every`th section of all `datasets`; the table that is printed is kept beside the page."""
    files = (str(dataset.result) for dataset in datasets)
    how = ["--every", every]
    how += ["--turns", turns] if turns != "1" else []
    how += ["--axes", axes] if axes != "auto" else []
    return Step(
        ("mitoseg", "evaluate", str(fitted.place), *files, "-o", str(report), *how),
        result=report / "table.txt",
        place=report,
        after=(fitted, *datasets),
        keep_output=True,
    )


def run_program(main: Callable[[], None]) -> None:
    """Run `main`; an error that the user can mend is one line and exit code 2."""
    try:
        main()
    except (MitoError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
