"""Damage small files byte by byte and let every reader try them: none may hang, crash or end in a traceback.

Each reader looks at each file in a child process with limits of time and memory. What it says counts: either it reads
the file, or it refuses it in one line.
"""

import argparse
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fuzz_files import KINDS
from machine import conditions
from mitodata.errors import MitoError
from mitodata.hdf5.checks import describe
from mitodata.hdf5.checks import validate as validate_here
from mitodata.hdf5.dataset import Dataset
from mitodata.importers.annotations.labelme import read_shapes
from mitodata.readers.inputs import open_sources
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.merging import merge_shards
from mitoseg.config.files import load_config
from mitoseg.inference.model import load_model
from mitoseg.models.card import read_card
from mitoseg.study.plan import read_plan
from mitoseg.training.run_folder import read_settings
from steps import write_page

Reader = Callable[[Path], object]

READ, REFUSED, TRACEBACK, CRASH, HANG = "read", "refused", "traceback", "crash", "hang"
OUTCOMES = (READ, REFUSED, TRACEBACK, CRASH, HANG)
_CODES = {0: READ, 2: REFUSED, 3: TRACEBACK}

MEMORY_BYTES = 2**30
"""Address space that a reader may take on top of what the program has."""

_PAUSE_S = 0.004


def read_samples(path: Path) -> None:
    """Read all images of a dataset file."""
    with Dataset(path) as dataset:
        for sample in dataset:
            sample.raw.sum()
        _ = dataset.params


def read_images(path: Path) -> None:
    """Read all images of any file, as a prediction does."""
    for source in open_sources(path, (8.0, 8.0, 8.0)):
        z, y, x = source.shape
        source.read((slice(0, z), slice(0, y), slice(0, x)))


def read_journal(path: Path) -> None:
    """Read which results of a prediction there are."""
    from mitoseg.io.journal import Journal

    folder = path.with_name("results")
    folder.mkdir()
    shutil.copy(path, folder / "predictions.jsonl")
    (folder / "a_mask.tif").write_bytes(b"0" * 11)
    Journal(folder, {"model": "1"}).holds(folder / "a_mask.tif", path)


def read_run(path: Path) -> None:
    """Read the settings of a run."""
    run = path.with_name("run")
    run.mkdir()
    shutil.copy(path, run / "config.json")
    read_settings(run)


READERS: Mapping[str, Mapping[str, Reader]] = {
    "dataset (HDF5)": {
        "info": describe,
        "validate": validate_here,
        "samples": read_samples,
        "images": read_images,
    },
    "shard (HDF5)": {
        "info": describe,
        "merge": lambda path: merge_shards([path], path.with_name("merged.h5"), progress=False),
    },
    "foreign HDF5": {"images": read_images},
    "TIFF": {"images": read_images},
    "OME-TIFF": {"images": read_images},
    "PNG": {"images": read_images},
    "OME-Zarr": {"images": read_images},
    "checkpoint": {"model": lambda path: load_model(path, "cpu")},
    "safetensors": {"model": lambda path: load_model(path, "cpu")},
    "recipe (TOML)": {"recipe": lambda path: load_recipe(None, path)},
    "settings (TOML)": {"settings": load_config, "study": lambda path: read_plan(str(path))},
    "card (TOML)": {"card": read_card},
    "labelme (JSON)": {"shapes": read_shapes},
    "settings (JSON)": {"run": read_run, "card": read_card},
    "journal (JSON)": {"journal": read_journal},
    "MRC": {"images": read_images},
    "NIfTI": {"images": read_images},
    "DM4": {"images": read_images},
}


