"""Commands that documentation and help texts show: they exist, with these options and these settings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mitogen.cli import cli as mitogen
from mitogen.recipe import load_recipe
from mitoseg.cli import cli as mitoseg
from mitoseg.config import make_config

ROOT = Path(__file__).parents[2]
PROGRAMS = {"mitogen": mitogen, "mitoseg": mitoseg}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(group: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """All commands below a group, each with its name."""
    yield name, group
    if isinstance(group, click.Group):
        for word, command in group.commands.items():
            yield from commands(command, f"{name} {word}")


def examples() -> dict[str, str]:
    """Lines that are commands of ours, each with where it stands."""
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
    texts |= {
        f"{name} --help": command.epilog or ""
        for program in PROGRAMS
        for name, command in commands(PROGRAMS[program], program)
    }
    lines: dict[str, str] = {}
    for where, text in texts.items():
        for line in (each.split(" #")[0].rstrip() for each in text.splitlines()):
            found = re.match(r"\s*(?:torchrun \S+ \S+ -m )?((?:mitogen|mitoseg) [a-z].*)", line)
            if found and "..." not in line and not re.search(r"\| |`|[a-z], |[A-Z]{3}\.\.", found.group(1)):
                lines.setdefault(found.group(1), where)
    return lines


EXAMPLES = examples()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 60
    assert {"README.md", "docs/training.md", "mitogen render --help", "mitoseg fit --help"} <= set(EXAMPLES.values())


@pytest.mark.parametrize("line", EXAMPLES, ids=lambda line: f"{EXAMPLES[line]}: {line}")
def test_an_example_can_be_typed(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    command: click.Command = PROGRAMS[program]
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    context = click.Context(command, info_name=program)
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.commands["run"]  # `mitoseg study NAME`
    given, _, _ = command.make_parser(context).parse_args(list(words))
    overrides = tuple(given.get("overrides") or ())
    if program == "mitoseg":
        make_config(overrides)
    elif overrides:
        presets = [given[name] for name in ("preset", "recipe") if isinstance(given.get(name), str)]
        known = presets[0] if presets and "." not in presets[0] else "mito"
        load_recipe(known, None, overrides)
