"""`mitogen explore`: the page on which the image follows the slider."""

from pathlib import Path
from urllib.parse import urlencode

import click

from mitodata.errors import RecipeError
from mitogen.cli.options import FILE, chosen_recipe, examples, recipe_options


@click.command(
    short_help="Turn knobs and watch the image, in a browser.",
    epilog=examples(
        "mitogen explore",
        "mitogen explore --preset vnc --port 8000",
        "mitogen explore --recipe mine.toml --set section.pixel_nm=6",
        "mitogen explore --image real.h5       beside crops of your images (mitogen import images ... -o real.h5)",
        "mitogen explore --model runs/first    where does my model fail?",
    ),
)
@recipe_options
@click.option("--image", type=FILE, metavar="FILE.h5", help="Show crops of your own images beside it.")
@click.option("--model", metavar="MODEL", help="Ask this model of mitoseg about it; the newest released one if none.")
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Listen here; only this machine can reach it.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="And at this port; 0 is any that is free.")
def explore(
    preset: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
    image: Path | None,
    model: str | None,
    host: str,
    port: int,
) -> None:
    """Serve a page in the browser on which the image follows the slider of a knob.

    It shows every recipe, and yours; saves what you changed as a recipe, and shows the command that renders it. Ctrl-C
    ends it.
    """
    try:
        from mitogen.explorer.own_images import read_own
        from mitogen.explorer.recipes import Recipes
        from mitogen.explorer.segmenter import find_plugin
        from mitogen.explorer.serving import serve
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("starlette", "uvicorn"):
            raise
        raise RecipeError(
            f"mitogen explore needs {missing}; install it with: pip install 'mitogen-em[explorer]'"
        ) from error
    recipe = chosen_recipe(preset, file, overrides)
    changed = sorted({text.partition("=")[0].strip() for text in overrides})
    name = file.name if file else preset or "mito"
    start = urlencode({"recipe": name, **{knob: recipe.values[knob].text() for knob in changed}})
    recipes, own_images = Recipes.of(*([file] if file else [])), read_own(image) if image else None
    plugin = find_plugin(model)
    serve(recipes, own_images, plugin, host, port, lambda page: click.echo(f"{page}?{start}    Ctrl-C ends it"))
