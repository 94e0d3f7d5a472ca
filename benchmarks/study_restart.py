"""A study is killed with SIGKILL, again and again, and must end with the table of one that was left alone.

Small trials on images of 64 px: what is measured is the bookkeeping, not the scores. Prints how many trials each
attempt finished, and that none of them was run again.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from mitodata import RunError
from pipeline import run_program

STUDY = """
description = "Small trials, to be killed in the middle."
design = "one-at-a-time"
seeds = [0, 1]

[base]
preset = "s0"
images = 8
validation_images = 4
size_px = 64
network = "tiny"
patch_px = 64
steps = 60
batch = 4
learning_rate = 0.01
validations = 1
"mitogen:mitochondria.volume_fraction" = 0.25
"mitogen:section.pixel_nm" = 16

[factors]
images = [4, 8]
"augment.noise" = [0.0, 0.4]

[tests]
held = { file = "held.h5" }
"""
TABLES = ("table.csv", "trials.csv", "ranking.csv")


def main() -> None:
    """Run one study undisturbed and one with kills, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=2, metavar="N", help="how often the study is killed")
    parser.add_argument("--folder", type=Path, default=Path("runs/study-restart"))
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "small.toml").write_text(STUDY, encoding="utf-8")
    program = str(Path(sys.executable).parent / "mitogen")
    held = [
        program,
        "render",
        "--preset",
        "s0",
        "--n",
        "6",
        "--size",
        "64",
        "--seed",
        "9",
        "-o",
        str(folder / "held.h5"),
    ]
    subprocess.run([*held, "--set", "section.pixel_nm=16", "--set", "mitochondria.volume_fraction=0.25"], check=True)

    subprocess.run(command(folder, "whole"), check=True)
    for _ in range(arguments.kills):
        print(f"killed with {kill_after_one_more(folder)} trials finished", flush=True)
    before = finished(folder / "killed")
    subprocess.run(command(folder, "killed"), check=True)
    after = finished(folder / "killed")
    again = [name for name, written in before.items() if after[name] != written]
    different = [name for name in TABLES if text(folder, "whole", name) != text(folder, "killed", name)]
    if again or different:
        raise RunError(f"trials run again: {again}; tables that differ: {different}; expected none")
    print(f"{len(before)} of {len(after)} trials were kept, none was run again; {', '.join(TABLES)} are the same")


def command(folder: Path, name: str) -> list[str]:
    """The study, in a folder of its own."""
    study = [str(Path(sys.executable).parent / "mitoseg"), "study", str(folder / "small.toml")]
    return [*study, "-o", str(folder / name), "--workers", "1"]


def kill_after_one_more(folder: Path) -> int:
    """Start the study, kill it in the middle of the trial after the next; how many trials are finished then."""
    wanted = len(finished(folder / "killed")) + 1
    process = subprocess.Popen(command(folder, "killed"), stderr=subprocess.DEVNULL)
    while len(finished(folder / "killed")) < wanted and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(finished(folder / "killed"))


def finished(folder: Path) -> dict[str, int]:
    """The results that are there, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "trials").glob("*.json")}


def text(folder: Path, name: str, table: str) -> str:
    """A table, without the wall time of the fits."""
    lines = (folder / name / table).read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    drop = header.index("minutes") if "minutes" in header else None
    return "\n".join(",".join(c for place, c in enumerate(line.split(",")) if place != drop) for line in lines)


if __name__ == "__main__":
    run_program(main)
