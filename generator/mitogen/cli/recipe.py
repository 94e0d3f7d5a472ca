"""`mitogen recipe`: recipes and their knobs listed, shown, explained, checked and compared."""

from pathlib import Path

import click

from mitodata.command_line import Commands
from mitogen.cli.options import OUTPUT, SET_HELP, examples

PRESET_OR_FILE = "PRESET | FILE.toml"


@click.group("recipe", cls=Commands, short_help="List, explain, check and compare recipes.")
def recipes() -> None:
    """List, show, explain, check and compare recipes and their knobs."""


@recipes.command("list")
def list_presets() -> None:
    """List the recipes that come with mitogen."""
    from mitogen.recipe.recipe import load_recipe, preset_names

    for name in preset_names():
        click.echo(f"{name:14} {load_recipe(name).description}")


@recipes.command(epilog=examples("mitogen recipe show mito > mine.toml"))
@click.argument("name", default="mito", metavar=f"[{PRESET_OR_FILE}]")
@click.option("--set", "overrides", multiple=True, metavar="KNOB=VALUE", help=SET_HELP)
def show(name: str, overrides: tuple[str, ...]) -> None:
    """Print a recipe with every knob, to start your own from."""
    from mitogen.recipe.recipe import open_recipe

    click.echo(open_recipe(name, overrides).to_toml(), nl=False)


@recipes.command(
    short_help="Say what a knob means.",
    epilog=examples("mitogen recipe explain mitochondria.radius_nm", "mitogen recipe explain mitochondria"),
)
@click.argument("knob", required=False)
def explain(knob: str | None) -> None:
    """Say what a knob (or every knob of a section) means, its unit, range and default.

    Without KNOB, list all by section. The default is that of the program; presets differ (`mitogen recipe show`).
    """
    from mitogen.recipe.catalogue import explain_knobs, list_sections

    click.echo(explain_knobs(knob) if knob else list_sections())


@recipes.command("validate", short_help="Check a recipe.")
@click.argument("name", metavar=PRESET_OR_FILE)
def validate_recipe(name: str) -> None:
    """Check a recipe: every knob exists and every value is possible."""
    from mitogen.recipe.recipe import open_recipe

    click.echo(f"{name}: fine, {len(open_recipe(name).values)} knobs")


@recipes.command(
    short_help="List the knobs in which two recipes differ.",
    epilog=examples("mitogen recipe diff mito mine.toml", "mitogen recipe diff mito mito-shifted"),
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
def diff(a: str, b: str) -> None:
    """List the knobs in which two recipes differ, each as `knob: A -> B`.

    A and B are presets or files that end in .toml.
    """
    from mitogen.recipe.diff import list_differences
    from mitogen.recipe.recipe import open_recipe

    click.echo(list_differences(open_recipe(a), open_recipe(b)))


@recipes.command(
    short_help="Write a schema, with which editors check recipes.",
    epilog=examples("mitogen recipe schema -o recipe.schema.json"),
)
@click.option("-o", "--output", type=OUTPUT, metavar="FILE.json", help="Where to; otherwise it is printed.")
def schema(output: Path | None) -> None:
    """Write a JSON schema, with which editors complete and check recipes.

    Even Better TOML and other editors that use taplo follow a first line `#:schema ./recipe.schema.json` in a recipe.
    """
    from mitogen.recipe.schema import schema_text, write_schema

    if output is None:
        click.echo(schema_text(), nl=False)
        return
    write_schema(output)
    click.echo(f"{output}: schema of recipes; begin yours with #:schema ./{output.name}")
