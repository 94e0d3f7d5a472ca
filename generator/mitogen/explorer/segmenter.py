"""A model that segments rendered images, where one is installed, and the one process that runs it.

mitogen knows no learning. A package that has a model registers a loader as entry point of `GROUP`:

    [project.entry-points."mitogen.segmenters"]
    mitoseg = "mitoseg.evaluation.segmenter:load_segmenter"

It takes the name or path of a model, or None for its own choice, and returns a `Segmenter`.
"""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import MitoError
from mitodata.sample import Sample, VoxelSize
from mitogen.explorer.bounded_queue import BoundedQueue, Pool
from mitogen.explorer.view import View
from mitogen.rendering.job import RenderError

GROUP = "mitogen.segmenters"

NOT_INSTALLED = "no model is installed that mitogen explore could ask; install mitoseg (pip install mitogen-em)"

MOST_WAITING = 4
"""Images that may wait for the model at the same time; who asks for more is told to wait."""

MOST_KEPT_BYTES = 32 * 2**20

_NICENESS = 10  # below what renders: the picture that follows the hand comes first


class Segmenter(Protocol):
    """A model, loaded."""

    @property
    def name(self) -> str:
        """By which its users know it."""

    def segment(
        self, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Find mitochondria.

        Args:
            raw: (Z, Y, X).
            voxel_size_nm: (z, y, x).

        Returns:
            (Z, Y, X): where they are, and the probability of being one, 0 to 1.

        Raises:
            MitoError: the image is out of reach.
        """


Loader = Callable[[str | None], Segmenter]


@dataclass(frozen=True)
class Plugin:
    """What is installed; picklable, for the process that runs it. The model is loaded when it is first asked.

    Attributes:
        loader: "module:function", a `Loader`.
        model: name or path of a model; None for the loader's own choice.
    """

    loader: str
    model: str | None = None

    @cached_property
    def segmenter(self) -> Segmenter:
        """The model.

        Raises:
            MitoError: there is no such model, or it is damaged.
        """
        loader: Loader = EntryPoint("segmenter", self.loader, GROUP).load()
        return loader(self.model)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a model says of a section.

    Attributes:
        model: its name.
        mask: (Y, X) bool, where mitochondria are.
        probability: (Y, X) float16, 0 to 1.
    """

    model: str
    mask: NDArray[np.bool_] = field(repr=False)
    probability: NDArray[np.float16] = field(repr=False)


def find_plugin(model: str | None = None) -> Plugin | None:
    """The loader that is installed, the first by name if there are several; None if there is none.

    Raises:
        RenderError: a model is asked for, and there is no loader.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    if not found and model is not None:
        raise RenderError(f"--model {model}: {NOT_INSTALLED}")
    return Plugin(found[0].value, model) if found else None


class SegmenterQueue:
    """What the model says of rendered images, by their views; worked out in the process of a pool."""

    def __init__(self, pool: Pool) -> None:
        """Ask the one process of a pool, whose task is a `Plugin`."""
        self._pool = pool
        self._queue: BoundedQueue[View, Segmentation] = BoundedQueue(_bytes, MOST_WAITING, MOST_KEPT_BYTES)

    async def found(self, view: View, sample: Sample) -> Segmentation:
        """Ask the model about the image of a view.

        Raises:
            BusyError: too many images are waiting.
            RenderError: the model failed.
            MitoError: there is no such model, or the image is out of its reach.
        """

        def submit() -> "Future[Segmentation]":
            return self._pool.submit(segment_section, sample.raw, sample.voxel_size_nm)

        return await self._queue.get(view.plain(compartments=False), submit)

    def close(self) -> None:
        """Give up what is still wanted, so that nobody waits for it when the program ends."""
        self._queue.close()


def model_name(plugin: Plugin) -> str:
    """Load the model, in the process that runs it, to see whether there is one.

    Raises:
        MitoError: there is none.
    """
    return plugin.segmenter.name


def segment_section(plugin: Plugin, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize) -> Segmentation:
    """Ask the model about a single section, (1, Y, X), in the process that runs it.

    Raises:
        RenderError: it failed.
        MitoError: there is no such model, or the section is out of its reach.
    """
    try:
        if "segmenter" not in vars(plugin) and multiprocessing.parent_process() is not None:
            os.nice(_NICENESS)
        mask, probability = plugin.segmenter.segment(raw, voxel_size_nm)
    except MitoError:
        raise
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise RenderError(f"the model failed: {type(error).__name__}: {line}; a fault of the program") from error
    return Segmentation(plugin.segmenter.name, mask[0], probability[0].astype(np.float16))


def _bytes(found: Segmentation) -> int:
    return found.mask.nbytes + found.probability.nbytes
