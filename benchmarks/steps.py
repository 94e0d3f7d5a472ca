"""Long work as a chain of plain commands: each is printed, timed, and not repeated once its result is there."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from mitodata.errors import RunError

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Step:
    """One command and what it leaves behind; without a command, a file that is there.

    Attributes:
        command: `mitogen` or `mitoseg` with its arguments; empty for a file that is there.
        result: file that is there, and `finished`, once the command is, and not before.
        place: file or folder that the command fills; the result itself, or the folder it is in.
        after: steps whose results it reads.
        resume: command that goes on with a stopped run; empty if the command itself does.
        partial: file that a stopped run leaves and `resume` goes on from.
        keep_output: write what the command prints to `result`, and show it.
        finished: whether `result` is that of a finished command; by itself, whether it is there.
    """

    command: tuple[str, ...]
    result: Path
    place: Path
    after: tuple["Step", ...] = ()
    resume: tuple[str, ...] = ()
    partial: Path | None = None
    keep_output: bool = False
    finished: Callable[[Path], bool] = Path.exists

    @property
    def key(self) -> list[str]:
        """What the result depends on: the command, the program behind it, and the steps before it."""
        if not self.command:
            state = self.result.stat()
            return [f"{self.result} [{state.st_size} bytes, changed {state.st_mtime_ns}]"]
        packages = ("mitodata", "mitoseg") if self.command[0] == "mitoseg" else ("mitodata", "mitogen")
        mine = f"{shlex.join(self.command)} [program {' '.join(map(fingerprint, packages))}]"
        return list(dict.fromkeys([mine, *(line for step in self.after for line in step.key)]))


@dataclass
class Steps:
    """Runs steps and remembers, in `folder/steps.json`, which command made each result."""

    folder: Path
    started: float = field(default_factory=time.monotonic)

    def run(self, step: Step) -> None:
        """Run `step` unless it is finished; go on with it if it was stopped; start over if anything before it changed.

        Raises:
            SystemExit: the command failed or was stopped; with its exit code, after it has said why.
        """
        made_by = self._read()
        name = str(step.result)
        if made_by.get(name) != step.key:
            self._remove(step.place)
            made_by[name] = step.key
            self._write(made_by)
        if step.finished(step.result):
            print(f"done already: {shlex.join(step.command)}", flush=True)
            if step.keep_output:
                print(step.result.read_text(encoding="utf-8"), end="", flush=True)
            return
        command = step.resume if step.partial and step.partial.exists() else step.command
        began = time.monotonic()
        print(f"\n$ {shlex.join(command)}", flush=True)
        code, text = execute(command, step.keep_output)
        if code:
            if code in (130, -signal.SIGINT, -signal.SIGTERM):
                print("stopped; the same command goes on from here", file=sys.stderr)
            sys.exit(code if code > 0 else 128 - code)
        if step.keep_output:
            write_text(step.result, text)
        if not step.finished(step.result):
            raise RunError(f"{step.result}: not there, or not finished, after: {shlex.join(command)}")
        print(f"({clock(time.monotonic() - began)}; {clock(self.seconds)} so far)", flush=True)

    def _remove(self, place: Path) -> None:
        """Drop what another command left; the shards of a stopped rendering too."""
        for path in (place, place.with_name(place.name + ".parts")):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _read(self) -> dict[str, list[str]]:
        try:
            made_by: dict[str, list[str]] = json.loads((self.folder / "steps.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return made_by

    def _write(self, made_by: dict[str, list[str]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / "steps.json", json.dumps(made_by, indent=2) + "\n")

    @property
    def seconds(self) -> float:
        """Wall time since it was made."""
        return time.monotonic() - self.started


def execute(command: Sequence[str], capture: bool) -> tuple[int, str]:
    """Run a command of this installation; its exit code, and what it printed if that is captured (then also shown).

    Ctrl-C reaches the command from the terminal by itself, so here it is only waited for; SIGTERM is handed on. The
    command finishes and saves what it is at, instead of being killed by its parent.
    """
    process: subprocess.Popen[str] | None = None

    def hand_on(number: int, frame: FrameType | None) -> None:
        if process is not None and number == signal.SIGTERM:
            process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        program = [str(BIN / command[0]), *command[1:]]
        with subprocess.Popen(program, stdout=subprocess.PIPE if capture else None, text=True) as process:
            text = process.stdout.read() if process.stdout else ""
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    print(text, end="", flush=True)
    return code, text


@cache
def fingerprint(package: str) -> str:
    """Eight digits that change with the source of an installed package, so that no result outlives a changed program.

    Raises:
        RunError: the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RunError(f"{package}: not installed; make sets up .venv")
    files = (path for path in Path(spec.origin).parent.rglob("*") if path.suffix in (".py", ".toml", ".html"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:8]


NOTES = "## Notes"
"""Under this heading at the end of a page people write."""


def write_text(path: Path, text: str) -> None:
    """Write a small file, so that it is there as a whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_page(path: Path, text: str) -> None:
    """Write a Markdown page; lines of prose, but not of tables and of code, are wrapped at 120 characters.

    What people have written on it stays: all from the heading `NOTES` on.
    """
    parts = text.split("```")
    parts[::2] = ["\n".join(map(_wrap, part.split("\n"))) for part in parts[::2]]
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    _, notes, said = before.partition(f"\n{NOTES}\n")
    page = "```".join(parts)
    write_text(path, page.rstrip("\n") + f"\n{notes}{said}" if notes else page)


def _wrap(line: str) -> str:
    if line.startswith(("|", "    ")):
        return line
    indent = "  " if line.startswith(("- ", "  ")) else ""
    return textwrap.fill(line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def clock(seconds: float) -> str:
    """Minutes and seconds, as 3:07."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
