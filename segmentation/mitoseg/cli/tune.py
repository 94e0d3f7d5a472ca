"""`mitoseg tune`: choose the thresholds of a run again."""

from pathlib import Path

import click

from mitoseg.cli.options import FILES, OUTPUT

EXAMPLES = (
    "\b\nExamples:\n"
    "mitogen render --n 1000 --seed 2 -o more.h5 && mitoseg tune runs/first more.h5\n"
    "mitogen render --recipe matched.toml --n 200 -o matched.h5 && mitoseg tune runs/first matched.h5\n"
    "mitoseg tune mito-1 matched.h5 -o mine.safetensors\n"
)


@click.command(short_help="Choose the thresholds of a model again.", epilog=EXAMPLES)
@click.argument("run", type=FILES, metavar="MODEL")
@click.argument("data", nargs=-1, required=True, type=FILES)
@click.option(
    "-o",
    "--output",
    "path",
    type=OUTPUT,
    metavar="FILE.safetensors",
    help="Write the model with its new thresholds here, and leave MODEL as it is; it need not be a run then.",
)
def tune(run: Path, data: tuple[Path, ...], path: Path | None) -> None:
    """Choose the thresholds of MODEL again on the labelled HDF5 files DATA, which it has not learned from.

    For more images than the fit looked at, or for those of one tissue: render a recipe that was matched to it. The
    weights stay. In the folder of a run the thresholds are replaced.
    """
    from mitoseg.training.tune import tune_model, tune_run

    outcome = tune_model(run, data, path) if path else tune_run(run, data)
    click.echo(f"{path or run}: IoU {outcome.iou:.3f} by {outcome.decoding.summary}")
