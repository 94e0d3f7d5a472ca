"""Run a click command group the way both programs do: one line for an error, no traceback, honest exit codes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import isnan
from pathlib import Path
from typing import Any, NoReturn

import click

from mitodata.errors import MitoError

_SECONDS_TO_LEAVE_A_CALLBACK = 0.02

SAME_REQUEST_S = 1.0
"""Signals to stop that come within this many seconds are one request: `timeout` and some schedulers send two."""


VOXEL_SIZE = (
    "three numbers in nm, in the order z, y, x, such as --voxel-size 50 5 5; for a single section, z is its thickness"
)
"""What to give where the voxel size is wrong."""


class Commands(click.Group):
    """Commands that the help lists in the order in which they were added, which is that of the work."""

    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)


class Measure(click.FloatRange):
    """A number within a range, which NaN is not."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{number} is not in the range {self._describe_range()}.", param, ctx)
        return number


STORES = ("s3://", "gs://")
"""What the URL of a place that can be written to begins with."""


class Output(click.Path):
    """The path of what a command writes on this machine. Of a URL, folders called `s3:` would be made."""

    def __init__(self, *, urls: bool = False) -> None:
        """Expect a path; `urls`: or a URL, to which the command sends what it wrote."""
        super().__init__(path_type=Path)
        self._urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the path."""
        text = str(value)
        if "://" in text and not self._urls:
            expected = (
                "expected a path on this machine; mitogen render and mitoseg predict alone write to s3:// or gs://"
            )
            self.fail(f"{text}: is a URL; {expected}", param, ctx)
        if "://" in text and not text.startswith(STORES):
            self.fail(f"{text}: expected a path, or a place to write to such as s3://bucket/name", param, ctx)
        return Path(str(super().convert(value, param, ctx)))


def run(group: click.Group) -> NoReturn:
    """Run the command line of the process and exit.

    Exit codes: 0 done; 2 the user can do something about it (wrong option, bad file, no space, no permission), said in
    one line on stderr; 130 stopped with Ctrl-C or SIGTERM, where a message of the KeyboardInterrupt says what was
    kept.
    """
    _open_closed_streams()
    try:
        with _interrupts_arrive():
            result = group.main(standalone_mode=False)
            sys.stdout.flush()
    except click.ClickException as error:
        _exit(2, _usage(error))
    except click.Abort as error:  # how click hands on Ctrl-C, and a closed input
        _exit(130, str(error.__cause__ or "") or "stopped")
    except MitoError as error:
        _exit(2, f"Error: {error}")
    except OSError as error:
        _exit(2, f"Error: {_os_problem(error)}")
    except MemoryError as error:
        _exit(2, f"Error: not enough memory: {_memory_problem(error)}; use smaller images or fewer workers")
    _give_up_full_streams()
    sys.exit(result if isinstance(result, int) else 0)


def _open_closed_streams() -> None:
    """Replace standard streams that were closed (`2>&-`) by nothing: a file of ours must not get their number."""
    for name in ("stdin", "stdout", "stderr"):  # in this order, so that each gets its own number
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w", encoding="utf-8"))


def _give_up_full_streams() -> None:
    """Drop what a full or broken stream did not take: Python would fail when it tries again at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, stream.fileno())
                os.close(nothing)


@contextmanager
def _interrupts_arrive() -> Iterator[None]:
    """Let SIGTERM (a scheduler, `timeout`, `kill`) stop the program as Ctrl-C does, and let neither get lost.

    An interrupt that comes right behind another is the same one: it must not stop the tidying up.

    What a signal raises where nobody can catch it, in a destructor or the callback of a weak reference, Python prints
    and forgets, and the program would go on. So the signal is sent again a moment later.
    """

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # some senders repeat it, which must not stop the tidying up
        raise KeyboardInterrupt

    asked = -SAME_REQUEST_S

    def interrupt(*_: object) -> None:
        nonlocal asked
        before, asked = asked, time.monotonic()
        if asked - before >= SAME_REQUEST_S:
            raise KeyboardInterrupt

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)
            return
        nonlocal asked
        asked = -SAME_REQUEST_S
        terminated = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        if terminated:
            signal.signal(signal.SIGTERM, stop)
        number = signal.SIGTERM if terminated else signal.SIGINT
        threading.Timer(_SECONDS_TO_LEAVE_A_CALLBACK, signal.pthread_kill, (threading.get_ident(), number)).start()

    before, hook = signal.signal(signal.SIGTERM, stop), sys.unraisablehook
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody wants it ignored
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    if "\n" in message:  # a bare `mitogen`: the message is the page of help
        return message
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see {context.command_path} --help)" if context else ""
    if "'--voxel-size'" in message:
        return f"Error: {message.rstrip('.')}; expected {VOXEL_SIZE}"
    return f"Error: {message.rstrip('.')}{hint}"


def _os_problem(error: OSError) -> str:
    """Name the file and the problem; libraries put pages into the text of an OSError of their own."""
    if error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]


def _memory_problem(error: MemoryError) -> str:
    """Say how much was asked for, where the library tells."""
    asked = (str(error) or "more was asked for than there is").splitlines()[0]
    return f"{asked}; expected less than the machine has free"


def _exit(code: int, message: str) -> NoReturn:
    with suppress(OSError):
        click.echo(message, err=True)
    _give_up_full_streams()
    sys.exit(code)
