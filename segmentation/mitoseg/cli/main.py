"""The `mitoseg` command: fit, tune, evaluate, predict, study."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mitodata.command_line import Measure
from mitodata.command_line import run as run_command
from mitoseg.cli.study import study

FILES = click.Path(path_type=Path)

Command = TypeVar("Command", bound=Callable[..., Any])

# "\b" keeps click from joining the lines.
GROUP_EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg fit train.h5 --val val.h5 -o runs/first --minutes 13\n"
    "mitoseg evaluate runs/first val.h5 epfl.h5 -o report\n"
    "mitoseg predict runs/first image.tif --voxel-size 5 5 5 -o masks\n"
)
FIT_EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg fit train.h5 --val val.h5 -o runs/first --minutes 13\n"
    "mitoseg fit train.h5 -o runs/small --epochs 5 --set network=small --set augment.noise=0\n"
    "mitoseg fit --recipe mito -o runs/endless --minutes 60\n"
    "mitoseg fit epfl.h5 -o runs/s1 --study s1 --val-fraction 0.25\n"
    "mitoseg fit train.h5 -o runs/mine --config mine.toml --network SegResNet\n"
    "mitoseg fit --resume -o runs/first\n"
    "torchrun --nproc-per-node 4 -m mitoseg fit train.h5 -o runs/four --epochs 20\n"
)
TUNE_EXAMPLES = (
    "\b\nExamples:\n"
    "mitogen render --n 1000 --seed 2 -o more.h5 && mitoseg tune runs/first more.h5\n"
    "mitogen render --recipe matched.toml --n 200 -o matched.h5 && mitoseg tune runs/first matched.h5\n"
)
EVALUATE_EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg evaluate runs/first val.h5 epfl.h5 vnc.h5 -o report\n"
    "mitoseg evaluate runs/first epfl.h5 -o report --every 16 --json\n"
    "mitoseg evaluate runs/seed0 epfl.h5 -o report --also runs/seed1 --also runs/seed2\n"
)

PREDICT_EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg predict runs/first stack.tif --voxel-size 5 5 5 -o masks\n"
    "mitoseg predict runs/first sections/ -o masks --voxel-size 50 4 4 --outputs mask\n"
    "mitoseg predict runs/first large.zarr -o found --format zarr --memory 4G --tta 8\n"
)


AXES = click.option(
    "--axes",
    default="auto",
    show_default=True,
    help="Slices that a 2D network sees of a volume: across z, or with zyx across each axis, averaged; three times as "
    "slow. auto is zyx where voxels are about as long as wide and there are enough slices.",
)


def _take_older_name(context: click.Context, _: click.Parameter, text: str | None) -> None:
    """Let --turns, what --tta was called before, mean the same."""
    if text is not None:
        context.params["tta"] = int(text)


def tta_option(command: Command) -> Command:
    """Add --tta to a command."""
    orientations = click.Choice(["1", "4", "8"])
    older = click.option(
        "--turns", type=orientations, hidden=True, expose_value=False, callback=_take_older_name, is_eager=False
    )
    option = click.option(
        "--tta",
        type=orientations,
        default="1",
        show_default=True,
        is_eager=True,  # before --turns
        callback=lambda _context, _option, text: int(text),
        help="Test-time augmentation: orientations of the image that are averaged; with 4 its mirror images, with 8 "
        "its quarter turns as well. A little better, and as many times as slow.",
    )
    return option(older(command))


THRESHOLD = click.option(
    "--threshold",
    type=Measure(0, 1),
    help="Probability from which on a pixel can be foreground. [default: the one chosen for sections as thick]",
)
PEAK = click.option(
    "--peak",
    type=Measure(0, 1),
    help="Probability that a connected piece of foreground must reach somewhere, or it is dropped; 0 keeps all. "
    "[default: the one chosen with the threshold, at most 0.6]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=GROUP_EXAMPLES)
@click.version_option(package_name="mitogen-em", prog_name="mitoseg")
def cli() -> None:
    """Train U-Nets on labelled tissue, score them, and segment images with them."""


def _show_settings(context: click.Context, _: click.Parameter, value: bool) -> None:
    if not value:
        return
    from mitoseg.config.settings import known_settings, make_config

    values: dict[str, Any] = make_config().model_dump()
    for name, meaning in known_settings().items():
        branch: Any = values
        for part in name.split("."):
            branch = branch[part]
        click.echo(f"{name} = {branch}    {meaning}")
    context.exit()


@cli.command(epilog=FIT_EXAMPLES)
@click.argument("train", nargs=-1, type=FILES)
@click.option("-o", "--output", "run", required=True, type=FILES, help="Folder of the run; made if it is missing.")
@click.option("--recipe", metavar="NAME", help="Render without end instead: a preset of mitogen, or FILE.toml.")
@click.option("--val", "validation", multiple=True, type=FILES, help="Held-out file; may be given several times.")
@click.option(
    "--val-fraction",
    type=Measure(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of TRAIN held out where no --val is given.",
)
@click.option("--epochs", type=float, help="Passes over the data.")
@click.option("--minutes", type=float, help="Wall time, validation included. [default: 13]")
@click.option("--seed", type=int, help="Seed of weights, patches and augmentation.")
@click.option(
    "--study", metavar="NAME", help="Settings of a study: s0, s1, s2, s3, s4-2d, s4-3d; or best-2d and others."
)
@click.option(
    "--config", "config_file", type=FILES, metavar="FILE.toml", help="Settings from a file, over the study's."
)
@click.option("--network", metavar="NAME", help="tiny, small, base, large, or any network of MONAI, such as SegResNet.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any setting; see --settings.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings and data.")
@click.option(
    "--settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_settings,
    help="List all settings with their defaults and exit.",
)
def fit(
    train: tuple[Path, ...],
    run: Path,
    recipe: str | None,
    validation: tuple[Path, ...],
    val_fraction: float,
    epochs: float | None,
    minutes: float | None,
    seed: int | None,
    study: str | None,
    config_file: Path | None,
    network: str | None,
    overrides: tuple[str, ...],
    resume: bool,
) -> None:
    """Train a network on the labelled HDF5 files TRAIN, or on images rendered as it goes.

    Images that were rendered with compartments are learned with them, by focal loss, unless --study, --config or
    --set target=... say otherwise. With --recipe all cores but one render.
    """
    if network:
        overrides = (f"network={network}", *overrides)
    if resume and (train or recipe or validation or seed is not None or study or config_file or overrides):
        raise click.UsageError("--resume takes data and settings from the run; only --epochs or --minutes can change")
    if not resume and bool(train) == bool(recipe):
        raise click.UsageError("got neither TRAIN nor --recipe, or both; expected one, such as train.h5")

    from mitoseg.config.files import load_config, study_config
    from mitoseg.config.settings import choose_budget, make_config
    from mitoseg.data import Sources, resolve_recipe, settings_for
    from mitoseg.training.trainer import fit as fit_run
    from mitoseg.training.trainer import resume_settings

    if resume:
        config, sources = resume_settings(run)
    else:
        rendered = resolve_recipe(recipe) if recipe else ""
        sources = Sources(training=train, validation=validation, val_fraction=val_fraction, recipe=rendered)
        base = study_config(study) if study else None
        base = load_config(config_file, base) if config_file else base
        asked = study or config_file or any(text.partition("=")[0].strip() == "target" for text in overrides)
        suited = {} if asked else settings_for(train, rendered)
        config = make_config(overrides, base, seed=seed, **suited)
        if "target" in suited and os.environ.get("RANK", "0") == "0":  # of a team, one says so
            click.echo("target: compartments, by focal loss, since the images have them (--set target=...)", err=True)
    result = fit_run(run=run, config=choose_budget(config, epochs, minutes), resume=resume, **sources)
    if result.leads:
        click.echo(
            f"{result.run}: {result.steps} steps in {result.minutes:.1f} min, validation IoU {result.val_iou:.3f} "
            f"at threshold {result.decoding.summary}"
        )


@cli.command(epilog=TUNE_EXAMPLES)
@click.argument("run", type=FILES)
@click.argument("data", nargs=-1, required=True, type=FILES)
def tune(run: Path, data: tuple[Path, ...]) -> None:
    """Choose the thresholds of RUN again on the labelled HDF5 files DATA, which it has not learned from.

    For more images than the fit looked at, or for those of one tissue: render a recipe that was matched to it. The
    weights stay; what was chosen before is replaced.
    """
    from mitoseg.training.tune import tune_run

    outcome = tune_run(run, data)
    click.echo(f"{run}: IoU {outcome.iou:.3f} at threshold {outcome.decoding.summary}")


@cli.command(epilog=EVALUATE_EXAMPLES)
@click.argument("run", type=FILES)
@click.argument("data", nargs=-1, required=True, type=FILES)
@click.option("-o", "--output", "report", required=True, type=FILES, help="Folder of the report; made if missing.")
@click.option(
    "--every",
    metavar="K",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Score only every Kth section.",
)
@THRESHOLD
@PEAK
@AXES
@tta_option
@click.option(
    "--also",
    "others",
    multiple=True,
    metavar="RUN",
    type=FILES,
    help="Another run, such as one of another seed; scores are compared over all runs, the rest shows the first.",
)
@click.option("--json", "as_text", is_flag=True, help="Print the metrics as JSON instead of a table.")
def evaluate(
    run: Path,
    data: tuple[Path, ...],
    report: Path,
    every: int,
    threshold: float | None,
    peak: float | None,
    axes: str,
    tta: int,
    others: tuple[Path, ...],
    as_text: bool,
) -> None:
    """Score the model of RUN on the labelled HDF5 files DATA and write a report: one page, PNG, CSV, JSON."""
    import json

    from mitoseg.evaluation import as_json
    from mitoseg.evaluation import evaluate as evaluate_run
    from mitoseg.inference.model import load_model
    from mitoseg.report import format_runs, format_table, make_folder, write_report, write_tables

    models = [load_model(path) for path in (run, *others)]
    make_folder(report)  # not after an hour of scoring
    used = [model.with_decoding(threshold, peak) for model in models]
    runs = [evaluate_run(model, data, every=every, tta=tta, axes=axes) for model in used]
    write_tables(report, runs[0], runs[1:])
    page = write_report(report, runs[0], models[0], runs[1:])
    click.echo(json.dumps(as_json(runs[0]), indent=2) if as_text else format_table(runs[0]) + format_runs(runs))
    click.echo(f"report: {page}", err=True)


@cli.command(epilog=PREDICT_EXAMPLES)
@click.argument("run", type=FILES)
@click.argument("images", nargs=-1, required=True, type=FILES)
@click.option("-o", "--output", "folder", required=True, type=FILES, help="Folder of the results; made if missing.")
@click.option("--outputs", default="mask,probability,instances", show_default=True, help="What is written.")
@click.option(
    "--format", "kind", type=click.Choice(["tiff", "h5", "zarr"]), default="tiff", show_default=True, help="Of results."
)
@click.option(
    "--ngff",
    type=click.Choice(["0.4", "0.5"]),
    default="0.5",
    show_default=True,
    help="Version of OME-Zarr, for --format zarr; 0.4 for programs that cannot read Zarr 3.",
)
@click.option(
    "--voxel-size",
    "voxel_size_nm",
    type=(float, float, float),
    metavar="Z Y X",
    help="In nm; wins over what files say.",
)
@click.option(
    "--non-square-pixels",
    "square",
    flag_value=False,
    default=True,
    help="Believe a voxel size whose pixels are not square.",
)
@click.option(
    "--dataset", metavar="PATH", help="Images within foreign HDF5 files or Zarr groups; of several in a TIFF, a number."
)
@THRESHOLD
@PEAK
@AXES
@tta_option
@click.option("--memory", default="2G", show_default=True, help="What the program may take; large volumes are cut.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
def predict(
    run: Path,
    images: tuple[Path, ...],
    folder: Path,
    threshold: float | None,
    peak: float | None,
    **settings: Any,
) -> None:
    """Segment IMAGES with the model of RUN: pictures, TIFF, HDF5, OME-Zarr, and folders of them, of any size."""
    from mitoseg.inference.model import load_model
    from mitoseg.inference.segment import make_wish, segment

    wish = make_wish(**settings)
    segment(load_model(run).with_decoding(threshold, peak), images, folder, wish, report=click.echo)


cli.add_command(study)


def main() -> None:
    """Run the command line."""
    run_command(cli)
