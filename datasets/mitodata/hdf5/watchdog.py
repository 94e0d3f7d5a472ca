"""Checking a file on which HDF5 may hang or crash: in a child process, which ends if it gets nowhere.

On some damage HDF5 loops for ever, inside C: then no handler and no thread of Python's runs. Only the system ends it.
"""

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from mitodata.hdf5.checks import validate
from mitodata.hdf5.damage import MAKE_AGAIN


def validate_watched(path: Path, seconds: float) -> list[str]:
    """Check a dataset file as `validate` does, whatever HDF5 makes of it.

    Args:
        path: the file.
        seconds: how long it may get nowhere, > 0; a large file takes as long as it takes.

    Returns:
        One line a problem; that HDF5 hangs or crashes is one.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_check, args=(path, seconds, theirs), daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a child has it for life: the parent decides
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    try:
        found: list[str] = ours.recv()
        return found
    except EOFError:
        child.join()
        if child.exitcode == -signal.SIGALRM:
            return [f"{path}: damaged: HDF5 makes no progress for {seconds:g} s; {MAKE_AGAIN}"]
        return [f"{path}: damaged: HDF5 crashes on it (exit code {child.exitcode}); {MAKE_AGAIN}"]
    finally:
        child.kill()
        child.join()


def _check(path: Path, seconds: float, result: Connection) -> None:
    """Check the file in this process, which the system ends if it gets nowhere: it outlives no killed parent either."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def alive() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    alive()
    problems = validate(path, alive)
    signal.setitimer(signal.ITIMER_REAL, 0)
    result.send(problems)
