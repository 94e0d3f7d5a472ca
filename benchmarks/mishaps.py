"""What the benchmarks share that kill programs: processes whose last words are read, and what came of each scenario."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOPS = (signal.SIGKILL, signal.SIGTERM)


@dataclass
class Tally:
    """What came of a scenario.

    Attributes:
        name: of the scenario.
        events: how many kills, or other mishaps, there were.
        same: whether the file is, byte for byte, that of an unbroken run.
        lines: what was said, where a line is what must come of it.
        problems: what must not be.
    """

    name: str
    events: int = 0
    same: bool = False
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def started(command: Sequence[str]) -> "subprocess.Popen[str]":
    """Start a command whose last words can be read."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def last_line(process: "subprocess.Popen[str]") -> str:
    """Wait for the end of a command, and return the last line that it said."""
    _, said = process.communicate()
    if "Traceback" in said:
        return "Traceback: " + said.strip().splitlines()[-1]
    return (said.strip().splitlines() or [""])[-1]


def dishonest(process: "subprocess.Popen[str]", line: str) -> list[str]:
    """The last line of a command that has ended, if it is neither success nor one line that says what to do."""
    return [] if process.returncode == 0 or (process.returncode == 2 and line.startswith("Error: ")) else [line]


def wait_until(condition: Callable[[], bool], seconds: float = 1800) -> None:
    """Wait for something to happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("waited in vain")
        time.sleep(0.02)


def wait_for_more(count: Callable[[], int], ended: Callable[[], bool]) -> None:
    """Wait until there is more than now, or the work has ended."""
    before = count()
    wait_until(lambda: count() > before or ended())


def has_ended(process: "subprocess.Popen[str]") -> bool:
    """Whether a process has ended."""
    return process.poll() is not None


def play(scenarios: Sequence[Callable[[], Tally]], folder: Path) -> list[Tally]:
    """Let scenarios happen, one after another; what is said of paths in `folder` is said without it."""
    tallies = []
    for scenario in scenarios:
        tally = scenario()
        print(tally, flush=True)
        tally.lines = [line.replace(f"{folder}/", "") for line in tally.lines]
        tallies.append(tally)
    return tallies


def table(tallies: Sequence[Tally]) -> list[str]:
    """What came of it, a row a scenario."""
    return [
        "| what happens | how often | same bytes | problems |",
        "|---|---|---|---|",
        *(
            f"| {each.name} | {each.events} | {'yes' if each.same else 'no'} | {len(each.problems)} |"
            for each in tallies
        ),
    ]


def said(tallies: Sequence[Tally]) -> list[str]:
    """What was said in each scenario, a line of a list each, below a heading."""
    lines = [f"- {tally.name}: `{line}`" for tally in tallies for line in dict.fromkeys(tally.lines)]
    return ["What was said, once each (folders shortened):\n", *lines, ""] if lines else []
