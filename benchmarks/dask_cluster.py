"""A Dask cluster of processes on this machine, whose workers and scheduler can be stopped one by one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mishaps import wait_until

GRACE_S = 30.0
"""Seconds between SIGTERM and SIGKILL on most clusters."""


@dataclass
class Cluster:
    """A Dask cluster on this machine, as a user would start it.

    Attributes:
        note: the file in which the scheduler says where it is.
        scheduler: its process.
        workers: processes of one thread.
    """

    note: Path
    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(json.loads(self.note.read_text())["address"])

    def start_worker(self) -> "subprocess.Popen[bytes]":
        """Start another worker."""
        run = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        run += ["--scheduler-file", str(self.note)]
        return subprocess.Popen(run, stderr=subprocess.DEVNULL, cwd=self.note.parent)

    def tell(self, place: int) -> list[str]:
        """Tell a worker to stop, as a queue does before it kills it; what was wrong with that."""
        self.workers[place].terminate()
        try:
            self.workers[place].wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.workers[place].kill()
            return [f"a worker was still there after {GRACE_S:.0f} s"]
        return []


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[Cluster]:
    """A cluster that is gone at the end of the block."""
    note = folder / "scheduler.json"
    note.unlink(missing_ok=True)
    run = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    scheduler = subprocess.Popen([*run, "--scheduler-file", str(note)], stderr=subprocess.DEVNULL)
    wait_until(note.exists)
    cluster = Cluster(note, scheduler)
    try:
        cluster.workers = [cluster.start_worker() for _ in range(workers)]
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            process.kill()
            process.wait()


@contextmanager
def changed(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for processes that are started in this block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
