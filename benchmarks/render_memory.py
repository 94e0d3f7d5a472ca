"""How much memory `mitogen render` takes: by size of the images, and for few against very many of them.

Peaks are those of the operating system (VmHWM in /proc, so Linux only), of the program itself and of its largest
worker. That memory does not grow with the number of images is shown with tiny images from a stand-in renderer: what
remains is all that could grow, the farm and the file.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from machine import conditions
from mitodata import Sample
from mitodata.errors import RunError
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job, Shape
from pipeline import run_program
from steps import BIN, write_page

SIZES = {
    "256 x 256": ("--size", "256", "--n", "64"),
    "1024 x 1024": ("--size", "1024", "--n", "16"),
    "1024 x 1024, with compartments": ("--size", "1024", "--n", "8", "--labels", "compartments"),
    "volume 64 x 256 x 256": ("--shape", "64", "256", "256", "--voxel-size", "5", "5", "5", "--n", "2"),
    "volume 128 x 512 x 512": ("--shape", "128", "512", "512", "--voxel-size", "5", "5", "5", "--n", "1"),
}
COUNTS = (100, 10_000, 100_000)
TINY = (1, 16, 16)
MB = 1e6


@dataclass
class Peaks:
    """Largest resident sizes seen, in bytes, and how long it took."""

    program: int = 0
    worker: int = 0
    seconds: float = 0.0


def main() -> None:
    """Parse, measure every row, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", default="mito")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/render-memory.md"), metavar="FILE.md")
    parser.add_argument("--stand-in", nargs=2, metavar=("N", "FILE.h5"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stand_in:
        n, target = arguments.stand_in
        render_dataset(Job(load_recipe(), 0, TINY, renderer=tiny), Path(target), int(n), 1, progress=False)
        return

    rows = ["| images | program | worker | seconds |", "|---|---|---|---|"]
    for name, options in SIZES.items():
        rows.append(row(name, [str(BIN / "mitogen"), "render", "--preset", arguments.preset, *options]))
    for n in COUNTS:
        rows.append(row(f"{n:,} tiny ones", [sys.executable, __file__, "--stand-in", str(n)]))
    write_page(arguments.output, page(arguments.preset, rows, arguments.seed))
    print(arguments.output)


def row(name: str, command: list[str]) -> str:
    """Measure one command, which gets the file to write, and say so as a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "memory.h5")
        peaks = watch([*command, *(("--workers", "1", "-o") if "render" in command else ()), target])
    text = f"| {name} | {peaks.program / MB:.0f} | {peaks.worker / MB:.0f} | {peaks.seconds:.0f} |"
    print(text, flush=True)
    return text


def watch(command: list[str]) -> Peaks:
    """Run a command and look at its memory, and that of its children, until it ends.

    Raises:
        RunError: it failed.
    """
    peaks, began = Peaks(), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        peaks.program = max(peaks.program, peak(process.pid))
        peaks.worker = max(peaks.worker, *(peak(child) for child in children(process.pid)), 0)
        time.sleep(0.05)
    peaks.seconds = time.monotonic() - began
    if process.returncode:
        raise RunError(f"{command[0]} failed: {process.stderr.read().strip() if process.stderr else ''}")
    return peaks


def peak(process: int) -> int:
    """Largest resident size of a process so far in bytes; 0 if it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def tiny(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool) -> Sample:
    """A stand-in that costs nothing: grey, one square, and a number for every knob."""
    label = np.zeros(shape, np.uint16)
    label[:, 4:8, 4:8] = 1
    numbers = {name: float(index) for name in recipe.values}
    raw = np.full(shape, index % 256, np.uint8)
    return Sample(raw, (8.0, 8.0, 8.0), label, (label > 0).astype(np.uint8), numbers, f"{index:06d}")


def page(preset: str, rows: list[str], seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Rendering memory",
            "",
            f"Peak resident size in MB of `mitogen render --preset {preset} --workers 1` and of its worker. The tiny",
            "images (16 x 16) come from a stand-in renderer: they show what grows with their number.",
            "Written by `benchmarks/render_memory.py`.",
            "",
            *rows,
            "",
            conditions(seed),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
