"""The `mitoseg` command, put together."""

import click

from mitodata.command_line import run
from mitoseg.cli.adapt import adapt
from mitoseg.cli.evaluate import evaluate
from mitoseg.cli.export import export
from mitoseg.cli.finetune import finetune
from mitoseg.cli.fit import fit
from mitoseg.cli.models import models
from mitoseg.cli.predict import merge, predict
from mitoseg.cli.study import study
from mitoseg.cli.tune import tune

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg fit train.h5 --val val.h5 -o runs/first --minutes 13\n"
    "mitoseg evaluate runs/first val.h5 epfl.h5 -o report\n"
    "mitoseg predict image.tif --model runs/first --voxel-size 5 5 5 -o masks\n"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXAMPLES)
@click.version_option(package_name="mitogen-em", prog_name="mitoseg")
def cli() -> None:
    """Train U-Nets on labelled tissue, score them, and segment images with them."""


for _command in (fit, adapt, finetune, tune, evaluate, predict, merge, models, export, study):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    run(cli)
