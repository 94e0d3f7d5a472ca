"""Kill workers, jobs and the scheduler at random moments of a render, and see whether a byte of the result changes.

Each scenario must end with the bytes of an unbroken run on one machine, or in one line that says what to do.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dask_cluster import changed, dask
from machine import conditions
from mishaps import STOPS, Tally, dishonest, has_ended, last_line, play, said, started, table, wait_for_more, wait_until
from mitodata.errors import MitoError
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitogen.rendering.merging import merge_shards
from steps import write_page

PRESET = "blobs"
SHARDS = 3


@dataclass(frozen=True)
class Trial:
    """What is rendered, and how often something is killed.

    Attributes:
        folder: for all files.
        images: how many are rendered.
        kills: how many in each scenario.
        workers: of the cluster.
        longest_s: of the life of what is killed, once it has made a batch.
        rng: decides when and what.
        size: of the images, px.
    """

    folder: Path
    images: int
    kills: int
    workers: int
    longest_s: float
    rng: random.Random
    size: int

    @property
    def job(self) -> Job:
        """What is rendered."""
        return Job(load_recipe(PRESET), 0, (1, self.size, self.size))

    def command(self, output: Path, *more: str) -> list[str]:
        """A command that renders the same."""
        program = "import sys; sys.argv[0] = 'mitogen'; from mitogen.cli.main import main; main()"
        job = ["--preset", PRESET, "--size", str(self.size), "-n", str(self.images), "--workers", "1"]
        return [sys.executable, "-c", program, "render", *job, "-o", str(output), *more]


def finish(tally: Tally, output: Path, whole: Path) -> Tally:
    """Compare what came of it, and look for what was left lying about."""
    tally.same = output.exists() and output.read_bytes() == whole.read_bytes()
    left = [path.name for path in output.parent.glob(f".{output.name}*")] + [
        path.name for path in output.parent.glob(f"{output.name}.parts")
    ]
    tally.problems += [f"{name} was left" for name in left]
    return tally


def workers_killed(trial: Trial, whole: Path) -> Tally:
    """Workers of a cluster are killed, and others started in their place."""
    tally, output = Tally("a worker of a Dask cluster is killed"), trial.folder / "cluster.h5"
    failures: list[str] = []

    def render(address: str) -> None:
        while not output.exists():  # one batch may be hit four times, which Dask does not forgive: the command goes on
            try:
                render_dataset(trial.job, output, trial.images, address, progress=False)
            except MitoError as error:
                failures.append(str(error))

    with dask(trial.folder, trial.workers) as cluster:
        rendering = threading.Thread(target=render, args=(cluster.address,), daemon=True)
        rendering.start()
        while rendering.is_alive() and tally.events < trial.kills:
            wait_for_more(partial(batches_there, output), lambda: not rendering.is_alive())
            time.sleep(trial.rng.uniform(0, trial.longest_s))
            if rendering.is_alive():
                place = trial.rng.randrange(trial.workers)
                cluster.workers[place].kill()
                cluster.workers[place].wait()
                cluster.workers[place] = cluster.start_worker()
                tally.events += 1
        rendering.join()
    tally.lines = failures
    return finish(tally, output, whole)


def shards_killed(trial: Trial, whole: Path) -> Tally:
    """Jobs that render shards are killed or told to stop, and started again."""
    tally = Tally("a job of `--shard` is killed (SIGKILL) or stopped (SIGTERM)")
    paths = [trial.folder / f"shard-{number}.h5" for number in range(1, SHARDS + 1)]
    for number, path in enumerate(paths, 1):
        command = trial.command(path, "--shard", f"{number}/{SHARDS}")
        for _ in range(-(-trial.kills // SHARDS)):
            process = started(command)
            wait_for_more(partial(batches_there, path), partial(has_ended, process))
            time.sleep(trial.rng.uniform(0, trial.longest_s))
            stop = trial.rng.choice(STOPS)
            process.send_signal(stop)
            line = last_line(process)
            if process.returncode in (-signal.SIGKILL, 130):
                tally.events += 1
            elif process.returncode or "Traceback" in line:
                tally.problems.append(f"{stop.name}: exit code {process.returncode}: {line}")
            # "stopped" alone: it had ended already, but for its good-bye.
            if process.returncode == 130 and line != "stopped" and "the same command continues" not in line:
                tally.problems.append(line)
            if path.exists():
                break
        if not path.exists() and (line := last_line(process := started(command))) and process.returncode:
            tally.problems.append(line)
    output = trial.folder / "merged.h5"
    merge_shards(paths, output, progress=False)
    return finish(tally, output, whole)


def two_jobs(trial: Trial, whole: Path) -> Tally:
    """Two jobs render the same file at the same time."""
    tally, output = Tally("two jobs render one file"), trial.folder / "twice.h5"
    processes = [started(trial.command(output)) for _ in range(2)]
    lines = [last_line(process) for process in processes]
    tally.events = 1
    for process, line in zip(processes, lines, strict=True):
        if process.returncode:
            tally.lines.append(line)
            tally.problems += [] if process.returncode == 2 and line.startswith("Error: ") else [line]
    if not output.exists():
        tally.problems.append("neither finished")
    return finish(tally, output, whole)


def scheduler_killed(trial: Trial, whole: Path) -> Tally:
    """The scheduler is killed; another one is started, and the command given again."""
    tally, output = Tally("the scheduler is killed, and started again"), trial.folder / "scheduler.h5"
    with dask(trial.folder, 1) as cluster:
        process = started(trial.command(output, "--scheduler", cluster.address))
        wait_until(lambda: at_work(output) or process.poll() is not None)
        cluster.scheduler.kill()
        tally.events = 1
        line = last_line(process)
        tally.lines.append(line)
        tally.problems += dishonest(process, line) if process.returncode else [line]
    with dask(trial.folder, 1) as cluster:
        process = started(trial.command(output, "--scheduler", cluster.address))
        line = last_line(process)
        if process.returncode:
            tally.problems.append(line)
    return finish(tally, output, whole)


def worker_deaf(trial: Trial, whole: Path) -> Tally:
    """A worker stops answering (SIGSTOP), and never ends; with a `worker-ttl` of seconds, for five minutes are long."""
    tally, output = Tally("a worker of a Dask cluster stops answering (SIGSTOP)"), trial.folder / "deaf.h5"
    with changed("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "10s"), dask(trial.folder, 2) as cluster:
        process = started(trial.command(output, "--scheduler", cluster.address))
        wait_until(lambda: at_work(output) or process.poll() is not None)
        cluster.workers[0].send_signal(signal.SIGSTOP)
        tally.events = int(process.poll() is None)
        line = last_line(process)
        tally.problems += [line] if process.returncode else []
    return finish(tally, output, whole)


def workers_told(trial: Trial, whole: Path) -> Tally:
    """Workers are told to stop (SIGTERM), as a queue does before it kills them, and others started in their place."""
    tally, output = Tally("a worker of a Dask cluster is told to stop (SIGTERM)"), trial.folder / "told.h5"
    with dask(trial.folder, trial.workers) as cluster:
        command = trial.command(output, "--scheduler", cluster.address)

        def again(ended: "subprocess.Popen[str]") -> "subprocess.Popen[str]":
            line = last_line(ended)
            tally.lines.append(line)
            tally.problems += dishonest(ended, line)
            return started(command)

        process = started(command)
        wait_until(lambda: at_work(output) or process.poll() is not None)
        while tally.events < trial.kills and not output.exists():
            if process.poll() is not None:  # one batch was hit four times
                process = again(process)
            place = trial.rng.randrange(trial.workers)
            tally.problems += cluster.tell(place)
            cluster.workers[place] = cluster.start_worker()
            tally.events += 1
            time.sleep(trial.rng.uniform(0, trial.longest_s))
        while process.wait() and not tally.problems:
            process = again(process)
    return finish(tally, output, whole)


def batches_there(output: Path) -> int:
    """How many batches are written; 0 once they are put together."""
    return len(list(output.with_name(output.name + ".parts").glob("[0-9]*.h5")))


def at_work(output: Path) -> bool:
    """Whether a first batch is there."""
    return batches_there(output) > 0


SCENARIOS = {
    "workers": workers_killed,
    "shards": shards_killed,
    "twice": two_jobs,
    "scheduler": scheduler_killed,
    "deaf": worker_deaf,
    "told": workers_told,
}


def given(arguments: argparse.Namespace) -> str:
    """The options of this run, as they are given."""
    shown = ("images", "size", "kills", "workers", "longest")
    return " ".join(f"--{name} {getattr(arguments, name):g}" for name in shown)


def page(tallies: Sequence[Tally], arguments: argparse.Namespace, minutes: float) -> str:
    """Write down what came of it."""
    return "\n".join(
        [
            "# Renders that are killed\n",
            f"Written by `python benchmarks/kill_render.py {given(arguments)}`: {arguments.images} images of the "
            f"preset `{PRESET}`, {arguments.size} x {arguments.size} px, are rendered while something is killed, at "
            f"most {arguments.longest:g} s after another batch of 8 was there. Then the same command is given again "
            "where it did not end by itself. The result is compared with an unbroken run of one process. A problem is "
            "a traceback, an exit code that is not honest, or a file left behind.\n",
            *table(tallies),
            "",
            *said(tallies),
            f"It took {minutes:.0f} min on a cluster of {arguments.workers} workers. {conditions(arguments.seed)}",
            "",
        ]
    )


def main() -> None:
    """Kill, compare, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=256, help="of images, px")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--longest", type=float, default=2.0, help="longest life, s")
    parser.add_argument("--only", choices=SCENARIOS, help="only this scenario; writes no page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/kill-render.md"))
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        rng = random.Random(arguments.seed)
        folder = Path(name)
        trial = Trial(
            folder, arguments.images, arguments.kills, arguments.workers, arguments.longest, rng, arguments.size
        )
        whole = folder / "whole.h5"
        render_dataset(trial.job, whole, arguments.images, 1, progress=False)
        scenarios = [partial(run, trial, whole) for each, run in SCENARIOS.items() if arguments.only in (None, each)]
        tallies = play(scenarios, folder)
    if arguments.only is None:
        write_page(arguments.output, page(tallies, arguments, (time.monotonic() - begun) / 60))
    sys.exit(any(tally.problems or not tally.same for tally in tallies))


if __name__ == "__main__":
    main()
