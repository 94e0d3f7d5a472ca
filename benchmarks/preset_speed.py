"""How fast each preset renders on one core, the file written: a table of the page that `render_speed.py` writes.

All presets are measured one after the other in one worker of `mitogen render`, which has one thread, after an image of
each has loaded what it needs.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mitodata.hdf5.dataset import write_dataset
from mitogen.recipe.recipe import load_recipe, preset_names
from mitogen.rendering.job import Job, Shape
from mitogen.rendering.process_pool import Workers

IMAGES: dict[Shape, int] = {(1, 256, 256): 64, (1, 512, 512): 16, (64, 256, 256): 2}
"""Shape of an image -> how many are rendered for one number."""

PEER = "| GraphLabEMproj/Synthetics | 0.13 | 0.21 | - | 2D only |"
"""The only other procedural generator of EM images with code, on one core of a machine like this one."""


@dataclass(frozen=True)
class Cost:
    """What an image costs, in seconds.

    Attributes:
        wall: by the clock on the wall.
        processor: by that of the process, which other programs do not slow down.
    """

    wall: float
    processor: float


def preset_rows(presets: list[str] | None = None, seed: int = 0) -> Iterator[str]:
    """Measure presets (all if None), and give the rows of a Markdown table."""
    yield "| preset | 256 x 256, images a second | 512 x 512 | 256 x 256, processor ms | 64 x 256 x 256, seconds |"
    yield "|---|---|---|---|---|"
    yield PEER
    with Workers(seed, 1) as workers:
        for preset in preset_names() if presets is None else presets:
            small, large, volume = workers.submit(measure, preset).result()
            yield (
                f"| {preset} | {1 / small.wall:.1f} | {1 / large.wall:.1f} | {1000 * small.processor:.0f} | "
                f"{volume.wall:.2f} |"
            )


def measure(seed: int, preset: str) -> list[Cost]:
    """Measure a preset at every shape, in a worker."""
    return [_cost(Job(load_recipe(preset), seed, shape), images) for shape, images in IMAGES.items()]


def _cost(job: Job, images: int) -> Cost:
    next(Job(job.recipe, job.seed, (min(job.shape[0], 2), 64, 64)).samples([0]))
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.monotonic(), time.process_time()
        write_dataset(Path(folder) / "speed.h5", job.samples(range(images)), job.provenance(range(images)))
        return Cost((time.monotonic() - wall) / images, (time.process_time() - processor) / images)
