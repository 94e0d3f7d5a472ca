"""`mitoseg predict`: segment images."""

from pathlib import Path
from typing import Any

import click

from mitodata.event_log import emit, log_json_option
from mitoseg.cli.options import AXES, FILES, INVERT, OUTLINE, PEAK, THRESHOLD, image_options, tta_option

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg predict stack.tif --voxel-size 5 5 5 -o masks\n"
    "mitoseg predict sections/ -o masks --voxel-size 50 4 4 --outputs mask\n"
    "mitoseg predict large.zarr --model runs/first -o found --format zarr --memory 4G --tta 8\n"
)


@click.command(epilog=EXAMPLES)
@click.argument("images", nargs=-1, required=True, type=FILES)
@click.option(
    "--model",
    "name",
    metavar="MODEL",
    help="Folder of a run, checkpoint, file of `mitoseg models export`, ONNX file of `mitoseg export`, or name of a "
    "released model. "
    "[default: the newest released model]",
)
@click.option("-o", "--output", "folder", required=True, type=FILES, help="Folder of the results; made if missing.")
@click.option("--outputs", default="mask,probability,instances", show_default=True, help="What is written.")
@click.option(
    "--format", type=click.Choice(["tiff", "h5", "zarr"]), default="tiff", show_default=True, help="Of results."
)
@click.option(
    "--ngff",
    type=click.Choice(["0.4", "0.5"]),
    default="0.5",
    show_default=True,
    help="Version of OME-Zarr, for --format zarr; 0.4 for programs that cannot read Zarr 3.",
)
@image_options("Without it, the pixel size of sections that state none is estimated.")
@THRESHOLD
@PEAK
@OUTLINE
@AXES
@tta_option
@INVERT
@click.option("--memory", default="2G", show_default=True, help="What the program may take; large volumes are cut.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
@log_json_option
def predict(
    images: tuple[Path, ...],
    name: str | None,
    folder: Path,
    threshold: float | None,
    peak: float | None,
    outline: float | None,
    **settings: Any,
) -> None:
    """Segment IMAGES: pictures, TIFF, HDF5, OME-Zarr, DM3, DM4, MRC, NIfTI, and folders of them, of any size.

    A run that stands before the images is the model as well: mitoseg predict runs/first stack.tif -o masks.
    """
    from mitoseg.inference.model import load_model
    from mitoseg.inference.segment import segment
    from mitoseg.inference.segment_image import make_options
    from mitoseg.models.registry import split_model

    def report(file: Path) -> None:
        emit("written", file=file)
        click.echo(file)

    make_options(**settings)  # not after a model was loaded
    model, images = split_model(images, name)
    segment(load_model(model).with_decoding(threshold, peak, outline), images, folder, report=report, **settings)
