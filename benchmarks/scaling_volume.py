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
from numpy.typing import NDArray

from mitodata.export.regions import REGION as WRITTEN
from mitodata.readers.source import Source
from mitoseg.inference.blockwise import unite
from mitoseg.inference.measure import ROW, measured_edges, table_text, tabulate
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.parts.division import part_arrays, piece_of
from mitoseg.inference.parts.job import Job
from mitoseg.inference.parts.objects import GROUP, REGION
from mitoseg.inference.parts.shards import begin
from mitoseg.inference.parts.tasks import MEASURED, Merge
from mitoseg.inference.parts.work import Work
from mitoseg.inference.predictor import plan_prediction
from mitoseg.inference.segment_image import make_options
from mitoseg.io.blocks import Layer, count_blocks

VOXELS = 10**13
EDGE_NM = 8.0
WORKERS = (1, 10, 100, 300, 1000)
FAILURES_H = (float("inf"), 100.0, 2.0)
HOUR_S = 3600.0
HEADING = "## Ten terabytes"
OBJECT_BYTES = 900
"""Memory for an object where all are put together, counted from arrays: sums, table and text, and links of pieces."""

OBJECTS = 5e6
"""In ten terabytes, if a cubic micrometre holds one."""

OBJECT_PX = 125
"""Edge of an object of a cubic micrometre."""

SMALL = (104, 192, 192)
"""Voxels (z, y, x) of the volume with which costs are measured: just large enough for three axes."""

MERGED = (64, 512, 512)
"""... and of the one that is merged: a region in which pieces are found."""

COVERED = 0.1
"""Share of foreground in it, before the weaker pieces are dropped."""

BLOB_PX = 10.0
"""Sigma of its noise, on the grid of the network: pieces are half a micrometre wide."""

COUNTED = 10**5
"""Objects with which is measured what one process does with them."""


@dataclass(frozen=True)
class VolumeCosts:
    """What the parts of a prediction take, as processor time of one core, along three axes.

    Attributes:
        start_s: a worker from nothing to its model.
        section_s: measuring the sections, a voxel of the volume.
        predict_s: predicting, a voxel of the network's grid and of one axis.
        merge_s: merging, measuring and writing all results, a voxel of the volume; shared out.
        single_s: what one process does of the merge: uniting and numbering all pieces, and the table.
        task_s: one task, for scheduler, client and worker together.
        grid: voxels of the network's grid, and of one axis, in a voxel of the volume.
        part_bytes: of a block's file, a voxel of the network's grid.
        result_bytes: of all results, a voxel of the volume.
        scratch_bytes: of what the merge keeps until its end beside results, a voxel of the volume.
        blocks: of the large volume, of all three axes.
        tasks: of its merge.
        read: how often a voxel of it is read for each axis, with what lies around blocks.
        worker_bytes: memory of a worker at its peak, with a small block.
    """

    start_s: float
    section_s: float
    predict_s: float
    merge_s: float
    single_s: float
    task_s: float
    grid: float
    part_bytes: float
    result_bytes: float
    scratch_bytes: float
    blocks: int
    tasks: int
    read: float
    worker_bytes: float

    @property
    def block_s(self) -> float:
        """The mean block on a worker."""
        return 3 * VOXELS * self.grid * self.predict_s / self.blocks

    def merge_h(self, workers: int) -> float:
        """Hours of the merge, on workers of one core: what they share, at most as fast as tasks come, and the rest."""
        return (max(VOXELS * self.merge_s / workers, self.tasks * self.task_s) + self.single_s) / HOUR_S


def measure(folder: Path, task_s: float, seed: int) -> VolumeCosts:
    """Predict a small volume as one share, and merge another one."""
    start_s = measure_start()
    model = load_model(None, "cpu")
    job = begin_volume(folder, "small", SMALL, model, seed)
    work = Work(job, model)
    started = time.process_time()
    for places in work.ranges:
        work.measure(places)
    measured = time.process_time()
    for block in work.blocks:
        work.predict(block)
    predicted = time.process_time()
    worker_bytes = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blocks, read = plan_large(model)
    voxels, seen = prod(SMALL), sum(prod(array.shape[1:]) for array in work.arrays)
    merge_s, result_bytes, scratch_bytes = measure_merge(folder, model, seed)
    return VolumeCosts(
        start_s=start_s,
        section_s=(measured - started) / voxels,
        predict_s=(predicted - measured) / seen,
        merge_s=merge_s,
        single_s=measure_single(seed),
        task_s=task_s,
        grid=seen / 3 / voxels,
        part_bytes=size_of(job.folder) / seen,
        result_bytes=result_bytes,
        scratch_bytes=scratch_bytes,
        blocks=blocks,
        tasks=count_tasks(),
        read=read,
        worker_bytes=worker_bytes,
    )


