"""Commands, options and knobs that the documentation names exist."""

import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

from mitogen.recipe.blob_knobs import BLOBS, COLONIES
from mitogen.recipe.tissue_knobs import KNOBS

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# Pages that say what was measured once name what there was then.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += [page for page in DOCS if not {"results", "notebook"} & set(page.parts)]
FILES = {path.name for folder in ("datasets", "generator", "segmentation", "tests", "benchmarks", "website")
         for path in (ROOT / folder).rglob("*.py")}  # fmt: skip
PROGRAMS = ("mitogen", "mitoseg")
EVERY_KNOB = {*KNOBS, *BLOBS, *COLONIES}
SECTIONS = {name.partition(".")[0] for name in EVERY_KNOB}


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def program(name: str) -> click.Group:
    found = importlib.import_module(f"{name}.cli.main").cli
    assert isinstance(found, click.Group)
    return found


def commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from commands(command)


def options(command: click.Command) -> set[str]:
    return {"-h", "--help", *(name for option in command.params for name in (*option.opts, *option.secondary_opts))}


@cache
def all_options() -> set[str]:
    return {name for start in PROGRAMS for command in commands(program(start)) for name in options(command)} | {
        "--version"
    }


def lines(page: Path) -> Iterator[str]:
    """Commands of the two programs: lines of blocks, and what stands between backticks."""
    text = page.read_text(encoding="utf-8")
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        if language in ("", "sh", "bash", "console", "text"):
            yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def problems(line: str) -> list[str]:
    """What a command line names that does not exist; nothing if it is none."""
    words = re.split(r"\s[|&>#]", line)[0].strip().removeprefix("$ ").split()
    if len(words) < 2 or Path(words[0]).name not in PROGRAMS:
        return []
    command: click.Command = program(Path(words[0]).name)
    words = shlex.split(" ".join(words[1:]).replace("'", '"') if line.count("'") % 2 else " ".join(words[1:]))
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] in command.commands:
            command = command.commands[words.pop(0)]
        elif "run" in command.commands:  # mitoseg study mine.toml
            command = command.commands["run"]
        elif re.fullmatch(r"[a-z-]+", words[0]):
            return [f"{line}: no command {words[0]}"]
        else:
            break
    named = {word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)}
    return [f"{line}: no option {name}" for name in named - options(command) - {"--version"}]


def test_what_does_not_exist_is_found() -> None:
    assert problems("mitogen render --n 3 --colour -o a.h5") == [
        "mitogen render --n 3 --colour -o a.h5: no option --colour"
    ]
    assert problems("mitogen paint") == ["mitogen paint: no command paint"]
    assert problems("mitoseg study mine.toml --epochs 3")
    assert not problems("mitoseg study mine.toml --workers 2    # a comment with --nonsense")
    assert sum(line.startswith(PROGRAMS) for line in lines(PAGES[0])) > 5
    assert not problems(".venv/bin/mitogen render --set 'section.pixel_nm={uniform=[4, 5]}' -o a.h5 | tee log")


def test_commands_and_their_options_exist() -> None:
    assert not [(title(page), problem) for page in PAGES for line in lines(page) for problem in problems(line)]


def test_options_that_stand_alone_are_those_of_some_command() -> None:
    assert not {title(page): wrong for page in PAGES if (wrong := lone_options(page) - all_options())}


def lone_options(page: Path) -> set[str]:
    named = {text.split()[0].partition("=")[0] for text in lines(page) if re.match(r"--[a-z]", text)}
    return {name for group in named for name in group.split("/")}


def test_knobs_and_files_of_the_code_exist() -> None:
    assert not {title(page): wrong for page in PAGES if (wrong := missing_knobs(page) | missing_files(page))}


def missing_knobs(page: Path) -> set[str]:
    named = {text for text in lines(page) if re.fullmatch(r"[a-z_]+\.[a-z]\w+", text)}
    knobs = {text for text in named if text.partition(".")[0] in SECTIONS and not text.endswith((".py", ".toml"))}
    return knobs - EVERY_KNOB


def missing_files(page: Path) -> set[str]:
    return {text for text in lines(page) if re.fullmatch(r"[\w/]+\.py", text) and Path(text).name not in FILES}
