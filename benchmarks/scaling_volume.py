"""What a volume of ten terabytes takes to predict: costs measured on a small one, hours on paper and simulated.

`scaling.py` writes its section of the page.
"""

import heapq
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import scipy.ndimage
import tifffile

from mitodata.readers.source import Source
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.parts.division import part_arrays, piece_of
from mitoseg.inference.parts.merging import merge_parts
from mitoseg.inference.parts.shards import begin
from mitoseg.inference.parts.work import Work
from mitoseg.inference.predictor import plan_prediction
from mitoseg.inference.segment_image import make_options

VOXELS = 10**13
EDGE_NM = 8.0
WORKERS = (1, 10, 100, 300, 1000)
FAILURES_H = (float("inf"), 100.0, 2.0)
HOUR_S = 3600.0
HEADING = "## Ten terabytes"
OBJECT_BYTES = 600
"""Memory of the merge for an object, counted from its arrays: sums, table and text."""

OBJECTS = 5e6
"""In ten terabytes, if a cubic micrometre holds one."""

SMALL = (104, 192, 192)
"""Voxels (z, y, x) of the volume with which costs are measured: just large enough for three axes."""


@dataclass(frozen=True)
class VolumeCosts:
    """What the parts of a prediction take, as processor time of one core, along three axes.

    Attributes:
        start_s: a worker from nothing to its model.
        section_s: measuring the sections, a voxel of the volume.
        predict_s: predicting, a voxel of the network's grid and of one axis.
        merge_s: merging, numbering, measuring and writing all results, a voxel of the volume.
        task_s: one task, for scheduler, client and worker together.
        grid: voxels of the network's grid, and of one axis, in a voxel of the volume.
        part_bytes: of a block's file, a voxel of the network's grid.
        result_bytes: of all results, a voxel of the volume.
        scratch_bytes: of the scratch of the merge, a voxel of the volume.
        blocks: of the large volume, of all three axes.
        read: how often a voxel of it is read for each axis, with what lies around blocks.
        worker_bytes: memory of a worker at its peak, with a small block.
    """

    start_s: float
    section_s: float
    predict_s: float
    merge_s: float
    task_s: float
    grid: float
    part_bytes: float
    result_bytes: float
    scratch_bytes: float
    blocks: int
    read: float
    worker_bytes: float

    @property
    def block_s(self) -> float:
        """The mean block on a worker."""
        return 3 * VOXELS * self.grid * self.predict_s / self.blocks

    @property
    def merge_h(self) -> float:
        """Hours of the merge, on one core."""
        return VOXELS * self.merge_s / HOUR_S


def measure(folder: Path, task_s: float, seed: int) -> VolumeCosts:
    """Predict a small volume as one share, and merge it."""
    image, results = folder / "volume.tif", folder / "found"
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SMALL), 3)
    grey = np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)
    tifffile.imwrite(image, grey, photometric="minisblack", metadata={"axes": "ZYX"})
    results.mkdir()
    start_s = measure_start()
    model = load_model(None, "cpu")
    options = make_options(voxel_size_nm=(EDGE_NM,) * 3, axes="zyx", format="zarr", memory="8G")
    job = begin(model, [image], results, options)
    assert job is not None
    work = Work(job, model)
    started = time.process_time()
    for places in work.ranges:
        work.measure(places)
    measured = time.process_time()
    for block in work.blocks:
        work.predict(block)
    predicted = time.process_time()
    stored = size_of(job.folder)
    merge_parts(job.folder, options.memory)
    merged = time.process_time()
    blocks, read = plan_large(model)
    voxels, seen = grey.size, sum(prod(array.shape[1:]) for array in work.arrays)
    return VolumeCosts(
        start_s=start_s,
        section_s=(measured - started) / voxels,
        predict_s=(predicted - measured) / seen,
        merge_s=(merged - predicted) / voxels,
        task_s=task_s,
        grid=seen / 3 / voxels,
        part_bytes=stored / seen,
        result_bytes=size_of(results) / voxels,
        scratch_bytes=4.0 * work.plan.channels + 0.1,  # maps; pieces and instances are packed (docs/predict.md)
        blocks=blocks,
        read=read,
        worker_bytes=1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    )


