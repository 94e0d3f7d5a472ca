"""`mitoseg evaluate`: score runs on labelled files."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mitoseg.cli.options import AXES, FILES, INVERT, OUTLINE, OUTPUT, PEAK, PRECISION, THRESHOLD, tta_option

if TYPE_CHECKING:
    from mitoseg.inference.model import Precision

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg evaluate runs/first val.h5 epfl.h5 vnc.h5 -o report\n"
    "mitoseg evaluate mito-1 epfl.h5 -o report --every 16 --json\n"
    "mitoseg evaluate runs/seed0 epfl.h5 -o report --also runs/seed1 --also runs/seed2\n"
)


@click.command(short_help="Score a model on labelled images, with a report.", epilog=EXAMPLES)
@click.argument("run", type=FILES, metavar="MODEL")
@click.argument("data", nargs=-1, required=True, type=FILES)
@click.option("-o", "--output", "report", required=True, type=OUTPUT, help="Folder of the report; made if missing.")
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
@OUTLINE
@AXES
@tta_option
@INVERT
@PRECISION
@click.option(
    "--also",
    "others",
    multiple=True,
    metavar="MODEL",
    type=FILES,
    help="Another model, such as one of another seed; scores are compared over all runs, the rest shows the first.",
)
@click.option("--json", "as_text", is_flag=True, help="Print the metrics as JSON instead of a table.")
def evaluate(
    run: Path,
    data: tuple[Path, ...],
    report: Path,
    every: int,
    threshold: float | None,
    peak: float | None,
    outline: float | None,
    axes: str,
    tta: int | str,
    invert: str,
    precision: "Precision",
    others: tuple[Path, ...],
    as_text: bool,
) -> None:
    """Score MODEL on the labelled HDF5 files DATA and write a report: one page, PNG, CSV, JSON.

    MODEL is the folder of a run, a checkpoint, a file of `mitoseg models export`, or the name of a released model.
    """
    import json

    from mitoseg.evaluation import as_json
    from mitoseg.evaluation import evaluate as evaluate_run
    from mitoseg.inference.model import load_model
    from mitoseg.report import format_runs, format_table, make_folder, write_report, write_tables

    models = [load_model(path) for path in (run, *others)]
    make_folder(report)  # not after an hour of scoring
    used = [replace(model.with_decoding(threshold, peak, outline), precision=precision) for model in models]
    runs = [evaluate_run(model, data, every=every, tta=tta, axes=axes, invert=invert) for model in used]
    write_tables(report, runs[0], runs[1:])
    page = write_report(report, runs[0], models[0], runs[1:])
    click.echo(json.dumps(as_json(runs[0]), indent=2) if as_text else format_table(runs[0]) + format_runs(runs))
    click.echo(f"report: {page}", err=True)
