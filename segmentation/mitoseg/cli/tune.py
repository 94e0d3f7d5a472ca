"""`mitoseg tune`: choose the thresholds of a run again."""

from pathlib import Path

import click

from mitoseg.cli.options import FILES

EXAMPLES = (
    "\b\nExamples:\n"
    "mitogen render --n 1000 --seed 2 -o more.h5 && mitoseg tune runs/first more.h5\n"
    "mitogen render --recipe matched.toml --n 200 -o matched.h5 && mitoseg tune runs/first matched.h5\n"
)


@click.command(epilog=EXAMPLES)
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
