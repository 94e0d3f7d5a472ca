"""`mitogen explore`: the page on which the image follows the slider."""

from pathlib import Path
from urllib.parse import urlencode

import click

from mitodata.errors import RecipeError
from mitogen.cli.options import examples, recipe_options


@click.command(
    epilog=examples(
        "mitogen explore",
        "mitogen explore --preset vnc --port 8000",
        "mitogen explore --recipe mine.toml --set section.pixel_nm=6",
    )
)
@recipe_options
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Listen here; only this machine can reach it.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="And at this port; 0 is any that is free.")
def explore(preset: str | None, file: Path | None, overrides: tuple[str, ...], host: str, port: int) -> None:
    """Serve a page in the browser on which the image follows the slider of a knob.

    It shows every recipe, and yours; saves what you changed as a recipe, and says the command that renders it. Ctrl-C
    ends it.
    """
    try:
        from mitogen.explorer.recipes import Recipes
        from mitogen.explorer.serving import serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise RecipeError(
            f"mitogen explore needs {error.name}; install it with: pip install 'mitogen-em[explorer]'"
        ) from error
    from mitogen.cli.options import chosen_recipe

    recipe = chosen_recipe(preset, file, overrides)
    changed = sorted({text.partition("=")[0].strip() for text in overrides})
    name = file.name if file else preset or "mito"
    start = urlencode({"recipe": name, **{knob: recipe.values[knob].text() for knob in changed}})
    serve(
        Recipes.of(*([file] if file else [])), host, port, lambda page: click.echo(f"{page}?{start}    Ctrl-C ends it")
    )