@dataclass
class Tally:
    """What came of the files of a kind.

    Attributes:
        files: how many were tried.
        outcomes: of all readers together.
        seconds: processor time of the slowest reader of a file.
        problems: what is neither read nor refused: file, reader, what happened.
    """

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Change some bytes: single ones, a stretch of equal ones, or cut, drop or repeat a part."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 7))):
        place = int(rng.integers(len(data)))
        length = int(rng.integers(1, 17))
        match rng.choice(["byte", "other", "other", "other", "bit", "zeros", "ones", "drop", "repeat", "cut"]):
            case "byte":
                data[place] = int(rng.integers(256))
            case "other":  # a byte of the file itself: text stays text
                data[place] = data[int(rng.integers(len(data)))]
            case "bit":
                data[place] ^= 1 << int(rng.integers(8))
            case "zeros":
                data[place : place + length] = bytes(len(data[place : place + length]))
            case "ones":
                data[place : place + length] = b"\xff" * len(data[place : place + length])
            case "drop":
                del data[place : place + length]
            case "repeat":
                data[place:place] = data[place : place + length]
            case "cut" if rng.random() < 0.3:
                del data[place:]
        if not data:
            break
    return bytes(data)


def damaged(kind: str, original: Path, folder: Path, rng: np.random.Generator) -> Path:
    """Copy a file, or a folder of files, with damage in it."""
    place = folder / original.name
    if original.is_file():
        place.write_bytes(damage(original.read_bytes(), rng))
        return place
    shutil.copytree(original, place)
    inside = sorted(path for path in place.rglob("*") if path.is_file())
    hit = inside[int(rng.integers(len(inside)))]
    hit.write_bytes(damage(hit.read_bytes(), rng))
    return place


def watch(reader: Reader, path: Path, limit_s: float) -> tuple[str, float, str]:
    """Let a child read a file.

    Returns:
        What came of it, its processor time in s, and what it said.
    """
    log = path.parent / "said.txt"
    child = os.fork()
    if child == 0:
        _be_reader(reader, path, limit_s, log)
    deadline = time.monotonic() + 60 * limit_s
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return HANG, usage.ru_utime + usage.ru_stime, f"still there after {60 * limit_s:.0f} s"
        time.sleep(_PAUSE_S)
    spent, said = usage.ru_utime + usage.ru_stime, log.read_text(errors="replace") if log.exists() else ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        return (HANG if number == signal.SIGXCPU else CRASH), spent, f"{name} after {spent:.1f} s of processor time"
    return _CODES.get(os.waitstatus_to_exitcode(status), CRASH), spent, said


def _be_reader(reader: Reader, path: Path, limit_s: float, log: Path) -> None:
    """Read in this process, with limits, and end it; the exit code says what came of it."""
    code = 3
    try:
        with log.open("w") as stream:
            for number in (1, 2):
                os.dup2(stream.fileno(), number)
        sys.stdout = sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), write_through=True)
        seconds = int(limit_s)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = _outcome(reader, path)
    finally:
        os._exit(code)


def _outcome(reader: Reader, path: Path) -> int:
    """Exit code of the program if this were a command: what it says in one line is 2, a traceback 3."""
    try:
        reader(path)
    except (MitoError, OSError, MemoryError) as error:
        print(error)
        return 3 if "\n" in str(error).strip() else 2
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 3
    return 0


def try_kind(kind: str, original: Path, numbers: Sequence[int], seed: int, limit_s: float) -> Tally:
    """Let all readers of a kind try damaged copies of a file.

    Args:
        kind: one of `READERS`.
        original: a sound file of the kind.
        numbers: of the copies: each is damaged in its own way, the same way every time.
        seed: of the damage.
        limit_s: processor time of a reader.
    """
    tally = Tally()
    for name, reader in READERS[kind].items():  # a sound file must be read, or nothing is learnt from the others
        with tempfile.TemporaryDirectory() as folder:
            place = Path(shutil.copytree(original, Path(folder) / original.name)) if original.is_dir() else None
            outcome, _, said = watch(reader, place or Path(shutil.copy(original, folder)), limit_s)
            if outcome != READ and (kind, name) not in NOT_READ:
                raise SystemExit(f"{kind}, {name}: a sound file is {outcome}: {said}")
    for number in numbers:
        rng = np.random.default_rng([seed, list(READERS).index(kind), number])
        tally.files += 1
        with tempfile.TemporaryDirectory() as folder:
            sick = damaged(kind, original, Path(folder) / "", rng)
            for name, reader in READERS[kind].items():
                outcome, spent, said = watch(reader, sick, limit_s)
                tally.outcomes[outcome] += 1
                tally.seconds = max(tally.seconds, spent)
                if outcome not in (READ, REFUSED):
                    last = said.strip().splitlines()[-1:] or [""]
                    tally.problems.append(f"{kind} {number}, {name}: {outcome}: {last[0][:150]}")
                    print(tally.problems[-1], flush=True)
                for left in ("results", "run"):
                    shutil.rmtree(Path(folder) / left, ignore_errors=True)
                (Path(folder) / "merged.h5").unlink(missing_ok=True)
    return tally


