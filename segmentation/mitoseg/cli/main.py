"""The `mitoseg` command, put together."""

import click

from mitodata.command_line import Commands, run
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
    "mitoseg predict stack.tif --voxel-size 5 5 5 -o masks\n"
    "mitoseg adapt stack.tif --voxel-size 5 5 5 -o runs/mine\n"
    "mitoseg predict stack.tif --model runs/mine --voxel-size 5 5 5 -o masks\n"
    "mitoseg fit train.h5 --val val.h5 -o runs/first --minutes 13\n"
    "mitoseg evaluate runs/first val.h5 epfl.h5 -o report\n"
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXAMPLES)
@click.version_option(package_name="mitogen-em", prog_name="mitoseg")
def cli() -> None:
    """Segment mitochondria in electron-microscopy images; adapt, train and score the models that do it."""


for _command in (predict, adapt, finetune, evaluate, fit, tune, models, export, study, merge):
    cli.add_command(_command)


def main() -> None:
    """Run the command line."""
    run(cli)
