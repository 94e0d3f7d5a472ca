"""`mitoseg finetune`: let a model learn from a few labels."""

from pathlib import Path
from typing import Any

import click

from mitodata.cluster.event_log import log_json_option
from mitodata.command_line import Measure
from mitoseg.cli.options import FILES, INVERT, OUTLINE, OUTPUT, VOXEL_SIZE

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg finetune stack.tif labels.tif -o runs/mine --voxel-size 50 5 5\n"
    "mitoseg finetune images/ masks/ --region reviewed/ -o runs/mine --voxel-size 50 5 5\n"
    "mitoseg finetune labelled.h5 --from runs/first -o runs/mine --minutes 30\n"
    "mitoseg finetune --resume -o runs/mine\n"
)


@click.command(short_help="Improve a model with a few labels.", epilog=EXAMPLES)
@click.argument("labels", nargs=-1, type=FILES, metavar="[IMAGES LABELS]...")
@click.option(
    "--from",
    "start",
    metavar="MODEL",
    help="Where to start: a run, a model's file or a released model. [default: the newest released model]",
)
@click.option("-o", "--output", "run", required=True, type=OUTPUT, help="Folder of the run; made if it is missing.")
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="MASKS",
    type=FILES,
    help="What was reviewed: masks, not 0 inside, for each pair of IMAGES and LABELS. Outside nothing is known. "
    "[default: all but what the labels mark as unknown]",
)
@click.option(
    "--voxel-size",
    "voxel_size_nm",
    type=(float, float, float),
    metavar="Z Y X",
    help=VOXEL_SIZE,
)
@click.option("--mask-values", metavar="VALUES", help="What values in LABELS mean, as for mitogen import.")
@click.option(
    "--unknown", metavar="VALUE[,VALUE]", help="Values at which nothing is known. [default: 255 beside 0 and 1]"
)
@OUTLINE
@INVERT
@click.option(
    "--recipe",
    default="mito",
    show_default=True,
    metavar="NAME",
    help="What half of each batch is rendered from, against forgetting: a preset, FILE.toml, or images in FILE.h5.",
)
@click.option("--minutes", type=Measure(0, min_open=True), help="Time for all trainings. [default: 15]")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of all trainings, instead of minutes.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of patches and augmentation."
)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own labels and settings.")
@log_json_option
def finetune(
    labels: tuple[Path, ...], start: str | None, run: Path, outline: float | None, resume: bool, **settings: Any
) -> None:
    """Let a model learn from LABELS of parts of IMAGES, from a single section on.

    IMAGES and LABELS are files or folders, in turn; or HDF5 files of ours, which hold both. First the threshold moves,
    then the last layers, then all, as far as it helps on regions that are left out.
    """
    from mitodata import RunError
    from mitoseg.transfer.finetuning.finetune import finetune as learn
    from mitoseg.transfer.finetuning.finetune import resume_finetune

    if resume:
        if labels:
            raise RunError("--resume takes labels and settings from the run; leave out IMAGES and LABELS")
        result = resume_finetune(run, start)
    else:
        result = learn(labels, run, start, outline_nm=outline, **settings)
    click.echo(result.summary)
    click.echo(result.picture)
    click.echo(f"look at {result.picture}; to segment with it: mitoseg predict IMAGES --model {run} -o masks", err=True)