def smooth_noise(shape: tuple[int, ...], rng: np.random.Generator, sigma: float = 3.0) -> NDArray[np.float32]:
    """Noise that is smooth over some voxels, 0 to 1."""
    noise = scipy.ndimage.gaussian_filter(rng.random(shape, np.float32), sigma)
    return np.interp(noise, (noise.min(), noise.max()), (0, 1)).astype(np.float32)


def begin_volume(folder: Path, name: str, shape: tuple[int, int, int], model: Model, seed: int) -> Job:
    """Write a volume of noise, and begin its prediction along three axes."""
    grey = (255 * smooth_noise(shape, np.random.default_rng(seed))).astype(np.uint8)
    tifffile.imwrite(folder / f"{name}.tif", grey, photometric="minisblack", metadata={"axes": "ZYX"})
    results = folder / name
    results.mkdir()
    options = make_options(voxel_size_nm=(EDGE_NM,) * 3, axes="zyx", format="zarr", memory="8G")
    job = begin(model, [folder / f"{name}.tif"], results, options)
    assert job is not None
    return job


def measure_merge(folder: Path, model: Model, seed: int) -> tuple[float, float, float]:
    """Merge a volume in which noise takes the place of what the network finds.

    Returns:
        Processor time; bytes of the results, and of what is kept until the end; all for a voxel.
    """
    job = begin_volume(folder, "merged", MERGED, model, seed)
    work, rng = Work(job, model), np.random.default_rng(seed)
    for places in work.ranges:
        work.measure(places)
    noise = smooth_noise(work.plan.shape, rng, BLOB_PX)
    least, threshold = np.quantile(noise[::4, ::4, ::4], 1 - COVERED), work.decoding.threshold
    found = (threshold + (noise - least) / (1 - least) * (1 - threshold)).clip(0, 1).astype(np.float32)
    for array in work.arrays:
        for block in array.blocks():
            array.write(block, np.broadcast_to(found[block], (array.shape[0], *found[block].shape)))
    started = time.process_time()
    merge = Merge(work)
    for stage in merge.stages:
        for number in stage.missing():
            stage.do(number)
    spent_s = time.process_time() - started
    results = sum(size_of(path) for path in merge.zarr.values())
    voxels = prod(MERGED)
    return spent_s / voxels, results / voxels, (size_of(job.folder / "merge") - results) / voxels


def across(edges: Sequence[int]) -> float:
    """In how many blocks an object lies, in the mean."""
    return prod(1 + OBJECT_PX / edge for edge in edges)


def measure_single(seed: int) -> float:
    """What one process does with all objects: seconds, from fewer of them."""
    rng, edge = np.random.default_rng(seed), round(VOXELS ** (1 / 3))
    pieces = round(COUNTED * across(REGION))
    links = np.stack([np.arange(1, pieces), rng.integers(1, pieces, pieces - 1)], axis=1)
    sizes = rng.integers(1, 10**6, pieces + 1)
    started = time.process_time()
    unite(links, sizes, sizes, rng.permutation(pieces + 1), 1)
    united = time.process_time()
    rows = rng.random((round(COUNTED * across(measured_edges((edge, edge, edge)))), ROW))
    rows[:, 0] = rng.integers(1, COUNTED + 1, len(rows))
    labels = Layer("instances", (edge,) * 3, np.dtype(np.uint32), (EDGE_NM,) * 3, lambda _: np.zeros((1, 1, 1)))
    table_text(tabulate(np.array_split(rows, 100), labels, COUNTED))
    return (united - started + time.process_time() - united) * OBJECTS / COUNTED


def count_tasks() -> int:
    """Tasks of the merge of the large volume."""
    shape = (round(VOXELS ** (1 / 3)),) * 3
    regions, measured = count_blocks(shape, REGION), count_blocks(shape, measured_edges(shape))
    return regions + regions // GROUP + measured // MEASURED + count_blocks(shape, WRITTEN) * 64 // 63


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
    yield "| workers | hours between failures | blocks, on paper | simulated | limit | merge | both |"
    yield "|---|---|---|---|---|---|---|"
    for failures_h in FAILURES_H:
        for workers in WORKERS:
            paper_h, limit = on_paper(costs, workers, failures_h)
            found_h = simulate(costs, workers, failures_h, random.Random(seed))
            between = "none" if failures_h == float("inf") else f"{failures_h:g}"
            merge_h = costs.merge_h(workers)
            hours = f"{paper_h:,.1f} h | {found_h:,.1f} h | {limit} | {merge_h:,.1f} h | {found_h + merge_h:,.1f} h"
            yield f"| {workers:,} | {between} | {hours} |"


