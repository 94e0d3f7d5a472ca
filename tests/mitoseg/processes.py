"""`mitoseg` in processes of its own, which start at once: libraries are loaded once, in the server that forks them."""

import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import torch

from mitoseg.cli.main import main

PRELOADED = ["mitoseg.training.trainer", "matplotlib.figure", "torch.utils.tensorboard"]
"""What a fit loads."""


def forks() -> ForkServerContext:
    """What starts processes as forks of the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def start(
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    constants: Mapping[str, object] | None = None,
) -> ForkServerProcess:
    """Start the program; what it says goes to `stdout.txt` and `stderr.txt` in the folder.

    Constants of modules, by their dotted names, may be others there.
    """
    process = forks().Process(
        target=_be_mitoseg, args=(arguments, folder, dict(environment or {}), dict(constants or {}))
    )
    process.start()
    return process


def _be_mitoseg(
    arguments: list[str], folder: Path, environment: Mapping[str, str], constants: Mapping[str, object]
) -> None:
    os.environ.update(environment)
    for name, value in constants.items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    torch.set_num_threads(1)
    sys.argv = ["mitoseg", *arguments]
    folder.mkdir(exist_ok=True)
    with (folder / "stderr.txt").open("w") as sys.stderr, (folder / "stdout.txt").open("w") as sys.stdout:
        main()


def ended(process: ForkServerProcess, seconds: float = 120) -> int:
    """Wait for the end of a process, and return its exit code."""
    process.join(seconds)
    assert process.exitcode is not None, "it goes on"
    return process.exitcode


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
