"""`mitogen export`: a dataset file as other programs want it."""

from pathlib import Path
from typing import Literal

import click

from mitodata.command_line import Output
from mitogen.cli.options import FILE, FOLDER, OUTPUT, examples


@click.command(
    short_help="Write a dataset for other programs.",
    epilog=examples(
        "mitogen export volume.h5 -o plain.h5                  datasets raw, label and mask, (Z, Y, X) each",
        "mitogen export volumes.h5 --volume 3 -o a.tif         a.tif, a_label.tif, a_mask.tif",
        "mitogen export train.h5 --format coco -o coco         images/*.png and annotations.json",
        "mitogen export train.h5 --format instances -o folder  a folder an image, a PNG an instance",
        "mitogen export train.h5 --format ome-zarr -o folder   000000.zarr with its label images, and so on",
        "mitogen export volumes.h5 --format mitoverse -o root  data/volumes/vol0.zarr with img and mito",
    ),
)
@click.argument("file", type=FILE, metavar="FILE.h5")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["arrays", "coco", "instances", "ome-zarr", "mitoverse"]),
    default="arrays",
    help="arrays is one image alone, the others are folders of all images with their labels.",
)
@click.option("--volume", "number", type=click.IntRange(min=0), metavar="N", help="Of arrays: which one, from 0 on.")
@click.option("--category", metavar="NAME", help="Of coco: what instances are called.  [default: mitochondrion]")
@click.option("--ngff", type=click.Choice(["0.4", "0.5"]), help="Of ome-zarr: its version.  [default: 0.5]")
@click.option(
    "-o",
    "--output",
    type=Output(),
    required=True,
    metavar="PATH",
    help="Of arrays an .h5 or a .tif to write, else a folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files, or a folder written before.")
@click.pass_context
def export(
    context: click.Context,
    file: Path,
    kind: str,
    number: int | None,
    category: str | None,
    ngff: Literal["0.4", "0.5"] | None,
    output: Path,
    overwrite: bool,
) -> None:
    """Write a dataset for programs that do not read dataset files.

    As arrays it is one image or volume (Z, Y, X), without the leading axis that dataset files have. An .h5 gets one
    dataset an array; of a TIFF the labels get files of their own beside it. The voxel size goes along.

    As coco it is one PNG a section and one JSON of all instances, run-length encoded. As instances it has the layout of
    the Data Science Bowl 2018. As ome-zarr and as mitoverse it is one Zarr an image or volume.
    """
    from mitodata import export

    output = (OUTPUT if kind == "arrays" else FOLDER).convert(output, None, context)
    for name, given, owner in (
        ("--volume", number, "arrays"),
        ("--category", category, "coco"),
        ("--ngff", ngff, "ome-zarr"),
    ):
        if given is not None and kind != owner:
            raise click.UsageError(f"got {name} with --format {kind}; it is for {owner}")
    if kind == "arrays":
        written = export.export_sample(file, output, number, overwrite=overwrite)
    elif kind == "coco":
        written = export.export_coco(file, output, category or export.CATEGORY, overwrite=overwrite)
    elif kind == "instances":
        written = export.export_instances(file, output, overwrite=overwrite)
    elif kind == "ome-zarr":
        written = export.export_ome_zarr(file, output, ngff or "0.5", overwrite=overwrite)
    else:
        written = export.export_mitoverse(file, output, overwrite=overwrite)
    for path in written:
        click.echo(path)
