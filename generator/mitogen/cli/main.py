"""The program `mitogen`: parse, load, call one library function, say where the result is.

Everything heavy is imported inside a command, so that `--help` answers at once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mitodata.command_line import run
from mitogen.cli.export import export
from mitogen.cli.match import match
from mitogen.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    OUTPUT,
    PIXEL,
    SEED,
    SMALLEST_PX,
    chosen_recipe,
    examples,
    images,
    job_options,
    recipe_options,
    shortened,
    whole_number,
    workers,
)
from mitogen.cli.recipe import recipes

if TYPE_CHECKING:
    from mitogen.rendering.job import Job


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
    epilog=examples(
        "mitogen render --n 1000 --labels compartments -o train.h5    images of 256 x 256 to train on",
        "mitogen preview train.h5 -o train.png                        look at some of them",
        "mitogen gap train.h5 real.h5                                 how it differs from real tissue",
        "mitogen match real.h5 -o matched.toml                        a recipe that looks like real images",
        "mitogen recipe explain KNOB                                  what can be changed",
    ),
)
@click.version_option(package_name="mitogen-em", prog_name="mitogen")
def cli() -> None:
    """Render electron-microscopy images of tissue with labels, and handle datasets."""


@cli.command(
    epilog=examples(
        "mitogen render --n 1000 --labels compartments -o train.h5",
        "mitogen render --n 50 --size 512 --seed 7 --set mitochondria.volume_fraction=0.2 -o dense.h5",
        "mitogen render --shape 64 256 256 --voxel-size 5 5 5 -o volume.h5",
        "mitogen render --like train.h5 --only 417 -o one.h5    one image again, byte for byte",
    )
)
@click.option("-n", "--n", type=COUNT, help="Number of images.  [default: 1000, of volumes 1]")
@click.option(
    "--only", callback=images, metavar="N[,N:N]", help="Only these images: 417, or 417,420:430 (without 430)."
)
@click.option("--like", type=FILE, metavar="FILE.h5", help="Recipe, seed, size and labels of a rendered file.")
@job_options
@click.option("--workers", callback=workers, default="auto", metavar="N", help="Processes; auto is one a core.")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE.h5", help="The file to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def render(
    job: "Job",
    n: int | None,
    only: Sequence[int] | None,
    workers: int | Literal["auto"],
    output: Path,
    overwrite: bool,
) -> None:
    """Render images with labels into one HDF5 file.

    The bytes depend on the recipe, the size and the seed, not on the number of workers. After Ctrl-C or a crash the
    same command continues where it stopped.
    """
    from mitogen.rendering.dataset import render_dataset

    if n is not None and only is not None:
        raise click.UsageError("got --n and --only; expected one of them")
    kind, default = ("image", 1000) if job.shape[0] == 1 else ("volume", 1)
    chosen = range(n or default) if only is None else only
    render_dataset(job, output, chosen, workers, overwrite=overwrite)
    click.echo(f"{len(chosen)} {kind}{'' if len(chosen) == 1 else 's'} in {output}")


@cli.command(
    epilog=examples("mitogen preview train.h5 -o train.png", "mitogen preview --set mitochondria.radius_nm=200 -n 4")
)
@click.argument("dataset", type=FILE, required=False, metavar="[FILE.h5]")
@click.option("-n", "--n", type=COUNT, default=8, help="Number of images.")
@job_options
@click.option("-o", "--output", type=OUTPUT, default=Path("preview.png"), metavar="FILE.png", help="Where to draw.")
def preview(source: "Path | Job", n: int, output: Path) -> None:
    """Draw a contact sheet: each image, again with its instances outlined, and painted if it has compartments.

    Takes images from a file, or renders the first ones of a recipe. A volume shows the planes xy, xz and yz through its
    middle.
    """
    from mitogen.gallery.contact_sheet import check_sheet, classes_of, contact_sheet, save_sheet, view, views_of

    check_sheet(output)
    views = views_of(source, n) if isinstance(source, Path) else map(view, source.samples(range(n)))
    save_sheet(contact_sheet(views, classes_of(source)), output)
    click.echo(f"contact sheet in {output}")


@cli.command(
    epilog=examples(
        "mitogen gap train.h5 epfl.h5 -o gap        table here; gap/index.html with plots",
        "mitogen gap train.h5 epfl.h5 --pixel-size 10",
    )
)
@click.argument("synthetic", type=FILE, metavar="SYNTH.h5")
@click.argument("real", type=FILE, metavar="REAL.h5")
@click.option(
    "-o", "--output", "folder", type=FOLDER, metavar="FOLDER", help="Write a page, plots, CSV and JSON there."
)
@click.option("--images", type=COUNT, default=40, help="At most so many sections of each, spread evenly.")
@click.option("--every", type=COUNT, default=1, metavar="K", help="Only every Kth section.")
@click.option("--pixel-size", "pixel_nm", type=PIXEL, metavar="NM", help="Resample both to this pixel size first.")
def gap(synthetic: Path, real: Path, folder: Path | None, images: int, every: int, pixel_nm: float | None) -> None:
    """Compare two datasets: grey levels, noise, spectrum, membranes, and with labels mitochondria.

    Both are cut into windows of the same size. Images without labels are compared in what needs none.
    """
    from mitogen.gap.report import measure_pair, summary, write_report
    from mitogen.gap.sections import Sampling
    from mitogen.rendering.progress import say

    pair = measure_pair(synthetic, real, Sampling(images, every, pixel_nm=pixel_nm))
    page = write_report(folder, *pair) if folder else None
    click.echo(summary(*pair))
    if page:
        say(f"page with plots: {page}")


@cli.command(
    epilog=examples(
        "mitogen gallery -o gallery                        every knob of the preset mito",
        "mitogen gallery --knobs cristae -o cristae        one section",
        "mitogen gallery --preset blobs --size 256 -o blobs",
    )
)
@recipe_options
@click.option("--knobs", multiple=True, metavar="NAME", help="Only this knob or section; may be repeated.")
@click.option("--size", type=click.IntRange(min=SMALLEST_PX), default=192, help="Edge of the images in pixels.")
@click.option("--images", type=click.IntRange(min=2, max=12), default=5, help="Images a knob.")
@click.option("--outlines", is_flag=True, help="Outline the instances.")
@click.option("--seed", type=SEED, default=0, help="Another seed, other images.")
@click.option("--workers", callback=workers, default="auto", metavar="N", help="Processes; auto is one a core.")
@click.option("-o", "--output", type=FOLDER, required=True, metavar="FOLDER", help="The folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing gallery.")
def gallery(
    preset: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
    knobs: tuple[str, ...],
    workers: int | Literal["auto"],
    output: Path,
    overwrite: bool,
    **look: Any,
) -> None:
    """Draw a page with a strip of images for every knob, low to high, all else the same.

    Knobs run over somewhat more than the recipe draws, fixed ones over all that is allowed.
    """
    from mitogen.gallery.page import make_gallery
    from mitogen.gallery.strips import Studio

    studio = Studio(chosen_recipe(preset, file, overrides), **look)
    page = make_gallery(
        studio, output, knobs, workers, title=file.stem if file else preset or "mito", overwrite=overwrite
    )
    click.echo(f"gallery in {page}")


@cli.command()
@click.argument("file", type=FILE, metavar="FILE.h5")
def info(file: Path) -> None:
    """Say what a dataset holds: shapes, voxel size, labels, where it comes from."""
    from mitodata.hdf5.dataset import describe

    for key, value in describe(file).items():
        for line in _readable(key, value):
            click.echo(line)


def _readable(key: str, value: object) -> Iterator[str]:
    """Write one entry of a description for people: nothing that is empty, nothing that runs over pages."""
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


@cli.command()
@click.argument("file", type=FILE, metavar="FILE.h5")
def validate(file: Path) -> None:
    """Check a dataset: layout, types, and that labels and mask agree. Exit code 2 if something is wrong."""
    from mitodata.errors import DataError
    from mitodata.hdf5.dataset import validate

    problems = validate(file)
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


@cli.command(
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
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("masks", type=click.Path(exists=True), required=False)
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
    help="Take the negative: auto where membranes are surely lighter than cytoplasm, and says so.",
)
@click.option("--as-volume/--as-2d", default=None, help="One volume a stack, or one image a section.")
@click.option("--sections", callback=_section_range, metavar="A:B", help="Only sections A up to B (not with it).")
@click.option("--split", metavar="NAME", help="Only train, test or val, of data that comes in parts.")
@click.option("--raw", metavar="DATASET", help="For hdf5 and images: where the images are in the file.")
@click.option("--mask", metavar="DATASET", help="For hdf5: where the masks are.")
@click.option("--label", metavar="DATASET", help="For hdf5: where the instances are.")
@click.option(
    "--mask-values",
    metavar="WHICH",
    help="What values in masks mean, for pairs and hdf5: instances, any (all are foreground), or the foreground's: "
    "1 or 100,200 or 128-255 or #ff0000; for labelme its labels.",
)
@click.option("--unknown", metavar="VALUE[,VALUE]", help="Values in masks at which no truth is known.")
@click.option(
    "--skip-failed", is_flag=True, help="Leave out images that fail, and end with exit code 2; else nothing is written."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def import_real(source: str, path: Path, output: Path, **options: Any) -> None:
    """Turn real images into a dataset file.

    SOURCE is auto, epfl, vnc, kasthuri, mitoem, pairs (your images with masks), dsb2018, hdf5, or images (a folder, a
    TIFF stack, HDF5 file or OME-Zarr without masks); PATH is the folder or file. For pairs, MASKS is the folder or file
    of the masks if they do not lie with the images. Masks may hold instances, as numbers; where they do not, instances
    are connected components.
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


@cli.command("fetch", epilog=examples("mitogen fetch", "mitogen fetch lucchi++ --to downloads"))
@click.argument("name", required=False)
@click.option("--to", "folder", type=FOLDER, metavar="FOLDER", help="Where to; otherwise the user's cache.")
def fetch_real(name: str | None, folder: Path | None) -> None:
    """Download a public dataset, verified; without a NAME, list what there is.

    A cut download goes on where it stopped.
    """
    from mitodata.downloads import SOURCES, fetch

    if name is None:
        click.echo("\n".join(f"{source.name:14} {source.description}" for source in SOURCES.values()))
        return
    path, source = fetch(name, folder, progress=True), SOURCES[name]
    click.echo(f"licence: {source.licence}\nplease cite: {source.citation}")
    click.echo(f"next: mitogen import {source.importer} {path} -o {source.importer}.h5")


cli.add_command(export)
cli.add_command(match)
cli.add_command(recipes)


def main() -> None:
    """Run the program."""
    run(cli)