def measure_start() -> float:
    """Processor time of a program of its own that has loaded the libraries and the model."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = "import mitoseg.inference.parts.shards as shards; shards.open_model(None)"
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plan_large(model: Model) -> tuple[int, float]:
    """Cut the large volume into blocks.

    Returns:
        How many there are, of all axes; and how often a voxel is read for each axis.
    """
    edge = round(VOXELS ** (1 / 3))
    source = Source(Path("large"), "", np.broadcast_to(np.uint8(0), (edge,) * 3), (EDGE_NM,) * 3)
    plan = plan_prediction(model, source, "zyx")
    blocks, read = 0, []
    for plane, array in zip(plan.planes, part_arrays(plan, Path("parts")), strict=True):
        blocks += prod(-(-length // side) for length, side in zip(plan.shape, array.edges, strict=True))
        middle = [side * (length // side // 2) for length, side in zip(plan.shape, array.edges, strict=True)]
        z, y, x = (slice(first, first + side) for first, side in zip(middle, array.edges, strict=True))
        needed = piece_of(plane, (z, y, x)).needed
        read.append(prod(each.stop - each.start for each in needed) / prod(array.edges))
    return blocks, sum(read) / len(read)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def on_paper(costs: VolumeCosts, workers: int, failures_h: float) -> tuple[float, str]:
    """Hours until all blocks are there, and what limits: workers or scheduler."""
    lost = 1 + (costs.block_s / 2 + costs.start_s) / (failures_h * HOUR_S)
    busy_s = (costs.blocks * costs.block_s + VOXELS * costs.section_s) * lost / workers
    limits = {"workers": busy_s, "scheduler": costs.blocks * costs.task_s}
    slowest = max(limits, key=lambda name: limits[name])
    return (costs.start_s + limits[slowest]) / HOUR_S, slowest


def simulate(costs: VolumeCosts, workers: int, failures_h: float, rng: random.Random) -> float:
    """Hours until all blocks are there: workers take them one by one, fail, start again, and take the block again."""

    def failure(now_s: float) -> float:
        return now_s + (rng.expovariate(1 / (failures_h * HOUR_S)) if failures_h < float("inf") else float("inf"))

    ready_s = costs.start_s + VOXELS * costs.section_s / workers  # sections are measured first
    heap = [(ready_s, failure(ready_s)) for _ in range(workers)]
    heapq.heapify(heap)
    left, scheduler_s, last_s = costs.blocks, 0.0, 0.0
    while left:
        free_s, fails_s = heapq.heappop(heap)
        scheduler_s = max(scheduler_s, free_s) + costs.task_s
        ends_s = scheduler_s + costs.block_s * rng.uniform(0.8, 1.2)
        if fails_s < ends_s:
            again_s = max(fails_s, free_s) + costs.start_s
            heapq.heappush(heap, (again_s, failure(again_s)))
            continue
        left -= 1
        last_s = max(last_s, ends_s)
        heapq.heappush(heap, (ends_s, fails_s))
    return last_s / HOUR_S


def rows(costs: VolumeCosts, seed: int) -> Iterator[str]:
    """The table, a line at a time."""
    yield "| workers | hours between failures | blocks, on paper | simulated | limit | with the merge |"
    yield "|---|---|---|---|---|---|"
    for failures_h in FAILURES_H:
        for workers in WORKERS:
            paper_h, limit = on_paper(costs, workers, failures_h)
            found_h = simulate(costs, workers, failures_h, random.Random(seed))
            between = "none" if failures_h == float("inf") else f"{failures_h:g}"
            whole = f"{found_h + costs.merge_h:,.0f} h"
            yield f"| {workers:,} | {between} | {paper_h:,.1f} h | {found_h:,.1f} h | {limit} | {whole} |"


def section(costs: VolumeCosts, table: Sequence[str], measured: str) -> str:
    """Write down costs, the table, and what follows."""
    tera, giga = 1e12, 2**30
    parts = 3 * VOXELS * costs.grid * costs.part_bytes / tera
    scratch, results = (VOXELS * each / tera for each in (costs.scratch_bytes, costs.result_bytes))
    read = 3 * VOXELS * costs.read / tera
    even = costs.blocks * costs.block_s / HOUR_S / costs.merge_h
    rate = read * tera / (costs.blocks * costs.block_s)
    return "\n".join(
        [
            f"{HEADING}\n",
            "Written by `python benchmarks/scaling.py --only volume`: what `mitoseg predict` takes for "
            f"10^13 voxels of {EDGE_NM:g} nm, that is 10 TB or a cube of 172 um, with the released model, "
            f"looked at along three axes. Costs are processor time, measured on {' x '.join(map(str, SMALL))} voxels "
            "of smoothed noise. A worker has one core. Nothing of this size was run.\n",
            "| cost | |",
            "|---|---|",
            f"| blocks | {costs.blocks:,} |",
            f"| a block | {costs.block_s:.0f} s |",
            f"| measuring the sections, a billion voxels | {1e9 * costs.section_s:,.0f} s |",
            f"| merging, numbering, measuring objects, writing, a billion voxels | {1e9 * costs.merge_s:,.0f} s |",
            f"| start of a worker, from nothing to its model | {costs.start_s:.1f} s |",
            f"| one task: scheduler, client and worker together | {1000 * costs.task_s:.2f} ms |",
            f"| memory of a worker | {costs.worker_bytes / giga:.1f} GiB, and some 0.3 GiB for a whole block |",
            "",
            *table,
            "",
            "Blocks take up to 20 % more or less than the mean. A failed worker starts again at once, and its block "
            "goes to another. Disks and networks are taken to keep up.\n",
            "What follows:\n",
            f"- **What breaks first is the merge.** It runs in one process and would take {costs.merge_h:,.0f} h. From "
            f"{even:,.0f} workers on it takes longer than all blocks. Below a tenth of a terabyte "
            f"({0.1 * costs.merge_h / 10:,.0f} h) it can be lived with; a volume of this size needs a merge that is "
            "shared out as well, or has to be predicted as some hundred volumes that overlap.",
            f"- **Next is the room on disk**: {parts:,.0f} TB for blocks, {scratch:,.0f} TB of scratch for the merge, "
            f"{results:,.0f} TB of results. Noise packs badly, so that blocks of tissue take less.",
            f"- **The scheduler** would be busy at {costs.block_s / costs.task_s:,.0f} workers. A failure costs half a "
            "block. So blocks need be neither larger nor smaller.",
            f"- **Memory**: a worker takes what the table says. The scheduler holds a few tasks a worker, for blocks "
            f"are handed out as they are needed. The merge keeps to `--memory`, beside {OBJECT_BYTES} bytes for each "
            f"object, counted from its arrays: {OBJECTS * OBJECT_BYTES / 1e9:.0f} GB for "
            f"{OBJECTS / 1e6:.0f} million, which is one a cubic micrometre.",
            f"- **Reading**: along each axis a voxel is read {costs.read:.1f} times, with what lies around blocks. "
            f"That is {read:,.0f} TB in all, {rate / 1e6:.1f} MB/s a worker.",
            f"- **Files**: {costs.blocks:,} blocks, a file each. The merge opens each once. A file system that lists a "
            "million files slowly feels it at each start of a job, which looks for the blocks that are missing.",
            "",
            measured,
            "",
        ]
    )
