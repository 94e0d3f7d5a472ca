"""Predict a large volume by two jobs of limited memory, kill each of them, and compare with an unbroken run.

The volume is a rendered block that is mirrored at its ends again and again. A tiny network has learnt the sections of
the block by heart, so that it finds what is there, fast. Limits are set by the system (RLIMIT_DATA): what asks for more
memory fails. Writes its section of docs/results/kill-predict.md.

    python benchmarks/large_volume.py --shape 1024 2048 2048
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

import numpy as np
import zarr
from scipy import ndimage

from machine import conditions
from mishaps import wait_until
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.parts import division
from predict_cluster import LARGE, STEPS, TILE, VOXEL_NM, Trial, blocks_there, digest, learn_block, make_volume
from steps import NOTES, write_page

JOBS = 2
SMALL = (64, 256, 320)
"""Voxels (z, y, x) of a volume that is labelled whole, in blocks of `SMALL_BLOCK` values."""

SMALL_BLOCK = 2**18


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        code: how; negative if it was killed.
        peak_bytes: most memory that it held.
        work_s: its processor time.
        said: what it wrote on stderr last.
    """

    code: int
    peak_bytes: int
    work_s: float
    said: str


@dataclass(frozen=True)
class Outcome:
    """What came of the large volume.

    Attributes:
        same: whether all files are those of the unbroken run.
        whole: the unbroken run.
        jobs: all processes that predicted, those that were killed as well.
        merges: all that put the blocks together, the one that was killed as well.
        blocks: of the volume.
        objects: in its table.
        across: of them, in more than one block.
        hours: by the clock.
    """

    same: bool
    whole: Ended
    jobs: list[Ended]
    merges: list[Ended]
    blocks: int
    objects: int
    across: int
    hours: float


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
        work_s = usage.ru_utime + usage.ru_stime
        return Ended(self.process.returncode, 1024 * usage.ru_maxrss, work_s, lines[-1] if lines else "")


def predict_killed(trial: Trial, limit_bytes: int, output: Path) -> list[Ended]:
    """Let two jobs predict the volume at the same time; kill each of them `trial.kills / 2` times, and start it again.

    Returns:
        How all of them ended.
    """
    commands = [trial.predict(output, "--shard", f"{number}/{JOBS}") for number in range(1, JOBS + 1)]
    logs = [trial.folder / f"job-{number}.txt" for number in range(JOBS)]
    jobs = [Limited(command, log, limit_bytes) for command, log in zip(commands, logs, strict=True)]
    ended: list[Ended] = []
    for number in range(trial.kills):
        place = number % JOBS
        wait_for_block(jobs[place], output)
        ended.append(killed(trial, jobs[place]))
        jobs[place] = Limited(commands[place], logs[place], limit_bytes)
    return [*ended, *(checked(job) for job in jobs)]


def merge_killed(trial: Trial, limit_bytes: int, output: Path) -> list[Ended]:
    """Put the blocks together by two processes; kill one of them once results are being written, and start it again.

    Returns:
        How all three ended.
    """
    command = trial.command("merge", str(output / "volume.parts"), "--memory", f"{limit_bytes // 2**20}M")
    logs = [trial.folder / f"merge-{number}.txt" for number in range(JOBS)]
    first, second = (Limited(command, log, limit_bytes) for log in logs)
    wait_until(lambda: any(output.glob("volume.parts/merge/level-0/*/*.npz")) or not first.at_work, 3600)
    ended = killed(trial, first)
    return [ended, checked(Limited(command, logs[0], limit_bytes)), checked(second)]


def killed(trial: Trial, job: Limited) -> Ended:
    """Kill a process within `trial.longest_s`; it may have ended before, which must be a good end."""
    time.sleep(trial.rng.uniform(0, trial.longest_s))
    os.kill(job.process.pid, signal.SIGKILL)  # `Popen.kill` would reap one that has ended by itself
    ended = job.end()
    if ended.code > 0:
        raise SystemExit(f"exit code {ended.code}: {ended.said}")
    return ended


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
    begun, output = time.monotonic(), trial.folder / "killed"
    make_volume(trial.folder / "volume.zarr", shape)
    unbroken = checked(Limited(trial.predict(trial.folder / "whole"), trial.folder / "whole.txt", limit_bytes))
    print(f"unbroken: {unbroken}, {time.monotonic() - begun:.0f} s", flush=True)
    jobs = predict_killed(trial, limit_bytes, output)
    print(f"jobs: {jobs}, {time.monotonic() - begun:.0f} s", flush=True)
    blocks, edges = blocks_there(output), block_edges(output)
    merges = merge_killed(trial, limit_bytes, output)
    print(f"merges: {merges}, {time.monotonic() - begun:.0f} s", flush=True)
    rows = list(csv.DictReader((output / "volume_objects.csv").open(encoding="utf-8")))
    return Outcome(
        digest(output) == digest(trial.folder / "whole"),
        unbroken,
        jobs,
        merges,
        blocks,
        len(rows),
        sum(is_across(row, edges) for row in rows),
        (time.monotonic() - begun) / 3600,
    )


def block_edges(output: Path) -> tuple[int, ...]:
    """Edges (z, y, x) of the blocks into which a volume was cut."""
    shards = next(zarr.open_array(path, mode="r").shards for path in output.glob("volume.parts/z.zarr"))
    assert shards is not None
    return shards[1:]


