"""How long `mitogen explore` takes from a moved slider to the picture, for each preset.

The page is served as a user would; pictures are asked for over HTTP as the page asks for them, each with a knob at a
place where it has not been. Wall time is that of the request. Processor time is that of the server and its workers
together, which other programs do not slow down. Run it on a machine that does nothing else; it takes about two minutes.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from machine import conditions
from mitodata.errors import RunError
from mitogen.recipe.recipe import preset_names
from pipeline import run_program
from steps import BIN, write_page

KNOB, PLACES = "imaging.noise", (4.0, 30.0)
"""What every scene has, and where the slider is moved, in grey levels."""

IMAGES, MOVES = 8, 3
"""Images of each preset, and moves of the slider in each."""

LIMIT_MS = 150


@dataclass(frozen=True)
class Site:
    """A page that is served.

    Attributes:
        address: of the page, without its query.
        process: of the server.
    """

    address: str
    process: int

    def get(self, path: str, **query: object) -> bytes:
        """What an address answers."""
        with urlopen(f"{self.address}{path}?{urlencode(query)}", timeout=600) as answer:
            body: bytes = answer.read()
        return body

    def processor_s(self) -> float:
        """Processor time of the server and its workers until now."""
        return sum(map(_processor_s, [self.process, *_children(self.process)]))


def main() -> None:
    """Parse, serve, move sliders, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", action="append", help="measure this one; all if none is named")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/explorer.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    rows = [
        f"| preset | median, ms | slowest, ms | processor, ms | under {LIMIT_MS} ms | 512 px, median, ms |",
        "|---|---|---|---|---|---|",
    ]
    with served() as site:
        for preset in arguments.preset or preset_names():
            rows.append(row(site, preset, arguments.seed))
            print(rows[-1], flush=True)
        asked = model_line(site, arguments.seed)
    print(asked)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(rows, asked, arguments.seed))
    print(arguments.output)


def row(site: Site, preset: str, seed: int) -> str:
    """Measure one preset."""
    site.get("/image", recipe=preset, seed=seed, size=64, index=0)
    before = site.processor_s()
    small = list(moves(site, "/image", preset, seed, 256))
    processor_ms = 1000 * (site.processor_s() - before) / len(small)
    large = list(moves(site, "/image", preset, seed, 512, images=IMAGES // 2, each=1))
    median = statistics.median(small)
    kept = "yes" if max(median, processor_ms) < LIMIT_MS else "no"
    return (
        f"| {preset} | {median:.0f} | {max(small):.0f} | {processor_ms:.0f} | {kept} | {statistics.median(large):.0f} |"
    )


def moves(
    site: Site, path: str, preset: str, seed: int, size: int, images: int = IMAGES, each: int = MOVES
) -> Iterator[float]:
    """Milliseconds from a moved slider to the answer."""
    low, high = PLACES
    for index in range(images):
        for move in range(each):
            place = low + (high - low) * (move + 1) / (each + 1)
            began = time.monotonic()
            site.get(path, recipe=preset, seed=seed, index=index, size=size, **{KNOB: place})
            yield 1000 * (time.monotonic() - began)


def model_line(site: Site, seed: int) -> str:
    """How long the model takes to say where it is wrong, once the hand rests."""
    if not json.loads(site.get("/start"))["model"]:
        return "No model was installed."
    site.get("/errors", size=64, seed=seed)
    took = {
        size: statistics.median(moves(site, "/errors", "mito", seed, size, images=4, each=1)) for size in (256, 512)
    }
    return (
        f"The model answers {took[256]:.0f} ms after it is asked about an image of 256 px, and {took[512]:.0f} ms "
        "after one of 512 px (median of four; rendered anew, with compartments)."
    )


@contextmanager
def served() -> Iterator[Site]:
    """Serve the page with one worker a core.

    Raises:
        RunError: it did not start.
    """
    command = [str(BIN / "mitogen"), "explore", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline().partition("?")[0] if process.stdout else ""
            if not said.startswith("http"):
                raise RunError("mitogen explore did not start")
            yield Site(said.rstrip("/"), process.pid)
        finally:
            process.send_signal(signal.SIGINT)


def _children(process: int) -> list[int]:
    """Processes that a process has started, as Linux lists them."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _processor_s(process: int) -> float:
    """Processor time of a process until now; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page(rows: list[str], asked: str, seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# From a moved slider to the picture",
            "",
            f"`mitogen explore`: {KNOB} is moved to {MOVES} places in each of {IMAGES} images of every preset, and the "
            "picture asked for over HTTP. Images of 256 px unless it says otherwise. Processor time is that of server "
            "and workers together, a picture. Written by `benchmarks/explorer_speed.py`.",
            "",
            *rows,
            "",
            asked,
            "",
            conditions(seed),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
