"""An HDF5 file that gets its final name only once it is whole, whatever happens on the way."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import h5py

from mitodata.errors import DataError, WriteError

_INDEX_BYTES = 2**18


class Draft:
    """The temporary file `.NAME.partial` beside the final one; gone afterwards unless it was kept, that is, renamed.

    with Draft(path, overwrite=False) as draft:
        file = draft.create()
        with draft.checked():
            file["x"] = 1
        draft.keep()
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        """Check the final name.

        Raises:
            DataError: it is a folder, or exists and `overwrite` is off.
        """
        self._path = path
        self._streams: list[_Stream] = []
        self._files: list[h5py.File] = []
        with self.checked():
            if path.is_dir():
                raise DataError(f"{path}: is a folder; expected the name of a file to write")
            if path.exists() and not overwrite:
                raise DataError(f"{path}: exists already; choose another name or overwrite it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _interrupt_deferred():
            for file in self._files:
                file.close()
            for stream in self._streams:
                stream.discard()

    def create(self) -> h5py.File:
        """Start a file; when called again (the layout has to change), a second one, which is then the one to keep.

        Raises:
            DataError: the folder is missing or not writable, or another process is writing the same file.
        """
        # A fixed name: what a killed run left is taken over by the next one instead of lying about for ever.
        suffix = ".partial" if not self._streams else f".partial{len(self._streams)}"
        with self.checked():
            self._streams.append(_Stream(self._path.with_name(f".{self._path.name}{suffix}"), self._path))
            # No cache of chunks: images are written whole, and never looked at again.
            self._files.append(h5py.File(self._streams[-1], "w", track_order=True, rdcc_nbytes=0))
            _bound_index(self._files[-1])
        return self._files[-1]

    def keep(self) -> None:
        """Flush everything to the disk and give the file its final name.

        Raises:
            DataError: the disk is full or refuses.
        """
        with self.checked():
            for file in self._files:
                file.close()
        with self.checked():
            self._streams[-1].rename(self._path)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Use HDF5 in this block: report in one line what went wrong with the disk; signals to stop arrive after it."""
        try:
            with _interrupt_deferred():
                try:
                    yield
                finally:  # what HDF5 may raise is only a consequence
                    for stream in self._streams:
                        stream.raise_failure()
        except OSError as error:
            reason = "its folder does not exist" if isinstance(error, FileNotFoundError) else error.strerror or error
            raise WriteError(f"{self._path}: cannot be written: {reason}") from error


def _bound_index(file: h5py.File) -> None:
    """Let HDF5 hold only the end of its index of chunks in memory; left alone, it holds that of many images."""
    settings = file.id.get_mdc_config()
    settings.set_initial_size = True
    settings.min_size = settings.initial_size = settings.max_size = _INDEX_BYTES
    file.id.set_mdc_config(settings)


@contextmanager
def _interrupt_deferred() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM until the end of the block: raised under HDF5, HDF5 would swallow them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread() or None in before.values():  # not ours to handle
        yield
        return
    arrived: list[int] = []

    def remember(number: int, _: object) -> None:
        arrived.append(number)

    for number in before:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        for first in arrived[:1]:  # one is enough to stop
            signal.raise_signal(first)


def _open_alone(path: Path, final: Path) -> int:
    """Open `path` for writing, locked; not a file that another process has renamed or removed in the meantime.

    Raises:
        DataError: another process is writing `final`.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise WriteError(f"{final}: another process is writing it") from None
        except OSError:  # a file system without locks: two writers at once are then not noticed
            return handle
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)


class _Stream:
    """The file as HDF5 sees it: it never fails.

    HDF5 does not survive a failed write: on a full disk its later flushes crash the process. So an error is remembered
    and raised once HDF5 is not on the stack; the file is thrown away anyway.
    """

    def __init__(self, path: Path, final: Path) -> None:
        self._path = path
        self._position = 0
        self._failure: OSError | None = None
        self._handle = _open_alone(path, final)
        os.ftruncate(self._handle, 0)

    def raise_failure(self) -> None:
        """Raise what went wrong since the last call."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def rename(self, path: Path) -> None:
        """Flush to the disk and move to `path`."""
        os.fsync(self._handle)
        os.replace(self._path, path)
        self._path = path
        os.close(self._handle)
        self._handle = -1

    def discard(self) -> None:
        """Delete the file unless it was renamed."""
        if self._handle >= 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._handle)

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; by this method h5py knows a file from a path."""
        buffer = bytearray(size)
        return bytes(buffer[: self._fill(memoryview(buffer))])

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer`; what lies behind the end of the file is zero."""
        found = self._fill(buffer)
        buffer[found:] = bytes(len(buffer) - found)
        return len(buffer)

    def _fill(self, buffer: memoryview) -> int:
        """Read into the beginning of `buffer`, and return how many bytes."""
        found = 0
        with self._remembered():
            found = os.preadv(self._handle, [buffer], self._position)
        self._position += found
        return found

    def write(self, data: memoryview) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")
        with self._remembered():
            done = 0
            while done < len(view):
                done += os.pwrite(self._handle, view[done:], self._position + done)
        self._position += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an offset from the start or the end."""
        self._position = offset + (os.fstat(self._handle).st_size if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def truncate(self, size: int) -> int:
        """Set the size of the file."""
        with self._remembered():
            os.ftruncate(self._handle, size)
        return size

    def flush(self) -> None:
        """Nothing is buffered."""

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failure = self._failure or error
