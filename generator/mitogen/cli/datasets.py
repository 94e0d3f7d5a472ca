"""`mitogen info`, `validate`, `import` and `fetch`: dataset files looked at, checked, and made of real images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mitodata.command_line import Measure
from mitogen.cli.options import FILE, FOLDER, OUTPUT, Given, examples, shortened, whole_number


@click.command(short_help="Say what a dataset holds.")
@click.argument("file", type=FILE, metavar="FILE.h5")
def info(file: Path) -> None:
    """Say what a dataset holds: shapes, voxel size, labels, where it comes from."""
    from mitodata.hdf5.dataset import describe

    for key, value in describe(file).items():
        for line in _readable(key, value):
            click.echo(line)


def _readable(key: str, value: object) -> Iterator[str]:
    """Write one entry of a description for people: nothing that is empty, nothing that runs over pages."""
    if key == "shard":  # `source` says it in words
        return
    if key == "classes" and isinstance(value, dict):
        value = ", ".join(f"{number} {name}" for number, name in value.items())
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _readable(name, item)
    elif isinstance(value, list | tuple) and value:
        more = f" and {len(value) - 5} more" if len(value) > 5 else ""
        yield f"{key}: {', '.join(map(_short, value[:5]))}{more}"
    elif isinstance(value, str) and "\n" in value.strip():
        yield f"{key}: {len(value.splitlines())} lines, stored in the file"
    elif value not in ("", None, [], ()):
        yield f"{key}: {value}"


def _short(item: object) -> str:
    return " x ".join(f"{number:g}" for number in item) if isinstance(item, tuple) else str(item)


@click.command(short_help="Check a dataset.")
@click.argument("file", type=FILE, metavar="FILE.h5")
@click.option(
    "--timeout",
    "seconds",
    type=Measure(min=0.1, max=1e6),
    default=60,
    metavar="S",
    help="Give up after S s without progress.",
)
def validate(file: Path, seconds: float) -> None:
    """Check a dataset: layout, types, and that labels and mask agree. Exit code 2 if something is wrong."""
    from mitodata.errors import DataError
    from mitodata.hdf5.watchdog import validate_watched

    problems = validate_watched(file, seconds)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise DataError(f"{file}: {len(problems)} problem{'s' if len(problems) > 1 else ''}, listed above")
    click.echo(f"{file}: no problems")


def _section_range(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, stop = map(whole_number, text.partition(":")[::2])
    if first is None or stop is None or first >= stop:
        raise click.BadParameter(
            f"{shortened(text)}: expected two numbers such as 0:110, the first section and the one after the last"
        )
    return first, stop


@click.command(
    "import",
    epilog=examples(
        "mitogen import epfl folder/with/training.tif -o epfl.h5",
        "mitogen import pairs folder --voxel-size 50 5 5 -o mine.h5",
        "mitogen import pairs stack.tif instances.tif --voxel-size 50 5 5 --as-volume -o mine.h5",
        "mitogen import images stack.tif --voxel-size 50 5 5 -o unlabelled.h5",
        "mitogen import hdf5 cremi.h5 --raw volumes/raw --label volumes/labels/mito --voxel-size 40 4 4 -o a.h5",
    ),
)
@click.argument("source", metavar="SOURCE")
@click.argument("path", type=Given())
@click.argument("masks", type=Given(), required=False)
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE.h5", help="The file to write.")
@click.option("--voxel-size", "voxel_size_nm", type=float, nargs=3, metavar="Z Y X", help="Voxel edges in nm.")
@click.option(
    "--non-square-pixels",
    "square",
    flag_value=False,
    default=True,
    show_default=False,
    help="Believe a voxel size whose pixels are not square.",
)
@click.option(
    "--invert",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    help="Exchange black and white; auto does so where membranes are surely lighter than cytoplasm, and reports it.",
)
@click.option("--as-volume/--as-2d", default=None, help="One volume a stack, or one image a section.")
@click.option("--sections", callback=_section_range, metavar="A:B", help="Only sections A up to B (not with it).")
@click.option("--split", metavar="NAME", help="Only train, test or val, of data that comes in parts.")
@click.option("--raw", metavar="DATASET", help="For hdf5, ome-zarr and images: where the images are in the file.")
@click.option(
    "--mask", metavar="DATASET", help="For hdf5: where the masks are. For ome-zarr: the label image that is a mask."
)
@click.option(
    "--label", metavar="DATASET", help="For hdf5: where the instances are. For ome-zarr: the label image of instances."
)
@click.option(
    "--mask-values",
    metavar="WHICH",
    help="What values in masks mean, for pairs, hdf5 and ome-zarr: instances, any (all are foreground), or the "
    "foreground's: 1 or 100,200 or 128-255 or #ff0000; for labelme its labels.",
)
@click.option("--unknown", metavar="VALUE[,VALUE]", help="Values in masks at which no truth is known.")
@click.option(
    "--skip-failed", is_flag=True, help="Leave out images that fail, and end with exit code 2; else nothing is written."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def import_real(source: str, path: Path, output: Path, **options: Any) -> None:
    """Turn real images into a dataset file.

    SOURCE is auto, epfl, vnc, kasthuri, mitoem, mitoverse, ome-zarr (with labels), pairs (your images with masks),
    dsb2018, hdf5, or images (a folder, a TIFF stack, HDF5, DM3, DM4, MRC or NIfTI file, or OME-Zarr, without masks);
    PATH is the folder or file. For pairs, MASKS is the folder or file of the masks if they do not lie with the images.
    Masks may hold instances, as numbers; where they do not, instances are connected components.
    """
    from mitodata.errors import DataError
    from mitodata.importers import import_to_file

    report = import_to_file(source, path, output, **options)
    said = "" if report.instances is None else f": {_counted(report.instances, 'instance')}, {report.origin}"
    click.echo(f"{_counted(report.images, 'image')} in {output}{said}")
    for problem in report.failures:
        click.echo(problem, err=True)
    if report.failures:
        raise DataError(f"{output}: lacks {_counted(len(report.failures), 'image')} that failed, listed above")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@click.command(
    "fetch",
    short_help="Download a public dataset.",
    epilog=examples("mitogen fetch", "mitogen fetch lucchi++ --to downloads"),
)
@click.argument("name", required=False)
@click.option("--to", "folder", type=FOLDER, metavar="FOLDER", help="Where to; otherwise the user's cache.")
def fetch_real(name: str | None, folder: Path | None) -> None:
    """Download a public dataset, verified; without a NAME, list what there is.

    An interrupted download continues where it stopped.
    """
    from mitodata.downloads import SOURCES, fetch

    if name is None:
        click.echo("\n".join(f"{source.name:14} {source.description}" for source in SOURCES.values()))
        return
    path, source = fetch(name, folder, progress=True), SOURCES[name]
    click.echo(f"licence: {source.licence}\nplease cite: {source.citation}")
    click.echo(f"next: mitogen import {source.importer} {path} -o {source.importer}.h5")
