"""Kill shards and workers of a cluster while they predict one volume, and see whether a byte of the results changes.

The volume is rendered, and mirrored until it is large enough. Unless a model is named, a tiny network has learnt its
sections by heart, so that starting what was killed takes most of the time. `large_volume.py` does so with a volume of
gigabytes, and with workers whose memory the system limits.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from dask_cluster import Cluster, changed, dask
from machine import conditions
from mishaps import STOPS, Tally, dishonest, has_ended, last_line, play, said, started, table, wait_for_more
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitodata.readers.inputs import open_sources
from mitodata.sample import Sample
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.image import render
from mitoseg.config.settings import make_config
from mitoseg.inference.model import load_model
from mitoseg.inference.parts import division
from mitoseg.inference.predictor import plan_prediction
from mitoseg.training.fit import fit
from steps import NOTES, write_page

SHARDS = 3
SCHEDULERS = 3
"""How often the scheduler is killed."""

TILE = (64, 256, 256)
CHUNK = (16, 256, 256)
VOXEL_NM = 8.0
BLOCK = "mitoseg.inference.parts.division"
MIRRORS = list(product((0, 1), repeat=3))
JOURNAL = "predictions.jsonl"
LARGE = "## A large volume"
"""Heading of what `large_volume.py` writes on the same page."""

STEPS = 200
SETTINGS = ("network=tiny", "working_voxel_nm=32", "patch_px=64", "batch=8", "learning_rate=0.02", "validations=2")
"""Of the fit; with coarse voxels, so that the network takes little of the time."""


@dataclass(frozen=True)
class Trial:
    """What is predicted, and how often something is killed.

    Attributes:
        folder: for all files.
        model: that predicts.
        blocks: values of maps in a block.
        kills: how many in each scenario.
        workers: of the cluster.
        longest_s: of the life of what is killed, once a block is there.
        rng: decides when and what.
        axes: across which the network looks.
        options: more of the prediction.
    """

    folder: Path
    model: str
    blocks: int
    kills: int
    workers: int
    longest_s: float
    rng: random.Random
    axes: str = "zyx"
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """A command of `mitoseg`, with blocks of the size of this trial."""
        program = f"import sys; sys.argv[0] = 'mitoseg'; import {BLOCK} as division; "
        program += f"division.BLOCK_VOXELS = {self.blocks}; from mitoseg.cli.main import main; main()"
        return [sys.executable, "-c", program, *arguments]

    def predict(self, output: Path, *more: str) -> list[str]:
        """The command that predicts the volume."""
        volume, size = str(self.folder / "volume.zarr"), f"{VOXEL_NM:g}"
        settings = ["--model", self.model, "--voxel-size", size, size, size, "--format", "zarr"]
        settings += ["--axes", self.axes, *self.options]
        return self.command("predict", volume, "-o", str(output), *settings, *more)


@cache
def render_tile() -> Sample:
    """Render the block of which volumes are made."""
    knobs = {f"section.{name}_nm": VOXEL_NM for name in ("spacing", "thickness", "pixel")}
    recipe = load_recipe("em3d").override(knobs, where="benchmark")
    return render(recipe, 0, 0, TILE, False)


def learn_block(folder: Path, steps: int) -> Path:
    """Fit a tiny network to the sections of the rendered block.

    Returns:
        The folder of the run.
    """
    tile = render_tile()
    assert tile.label is not None
    assert tile.mask is not None
    sections = [
        Sample(raw[None], tile.voxel_size_nm, label[None], mask[None], name=f"section {place}")
        for place, (raw, label, mask) in enumerate(zip(tile.raw, tile.label, tile.mask, strict=True))
    ]
    write_dataset(folder / "sections.h5", sections, Provenance(source="benchmark"))
    settings = make_config((*SETTINGS, "augment.enabled=false"), steps=steps)
    fit([folder / "sections.h5"], folder / "run", settings)
    return folder / "run"


def make_volume(path: Path, shape: tuple[int, int, int]) -> None:
    """Write a rendered volume that is mirrored at its ends again and again."""
    tile = render_tile().raw
    turned = {mirror: tile[tuple(slice(None, None, -1 if each else 1) for each in mirror)] for mirror in MIRRORS}
    edges = TILE
    array = zarr.create_array(path, shape=shape, chunks=CHUNK, dtype=np.uint8, dimension_names=("z", "y", "x"))
    for place in product(*(range(-(-length // edge)) for length, edge in zip(shape, edges, strict=True))):
        z, y, x = (slice(a * e, min(a * e + e, n)) for a, e, n in zip(place, edges, shape, strict=True))
        part: NDArray[np.uint8] = turned[(place[0] % 2, place[1] % 2, place[2] % 2)]
        array[z, y, x] = part[: z.stop - z.start, : y.stop - y.start, : x.stop - x.start]


def count_blocks(trial: Trial) -> int:
    """Into how many blocks the volume is cut."""
    source = next(open_sources(trial.folder / "volume.zarr", (VOXEL_NM, VOXEL_NM, VOXEL_NM)))
    plan = plan_prediction(load_model(trial.model), source, trial.axes)
    return len(division.list_blocks(division.part_arrays(plan, trial.folder)))


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of all files of results, by name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != JOURNAL]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def blocks_there(output: Path) -> int:
    """How many blocks are written."""
    return len(list(output.glob("volume.parts/?.zarr/c/0/*/*/[0-9]*")))


def finish(tally: Tally, output: Path, whole: dict[str, str]) -> Tally:
    """Compare what came of it, and look for what was left lying about."""
    tally.same = digest(output) == whole
    tally.problems += [f"{path.name} was left" for path in output.glob("*.parts")]
    tally.problems += [f"{path.name} was left" for path in output.glob(".*")]
    return tally


def shards_killed(trial: Trial, whole: dict[str, str]) -> Tally:
    """Jobs that predict shards are killed or told to stop, and started again; all run at the same time."""
    tally, output = Tally("a job of `--shard` is killed (SIGKILL) or stopped (SIGTERM)"), trial.folder / "shards"
    commands = [trial.predict(output, "--shard", f"{number}/{SHARDS}") for number in range(1, SHARDS + 1)]
    jobs = [started(command) for command in commands]
    while tally.events < trial.kills and any(job.poll() is None for job in jobs):
        wait_for_more(partial(blocks_there, output), lambda: all(map(has_ended, jobs)))
        time.sleep(trial.rng.uniform(0, trial.longest_s))
        place = trial.rng.randrange(SHARDS)
        if jobs[place].poll() is None:
            stop = trial.rng.choice(STOPS)
            jobs[place].send_signal(stop)
            line = last_line(jobs[place])
            tally.events += jobs[place].returncode in (-signal.SIGKILL, 130)
            if jobs[place].returncode == 130:
                tally.lines.append(line)
            jobs[place] = started(commands[place])
    for job in jobs:
        line = last_line(job)
        tally.problems += [line] if job.returncode else []
    join(trial, tally, output)
    return finish(tally, output, whole)


def join(trial: Trial, tally: Tally, output: Path) -> None:
    """Merge the parts; what is said of it must be nothing."""
    process = started(trial.command("merge", str(output / "volume.parts"), "--memory", "1G"))
    line = last_line(process)
    tally.problems += [line] if process.returncode else []


def workers_killed(trial: Trial, whole: dict[str, str]) -> Tally:
    """Workers of a cluster are killed, and others started in their place."""
    tally, output = Tally("a worker of a Dask cluster is killed"), trial.folder / "cluster"

    def kill(cluster: Cluster, place: int) -> None:
        cluster.workers[place].kill()
        cluster.workers[place].wait()

    return replace_workers(trial, tally, output, trial.kills, kill, whole)


def workers_told(trial: Trial, whole: dict[str, str]) -> Tally:
    """Workers are told to stop (SIGTERM), as a queue does before it kills them, and others started in their place."""
    tally, output = Tally("a worker of a Dask cluster is told to stop (SIGTERM)"), trial.folder / "told"

    def tell(cluster: Cluster, place: int) -> None:
        tally.problems += cluster.tell(place)

    return replace_workers(trial, tally, output, -(-trial.kills // 10), tell, whole)


def replace_workers(
    trial: Trial,
    tally: Tally,
    output: Path,
    most: int,
    end: Callable[[Cluster, int], None],
    whole: dict[str, str],
) -> Tally:
    """Let a cluster predict the volume; end one of its workers after another, and start others in their place."""
    with small_blocks(trial), dask(trial.folder, trial.workers) as cluster:
        command = trial.predict(output, "--scheduler", cluster.address)
        call = started(command)
        while tally.events < most and call.poll() is None:
            wait_for_block(call, output)
            time.sleep(trial.rng.uniform(0, trial.longest_s))
            if call.poll() is None:
                place = trial.rng.randrange(trial.workers)
                end(cluster, place)
                cluster.workers[place] = cluster.start_worker()
                tally.events += 1
        line = last_line(call)
        if call.returncode:  # one block may be hit four times, which Dask does not forgive: the command goes on
            tally.lines.append(line)
            line = last_line(again := started(command))
            tally.problems += [line] if again.returncode else []
    return finish(tally, output, whole)


def scheduler_killed(trial: Trial, whole: dict[str, str]) -> Tally:
    """The scheduler is killed; another one is started, and the command given again."""
    tally, output = Tally("the scheduler is killed, and started again"), trial.folder / "scheduler"
    with small_blocks(trial):
        for _ in range(SCHEDULERS):
            with dask(trial.folder, trial.workers) as cluster:
                call = started(trial.predict(output, "--scheduler", cluster.address))
                wait_for_block(call, output)
                time.sleep(trial.rng.uniform(0, trial.longest_s))
                cluster.scheduler.kill()
                line = last_line(call)
                tally.events += call.returncode != 0
                tally.lines += [line] if call.returncode else []
                tally.problems += dishonest(call, line)
        with dask(trial.folder, trial.workers) as cluster:
            line = last_line(call := started(trial.predict(output, "--scheduler", cluster.address)))
            tally.problems += [line] if call.returncode else []
    return finish(tally, output, whole)


def worker_deaf(trial: Trial, whole: dict[str, str]) -> Tally:
    """A worker stops answering (SIGSTOP), and never ends; with a `worker-ttl` of seconds, for five minutes are long."""
    tally, output = Tally("a worker of a Dask cluster stops answering (SIGSTOP)"), trial.folder / "deaf"
    with (
        small_blocks(trial),
        changed("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "10s"),
        dask(trial.folder, max(2, trial.workers)) as cluster,
    ):
        call = started(trial.predict(output, "--scheduler", cluster.address))
        wait_for_block(call, output)
        cluster.workers[0].send_signal(signal.SIGSTOP)
        tally.events = int(call.poll() is None)
        line = last_line(call)
        tally.problems += [line] if call.returncode else []
    return finish(tally, output, whole)


def wait_for_block(call: "subprocess.Popen[str]", output: Path) -> None:
    """Wait until another block is there, or the call has ended."""
    wait_for_more(partial(blocks_there, output), partial(has_ended, call))


@contextmanager
def small_blocks(trial: Trial) -> Iterator[None]:
    """Let workers that are started in this block cut the volume as the trial does."""
    preload = trial.folder / "preload.py"
    preload.write_text(f"import {BLOCK} as division\n\ndivision.BLOCK_VOXELS = {trial.blocks}\n")
    with changed("DASK_DISTRIBUTED__WORKER__PRELOAD", json.dumps([str(preload)])):
        yield


SCENARIOS = {
    "shards": shards_killed,
    "workers": workers_killed,
    "told": workers_told,
    "scheduler": scheduler_killed,
    "deaf": worker_deaf,
}


def given(arguments: argparse.Namespace) -> str:
    """The options of this run, as they are given."""
    shape = " ".join(map(str, arguments.shape))
    model = f" --model {arguments.model}" if arguments.model else ""
    shown = " ".join(f"--{name} {getattr(arguments, name)}" for name in ("axes", "kills", "workers", "longest"))
    return f"--shape {shape}{model} --block-voxels {arguments.block_voxels} {shown}"


def page(tallies: Sequence[Tally], arguments: argparse.Namespace, blocks: int, minutes: float) -> str:
    """Write down what came of it."""
    z, y, x = arguments.shape
    predictor = f"`{arguments.model}`" if arguments.model else "a tiny network that has learnt its sections by heart"
    across = {1: "one axis", 2: "two axes", 3: "three axes"}[len(arguments.axes)]
    return "\n".join(
        [
            "# Predictions that are killed\n",
            f"Written by `python benchmarks/predict_cluster.py {given(arguments)}`: a rendered volume of "
            f"{z} x {y} x {x} voxels is predicted by {predictor} across {across}, in {blocks} blocks, while something "
            f"is killed, at most {arguments.longest:g} s after another block was there. Then it is started again. All "
            "files of results are compared with those of an unbroken run of one process with "
            "one thread. A problem is a traceback, an exit code that is not honest, or a file left behind.\n",
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
    parser.add_argument("--shape", type=int, nargs=3, default=(64, 256, 320), metavar=("Z", "Y", "X"))
    parser.add_argument("--model", help="name of one, or a run  [default: a tiny network that learns the volume]")
    parser.add_argument("--axes", default="zyx")
    parser.add_argument("--block-voxels", type=int, default=2**18)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--longest", type=float, default=2.0, help="longest life, s")
    parser.add_argument("--only", choices=SCENARIOS, help="only this scenario; writes no page")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/kill-predict.md"))
    arguments = parser.parse_args()
    begun = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    division.BLOCK_VOXELS = arguments.block_voxels
    with tempfile.TemporaryDirectory() as name:
        rng = random.Random(arguments.seed)
        folder = Path(name)
        trial = Trial(
            folder,
            arguments.model or str(learn_block(folder, STEPS)),
            arguments.block_voxels,
            arguments.kills,
            arguments.workers,
            arguments.longest,
            rng,
            arguments.axes,
            () if arguments.model else ("--peak", "0"),  # a network that knows so little is never sure
        )
        make_volume(trial.folder / "volume.zarr", tuple(arguments.shape))
        subprocess.run(trial.predict(trial.folder / "whole"), check=True, stdout=subprocess.DEVNULL)
        whole, blocks = digest(trial.folder / "whole"), count_blocks(trial)
        scenarios = [partial(run, trial, whole) for each, run in SCENARIOS.items() if arguments.only in (None, each)]
        tallies = play(scenarios, folder)
    if arguments.only is None:
        before = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
        _, heading, large = before.partition(NOTES)[0].partition(LARGE)
        written = page(tallies, arguments, blocks, (time.monotonic() - begun) / 60)
        write_page(arguments.output, f"{written}\n{heading}{large}")
    sys.exit(any(tally.problems or not tally.same for tally in tallies))


if __name__ == "__main__":
    main()
