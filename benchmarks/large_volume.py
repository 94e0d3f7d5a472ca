"""Predict a large volume by two jobs of limited memory, kill each of them, and compare with an unbroken run.

The volume is a rendered block that is mirrored at its ends again and again. A tiny network has learnt the sections of
the block by heart, so that it finds what is there, fast. Limits are set by the system (RLIMIT_DATA): what asks for more
memory fails. Writes its section of docs/results/kill-predict.md.

    python benchmarks/large_volume.py --shape 256 2048 2048
"""

import argparse
import csv
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from scipy import ndimage

from kill_render import wait_until
from machine import conditions
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitodata.sample import Sample
from mitoseg.config.settings import make_config
from mitoseg.inference.parts import division
from mitoseg.inference.postprocess import Decoding
from mitoseg.training.fit import fit
from predict_cluster import Trial, blocks_there, digest, make_volume, render_tile
from steps import write_page

JOBS = 2
HEADING = "## A large volume"
SMALL = (64, 256, 320)
"""Voxels (z, y, x) of a volume that is labelled whole, in blocks of `SMALL_BLOCK` values."""

SMALL_BLOCK = 2**18
SETTINGS = ("network=tiny", "working_voxel_nm=32", "patch_px=64", "batch=8", "learning_rate=0.02", "validations=2")
"""Of the fit; with coarse voxels, so that the network takes little of the time."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        code: how; negative if it was killed.
        peak_bytes: most memory that it held.
        said: what it wrote on stderr last.
    """

    code: int
    peak_bytes: int
    said: str


@dataclass(frozen=True)
class Outcome:
    """What came of the large volume.

    Attributes:
        kills: how often a job was killed.
        same: whether all files are those of the unbroken run.
        jobs_bytes: most memory of a job that predicted.
        merge_bytes: of the merge.
        blocks: of the volume.
        objects: in its table.
        across: of them, in more than one block.
        seconds: of the unbroken run, of the two jobs with their kills, and of the merge.
    """

    kills: int
    same: bool
    jobs_bytes: int
    merge_bytes: int
    blocks: int
    objects: int
    across: int
    seconds: tuple[float, float, float]


class Limited:
    """A process with so much memory, whose peak is measured."""

    def __init__(self, command: Sequence[str], log: Path, limit_bytes: int) -> None:
        self._log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes)),
            )

    @property
    def at_work(self) -> bool:
        """Whether it has not ended; it is not reaped."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self) -> Ended:
        """Wait for its end."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return Ended(self.process.returncode, 1024 * usage.ru_maxrss, lines[-1] if lines else "")


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


def predict_killed(trial: Trial, limit_bytes: int, output: Path) -> tuple[int, int]:
    """Let two jobs predict the volume at the same time; kill each of them `trial.kills / 2` times, and start it again.

    Returns:
        How often one was killed, and the most memory that one held.
    """
    commands = [trial.predict(output, "--shard", f"{number}/{JOBS}") for number in range(1, JOBS + 1)]
    logs = [trial.folder / f"job-{number}.txt" for number in range(JOBS)]
    jobs = [Limited(command, log, limit_bytes) for command, log in zip(commands, logs, strict=True)]
    kills, peak = 0, 0
    for number in range(trial.kills):
        place = number % JOBS
        wait_for_block(jobs[place], output)
        time.sleep(trial.rng.uniform(0, trial.longest_s))
        os.kill(jobs[place].process.pid, signal.SIGKILL)  # `Popen.kill` would reap one that has ended by itself
        ended = jobs[place].end()
        if ended.code > 0:
            raise SystemExit(f"exit code {ended.code}: {ended.said}")
        kills, peak = kills + (ended.code == -signal.SIGKILL), max(peak, ended.peak_bytes)
        jobs[place] = Limited(commands[place], logs[place], limit_bytes)
    for job in jobs:
        peak = max(peak, checked(job).peak_bytes)
    return kills, peak


def wait_for_block(job: Limited, output: Path) -> None:
    """Wait until another block is there, or the job has ended."""
    before = blocks_there(output)
    wait_until(lambda: blocks_there(output) > before or not job.at_work, 3600)


def checked(job: Limited) -> Ended:
    """Wait for the end of a process, which must be a good one."""
    ended = job.end()
    if ended.code:
        raise SystemExit(f"exit code {ended.code}: {ended.said}")
    return ended


def run_large(trial: Trial, shape: tuple[int, int, int], limit_bytes: int) -> Outcome:
    """Predict the volume unbroken, and by jobs that are killed."""
    make_volume(trial.folder / "volume.zarr", shape)
    begun = time.monotonic()
    checked(Limited(trial.predict(trial.folder / "whole"), trial.folder / "whole.txt", limit_bytes))
    print(f"unbroken: {time.monotonic() - begun:.0f} s", flush=True)
    output, unbroken = trial.folder / "killed", time.monotonic()
    kills, peak = predict_killed(trial, limit_bytes, output)
    predicted = time.monotonic()
    print(f"killed {kills} times: {predicted - unbroken:.0f} s, {peak / 2**30:.2f} GiB", flush=True)
    blocks = blocks_there(output)
    edges = next(zarr.open_array(path, mode="r").shards for path in output.glob("volume.parts/z.zarr"))
    merge = trial.command("merge", str(output / "volume.parts"), "--memory", f"{limit_bytes // 2**20}M")
    merged = checked(Limited(merge, trial.folder / "merge.txt", limit_bytes))
    ended = time.monotonic()
    assert edges is not None
    rows = list(csv.DictReader((output / "volume_objects.csv").open(encoding="utf-8")))
    return Outcome(
        kills,
        digest(output) == digest(trial.folder / "whole"),
        peak,
        merged.peak_bytes,
        blocks,
        len(rows),
        sum(is_across(row, edges[1:]) for row in rows),
        (unbroken - begun, predicted - unbroken, ended - predicted),
    )


