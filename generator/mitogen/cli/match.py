"""`mitogen match`: the recipe that looks like unlabelled real images."""

from math import inf
from pathlib import Path
from typing import Any, Literal

import click

from mitodata.command_line import Measure
from mitogen.cli.options import COUNT, FILE, OUTPUT, PIXEL, SEED, SET_HELP, examples, workers


@click.command(
    short_help="Fit a recipe to unlabelled images.",
    epilog=examples(
        "mitogen match real.h5 --from mito -o matched.toml",
        "mitogen match real.h5 -o matched.toml --knob imaging --knob cells.membrane_nm --trials 400",
        "mitogen render --recipe matched.toml --n 1000 --size 400 --labels compartments -o train.h5    what it is for",
    ),
)
@click.argument("real", type=FILE, metavar="REAL.h5")
@click.option("--from", "base", default="mito", metavar="NAME", help="Recipe to begin with: a preset or FILE.toml.")
@click.option("--set", "overrides", multiple=True, metavar="KNOB=VALUE", help=SET_HELP)
@click.option(
    "--knob", "knobs", multiple=True, metavar="NAME", help="Turn this knob or section, no others; may be repeated."
)
@click.option("--trials", type=COUNT, default=200, help="Settings to try, earlier ones included.")
@click.option("--minutes", type=Measure(min=0, min_open=True), help="Stop trying after this much time.")
@click.option("--width", type=Measure(0, 1), default=0.5, help="Share of its range that a knob keeps.")
@click.option("--pixel-size", "pixel_nm", type=PIXEL, metavar="NM", help="Resample REAL first.")
@click.option("--seed", type=SEED, default=0, help="Another seed, other images and another search.")
@click.option("--workers", callback=workers, default="auto", metavar="N", help="Processes; auto is one a core.")
@click.option("--storage", type=OUTPUT, metavar="FILE", help="Journal of the search.  [default: OUTPUT.journal]")
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="FILE.toml", help="The recipe to write.")
@click.option("--overwrite", is_flag=True, help="Replace an existing recipe and its sheet.")
def match(
    real: Path,
    base: str,
    overrides: tuple[str, ...],
    pixel_nm: float | None,
    workers: int | Literal["auto"],
    storage: Path | None,
    output: Path,
    overwrite: bool,
    minutes: float | None,
    **settings: Any,
) -> None:
    """Fit a recipe's ranges to real images without labels.

    Turns the knobs that change the look most until rendered images have the grey levels, noise, spectrum and dark lines
    of REAL.h5, and writes a recipe that draws around the best values, and a sheet of crops. Of a recipe with kinds of
    tissue, the kind that looks most like REAL.h5 is matched, and gets six tenths of the images. Labels in REAL.h5 are
    never opened. After Ctrl-C the same command continues.
    """
    from mitogen.match import Settings, look_at_real, match_recipe
    from mitogen.match.report import check_output, summary, write_match
    from mitogen.recipe.recipe import open_recipe

    journal = storage or output.with_suffix(".journal")
    check_output(output, journal, real, overwrite)
    recipe, target = open_recipe(base, overrides), look_at_real(real, pixel_nm)
    found = match_recipe(recipe, target, journal, Settings(minutes=minutes or inf, **settings), workers)
    sheet = write_match(found, output, base)
    click.echo(f"{summary(found)}\n\nrecipe in {output}, crops side by side in {sheet}")
