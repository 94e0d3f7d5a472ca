"""`mitoseg predict` and `mitoseg merge`: segment images, here or on many machines."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mitodata.cluster.event_log import emit, log_json_option
from mitodata.command_line import Output
from mitoseg.cli.options import (
    AXES,
    FILES,
    INVERT,
    OUTLINE,
    PEAK,
    PRECISION,
    SCHEDULER,
    SHARD,
    THRESHOLD,
    image_options,
    tta_option,
)

if TYPE_CHECKING:
    from mitodata.cluster.shard import Shard
    from mitoseg.inference.model import Precision

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg predict stack.tif --voxel-size 5 5 5 -o masks\n"
    "mitoseg predict sections/ -o masks --voxel-size 50 4 4 --outputs mask\n"
    "mitoseg predict large.zarr --model runs/first -o found --format zarr --memory 4G --tta 8\n"
    "mitoseg predict large.zarr -o found --format zarr --shard 3/40    one of 40 jobs; then mitoseg merge\n"
)
MEMORY = click.option(
    "--memory",
    default="2G",
    metavar="SIZE",
    show_default=True,
    help="What the program may take; large volumes are cut.",
)


@click.command(short_help="Segment images of any size.", epilog=EXAMPLES)
@click.argument("images", nargs=-1, required=True, type=FILES)
@click.option(
    "--model",
    "name",
    metavar="MODEL",
    help="Folder of a run, checkpoint, file of `mitoseg models export`, ONNX file of `mitoseg export`, or name of a "
    "released model. "
    "[default: the newest released model]",
)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=Output(urls=True),
    help="Folder of the results, or its URL (s3://, gs://); made if missing.",
)
@click.option(
    "--outputs",
    default="mask,probability,instances,overlay",
    metavar="NAMES",
    show_default=True,
    help="What is written: these, or some of them. overlay is a picture to look at, with outlines.",
)
@click.option(
    "--format",
    type=click.Choice(["tiff", "h5", "zarr"]),
    default="tiff",
    show_default=True,
    help="Format of the results.",
)
@click.option(
    "--ngff",
    type=click.Choice(["0.4", "0.5"]),
    default="0.5",
    show_default=True,
    help="Version of OME-Zarr, for --format zarr; 0.4 for programs that cannot read Zarr 3.",
)
@image_options("Without it, that of sections that state none is estimated, of those that look alike together.")
@THRESHOLD
@PEAK
@OUTLINE
@AXES
@tta_option
@INVERT
@PRECISION
@MEMORY
@SHARD
@SCHEDULER
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
@log_json_option
def predict(
    images: tuple[Path, ...],
    name: str | None,
    folder: Path,
    threshold: float | None,
    peak: float | None,
    outline: float | None,
    precision: "Precision",
    shard: "Shard | None",
    scheduler: str | None,
    **settings: Any,
) -> None:
    """Segment IMAGES: pictures, TIFF, HDF5, OME-Zarr, DM3, DM4, MRC, NIfTI, and folders of them, of any size.

    A run that stands before the images is the model as well: mitoseg predict runs/first stack.tif -o masks.
    """
    from mitodata.export.destination import written_to
    from mitodata.readers.remote import as_url, is_url
    from mitoseg.config.files import as_paths
    from mitoseg.inference.model import load_model
    from mitoseg.inference.segment import segment
    from mitoseg.inference.segment_image import make_options
    from mitoseg.models.registry import split_model

    def report(file: Path | str) -> None:
        emit("written", file=file)
        click.echo(file)

    if shard and scheduler:
        raise click.UsageError("got --shard and --scheduler; expected one of them")
    if is_url(folder) and (shard or scheduler):
        shared = "expected a folder that all machines see; copy the results from there"
        raise click.UsageError(f"{as_url(folder)}: with --shard or --scheduler blocks cannot go to a URL; {shared}")
    make_options(**settings)  # not after a model was loaded
    found, images = split_model(as_paths(images), name)
    model = replace(load_model(found).with_decoding(threshold, peak, outline), precision=precision)
    if shard:
        from mitoseg.inference.parts.shards import predict_shard

        parts = predict_shard(model, images, folder, shard, **settings)
        if parts:
            click.echo(f"shard {shard} in {parts}; when all are done: mitoseg merge {parts}")
    elif scheduler:
        from mitoseg.inference.parts.on_cluster import segment_on_cluster

        _tell(segment_on_cluster(model, images, folder, scheduler, report, **settings), model.name)
    else:
        with written_to(folder, overwrite=settings["overwrite"], report=report) as here:
            _tell(segment(model, images, here, report=report if here == folder else None, **settings), model.name)


def _tell(written: Sequence[Path], model: str) -> None:
    """Say in one line what was found, from the tables of objects among the files that were written."""
    tables = [file for file in written if file.name.endswith("_objects.csv")]
    if not tables:
        return
    count = 0
    for table in tables:
        with table.open(encoding="utf-8") as rows:
            count += sum(1 for _ in rows) - 1  # without the head
    images = f"{len(tables):,} image{'s' * (len(tables) > 1)}"
    found = f"{count:,} object{'s' * (count > 1)}" if count else "nothing"
    doubt = "; is the voxel size right (nm, in the order z, y, x), and are membranes dark (else --invert on)?"
    click.echo(f"found {found} in {images}, with the model {model}{'' if count else doubt}", err=True)


@click.command(
    short_help="Put the shards of a predicted volume together.",
    epilog="\b\nExamples:\nmitoseg merge found/large.parts\n",
)
@click.argument("parts", type=FILES, metavar="NAME.parts")
@MEMORY
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
def merge(parts: Path, memory: str, overwrite: bool) -> None:
    """Put together what `mitoseg predict --shard I/N` predicted of a volume.

    Start it as often as you like, on any machine: all that run share the work, and a killed one can be started again.
    Results lie beside NAME.parts: byte for byte those of one unbroken run. The parts are removed.
    """
    from mitoseg.inference.parts.merging import merge_parts

    merge_parts(parts, memory, overwrite=overwrite, report=click.echo)
