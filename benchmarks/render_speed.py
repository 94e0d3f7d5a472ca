"""How many images a second `mitogen render` writes, by size and number of workers.

Steady state: the same command is timed for a few and for many images, and the difference in images divided by the
difference in time, so that start-up (imports, loading of compiled kernels) does not count and writing the file does.
Then every preset is measured in one process (`preset_speed.py`). Run it on a machine that does nothing else; it takes
about five minutes on two cores.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from machine import conditions
from mitodata.errors import RunError
from pipeline import run_program
from preset_speed import preset_rows
from steps import BIN, write_page

IMAGES = {256: 400, 512: 120, 1024: 32}
"""Edge of the images -> how many are rendered for one number."""

WORKERS = (1, 2)


def main() -> None:
    """Parse, measure every cell, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", default="mito")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/render-speed.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    rows = ["| size | " + " | ".join(f"{workers} worker{'s' * (workers > 1)}" for workers in WORKERS) + " | gain |"]
    rows.append("|---" * (len(WORKERS) + 2) + "|")
    for size, images in IMAGES.items():
        options = ("--preset", arguments.preset, "--size", str(size), "--seed", str(arguments.seed))
        rates = [rate(options, workers, images) for workers in WORKERS]
        cells = " | ".join(f"{rate:.2f}" for rate in rates)
        rows.append(f"| {size} x {size} | {cells} | {rates[-1] / rates[0]:.2f} |")
        print(rows[-1], flush=True)
    presets = []
    for row in preset_rows(seed=arguments.seed):
        presets.append(row)
        print(row, flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(arguments.preset, rows, presets, arguments.seed))
    print(arguments.output)


def rate(options: tuple[str, ...], workers: int, images: int) -> float:
    """Images a second."""
    few = images // 8
    return (images - few) / (seconds(options, workers, images) - seconds(options, workers, few))


def seconds(options: tuple[str, ...], workers: int, n: int) -> float:
    """Wall time of one `mitogen render`.

    Raises:
        RunError: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "speed.h5")
        command = [str(BIN / "mitogen"), "render", "--n", str(n), *options, "--workers", str(workers), "-o", target]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunError(f"mitogen render failed: {done.stderr.strip()}")
        return time.monotonic() - began


def page(preset: str, rows: list[str], presets: list[str], seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Rendering speed",
            "",
            f"Images a second of `mitogen render --preset {preset}`, steady state, the file written. Start-up is not",
            "counted. Written by `benchmarks/render_speed.py`.",
            "",
            *rows,
            "",
            "## Every preset",
            "",
            "One process with one thread, a file of 64 images, of 16, and of 2 volumes. Processor time is that of the",
            "process alone. The first row is the only other procedural generator of EM images with code, on one core",
            "of a machine like this one.",
            "",
            *presets,
            "",
            conditions(seed),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