def is_across(row: dict[str, str], edges: Sequence[int]) -> bool:
    """Whether the box of an object reaches over a face of blocks."""
    boxes = [(int(row[f"bbox_{axis}_start"]), int(row[f"bbox_{axis}_stop"])) for axis in "zyx"]
    return any(start // edge != (stop - 1) // edge for (start, stop), edge in zip(boxes, edges, strict=True))


def check_small(trial: Trial, limit_bytes: int) -> tuple[int, int, bool]:
    """Predict a small volume in parts, and label its mask whole.

    Returns:
        Objects in the table, those that lie in more than one block, and whether the objects are the pieces of the mask
        that are not too small: voxel by voxel, each one piece and each piece one.
    """
    folder = trial.folder / "small"
    folder.mkdir()
    small = replace(trial, folder=folder, blocks=SMALL_BLOCK)
    make_volume(folder / "volume.zarr", SMALL)
    output = folder / "found"
    checked(Limited(small.predict(output, "--shard", "1/1"), folder / "job.txt", limit_bytes))
    edges = block_edges(output)
    checked(Limited(small.command("merge", str(output / "volume.parts")), folder / "merge.txt", limit_bytes))
    rows = list(csv.DictReader((output / "volume_objects.csv").open(encoding="utf-8")))
    labels = {
        name: np.asarray(zarr.open_array(output / "volume_segmented.zarr" / "labels" / name / "0", mode="r")[:])
        for name in ("mask", "instances")
    }
    pieces = ndimage.label(labels["mask"] > 0)[0]
    pieces[np.bincount(pieces.ravel())[pieces] < Decoding.smallest_px] = 0
    pairs = np.unique(np.stack([pieces.ravel(), labels["instances"].ravel()]), axis=1).T
    count = len(np.unique(pieces)) - 1
    one_to_one = len(pairs) == count + 1 == len(rows) + 1 and all((piece > 0) == (thing > 0) for piece, thing in pairs)
    return len(rows), sum(is_across(row, edges) for row in rows), one_to_one


def section(outcome: Outcome, small: tuple[int, int, bool], arguments: argparse.Namespace) -> str:
    """Write down what came of it."""
    z, y, x = arguments.shape
    counts = [sum(each.code == -signal.SIGKILL for each in group) for group in (outcome.jobs, outcome.merges)]
    memory = [max(each.peak_bytes for each in group) for group in ([outcome.whole], outcome.jobs, outcome.merges)]
    work_s = [sum(each.work_s for each in group) for group in ([outcome.whole], outcome.jobs, outcome.merges)]
    return "\n".join(
        [
            f"{LARGE}\n",
            f"Written by `python benchmarks/large_volume.py --shape {z} {y} {x} --block-voxels "
            f"{arguments.block_voxels}`: a volume of {z * y * x / 1e9:.2f} GB is predicted across z, in "
            f"{outcome.blocks} blocks. Two jobs of `--shard` share it out at the same time. They are killed (SIGKILL) "
            "and started again. Two processes merge it, one of which is killed and started again. All files are "
            "compared with those of an unbroken run.\n",
            f"The volume is one rendered block of {' x '.join(map(str, TILE))} voxels of {VOXEL_NM:g} nm, mirrored at "
            "its ends again and again, so that objects go on over its faces. A tiny network has learnt the sections of "
            "the block by heart, on a grid of 32 nm: it is fast, and finds much that is none. The system lets each "
            f"process have {arguments.limit_mb} MiB of memory (RLIMIT_DATA): what asks for more fails.\n",
            "| | |",
            "|---|---|",
            f"| jobs killed, and merges | {counts[0]}, {counts[1]} |",
            f"| same bytes as an unbroken run | {'yes' if outcome.same else 'no'} |",
            f"| objects | {outcome.objects:,} |",
            f"| ... in more than one block | {outcome.across:,} |",
            f"| most memory of the unbroken run | {memory[0] / 2**20:,.0f} MiB |",
            f"| most memory of a job | {memory[1] / 2**20:,.0f} MiB |",
            f"| most memory of the merge | {memory[2] / 2**20:,.0f} MiB |",
            f"| processor time of the unbroken run | {work_s[0] / 60:.1f} min |",
            f"| ... of all jobs, with what was lost | {work_s[1] / 60:.1f} min |",
            f"| ... of all merges | {work_s[2] / 60:.1f} min |",
            "",
            f"By the clock, all of it took {outcome.hours:.1f} h, on a machine that did other work as well.\n",
            f"A volume of {' x '.join(map(str, SMALL))} voxels was predicted in the same way, in small blocks, and its "
            f"mask labelled whole (`scipy.ndimage.label`). The table has {small[0]} objects, of which {small[1]} lie "
            f"in more than one block. Voxel by voxel, these are {'' if small[2] else 'not '}the pieces of the mask of "
            f"{Decoding.smallest_px} voxels or more, each counted once.\n",
            conditions(arguments.seed),
            "",
        ]
    )


def main() -> None:
    """Predict, kill, compare, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(1024, 2048, 2048), metavar=("Z", "Y", "X"))
    parser.add_argument("--block-voxels", type=int, default=division.BLOCK_VOXELS)
    parser.add_argument("--limit-mb", type=int, default=1024, help="memory of each process, MiB")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the fit")
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
            "z",
            ("--outputs", "mask,instances", "--memory", f"{arguments.limit_mb}M", "--peak", "0"),
        )
        small = check_small(trial, limit)
        print(f"small volume: {small}", flush=True)
        outcome = run_large(trial, tuple(arguments.shape), limit)
        print(outcome, flush=True)
    before = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    first = before.partition(NOTES)[0].partition(LARGE)[0]
    write_page(arguments.output, f"{first.rstrip()}\n\n{section(outcome, small, arguments)}")
    killed_jobs = sum(each.code == -signal.SIGKILL for each in (*outcome.jobs, *outcome.merges))
    sys.exit(not (outcome.same and killed_jobs > arguments.kills and small[2]))


if __name__ == "__main__":
    main()
