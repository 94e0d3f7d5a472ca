import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mitodata import DataError
from mitodata.command_line import run


@click.group(no_args_is_help=True)
def program() -> None:
    """Help."""


@program.command()
@click.option("--what", default="")
def go(what: str) -> None:
    if what == "data":
        raise DataError("x.h5: broken")
    if what == "file":
        Path("/nowhere/x.h5").read_text()
    if what == "space":
        raise OSError(28, "No space left on device")
    if what == "page":
        raise OSError("first\nsecond")
    if what == "stop":
        raise KeyboardInterrupt
    if what == "terminated":
        signal.raise_signal(signal.SIGTERM)
    if what == "kept":
        raise KeyboardInterrupt("3 are kept")
    click.echo("done")


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["go"], 0, ""),
        (["go", "--what", "data"], 2, "Error: x.h5: broken"),
        (["go", "--what", "file"], 2, "Error: /nowhere/x.h5: No such file or directory"),
        (["go", "--what", "space"], 2, "Error: No space left on device"),
        (["go", "--what", "page"], 2, "Error: first"),
        (["go", "--what", "stop"], 130, "stopped"),
        (["go", "--what", "terminated"], 130, "stopped"),
        (["go", "--what", "kept"], 130, "3 are kept"),
        (["went"], 2, "Error: No such command 'went'"),
        (["go", "--wat"], 2, "Error: No such option"),
        (["--help"], 0, ""),
    ],
)
def test_exit_codes_and_one_line(
    arguments: list[str], code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    with pytest.raises(SystemExit) as caught:
        run(program)
    errors = capsys.readouterr().err.strip()
    assert caught.value.code == code
    assert errors.startswith(line)
    assert "\n" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_python_would_forget_stops_the_program(number: int) -> None:
    """In a process of its own, because the hook of the test runner would catch what is forgotten."""
    script = f"""
import signal, time, weakref
import click
from mitodata.command_line import run

class Thing: pass

@click.group()
def program(): pass

@program.command()
def go():
    thing = Thing()
    watch = weakref.ref(thing, lambda _: signal.raise_signal({int(number)}))
    del thing
    for _ in range(1000):
        time.sleep(0.01)

run(program)
"""
    done = subprocess.run([sys.executable, "-c", script, "go"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (130, "stopped")


def test_a_bare_program_shows_its_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit):
        run(program)
    assert "Usage: program" in "".join(capsys.readouterr())


def test_a_closed_pipe_is_no_error() -> None:
    script = (
        "import click\nfrom mitodata.command_line import run\n"
        "@click.group()\ndef program(): pass\n"
        "@program.command()\ndef go():\n    [click.echo('x' * 1000) for _ in range(1000)]\nrun(program)"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script, "go"], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert "Traceback" not in done.stderr


def test_a_signal_that_is_sent_twice_is_one_request() -> None:
    """As `timeout` sends it; the second must not stop the tidying up. A later one does."""
    script = """
import signal, time
import click
from mitodata.command_line import run

@click.group()
def program(): pass

@program.command()
def go():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        signal.raise_signal(signal.SIGINT)
        print("tidied up", flush=True)
        time.sleep(1.1)
        signal.raise_signal(signal.SIGINT)
        print("not reached")

run(program)
"""
    done = subprocess.run([sys.executable, "-c", script, "go"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "tidied up\n", "stopped")
