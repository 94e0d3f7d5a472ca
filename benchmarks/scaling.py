"""What a million images, and a volume of ten terabytes, take on 1 to 1,000 workers: on paper, and simulated.

Costs are measured here, as processor time, so that other work on the machine does not count.
"""

import argparse
import heapq
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from math import ceil
from pathlib import Path

from machine import conditions
from mitodata.cluster.workers import ClusterWorkers
from mitodata.hdf5.dataset import Dataset, write_dataset
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.batches import Batches
from mitogen.rendering.job import Job
from mitogen.rendering.versions import versions
from scaling_tasks import HEADING as TASKS
from scaling_volume import HEADING, section
from scaling_volume import measure as measure_volume
from scaling_volume import rows as volume_rows
from steps import write_page

SHAPE = (1, 256, 256)
WORKERS = (1, 2, 10, 30, 100, 300, 1000)
HOUR_S = 3600.0
EMPTY_TASKS, JOINED = 200, 200
"""Tasks and images with which the costs of one are measured."""

REQUEUE_S = 60.0
"""Seconds until a job array starts a killed job again."""


@dataclass(frozen=True)
class Costs:
    """What the parts of a rendering take.

    Attributes:
        image_s: one image on a worker.
        batch: images in a batch.
        start_s: a worker from nothing to its first image.
        task_s: one task, for scheduler, client and worker together; an upper bound for each.
        join_s: reading one image of a batch and writing it into the file.
        image_bytes: one image in a file.
    """

    image_s: float
    batch: int
    start_s: float
    task_s: float
    join_s: float
    image_bytes: float

    @property
    def batch_s(self) -> float:
        """One batch on a worker."""
        return self.batch * self.image_s


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Attributes:
        images: how many.
        workers: how many, each with one core.
        mtbf_h: mean hours between failures of a worker; infinite for none.
    """

    images: int
    workers: int
    mtbf_h: float


@contextmanager
def processor_time() -> Iterator[list[float]]:
    """Seconds of processor time that a block takes, in the list once it has ended."""
    spent: list[float] = []
    before = time.process_time()
    yield spent
    spent.append(time.process_time() - before)


def measure(images: int, folder: Path) -> Costs:
    """Render some images, join them, and send empty tasks to a cluster."""
    with processor_time() as start:
        job = Job(load_recipe("mito"), 0, SHAPE)
        first = next(job.samples([0]))
    with processor_time() as rendering:
        samples = [first, *job.samples(range(1, images + 1))]
    provenance = job.provenance(range(JOINED))
    write_dataset(folder / "shard.h5", islice(cycle(samples), JOINED), provenance)
    with processor_time() as joining, Dataset(folder / "shard.h5", cache_bytes=0) as shard:
        write_dataset(folder / "joined.h5", shard, provenance)
    size = (folder / "shard.h5").stat().st_size / JOINED
    step = len(next(Batches(folder, range(10**6), SHAPE).ranges()))
    return Costs(rendering[0] / images, step, start[0], measure_task(), joining[0] / JOINED, size)


def measure_task() -> float:
    """Processor time of an empty task, on a cluster within this process."""
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        ClusterWorkers(0, cluster.scheduler_address, versions) as workers,
    ):
        workers.submit(max, 1).result()
        with processor_time() as spent:
            for future in [workers.submit(max, number) for number in range(EMPTY_TASKS)]:
                future.result()
    return spent[0] / EMPTY_TASKS


def loss(costs: Costs, plan: Plan, again_s: float) -> float:
    """Factor by which failures make a worker slower: each costs half a batch and a new start."""
    return 1 + (costs.batch_s / 2 + costs.start_s + again_s) / (plan.mtbf_h * HOUR_S)


def scheduler_on_paper(costs: Costs, plan: Plan) -> tuple[float, str]:
    """Seconds with `--scheduler`, and what limits: the slowest of three that work side by side."""
    limits = {
        "workers": plan.images * costs.image_s * loss(costs, plan, 0) / plan.workers,
        "scheduler": plan.images / costs.batch * costs.task_s,
        "joining": plan.images * costs.join_s,
    }
    slowest = max(limits, key=lambda name: limits[name])
    return costs.start_s + costs.batch_s + limits[slowest], slowest


def shards_on_paper(costs: Costs, plan: Plan) -> tuple[float, str]:
    """Seconds with `--shard`, a shard a worker, and what limits: all shards join while they render, then one joins."""
    own = ceil(plan.images / plan.workers) * (costs.image_s + costs.join_s) * loss(costs, plan, REQUEUE_S)
    merge = plan.images * costs.join_s
    return costs.start_s + own + merge, "workers" if own > merge else "joining"


def simulate_scheduler(costs: Costs, plan: Plan, rng: random.Random) -> float:
    """Seconds with `--scheduler`: workers take batches one by one, the client joins them in order."""
    batches = ceil(plan.images / costs.batch)
    # Per worker: when it is free, and when it fails next.
    workers = [(costs.start_s, failure(0.0, plan, rng), number) for number in range(plan.workers)]
    heapq.heapify(workers)
    waiting = list(range(batches - 1, -1, -1))  # the next one last
    finished: list[float] = [0.0] * batches
    scheduler_s = joined_s = 0.0
    joined = 0
    while waiting:
        free_s, fails_s, number = heapq.heappop(workers)
        batch = waiting.pop()
        scheduler_s = max(scheduler_s, free_s) + costs.task_s
        ends_s = scheduler_s + costs.batch_s * rng.uniform(0.8, 1.2)
        if fails_s < ends_s:  # the batch is lost, the worker starts anew
            waiting.append(batch)
            again_s = max(fails_s, free_s) + costs.start_s
            heapq.heappush(workers, (again_s, failure(again_s, plan, rng), number))
            continue
        finished[batch] = ends_s
        heapq.heappush(workers, (ends_s, fails_s, number))
        while joined < batch and finished[joined]:
            joined_s = max(joined_s, finished[joined]) + costs.batch * costs.join_s
            joined += 1
    for ends_s in finished[joined:]:
        joined_s = max(joined_s, ends_s) + costs.batch * costs.join_s
    return joined_s


def simulate_shards(costs: Costs, plan: Plan, rng: random.Random) -> float:
    """Seconds with `--shard`: a shard a worker, continued from its last batch after a failure; then one merge."""
    batch_s = costs.batch * (costs.image_s + costs.join_s)
    slowest_s = 0.0
    for number in range(plan.workers):
        images = (number + 1) * plan.images // plan.workers - number * plan.images // plan.workers
        now_s, fails_s = costs.start_s, failure(0.0, plan, rng)
        left = ceil(images / costs.batch)
        while left:
            ends_s = now_s + batch_s * rng.uniform(0.8, 1.2)
            if fails_s < ends_s:
                now_s = fails_s + REQUEUE_S + costs.start_s
                fails_s = failure(now_s, plan, rng)
                continue
            now_s, left = ends_s, left - 1
        slowest_s = max(slowest_s, now_s)
    return slowest_s + plan.images * costs.join_s


def failure(now_s: float, plan: Plan, rng: random.Random) -> float:
    """When a worker fails next."""
    return now_s + (rng.expovariate(1 / (plan.mtbf_h * HOUR_S)) if plan.mtbf_h < float("inf") else float("inf"))


def rows(costs: Costs, images: int, mtbf_h: Sequence[float], seed: int) -> Iterator[str]:
    """The table, a line at a time."""
    yield (
        "| workers | hours between failures | scheduler: on paper | simulated | limit "
        "| shards: on paper | simulated | limit |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for mean_h in mtbf_h:
        for workers in WORKERS:
            plan, rng = Plan(images, workers, mean_h), random.Random(seed)
            one, one_limit = scheduler_on_paper(costs, plan)
            other, other_limit = shards_on_paper(costs, plan)
            found = simulate_scheduler(costs, plan, rng) / HOUR_S, simulate_shards(costs, plan, rng) / HOUR_S
            between = "none" if mean_h == float("inf") else f"{mean_h:g}"
            yield (
                f"| {workers} | {between} | {one / HOUR_S:.2f} h | {found[0]:.2f} h | {one_limit} "
                f"| {other / HOUR_S:.2f} h | {found[1]:.2f} h | {other_limit} |"
            )


def page(costs: Costs, images: int, table: Sequence[str], seed: int) -> str:
    """Write down costs, the table, and what follows."""
    gigabytes = images * costs.image_bytes / 2**30
    full = costs.image_s / costs.join_s
    by_scheduler = costs.batch_s / costs.task_s
    return "\n".join(
        [
            "# A million images, and ten terabytes\n",
            f"Written by `python benchmarks/scaling.py`: what {images:,} images of the preset `mito`, {SHAPE[1]} x "
            f"{SHAPE[2]} px, take on 1 to {max(WORKERS):,} workers of one core each. The costs below are measured, as "
            "processor time. The hours are computed from them, on paper and in a simulation of every batch, with "
            "workers that fail at random. Nothing here was run on a cluster.\n",
            "| cost | |",
            "|---|---|",
            f"| one image on a worker | {1000 * costs.image_s:.1f} ms |",
            f"| a batch of {costs.batch} images | {costs.batch_s:.2f} s |",
            f"| start of a worker, compiled code in the cache | {costs.start_s:.1f} s |",
            f"| one task: scheduler, client and worker together | {1000 * costs.task_s:.2f} ms |",
            f"| reading an image of a batch or shard and writing it into the file | {1000 * costs.join_s:.2f} ms |",
            f"| one image in a file | {costs.image_bytes / 1000:.0f} kB |",
            "",
            *table,
            "",
            "With the scheduler, a failed worker starts again at once, and its batch goes to another. A shard is a job "
            f"of its own, which its queue starts again {REQUEUE_S:.0f} s after a failure; it goes on from its last "
            "batch. Images take up to 20 % more or less than the mean. Disks and networks are taken to keep up.\n",
            "What follows:\n",
            "- **What breaks first is joining**: one process puts all images into one file, at "
            f"{1 / costs.join_s:,.0f} images a second. From {full:,.0f} workers on, more of them bring nothing with "
            "`--scheduler`.",
            f"- The scheduler would be next: at {1 / costs.task_s:,.0f} tasks a second it keeps {by_scheduler:,.0f} "
            "workers busy. Batches need not be larger.",
            "- Shards join in parallel first and once more in the merge. A merge takes "
            f"{images * costs.join_s / 60:.0f} min whatever the number of workers; training can also read the shards "
            "as they are (`mitoseg fit shard-*.h5`), without a merge.",
            f"- The file is {gigabytes:.0f} GiB. Each image is written and read twice: as part of a batch and of the "
            "file. A merge does it a third time. Keep three times the file free.",
            "- A failure costs half a batch and a start. Even a failure per worker every two hours costs less than "
            f"{100 * (loss(costs, Plan(images, 1, 2.0), REQUEUE_S) - 1):.1f} %.",
            "",
            conditions(seed),
            "",
        ]
    )


def main() -> None:
    """Measure, compute, simulate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--measured", type=int, default=32, help="images that are rendered to measure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("images", "volume"), help="write only this part of the page")
    parser.add_argument("--output", type=Path, default=Path("docs/results/scaling.md"))
    arguments = parser.parse_args()
    before = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    before, tasks, table_of_tasks = before.partition(TASKS)
    first, heading, second = before.partition(HEADING)
    last = heading + second
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "volume":
            costs = measure(arguments.measured, Path(folder))
            print(costs, flush=True)
            table = list(rows(costs, arguments.images, (float("inf"), 100.0, 2.0), arguments.seed))
            first = page(costs, arguments.images, table, arguments.seed)
        if arguments.only != "images":
            large = measure_volume(Path(folder), measure_task(), arguments.seed)
            print(large, flush=True)
            last = section(large, list(volume_rows(large, arguments.seed)), conditions(arguments.seed))
    parts = (first, last, tasks + table_of_tasks)
    write_page(arguments.output, "\n\n".join(part.strip() for part in parts if part.strip()) + "\n")


if __name__ == "__main__":
    main()
