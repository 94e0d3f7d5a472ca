"""`mitoseg adapt`: let a model learn from unlabelled images."""

from pathlib import Path
from typing import Any

import click

from mitodata.cluster.event_log import emit, log_json_option
from mitodata.command_line import Measure
from mitoseg.cli.options import FILES, INVERT, OUTLINE, OUTPUT, image_options

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg adapt stack.tif --voxel-size 5 5 5 -o runs/mine\n"
    "mitoseg adapt sections/ --voxel-size 50 4 4 -o runs/mine --minutes 30\n"
    "mitoseg adapt large.zarr --from runs/first -o runs/mine --steps 300\n"
    "mitoseg adapt --resume -o runs/mine\n"
)


@click.command(short_help="Improve a model on your images, without labels.", epilog=EXAMPLES)
@click.argument("images", nargs=-1, type=FILES)
@click.option("-o", "--output", "run", required=True, type=OUTPUT, help="Folder of the run; made if it is missing.")
@click.option(
    "--from",
    "start",
    metavar="MODEL",
    help="Run, or name of a model, to begin with. [default: the newest released one]",
)
@click.option("--minutes", type=Measure(0, min_open=True), help="Time for everything. [default: 15]")
@click.option("--steps", type=click.IntRange(min=1), help="Training steps a round, instead of minutes.")
@click.option("--rounds", type=click.IntRange(min=1), help="How often it labels and learns. [default: 2]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of what is sampled and rendered. [default: 0]")
@image_options()
@click.option(
    "--recipe", metavar="NAME", help="What is rendered beside your images: a preset or FILE.toml. [default: mito]"
)
@OUTLINE
@INVERT
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own images and settings.")
@log_json_option
def adapt(
    images: tuple[Path, ...], run: Path, start: str | None, outline: float | None, resume: bool, **settings: Any
) -> None:
    """Let a model learn from unlabelled IMAGES what they look like, in rounds of labelling them itself.

    It looks at each place from several sides, learns from what it is sure of and leaves the rest open; half of what it
    learns from is rendered. The result is a run, with a page of before and after. No label is ever read.
    """
    from mitoseg.data.rendered import spare_cores
    from mitoseg.transfer.adaptation.adapt import adapt as adapt_model

    def report(line: str) -> None:
        emit("note", text=line)
        click.echo(line, err=True)

    settings["outline_nm"] = outline
    changed = {name for name, value in settings.items() if value not in (None, False)} - {"square", "invert"}
    if resume and (changed or not settings["square"] or settings["invert"] != "auto"):
        raise click.UsageError("--resume takes all settings from the run; leave the others out")
    given = {} if resume else {**settings, "workers": spare_cores()}
    result = adapt_model(images, run, start, resume=resume, report=report, **given)
    click.echo(result.summary)
    click.echo(result.page)
    report(f"look at {result.page}; to segment with it: mitoseg predict IMAGES --model {run} -o masks")
