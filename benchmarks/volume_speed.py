"""How many seconds `mitogen render` takes for one volume, the file written.

Steady state: the same command is timed for one and for several volumes, and the difference in time is divided by the
difference in volumes, so that start-up does not count. Run it on a machine that does nothing else.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from machine import conditions
from mitodata.errors import RunError
from pipeline import run_program
from steps import BIN, write_page

VOXELS_NM = ((5.0, 5.0, 5.0), (50.0, 4.6, 4.6), (30.0, 8.0, 8.0))
SHAPE = (64, 256, 256)


def main() -> None:
    """Parse, measure every voxel size, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", default="em3d")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--volumes", type=int, default=7, help="how many are timed, beside one that is not counted")
    parser.add_argument("--note", default="", help="a remark for the page, e.g. what else the machine did")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/volume-speed.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    rows = ["| voxel (z, y, x), nm | seconds a volume | million voxels a second |", "|---|---|---|"]
    for voxel in VOXELS_NM:
        size = [f"{edge:g}" for edge in voxel]
        options = ("--preset", arguments.preset, "--seed", str(arguments.seed), "--voxel-size", *size)
        took = (seconds(options, 1 + arguments.volumes) - seconds(options, 1)) / arguments.volumes
        millions = SHAPE[0] * SHAPE[1] * SHAPE[2] / 1e6
        rows.append(f"| {' x '.join(size)} | {took:.2f} | {millions / took:.2f} |")
        print(rows[-1], flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(arguments.preset, rows, arguments.volumes, arguments.seed, arguments.note))
    print(arguments.output)


def seconds(options: tuple[str, ...], volumes: int) -> float:
    """Wall time of one `mitogen render`.

    Raises:
        RunError: it failed.
    """
    shape = [str(size) for size in SHAPE]
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "volumes.h5")
        command = [str(BIN / "mitogen"), "render", "--n", str(volumes), "--shape", *shape, *options]
        began = time.monotonic()
        done = subprocess.run([*command, "--workers", "1", "-o", target], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunError(f"mitogen render failed: {done.stderr.strip()}")
        return time.monotonic() - began


def page(preset: str, rows: list[str], volumes: int, seed: int, note: str) -> str:
    """The results as Markdown."""
    lines = (
        "# Speed of volumes",
        "",
        f"Seconds for one volume of {' x '.join(map(str, SHAPE))} voxels of `mitogen render --preset {preset}`, one",
        f"worker, the file written; mean of {volumes} volumes, start-up not counted. Written by",
        "`benchmarks/volume_speed.py`.",
        "",
        *rows,
        "",
        *([note, ""] if note else []),
        conditions(seed),
        "",
    )
    return "\n".join(lines)


if __name__ == "__main__":
    run_program(main)