def section(costs: VolumeCosts, table: Sequence[str], measured: str) -> str:
    """Write down costs, the table, and what follows."""
    tera, giga = 1e12, 2**30
    parts = 3 * VOXELS * costs.grid * costs.part_bytes / tera
    scratch, results = (VOXELS * each / tera for each in (costs.scratch_bytes, costs.result_bytes))
    read = 3 * VOXELS * costs.read / tera
    even = (costs.blocks * costs.block_s + VOXELS * costs.merge_s) / costs.single_s
    task_s, fastest_h = VOXELS * costs.merge_s / costs.tasks, costs.tasks * costs.task_s / HOUR_S
    busy = task_s / costs.task_s
    rate = read * tera / (costs.blocks * costs.block_s)
    return "\n".join(
        [
            f"{HEADING}\n",
            "Written by `python benchmarks/scaling.py --only volume`: what `mitoseg predict` takes for "
            f"10^13 voxels of {EDGE_NM:g} nm, that is 10 TB or a cube of 172 um, with the released model, "
            f"looked at along three axes. Costs are processor time, measured on {' x '.join(map(str, SMALL))} voxels "
            f"of smoothed noise; those of the merge on {' x '.join(map(str, MERGED))} voxels, where noise with "
            f"{COVERED:.0%} of foreground takes the place of what the network finds. A worker has one core. Nothing of "
            "this size was run.\n",
            "| cost | |",
            "|---|---|",
            f"| blocks | {costs.blocks:,} |",
            f"| a block | {costs.block_s:.0f} s |",
            f"| measuring the sections, a billion voxels | {1e9 * costs.section_s:,.0f} s |",
            f"| merging, measuring objects, writing, a billion voxels | {1e9 * costs.merge_s:,.0f} s |",
            f"| tasks of the merge | {costs.tasks:,} |",
            f"| uniting and numbering all pieces, and the table, in one process | {costs.single_s:,.0f} s |",
            f"| start of a worker, from nothing to its model | {costs.start_s:.1f} s |",
            f"| one task: scheduler, client and worker together | {1000 * costs.task_s:.2f} ms |",
            f"| memory of a worker | {costs.worker_bytes / giga:.1f} GiB, and some 0.3 GiB for a whole block |",
            "",
            *table,
            "",
            "Blocks take up to 20 % more or less than the mean. A failed worker starts again at once, and its block "
            "goes to another. Disks and networks are taken to keep up.\n",
            "What follows:\n",
            f"- **What breaks first is the scheduler, in the merge**: a task takes {task_s:.1f} s, so that from "
            f"{busy:,.0f} workers on they wait for tasks. The merge then takes {fastest_h:.1f} h. "
            "Processes of `mitoseg merge` need no scheduler. Blocks would keep it busy at "
            f"{costs.block_s / costs.task_s:,.0f} workers. A failure costs half a block, so blocks need be neither "
            "larger nor smaller.",
            f"- **Next is the room on disk**: {parts:,.0f} TB for blocks, {scratch:,.0f} TB of what the merge keeps "
            f"until its end, {results:,.0f} TB of results. Noise packs badly, so that tissue takes less.",
            f"- **What one process does of the merge**, uniting the pieces of {OBJECTS / 1e6:.0f} million objects and "
            f"writing their table, takes {costs.single_s / HOUR_S:.2f} h. All else would take as long on {even:,.0f} "
            "workers. Before the merge was shared out, all of it was done by one process, and broke first.",
            f"- **Memory**: a worker takes what the table says. The scheduler holds a few tasks a worker, for blocks "
            f"are handed out as they are needed. The process that unites the pieces, and that which writes the table, "
            f"take {OBJECT_BYTES} bytes for each object, counted from arrays: {OBJECTS * OBJECT_BYTES / 1e9:.1f} GB "
            f"for {OBJECTS / 1e6:.0f} million, which is one a cubic micrometre.",
            f"- **Reading**: along each axis a voxel is read {costs.read:.1f} times, with what lies around blocks. "
            f"That is {read:,.0f} TB in all, {rate / 1e6:.1f} MB/s a worker.",
            f"- **Files**: {costs.blocks:,} blocks, a file each, and {costs.tasks:,} tasks of the merge with one or "
            "two more. A file system that lists a million files slowly feels it at each start of a job, which looks "
            "for the blocks that are missing.",
            "",
            measured,
            "",
        ]
    )
