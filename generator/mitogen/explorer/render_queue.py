"""Renders what is asked for: one image a core at a time, a bounded number waiting, the last ones kept."""

from dataclasses import replace

from mitodata.errors import MitoError
from mitodata.sample import Sample
from mitogen.explorer.bounded_queue import BoundedQueue, Pool
from mitogen.explorer.view import View
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.job import Renderer, RenderError

MOST_WAITING = 16
"""Images that may be wanted at the same time; who asks for more is told to wait."""

MOST_KEPT_BYTES = 128 * 2**20

_WARM_UP_PX = 64


class RenderQueue:
    """Images by their views. A view that is wanted twice is rendered once."""

    def __init__(self, pool: Pool) -> None:
        """Render with the processes of a pool, whose task is the renderer."""
        self._pool = pool
        self._queue: BoundedQueue[View, Sample] = BoundedQueue(_bytes, MOST_WAITING, MOST_KEPT_BYTES)

    def warm_up(self) -> None:
        """Let every process load what rendering needs, so that the first picture does not wait for it."""
        for _ in range(self._pool.count):
            self._pool.submit(render_view, load_recipe("mito"), View(size_px=_WARM_UP_PX))

    async def sample(self, recipe: Recipe, view: View) -> Sample:
        """Get the image of a view; one with compartments that is kept will do where none are needed.

        Args:
            recipe: the recipe of the view, its changes made.
            view: which image.

        Raises:
            BusyError: too many images are waiting.
            RenderError: it failed.
            RecipeError: its scene cannot be rendered.
        """
        wanted, full = view.plain(view.compartments), view.plain(compartments=True)
        found = self._queue.kept(wanted) or self._queue.kept(full)
        if found is not None:
            return found
        return await self._queue.get(wanted, lambda: self._pool.submit(render_view, recipe, wanted))

    def close(self) -> None:
        """Give up what is still wanted, so that nobody waits for it when the program ends."""
        self._queue.close()


def render_view(renderer: Renderer, recipe: Recipe, view: View) -> Sample:
    """Render the image of a view, in a worker; without its numbers, which `draw` knows.

    Raises:
        RenderError: it failed.
        RecipeError: its scene cannot be rendered.
    """
    try:
        sample = renderer(recipe, view.seed, view.index, view.shape, view.compartments)
    except MitoError:
        raise
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise RenderError(f"image {view.index}: {type(error).__name__}: {line}; a fault of the program") from error
    return replace(sample, params={})


def _bytes(sample: Sample) -> int:
    arrays = (sample.raw, sample.label, sample.mask, sample.compartment)
    return sum(array.nbytes for array in arrays if array is not None)
