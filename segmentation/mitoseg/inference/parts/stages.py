"""Work that is cut into tasks, and the tasks into stages, so that any number of processes share it without talking."""

import io
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError
from mitodata.cluster.workers import wait_for
from mitodata.files import checked_write, write_atomic
from mitodata.readers.damage import readable

Arrays = Mapping[str, NDArray[Any]]
"""What is kept of a task, by name."""

_DONE = "done"
"""File in the folder of a stage whose tasks are all done."""

_IN_FOLDER = 1000
"""Files in a folder at most: file systems are slow with more."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Tasks that need nothing of each other, and all of the stages before.

    A task is done once its file is there. What it finds depends on nothing but its number, so that it matters not who
    does it, nor whether somebody else does so at the same time.

    Attributes:
        folder: of the files of its tasks; it lies in one that exists.
        count: of tasks.
        make: does a task by its number, and gives what is kept of it; whatever else it writes is whole by then.
        also: other files that a task writes, by its number.
        alone: whether one process should do it while the others wait.
    """

    folder: Path
    count: int
    make: Callable[[int], Arrays]
    also: Callable[[int], Sequence[Path]] = lambda _: ()
    alone: bool = False

    def path(self, number: int) -> Path:
        """The file of a task."""
        return self.folder / f"{number // _IN_FOLDER}" / f"{number % _IN_FOLDER:03d}.npz"

    def has(self, number: int) -> bool:
        """Whether a task is done."""
        return all(path.exists() for path in (self.path(number), *self.also(number)))

    def do(self, number: int) -> None:
        """Do a task.

        Raises:
            DataError: what it reads is damaged, or what it writes cannot be written.
        """
        self.write(self.path(number), self.make(number))

    def write(self, path: Path, found: Arrays) -> None:
        """Write a file of this stage.

        Raises:
            WriteError: it cannot be written.
        """
        content = io.BytesIO()
        arrays: dict[str, Any] = dict(found)  # mypy takes them for the flags of `savez` as well
        np.savez(content, **arrays)
        with checked_write(path):
            # Not the folder of the parts: where it is gone, this process is late.
            for parent in (self.folder.parent, self.folder, path.parent):
                parent.mkdir(exist_ok=True)
        write_atomic(path, content.getvalue())

    def read(self, number: int) -> dict[str, NDArray[Any]]:
        """What is kept of a task."""
        return self.load(self.path(number))

    def load(self, path: Path) -> dict[str, NDArray[Any]]:
        """Read a file of this stage; a damaged one is removed.

        Raises:
            DataError: it is damaged.
            ClusterError: it is not there, although another machine wrote it.
        """
        wait_for(path)
        try:
            # Read whole: numpy leaves a damaged file open.
            with readable(path), np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except DataError as error:
            path.unlink(missing_ok=True)
            self.reopen()
            raise DataError(f"{path}: is damaged, and was removed; the same command continues") from error

    @property
    def done(self) -> bool:
        """Whether somebody has seen that all tasks are done."""
        return (self.folder / _DONE).exists()

    def close(self) -> None:
        """Note that all tasks are done."""
        write_atomic(self.folder / _DONE, b"")

    def reopen(self) -> None:
        """Note that it is not known whether all tasks are done."""
        (self.folder / _DONE).unlink(missing_ok=True)

    def missing(self) -> Iterator[int]:
        """Tasks that nobody has done yet, each looked for when it is asked for.

        They come in an order of chance: processes that work at the same time rarely meet at one.
        """
        numbers = list(range(self.count))
        random.Random().shuffle(numbers)
        for number in numbers:
            if not self.has(number):
                yield number


@contextmanager
def mended(stages: Sequence[Stage]) -> Iterator[None]:
    """Let the stages be gone through again where something that they wrote turns out to be damaged."""
    try:
        yield
    except DataError:
        for stage in stages:
            stage.reopen()
        raise
