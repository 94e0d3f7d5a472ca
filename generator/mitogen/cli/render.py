"""`mitogen render` and `mitogen merge`: images of a recipe in one file, made here, by a cluster, or by many jobs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mitodata.cluster.event_log import emit, log_json_option
from mitogen.cli.options import COUNT, FILE, OUTPUT, Place, examples, images, job_options, shard, workers

if TYPE_CHECKING:
    from mitodata.cluster.shard import Shard
    from mitogen.rendering.job import Job


@click.command(
    short_help="Render images with labels.",
    epilog=examples(
        "mitogen render --n 1000 --labels compartments -o train.h5",
        "mitogen render --n 50 --size 512 --seed 7 --set mitochondria.volume_fraction=0.2 -o dense.h5",
        "mitogen render --shape 64 256 256 --voxel-size 5 5 5 -o volume.h5",
        "mitogen render --like train.h5 --only 417 -o one.h5    one image again, byte for byte",
        "mitogen render --n 100000 --shard 3/40 -o shard-3.h5    one of 40 jobs; then mitogen merge",
    ),
)
@click.option("-n", "--n", type=COUNT, help="Number of images.  [default: 1000; 1 for volumes]")
@click.option(
    "--only", callback=images, metavar="N[,N:N]", help="Only these images: 417, or 417,420:430 (without 430)."
)
@click.option("--like", type=FILE, metavar="FILE.h5", help="Recipe, seed, size and labels of a rendered file.")
@job_options
@click.option("--workers", callback=workers, default="auto", metavar="N", help="Processes; auto is one a core.")
@click.option("--scheduler", metavar="ADDRESS", help="Address of a Dask cluster that does the work instead.")
@click.option("--shard", callback=shard, metavar="I/N", help="Only the Ith of N equal shares, for `mitogen merge`.")
@click.option(
    "-o",
    "--output",
    type=Place(folder=False, urls=True),
    required=True,
    metavar="FILE.h5",
    help="The file to write, or its URL (s3://, gs://).",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@log_json_option
def render(
    job: "Job",
    n: int | None,
    only: Sequence[int] | None,
    workers: int | Literal["auto"],
    scheduler: str | None,
    shard: "Shard | None",
    output: Path,
    overwrite: bool,
) -> None:
    """Render images with labels into one HDF5 file.

    The bytes depend on the recipe, the size and the seed, not on the number of workers, shards or machines. After
    Ctrl-C or a crash the same command continues where it stopped.
    """
    from mitodata.export.destination import written_to
    from mitodata.readers.remote import as_url, is_url
    from mitogen.rendering.dataset import render_dataset

    if n is not None and only is not None:
        raise click.UsageError("got --n and --only; expected one of them")
    kind, default = ("image", 1000) if job.shape[0] == 1 else ("volume", 1)
    chosen = range(n or default) if only is None else only
    name = as_url(output) if is_url(output) else str(output)
    if is_url(output) and scheduler:
        raise click.UsageError(f"{name}: with --scheduler expected a file in a folder that all machines see")
    with written_to(output, overwrite=overwrite) as file:
        render_dataset(job, file, chosen, scheduler or workers, shard=shard, overwrite=overwrite)
        size = file.stat().st_size
    count = len(chosen if shard is None else shard.cut(chosen, "images"))
    emit("written", file=name, bytes=size)
    click.echo(f"{count} {kind}{'' if count == 1 else 's'} in {name}")


@click.command(
    short_help="Put the shards of a rendered dataset together.", epilog=examples("mitogen merge shard-*.h5 -o train.h5")
)
@click.argument("shards", type=FILE, nargs=-1, required=True, metavar="SHARD.h5...")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE.h5", help="The file to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def merge(shards: tuple[Path, ...], output: Path, overwrite: bool) -> None:
    """Put the shards of `mitogen render --shard I/N` together, given in any order.

    FILE.h5 is byte for byte what one unbroken run on one machine writes. Shards of other recipes, seeds, sizes or
    versions are refused, and so are missing and doubled ones.
    """
    from mitogen.rendering.merging import merge_shards

    count = merge_shards(shards, output, overwrite=overwrite)
    click.echo(f"{count} image{'' if count == 1 else 's'} in {output}")
