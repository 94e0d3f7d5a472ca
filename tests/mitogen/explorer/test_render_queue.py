"""The queue: bounded, nothing rendered twice, nothing kept without end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import numpy as np
import pytest

from mitodata import Sample
from mitogen.explorer import render_queue
from mitogen.explorer.bounded_queue import BusyError
from mitogen.explorer.render_queue import RenderQueue
from mitogen.explorer.view import View
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.job import RenderError

RECIPE = load_recipe("s0")
SAMPLE = Sample(np.zeros((1, 16, 16), np.uint8), (8.0, 8.0, 8.0))


@dataclass
class Slow:
    """A pool that finishes when it is told to."""

    count: int = 1
    futures: list["Future[Sample]"] = field(default_factory=list)

    def submit(self, function: Callable[..., object], *args: object) -> "Future[Sample]":
        self.futures.append(Future())
        return self.futures[-1]


def test_who_asks_for_too_much_is_told_to_wait() -> None:
    async def ask() -> None:
        pool = Slow()
        queue = RenderQueue(pool)
        asked = [asyncio.create_task(queue.sample(RECIPE, View(index=i))) for i in range(render_queue.MOST_WAITING)]
        again = asyncio.create_task(queue.sample(RECIPE, View(index=0)))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="waiting already"):
            await queue.sample(RECIPE, View(index=99))
        assert len(pool.futures) == len(asked)
        for future in pool.futures:
            future.set_result(SAMPLE)
        assert await asyncio.gather(*asked, again) == [SAMPLE] * (len(asked) + 1)
        later = asyncio.create_task(queue.sample(RECIPE, View(index=99)))
        await asyncio.sleep(0)
        pool.futures[-1].set_result(SAMPLE)
        assert await later is SAMPLE

    asyncio.run(ask())


def test_old_images_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_queue, "MOST_KEPT_BYTES", 3 * SAMPLE.raw.nbytes)

    async def ask() -> int:
        pool = Slow()
        queue = RenderQueue(pool)
        for index in (0, 1, 2, 0, 3, 0, 1):  # 1 has been forgotten for 3
            task = asyncio.create_task(queue.sample(RECIPE, View(index=index)))
            await asyncio.sleep(0)
            if pool.futures and not pool.futures[-1].done():
                pool.futures[-1].set_result(SAMPLE)
            await task
        return len(pool.futures)

    assert asyncio.run(ask()) == 5


def test_a_worker_that_was_killed_is_said() -> None:
    async def ask() -> None:
        pool = Slow()
        task = asyncio.create_task(RenderQueue(pool).sample(RECIPE, View()))
        await asyncio.sleep(0)
        pool.futures[0].set_exception(BrokenProcessPool())
        await task

    with pytest.raises(RenderError, match="start mitogen explore again"):
        asyncio.run(ask())
