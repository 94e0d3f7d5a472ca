"""Procedural electron-microscopy tissue: scenes in nanometres, cut into sections, imaged like a microscope does.

The front door; each name is imported when it is first used:

    recipe = mitogen.load_recipe("mito")
    sample = mitogen.render(recipe, seed=0, index=0, shape=(1, 256, 256))
    mitogen.render_dataset(mitogen.Job(recipe, seed=0), "train.h5", 100)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mitogen.recipe.recipe import Recipe, draw, load_recipe
    from mitogen.rendering.dataset import render_dataset
    from mitogen.rendering.image import render
    from mitogen.rendering.job import Job

__all__ = ["Job", "Recipe", "draw", "load_recipe", "render", "render_dataset"]

_HOMES = {
    "Job": "mitogen.rendering.job",
    "Recipe": "mitogen.recipe.recipe",
    "draw": "mitogen.recipe.recipe",
    "load_recipe": "mitogen.recipe.recipe",
    "render": "mitogen.rendering.image",
    "render_dataset": "mitogen.rendering.dataset",
}


def __getattr__(name: str) -> Any:
    """Import a name of the front door when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mitogen' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