NOT_READ = {
    ("settings (TOML)", "study"),
    ("settings (JSON)", "card"),
    ("journal (JSON)", "journal"),
}
"""Readers that refuse a sound file too: it is of another kind, or tells of another image."""


def page(tallies: Mapping[str, Tally], seed: int, limit_s: float, minutes: float) -> str:
    """Write down what came of it."""
    lines = [
        "# Damaged files\n",
        "Written by `python benchmarks/fuzz_readers.py`. Small files of every kind that the programs read are damaged: "
        "up to six times, a byte or a bit is changed, a stretch is blanked, dropped or repeated, or the file is cut. "
        f"Every reader of the kind then tries the file in a process of its own, with {limit_s:g} s of processor time "
        f"and {MEMORY_BYTES // 2**30} GiB of memory. It may read the file or refuse it in one line. Damage that no "
        "format can notice, such as another grey level, is read.\n",
        "| kind | files | readings | read | refused | tracebacks | crashes | hangs | slowest, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, tally in (*tallies.items(), ("**all**", total(tallies))):
        counts = " | ".join(str(tally.outcomes[outcome]) for outcome in OUTCOMES)
        lines.append(f"| {kind} | {tally.files} | {tally.outcomes.total()} | {counts} | {tally.seconds:.2f} |")
    problems = total(tallies).problems
    lines += [
        "",
        *(["What was neither read nor refused:\n", *(f"- {problem}" for problem in problems), ""] if problems else []),
    ]
    lines += [f"It took {minutes:.0f} min. {conditions(seed)}", ""]
    return "\n".join(lines)


def total(tallies: Mapping[str, Tally]) -> Tally:
    """All kinds together."""
    whole = Tally()
    for tally in tallies.values():
        whole.files += tally.files
        whole.outcomes += tally.outcomes
        whole.seconds = max(whole.seconds, tally.seconds)
        whole.problems += tally.problems
    return whole


def main() -> None:
    """Damage files, let them be read, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000, help="of all kinds together")
    parser.add_argument("--first", type=int, default=0, help="number of the first copy of each kind")
    parser.add_argument("--only", metavar="KIND", help="only kinds with this in their names; writes no page")
    parser.add_argument("--limit", type=float, default=10.0, help="processor time of a reader, s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/fuzzing.md"))
    arguments = parser.parse_args()
    kinds = [kind for kind in READERS if (arguments.only or "").lower() in kind.lower()]
    each = -(-arguments.files // len(kinds))
    numbers = range(arguments.first, arguments.first + each)
    started, tallies = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            original = KINDS[kind](Path(folder))
            tallies[kind] = try_kind(kind, original, numbers, arguments.seed, arguments.limit)
            print(f"{kind}: {dict(tallies[kind].outcomes)}", flush=True)
    if not arguments.only:
        text = page(tallies, arguments.seed, arguments.limit, (time.monotonic() - started) / 60)
        write_page(arguments.output, text)
    sys.exit(bool(total(tallies).problems))


if __name__ == "__main__":
    main()
