"""The program `mitogen`: parse, load, call one library function, say where the result is.

Everything heavy is imported inside a command, so that `--help` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mitodata.command_line import Commands, run
from mitogen.cli.card import card
from mitogen.cli.datasets import fetch_real, import_real, info, validate
from mitogen.cli.explore import explore
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
    job_options,
    recipe_options,
    workers,
)
from mitogen.cli.recipe import recipes
from mitogen.cli.render import merge, render

if TYPE_CHECKING:
    from mitogen.rendering.job import Job


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
    epilog=examples(
        "mitogen render --n 1000 --labels compartments -o train.h5    images of 256 x 256 to train on",
        "mitogen preview train.h5 -o train.png                        look at some of them",
        "mitogen gap train.h5 real.h5                                 how it differs from real tissue",
        "mitogen match real.h5 -o matched.toml                        a recipe that looks like real images",
        "mitogen explore                                              turn knobs and watch the image, in a browser",
        "mitogen recipe explain KNOB                                  what can be changed",
    ),
)
@click.version_option(package_name="mitogen-em", prog_name="mitogen")
def cli() -> None:
    """Render electron-microscopy images of tissue with labels, and handle datasets."""


@click.command(
    short_help="Draw images beside their labels.",
    epilog=examples("mitogen preview train.h5 -o train.png", "mitogen preview --set mitochondria.radius_nm=200 -n 4"),
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


@click.command(
    short_help="Compare two datasets, such as rendered and real.",
    epilog=examples(
        "mitogen gap train.h5 epfl.h5 -o gap        table here; gap/index.html with plots",
        "mitogen gap train.h5 epfl.h5 --pixel-size 10",
    ),
)
@click.argument("synthetic", type=FILE, metavar="SYNTH.h5")
@click.argument("real", type=FILE, metavar="REAL.h5")
@click.option(
    "-o", "--output", "folder", type=FOLDER, metavar="FOLDER", help="Write a page, plots, CSV and JSON there."
)
@click.option("--images", type=COUNT, default=40, help="At most this many sections of each, evenly spaced.")
@click.option("--every", type=COUNT, default=1, metavar="K", help="Only every Kth section.")
@click.option("--pixel-size", "pixel_nm", type=PIXEL, metavar="NM", help="Resample both to this pixel size first.")
def gap(synthetic: Path, real: Path, folder: Path | None, images: int, every: int, pixel_nm: float | None) -> None:
    """Compare two datasets: grey levels, noise, spectrum, membranes, and with labels mitochondria.

    Both are cut into windows of the same size. Images without labels are compared in what needs none.
    """
    from mitodata.cluster.progress import say
    from mitogen.gap.report import measure_pair, summary, write_report
    from mitogen.gap.sections import Sampling

    pair = measure_pair(synthetic, real, Sampling(images, every, pixel_nm=pixel_nm))
    page = write_report(folder, *pair) if folder else None
    click.echo(summary(*pair))
    if page:
        say(f"page with plots: {page}")


@click.command(
    short_help="Draw what each knob does.",
    epilog=examples(
        "mitogen gallery -o gallery                        every knob of the preset mito",
        "mitogen gallery --knobs cristae -o cristae        one section",
        "mitogen gallery --preset blobs --size 256 -o blobs",
    ),
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


_COMMANDS = (
    *(render, preview, gallery, explore, recipes, match, gap),
    *(import_real, fetch_real, info, validate, card, export, merge),
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Run the program."""
    run(cli)