def is_across(row: dict[str, str], edges: Sequence[int]) -> bool:
    """Whether the box of an object reaches over a face of blocks."""
    boxes = [(int(row[f"bbox_{axis}_start"]), int(row[f"bbox_{axis}_stop"])) for axis in "zyx"]
    return any(start // edge != (stop - 1) // edge for (start, stop), edge in zip(boxes, edges, strict=True))


def count_small(trial: Trial, limit_bytes: int) -> tuple[int, int, int]:
    """Predict a small volume in parts, and label its mask whole.

    Returns:
        Objects in the table, those that lie in more than one block, and pieces of the mask that are not too small.
    """
    folder = trial.folder / "small"
    folder.mkdir()
    small = replace(trial, folder=folder, blocks=SMALL_BLOCK)
    make_volume(folder / "volume.zarr", SMALL)
    output = folder / "found"
    checked(Limited(small.predict(output, "--shard", "1/1"), folder / "job.txt", limit_bytes))
    edges = next(zarr.open_array(path, mode="r").shards for path in output.glob("volume.parts/z.zarr"))
    checked(Limited(small.command("merge", str(output / "volume.parts")), folder / "merge.txt", limit_bytes))
    rows = list(csv.DictReader((output / "volume_objects.csv").open(encoding="utf-8")))
    mask: zarr.Array[Any] = zarr.open_array(output / "volume_segmented.zarr" / "labels" / "mask" / "0", mode="r")
    assert edges is not None
    sizes = np.bincount(ndimage.label(np.asarray(mask[:]) > 0)[0].ravel())[1:]
    pieces = int((sizes >= Decoding.smallest_px).sum())
    return len(rows), sum(is_across(row, edges[1:]) for row in rows), pieces


def section(outcome: Outcome, small: tuple[int, int, int], arguments: argparse.Namespace) -> str:
    """Write down what came of it."""
    z, y, x = arguments.shape
    whole, jobs, merge = (seconds / 60 for seconds in outcome.seconds)
    return "\n".join(
        [
            f"{HEADING}\n",
            f"Written by `python benchmarks/large_volume.py --shape {z} {y} {x}`: a rendered volume of "
            f"{z * y * x / 1e9:.2f} billion voxels is predicted across z by a tiny network, in {outcome.blocks} "
            f"blocks. Two jobs of `--shard` share it out. The system lets each have {arguments.limit_mb} MB of memory "
            "(RLIMIT_DATA). Jobs are killed (SIGKILL) and started again. All files are compared with those of an "
            "unbroken run.\n",
            "| | |",
            "|---|---|",
            f"| jobs killed | {outcome.kills} |",
            f"| same bytes as an unbroken run | {'yes' if outcome.same else 'no'} |",
            f"| most memory of a job | {outcome.jobs_bytes / 2**20:,.0f} MiB |",
            f"| most memory of the merge | {outcome.merge_bytes / 2**20:,.0f} MiB |",
            f"| objects | {outcome.objects:,} |",
            f"| ... in more than one block | {outcome.across:,} |",
            f"| unbroken run | {whole:.0f} min |",
            f"| two jobs, with kills | {jobs:.0f} min |",
            f"| merge | {merge:.0f} min |",
            "",
            f"A volume of {' x '.join(map(str, SMALL))} voxels was predicted in the same way, in small blocks, and its "
            f"mask labelled whole (`scipy.ndimage.label`). The table has {small[0]} objects, of which {small[1]} lie "
            f"in more than one block. The mask has {small[2]} pieces of "
            f"{Decoding.smallest_px} voxels or more.\n",
            conditions(arguments.seed),
            "",
        ]
    )


def main() -> None:
    """Predict, kill, compare, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(256, 2048, 2048), metavar=("Z", "Y", "X"))
    parser.add_argument("--block-voxels", type=int, default=division.BLOCK_VOXELS)
    parser.add_argument("--limit-mb", type=int, default=1024, help="memory of each process, MiB")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200, help="of the fit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/kill-predict.md"))
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    limit = arguments.limit_mb * 2**20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = learn_block(folder, arguments.steps)
        trial = Trial(
            folder,
            str(run),
            arguments.block_voxels,
            arguments.kills,
            JOBS,
            2.0,
            random.Random(arguments.seed),
            ("--axes", "z", "--outputs", "mask,instances", "--memory", f"{arguments.limit_mb}M", "--peak", "0"),
        )
        small = count_small(trial, limit)
        print(f"small volume: {small}", flush=True)
        outcome = run_large(trial, tuple(arguments.shape), limit)
        print(outcome, flush=True)
    before = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    write_page(arguments.output, f"{before.partition(HEADING)[0].rstrip()}\n\n{section(outcome, small, arguments)}")
    sys.exit(not (outcome.same and outcome.kills == arguments.kills and small[0] == small[2]))


if __name__ == "__main__":
    main()
