"""Run a click command group the way both programs do: one line for an error, no traceback, honest exit codes."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from mitodata.errors import MitoError


def run(group: click.Group) -> NoReturn:
    """Run the command line of the process and exit.

    Exit codes: 0 done; 2 the user can do something about it (wrong option, bad file, no space, no permission), said in
    one line on stderr; 130 stopped with Ctrl-C or SIGTERM, where a message of the KeyboardInterrupt says what was
    kept.
    """
    try:
        with _terminated_like_interrupted():
            result = group.main(standalone_mode=False)
    except click.ClickException as error:
        _exit(2, _usage(error))
    except click.Abort as error:  # how click hands on Ctrl-C, and a closed input
        _exit(130, str(error.__cause__ or "") or "stopped")
    except MitoError as error:
        _exit(2, f"Error: {error}")
    except OSError as error:
        _exit(2, f"Error: {_os_problem(error)}")
    sys.exit(result if isinstance(result, int) else 0)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM (a scheduler, `timeout`, `kill`) stop the program as Ctrl-C does."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # some senders repeat it, which must not stop the tidying up
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    if "\n" in message:  # a bare `mitogen`: the message is the page of help
        return message
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see {context.command_path} --help)" if context else ""
    return f"Error: {message.rstrip('.')}{hint}"


def _os_problem(error: OSError) -> str:
    """Name the file and the problem; libraries put pages into the text of an OSError of their own."""
    if error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]


def _exit(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
