"""How many tasks a Dask scheduler hands out in a second, and what two workers lose to it.

Writes its section of docs/results/scaling.md. A task of a given length sleeps, so that other work on the machine counts
as little as it may: what is measured is what scheduler, client and workers add.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dask_cluster import dask
from machine import conditions
from mitodata.cluster.workers import ClusterWorkers
from mitogen.rendering.versions import versions
from steps import write_page

HEADING = "## Tasks a second"
WORKERS = 2
AHEAD = 4
"""Tasks a worker that are submitted ahead, as rendering and prediction do."""


@dataclass(frozen=True)
class Kind:
    """Tasks of one length.

    Attributes:
        name: what they stand for.
        seconds: that each sleeps.
        count: how many.
    """

    name: str
    seconds: float
    count: int


KINDS = (
    Kind("nothing", 0.0, 500),
    Kind("an image of 61 ms", 0.061, 200),
    Kind("a batch of 8 images", 0.49, 40),
    Kind("a small block", 5.0, 6),
)


def sleep(_: int, seconds: float) -> int:
    """Take so long; who did is told by the number of its process."""
    time.sleep(seconds)
    return os.getpid()


def measure(workers: ClusterWorkers[int], kind: Kind) -> float:
    """Seconds until all tasks of a kind are done, a few submitted ahead."""
    begun = time.monotonic()
    rest = iter(range(kind.count))
    ahead = [workers.submit(sleep, kind.seconds) for _ in zip(range(AHEAD * WORKERS), rest, strict=False)]
    while ahead:
        workers.result(ahead.pop(0))
        for _ in zip(range(1), rest, strict=False):
            ahead.append(workers.submit(sleep, kind.seconds))
    return time.monotonic() - begun


def rows(workers: ClusterWorkers[int]) -> Iterator[str]:
    """The table, a line at a time."""
    yield "| a task stands for | it takes | tasks | tasks a second | efficiency |"
    yield "|---|---|---|---|---|"
    for kind in KINDS:
        taken_s = measure(workers, kind)
        share = kind.seconds * kind.count / WORKERS / taken_s
        print(kind, taken_s, flush=True)
        yield (
            f"| {kind.name} | {1000 * kind.seconds:.0f} ms | {kind.count} | {kind.count / taken_s:,.1f} "
            f"| {f'{share:.2f}' if kind.seconds else '-'} |"
        )


def section(table: Sequence[str], load: float, seed: int) -> str:
    """Write down the table, and how it was measured."""
    return "\n".join(
        [
            f"{HEADING}\n",
            "Written by `python benchmarks/scaling_tasks.py`: a scheduler, a client and two workers, each a process of "
            "its own, over TCP. Tasks sleep for as long as the work would take. Efficiency is that time, shared by two "
            "workers, over the time until all are done. A block of a volume takes a minute or more.\n",
            *table,
            "",
            "The tasks a second above are computed from processor time. These here are by the clock, of a machine that "
            "does other work as well.\n",
            f"The machine had a load of {load:.1f} on {os.cpu_count()} cores. {conditions(seed)}",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("docs/results/scaling.md"))
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        dask(Path(name), WORKERS) as cluster,
        ClusterWorkers(0, cluster.address, versions) as workers,
    ):
        while len({future.result() for future in [workers.submit(sleep, 0.1) for _ in range(8)]}) < WORKERS:
            time.sleep(0.1)
        load, _, _ = os.getloadavg()
        table = list(rows(workers))
    before = arguments.output.read_text(encoding="utf-8")
    write_page(arguments.output, f"{before.partition(HEADING)[0].rstrip()}\n\n{section(table, load, 0)}")


if __name__ == "__main__":
    main()
