"""`mitogen export`: one image of a dataset file as plain arrays."""

from pathlib import Path

import click

from mitogen.cli.options import FILE, OUTPUT, examples


@click.command(
    epilog=examples(
        "mitogen export volume.h5 -o plain.h5             datasets raw, label and mask, (Z, Y, X) each",
        "mitogen export volumes.h5 --volume 3 -o a.tif    a.tif, a_label.tif, a_mask.tif",
    )
)
@click.argument("file", type=FILE, metavar="FILE.h5")
@click.option("--volume", "number", type=click.IntRange(min=0), metavar="N", help="Which one, from 0 on.")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE", help="An .h5 or a .tif to write.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def export(file: Path, number: int | None, output: Path, overwrite: bool) -> None:
    """Write one volume of a dataset as arrays (Z, Y, X), for programs that expect no leading axis.

    Dataset files hold (N, Z, Y, X), also where N is 1. An .h5 gets one dataset an array; of a TIFF the labels get files
    of their own beside it. The voxel size goes along.
    """
    from mitodata.export import export_sample

    for path in export_sample(file, output, number, overwrite=overwrite):
        click.echo(path)
