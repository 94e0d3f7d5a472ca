"""`mitoseg fit`: train a network."""

from pathlib import Path
from typing import Any

import click

from mitodata.cluster.event_log import log_json_option
from mitodata.command_line import Measure
from mitoseg.cli.options import FILES, OUTPUT

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg fit train.h5 --val val.h5 -o runs/first --minutes 13\n"
    "mitoseg fit train.h5 -o runs/small --epochs 5 --set network=small --set augment.noise=0\n"
    "mitoseg fit --recipe mito -o runs/endless --minutes 60\n"
    "mitoseg fit epfl.h5 -o runs/s1 --study s1 --val-fraction 0.25\n"
    "mitoseg fit train.h5 -o runs/mine --config mine.toml --network SegResNet\n"
    "mitoseg fit --resume -o runs/first\n"
    "mitoseg fit more.h5 -o runs/further --from runs/first --minutes 5\n"
    "torchrun --nproc-per-node 4 -m mitoseg fit train.h5 -o runs/four --epochs 20\n"
)


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


@click.command(short_help="Train a network on labelled or rendered images.", epilog=EXAMPLES)
@click.argument("train", nargs=-1, type=FILES)
@click.option("-o", "--output", "run", required=True, type=OUTPUT, help="Folder of the run; made if it is missing.")
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
@click.option(
    "--from",
    "start",
    metavar="MODEL",
    help="Begin with the weights of a run, a model's file or a released model, with its network and target.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings and data.")
@click.option(
    "--settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_settings,
    help="List all settings with their defaults and exit.",
)
@log_json_option
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
    start: str | None,
    resume: bool,
) -> None:
    """Train a network on the labelled HDF5 files TRAIN, or on images rendered as it goes.

    Images that were rendered with compartments are learned with them, by focal loss, unless --study, --config or
    --set target=... say otherwise. With --recipe all cores but one render.
    """
    from mitoseg.config.files import as_paths
    from mitoseg.training.fit import FitRequest, plan_fit, plan_resumed
    from mitoseg.training.trainer import train as train_run

    request = FitRequest(
        training=as_paths(train),
        recipe=recipe or "",
        validation=as_paths(validation),
        val_fraction=val_fraction,
        study=study,
        config_file=config_file,
        overrides=overrides,
        settings={"network": network, "seed": seed, "epochs": epochs, "minutes": minutes},
        start=start,
    )
    plan = plan_resumed(run, request) if resume else plan_fit(request)
    result = train_run(run, plan, resume=resume)
    if result.leads:
        click.echo(
            f"{result.run}: {result.steps} steps in {result.minutes:.1f} min, validation IoU {result.val_iou:.3f} "
            f"by {result.decoding.summary}"
        )
