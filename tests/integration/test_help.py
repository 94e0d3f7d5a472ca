"""Every command answers `--help` at once: heavy libraries wait until there is something to do."""

import resource
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mitogen.cli.main import cli as mitogen
from mitoseg.cli.main import cli as mitoseg

HEAVY = ("h5py", "matplotlib", "monai", "numba", "pydantic", "scipy", "skimage", "sklearn", "torch", "zarr")
ASK = """
import sys
from importlib import import_module
from click.testing import CliRunner

def paths(command, path=()):
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, (*path, name))

cli = import_module(f"{sys.argv[1]}.cli.main").cli
for path in paths(cli):
    done = CliRunner().invoke(cli, [*path, "--help"])
    assert done.exit_code == 0 and done.output.startswith("Usage"), (path, done.output)
    print(*path)
print(*sys.modules, file=sys.stderr)
"""


def ask(program: str) -> tuple[set[str], set[str], float]:
    """Ask for the help of every command: their names, the modules loaded, and the seconds of processor time.

    Not the time on the clock: other programs on the machine do not count.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", ASK, program], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return set(done.stdout.splitlines()), set(done.stderr.split()), seconds


@pytest.mark.parametrize(
    ("program", "commands"),
    [("mitogen", {"", "render", "import", "recipe show"}), ("mitoseg", {"", "fit", "predict", "study explain"})],
)
def test_help_of_all_commands_together_takes_less_than_a_third_of_a_second(program: str, commands: set[str]) -> None:
    found, modules, seconds = ask(program)
    assert found >= commands
    assert not modules & set(HEAVY)
    # A busy machine slows the processor down, too.
    assert seconds < 0.3 or min(ask(program)[2] for _ in range(4)) < 0.3


@pytest.mark.parametrize("program", [mitogen, mitoseg])
def test_lists_of_commands_say_in_whole_words_what_each_does(program: click.Group) -> None:
    groups = [(), *((name,) for name, command in program.commands.items() if isinstance(command, click.Group))]
    assert len(groups) > 1
    for group in groups:
        listed = CliRunner().invoke(program, [*group, "--help"], terminal_width=80).output.partition("Commands:")[2]
        rows = listed.partition("\n\n")[0].strip().splitlines()
        assert rows
        assert [row for row in rows if not row.endswith(".") or row.endswith("...")] == []


def test_what_comes_first_is_listed_first() -> None:
    assert mitoseg.list_commands(click.Context(mitoseg))[:3] == ["predict", "adapt", "finetune"]
    assert mitogen.list_commands(click.Context(mitogen))[:2] == ["render", "preview"]
