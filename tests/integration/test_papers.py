"""Every command, option, setting, target and link in README, docs and help texts exists."""

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import click

from mitodata.errors import MitoError
from mitogen.cli.main import cli as mitogen
from mitogen.recipe.recipe import load_recipe
from mitoseg.cli.main import cli as mitoseg
from mitoseg.config.settings import make_config

ROOT = Path(__file__).parents[2]
PAPERS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PROGRAMS: dict[str, click.Group] = {"mitogen": mitogen, "mitoseg": mitoseg}


def code(paper: Path) -> list[str]:
    """Lines of the fenced blocks, and what stands between backticks."""
    text = paper.read_text(encoding="utf-8")
    fenced = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    return lines + re.findall(r"`([^`]+)`", fenced.sub("", text).replace("\n", " "))


def find(command: click.Command, words: list[str]) -> click.Command:
    """Follow `words` through groups to the command that they call; LookupError if there is none."""
    context = click.Context(command)
    for word in words:
        if not isinstance(command, click.Group):
            break
        try:
            _, found, _ = command.resolve_command(context, [word])
        except click.UsageError:
            found = None
        if found is None:
            raise LookupError(f"{word} is no command")
        command = found
    return command


def epilogs(command: click.Command) -> Iterator[str]:
    """Lines below the help of a command and of all commands in it."""
    yield from (line.strip() for line in (command.epilog or "").splitlines())
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from epilogs(each)


def typed(lines: Iterable[str]) -> Iterator[str]:
    """Those of the lines that call one of our programs, without comments."""
    for line in lines:
        words = line.removeprefix("$ ").split(" #")[0].split("  ")[0]
        if re.match(r"(mitogen|mitoseg) [a-z]", words):
            yield words


HELP = [line for program in PROGRAMS.values() for line in epilogs(program)]
NAMES = [paper.relative_to(ROOT).as_posix() for paper in PAPERS]
SHOWN = {name: code(paper) for name, paper in zip(NAMES, PAPERS, strict=True)} | {"help": HELP}


def test_commands_and_options_exist() -> None:
    assert len(list(typed(HELP))) > 30
    commands = [(where, words) for where, lines in SHOWN.items() for words in typed(lines)]
    wrong = [(where, words, said) for where, words in commands if (said := unknown(words))]
    assert not wrong


def unknown(words: str) -> str:
    """What a call of one of our programs names that does not exist; nothing if it is all there."""
    name, *rest = shlex.split(words.replace("[", " ").replace("]", " "))
    try:
        command = find(PROGRAMS[name], [word for word in rest if not word.startswith("-")])
    except LookupError as error:
        return str(error)
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)}
    return " ".join(sorted(used - options - {"--help", "-h"}))


def test_settings_can_be_set() -> None:
    commands = [(where, words) for where, lines in SHOWN.items() for words in typed(lines)]
    wrong = [(where, words, said) for where, words in commands if (said := refused(words))]
    assert not wrong


def refused(words: str) -> str:
    """What is said against the settings and knobs of a call; nothing if they can be set."""
    program, *rest = shlex.split(words.replace("\\", ""))
    changes = [change for option, change in pairwise(rest) if option == "--set" and "..." not in change]
    changes = [change for change in changes if not re.search("[A-Z]{3}", change)]
    try:
        if program == "mitoseg" and changes:
            make_config(tuple(changes))
        elif changes:
            preset = dict(pairwise(rest)).get("--preset", "mito")
            load_recipe(preset, None, changes)
    except MitoError as error:
        return str(error)
    return ""


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    calls = [(where, re.match(r"(?:[A-Z]+=\S+ )?make ([a-z-]+)", line)) for where in NAMES for line in SHOWN[where]]
    used = [(where, match[1]) for where, match in calls if match]
    assert len(used) > 10
    assert not [(where, target) for where, target in used if target not in targets]


def test_links_lead_somewhere() -> None:
    assert not [(name, link) for name, paper in zip(NAMES, PAPERS, strict=True) for link in dead_links(paper)]


def dead_links(paper: Path) -> list[str]:
    text = paper.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text) + re.findall(r"^\[[^]\n]+\]: ([^#\s]+)", text, re.MULTILINE)
    return [link for link in links if "://" not in link and not (paper.parent / link).exists()]


def test_scores_in_the_readme_are_measured() -> None:
    """The scores of a row stand side by side in a row of a page that a benchmark wrote, for as many images."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "results").glob("*.md")]
    measured = [(set(cells(row)), scores(row)) for page in pages for row in page.splitlines()]
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if scores(line)]
    assert rows
    for row in rows:
        images, *_ = (cell for cell in cells(row) if cell.isdigit())
        found = [words for words, values in measured if values[: len(scores(row))] == scores(row)]
        assert any(images in words for words in found), row


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")] if row.startswith("|") else []


def scores(row: str) -> list[str]:
    """Cells of a row with a mean and, of several images, a standard deviation, in order; a threshold has two digits."""
    return [cell for cell in cells(row) if re.fullmatch(r"\.\d{3}( \+- \.\d{3})?", cell)]
