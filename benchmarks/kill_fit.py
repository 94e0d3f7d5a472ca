"""Kill -9 a fit at random moments, go on, and see whether anything was lost or damaged.

After each kill every file of the run is read. At the end the weights must be, bit for bit, those of a run that was left
alone.
"""

import argparse
import csv
import json
import multiprocessing
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch
from PIL import Image

from machine import conditions
from mitodata import RunError
from mitogen.recipe.recipe import open_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitoseg.cli.main import main as main_of_mitoseg
from mitoseg.networks.checkpoint import load_checkpoint
from steps import write_page

SETTINGS = ("network=tiny", "patch_px=64", "batch=4", "validation_images=4", "device=cpu")
"""A network and images so small that most of the time is spent saving, which is when a kill hurts."""


@dataclass(frozen=True)
class Tally:
    """What came of it.

    Attributes:
        kills: how often the run was killed.
        lost: kills before the first checkpoint, after which the run had to start again.
        saves: different checkpoints that were found after kills.
        problems: what was damaged, and resumes that failed.
        same: whether the weights at the end are those of a run that was left alone.
    """

    kills: int
    lost: int
    saves: int
    problems: list[str]
    same: bool


def kill_and_resume(folder: Path, kills: int, steps: int, seed: int, longest_s: float = 6.0) -> Tally:
    """Train a run of `steps` that is killed up to `kills` times, and another one that is not."""
    folder.mkdir(parents=True, exist_ok=True)
    render_dataset(Job(open_recipe("mito"), shape=(1, 96, 96)), folder / "train.h5", 16, workers=1, progress=False)
    run, rng = folder / "killed", random.Random(seed)
    done, lost, found, problems = 0, 0, set[int](), list[str]()
    while done < kills:
        process = start(folder, run, steps)
        if rng.random() < 0.75:  # the others may be killed while they prepare
            wait_for_training(process, run)
        if not survives(process, rng.uniform(0, longest_s)):
            if process.exitcode:
                problems.append(f"resume after kill {done} failed: {said(folder)}")
            break
        done += 1
        problems += damage(run)
        if (run / "last.pt").exists():
            found.add(int(load_checkpoint(run / "last.pt")["step"]))
        else:
            lost += 1
    for name in ("killed", "whole"):
        process = start(folder, folder / name, steps)
        process.join()
        if process.exitcode and "is finished" not in said(folder):
            problems.append(f"{name}: {said(folder)}")
    problems += damage(run)
    return Tally(done, lost, len(found), problems, not problems and same_weights(run, folder / "whole"))


def start(folder: Path, run: Path, steps: int) -> ForkServerProcess:
    """Start the run, or go on with it."""
    command = ["mitoseg", "fit", "-o", str(run)]
    if (run / "config.json").exists():  # written before the first step
        command.append("--resume")
    else:
        settings = (*SETTINGS, f"steps={steps}", f"validations={max(1, steps // 10)}")
        command += [str(folder / "train.h5"), *(f"--set={setting}" for setting in settings)]
    processes = multiprocessing.get_context("forkserver")
    # Libraries are loaded once: otherwise most of a short life would go to that.
    processes.set_forkserver_preload(
        ["mitoseg.training.trainer", "matplotlib.figure", "torch.utils.tensorboard", "torch._dynamo"]
    )
    process = processes.Process(target=mitoseg, args=(command, folder / "stderr.txt"))
    process.start()
    return process


def mitoseg(command: list[str], log: Path) -> None:
    """Be the program `mitoseg`; what it says goes to `log`."""
    torch.set_num_threads(1)
    sys.argv = command
    with log.open("w") as sys.stderr, log.with_name("stdout.txt").open("w") as sys.stdout:
        main_of_mitoseg()


def wait_for_training(process: ForkServerProcess, run: Path) -> None:
    """Wait until the program is about to train: the last thing it opens is a file of events."""
    before = len(list((run / "tensorboard").glob("*")))
    while process.exitcode is None and len(list((run / "tensorboard").glob("*"))) == before:
        time.sleep(0.02)


def survives(process: ForkServerProcess, seconds: float) -> bool:
    """Wait, then kill the process; False if it had ended by itself."""
    process.join(seconds)
    if process.exitcode is not None:
        return False
    process.kill()
    process.join()
    return True


def said(folder: Path) -> str:
    """The last line of what the program said."""
    lines = (folder / "stderr.txt").read_text().strip().splitlines()
    return lines[-1] if lines else ""


def damage(run: Path) -> list[str]:
    """Read everything that lies under a final name; what cannot be read."""
    problems = []
    for path in run.glob("*"):
        try:
            if path.suffix == ".pt":
                load_checkpoint(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".csv":
                with path.open(newline="") as file:
                    problems += [f"{path.name}: cut off" for row in csv.DictReader(file) if None in row.values()]
        except (RunError, OSError, ValueError) as error:
            problems.append(f"{path.name}: {error}")
    return problems


def same_weights(first: Path, second: Path) -> bool:
    """Whether two finished runs have the same weights, bit for bit."""
    one, other = (load_checkpoint(run / "last.pt") for run in (first, second))
    names = one["weights"].keys()
    return one["step"] == other["step"] and all(torch.equal(one["weights"][n], other["weights"][n]) for n in names)


def main() -> None:
    """Kill, resume, compare, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--longest", type=float, default=6.0, help="longest life, s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/kill-fit.md"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_and_resume(Path(folder), arguments.kills, arguments.steps, arguments.seed, arguments.longest)
    text = (
        "# Fits that are killed\n\n"
        "Written by `python benchmarks/kill_fit.py`: `mitoseg fit` is killed with SIGKILL within "
        f"{arguments.longest:g} s after it\nstarts to train (a quarter of the times, after it is started), and "
        "continued with `--resume`. It validates and\nsaves every ten steps, so kills hit files being written.\n\n"
        "| | |\n|---|---|\n"
        f"| kills | {tally.kills} |\n"
        f"| of these before the first checkpoint (the run starts again) | {tally.lost} |\n"
        f"| different checkpoints found after kills | {tally.saves} |\n"
        f"| files damaged, resumes failed | {len(tally.problems)} |\n"
        f"| weights at the end those of a run left alone, bit for bit | {'yes' if tally.same else 'no'} |\n\n"
        f"{conditions(arguments.seed)}\n"
    )
    write_page(arguments.output, text)
    print(text, *tally.problems, sep="\n")
    sys.exit(bool(tally.problems) or not tally.same)


if __name__ == "__main__":
    main()
