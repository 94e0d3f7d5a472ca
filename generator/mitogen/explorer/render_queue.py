"""Renders what is asked for: one image a core at a time, a bounded number waiting, the last ones kept."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any, Protocol

from mitodata.errors import MitoError
from mitodata.sample import Sample
from mitogen.explorer.view import View
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.job import Renderer, RenderError

MOST_WAITING = 16
"""Images that may be wanted at the same time; who asks for more is told to wait."""

MOST_KEPT_BYTES = 128 * 2**20

_WARM_UP_PX = 64


class BusyError(MitoError):
    """More images are waiting to be rendered than the queue holds."""


class Pool(Protocol):
    """What is needed of `rendering.process_pool.Workers`, whose task is the renderer."""

    count: int

    def submit(self, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        """Let a process call the function with the renderer and `args`."""


class RenderQueue:
    """Images by their views. A view that is wanted twice is rendered once."""

    def __init__(self, pool: Pool) -> None:
        """Render with the processes of a pool."""
        self._pool = pool
        self._kept: OrderedDict[View, Sample] = OrderedDict()
        self._kept_bytes = 0
        self._wanted: dict[View, asyncio.Future[Sample]] = {}

    def warm_up(self) -> None:
        """Let every process load what rendering needs, so that the first picture does not wait for it."""
        for _ in range(self._pool.count):
            self._pool.submit(render_view, load_recipe("mito"), View(size_px=_WARM_UP_PX))

    async def sample(self, recipe: Recipe, view: View) -> Sample:
        """Get the image of a view.

        Args:
            recipe: the recipe of the view, its changes made.
            view: which image.

        Raises:
            BusyError: too many images are waiting.
            RenderError: it failed.
            RecipeError: its scene cannot be rendered.
        """
        kept = self._find(view)
        if kept is not None:
            return kept
        wanted = view.plain(view.compartments)
        if wanted not in self._wanted:
            if len(self._wanted) >= MOST_WAITING:
                raise BusyError(f"{len(self._wanted)} images are waiting already; try again in a moment")
            self._wanted[wanted] = asyncio.wrap_future(self._submit(recipe, wanted))
            self._wanted[wanted].add_done_callback(lambda done: self._finish(wanted, done))
        try:
            return await asyncio.shield(self._wanted[wanted])
        except BrokenProcessPool as error:
            raise RenderError("a process that renders has ended; start mitogen explore again") from error

    def close(self) -> None:
        """Give up what is still wanted, so that nobody waits for it when the program ends."""
        for wanted in list(self._wanted.values()):
            wanted.cancel()

    def _submit(self, recipe: Recipe, view: View) -> "Future[Sample]":
        try:
            return self._pool.submit(render_view, recipe, view)
        except BrokenProcessPool as error:
            raise RenderError("a process that renders has ended; start mitogen explore again") from error

    def _find(self, view: View) -> Sample | None:
        """Look among what was kept; an image with compartments will do where none are needed."""
        for compartments in (True,) if view.compartments else (False, True):
            wanted = view.plain(compartments)
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
        return None

    def _finish(self, view: View, done: "asyncio.Future[Sample]") -> None:
        del self._wanted[view]
        if done.cancelled() or done.exception():
            return
        self._kept[view] = done.result()
        self._kept_bytes += _bytes(done.result())
        while self._kept_bytes > MOST_KEPT_BYTES:
            self._kept_bytes -= _bytes(self._kept.popitem(last=False)[1])


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
