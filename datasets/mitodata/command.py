"""Run a click command group the way both programs do: one line for an error, no traceback, honest exit codes."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from mitodata.errors import MitoError

_SECONDS_TO_LEAVE_A_CALLBACK = 0.02


def run(group: click.Group) -> NoReturn:
    """Run the command line of the process and exit.

    Exit codes: 0 done; 2 the user can do something about it (wrong option, bad file, no space, no permission), said in
    one line on stderr; 130 stopped with Ctrl-C or SIGTERM, where a message of the KeyboardInterrupt says what was
    kept.
    """
    try:
        with _interrupts_arrive():
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
def _interrupts_arrive() -> Iterator[None]:
    """Let SIGTERM (a scheduler, `timeout`, `kill`) stop the program as Ctrl-C does, and let neither get lost.

    What a signal raises where nobody can catch it, in a destructor or the callback of a weak reference, Python prints
    and forgets, and the program would go on. So the signal is sent again a moment later.
    """

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # some senders repeat it, which must not stop the tidying up
        raise KeyboardInterrupt

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)
            return
        terminated = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        if terminated:
            signal.signal(signal.SIGTERM, stop)
        number = signal.SIGTERM if terminated else signal.SIGINT
        threading.Timer(_SECONDS_TO_LEAVE_A_CALLBACK, signal.pthread_kill, (threading.get_ident(), number)).start()

    before, hook = signal.signal(signal.SIGTERM, stop), sys.unraisablehook
    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = hook
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
