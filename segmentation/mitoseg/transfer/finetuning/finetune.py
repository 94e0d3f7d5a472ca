"""The front door of learning from labels: what is asked for, a folder for it, and the work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mitodata import RunError, VoxelSize
from mitodata.files import remove_unfinished
from mitoseg.config.files import Paths, as_paths
from mitoseg.inference.decoding import FARTHEST_NM
from mitoseg.inference.model import Model, open_model
from mitoseg.io.process import LOCK, alone_in, stop_politely
from mitoseg.networks.checkpoint import load_checkpoint
from mitoseg.training.run_folder import read_settings, write_environment, write_settings
from mitoseg.training.start import Start, read_start
from mitoseg.transfer.finetuning.labels import LabelFiles, write_labels
from mitoseg.transfer.finetuning.patches import RenderedPool
from mitoseg.transfer.finetuning.regions import read_reviewed
from mitoseg.transfer.finetuning.session import LABELS, FinetuneResult, Goal, Session

RECIPE = "mito"
"""What is rendered beside the labels."""

MINUTES = 15.0
"""Wall time, where nothing else is asked for."""


class FinetuneKeywords(TypedDict, total=False):
    """Keywords of `finetune`.

    regions: masks of what was reviewed, one for each pair of images and labels.
    voxel_size_nm: (z, y, x) in nm; wins over what files say.
    mask_values: what values in labels mean, as for `mitogen import`.
    unknown: values in labels at which nothing is known.
    invert: "auto", "on" or "off": whether images are negatives.
    outline_nm: where the labels end: so many nm outside of the outer face, inside if negative.
    recipe: a preset or a file that patches are rendered from, which keep the model from forgetting; or rendered images
        in an HDF5 file.
    minutes: wall time in all.
    steps: training steps in all, instead of minutes: the same result on every machine of a kind.
    seed: of patches and augmentation.
    """

    regions: Paths
    voxel_size_nm: VoxelSize | None
    mask_values: str | None
    unknown: str | None
    invert: str
    outline_nm: float | None
    recipe: str
    minutes: float | None
    steps: int | None
    seed: int


def finetune(
    labels: Paths, run: Path | str, start: Model | Path | str | None = None, **keywords: Unpack[FinetuneKeywords]
) -> FinetuneResult:
    """Let a model learn from the labels that there are; leave what comes of it in folder `run`, as a fit does.

        mitoseg.finetune(["stack.tif", "labels.tif"], "runs/mine", voxel_size_nm=(50, 5, 5))

    The threshold moves first, then the last layers, then all of them. How far to go is decided on regions that are left
    out in turn.

    Args:
        labels: images and their labels in turn, each a file or a folder; or dataset files, which hold both.
        run: folder, made if it is missing.
        start: from `mitoseg.load_model`; or what that takes: None for the newest released model.
        keywords: see `FinetuneKeywords`.

    Returns:
        What was reached, on labels that it was not learned from.

    Raises:
        DataError: labels cannot be read, do not fit their images, or hold nothing to learn from.
        RunError: the folder holds a run; there is no such model, or it is one of volumes; an impossible setting.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after saving.
    """
    options: dict[str, Any] = {**keywords}
    goal = _goal(options)
    recipe = str(options.pop("recipe", RECIPE))
    given = LabelFiles(as_paths(labels), as_paths(options.pop("regions", ())), **options)
    run, model = Path(run), _check_model(open_model(start))
    if (run / "last.pt").exists() or (run / "config.json").exists():
        raise RunError(f"{run}: holds a run already; add --resume to go on with it, or choose another folder")
    if (run / LABELS).exists():
        raise RunError(f"{run / LABELS}: is there already, and no run; choose another folder, or remove it")
    with _claimed(run):
        notes = write_labels(given, run / LABELS)
        reviewed = read_reviewed(run / LABELS)
        session = Session(run, model, reviewed, goal, notes)
        rendered = RenderedPool(recipe, session.settings)
        _write_plan(run, model, recipe, goal, given)
        with stop_politely() as stop:
            return session.work(rendered, stop)


def resume_finetune(run: Path | str, start: Model | Path | str | None = None) -> FinetuneResult:
    """Go on with a run that was stopped, with its own labels and settings.

    Args:
        run: its folder.
        start: the model that it started from, where that lies elsewhere now.

    Raises:
        RunError: there is no such run, it is finished, or the model is another one.
        KeyboardInterrupt: stopped again, after saving.
    """
    run = Path(run)
    settings = read_settings(run)
    plan, began = settings.get("finetune"), read_start(settings, str(run / "config.json"))
    if not isinstance(plan, dict) or began is None:
        raise RunError(f"{run}: is no run of mitoseg finetune; expected one to go on with")
    if (run / "last.pt").exists() and load_checkpoint(run / "last.pt").get("finished"):
        raise RunError(f"{run}: is finished; to learn from more labels, start from it: --from {run}")
    model = _check_model(open_model(start or began.model))
    if model.fingerprint != began.fingerprint:
        raise RunError(f"{model.name}: is not the model that {run} started from; name that one with --from")
    with _claimed(run):
        session = Session(run, model, read_reviewed(run / LABELS), Goal(**plan["goal"]))
        rendered = RenderedPool(plan["recipe"], session.settings)
        write_environment(run, model.config.device)
        with stop_politely() as stop:
            return session.work(rendered, stop)


def _goal(options: dict[str, Any]) -> Goal:
    """Take what is wanted out of the options.

    Raises:
        RunError: it is impossible.
    """
    minutes, steps = options.pop("minutes", None), options.pop("steps", None)
    if minutes is not None and steps is not None:
        raise RunError("minutes and steps are both given; expected one of them")
    for name, value in (("minutes", minutes), ("steps", steps)):
        if value is not None and not value > 0:
            raise RunError(f"{name} {value}; expected more than 0")
    outline_nm = options.pop("outline_nm", None)
    if outline_nm is not None and not abs(outline_nm) <= FARTHEST_NM:
        raise RunError(f"outline {outline_nm} nm; expected at most {FARTHEST_NM:g} nm either way")
    minutes = MINUTES if minutes is None and steps is None else minutes
    return Goal(minutes, steps, outline_nm, int(options.pop("seed", 0)))


def _check_model(model: Model) -> Model:
    model.check_weights()
    if model.config.dimensions == 3:
        raise RunError(f"{model.name}: is a network of volumes; finetune takes 2D networks: fit this one (mitoseg fit)")
    return model


@contextmanager
def _claimed(run: Path) -> Iterator[None]:
    """Make the folder of a run and work in it alone; it goes again if nothing comes of it.

    Raises:
        RunError: it cannot be made, or another process works in it.
    """
    made = not run.exists()
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{run}: cannot be made: {error.strerror or error}; expected a folder") from error
    try:
        with alone_in(run):
            remove_unfinished(run)
            yield
    finally:
        if not (run / "config.json").exists():
            (run / LABELS).unlink(missing_ok=True)
            with suppress(OSError):
                (run / LOCK).unlink(missing_ok=True)
                if made:
                    run.rmdir()


def _write_plan(run: Path, model: Model, recipe: str, goal: Goal, given: LabelFiles) -> None:
    """Write down what the run goes on with, and what it was asked for."""
    place = Path(model.name)
    start = Start(str(place.resolve() if place.exists() else model.name), model.fingerprint)
    labels: Mapping[str, Any] = {
        **asdict(given),
        "files": [str(path.resolve()) for path in given.files],
        "regions": [str(path.resolve()) for path in given.regions],
    }
    plan = {"recipe": recipe, "goal": asdict(goal), "labels": labels}
    labelled = [str((run / LABELS).resolve())]  # in turn, part of it is left out
    kept = {"training": labelled, "validation": labelled, "val_fraction": 0.1, "recipe": ""}
    write_settings(run, {**kept, "config": model.config.model_dump(), "start": asdict(start), "finetune": plan})
    write_environment(run, model.config.device)
