"""Results that go to an object store (`s3://`, `gs://`): written to a folder here, and sent once they are whole."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mitodata.command_line import STORES
from mitodata.errors import DataError, WriteError
from mitodata.locks import has_no_locks
from mitodata.readers.remote import as_os_error, as_url, cache_folder, is_url, open_store

AT_ONCE = 8
"""Files that are sent at the same time."""

_LAST = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
"""Files without which no program finds a Zarr: they follow all others, so that no half of one can be read."""


@contextmanager
def written_to(
    place: Path, *, overwrite: bool = False, report: Callable[[str], object] = lambda _: None
) -> Iterator[Path]:
    """Give the path to write to: `place` itself, or one here from which all is sent to the URL `place` after the block.

        with written_to(Path("s3://bucket/masks")) as folder:
            segment(model, images, folder)

    What was written stays here until all of it is sent, so that a call that was stopped goes on.

    Args:
        place: a file or a folder, or the URL of one; as a `Path` it may have one slash.
        overwrite: replace what lies behind the URL.
        report: is told of the URL of each file, and of each Zarr, that was sent.

    Raises:
        DataError: the URL is none that can be written to, cannot be reached, or holds something already; obstore is
            not installed; another process writes there.
        WriteError: it cannot be sent; what was written is kept.
    """
    if not is_url(place):
        yield place
        return
    url = as_url(place)
    if not url.startswith(STORES) or url.count("/") < 3:
        raise DataError(f"{url}: expected a place to write to such as s3://bucket/name or gs://bucket/name")
    above, _, name = url.rpartition("/")
    store = open_store(above)
    here = cache_folder().with_name("results") / sha256(url.encode()).hexdigest()[:16] / name
    with _alone(here, url):
        if not overwrite and not any(here.parent.iterdir()) and _is_taken(store, name, url):
            raise DataError(f"{url}: exists already; choose another place, or replace it with --overwrite")
        try:
            yield here
        except WriteError:
            raise
        except DataError:  # of several images some are whole
            _send(store, here, url, report)
            raise
        _send(store, here, url, report)
        shutil.rmtree(here.parent, ignore_errors=True)


@contextmanager
def _alone(here: Path, url: str) -> Iterator[None]:
    """Let no other process write to the same URL from here; where there are no locks, all may."""
    lock = FileLock(here.parent.with_name(f".{here.parent.name}.lock"), fallback_to_soft=False)
    try:
        here.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise DataError(f"{url}: another process is writing it") from None
    except OSError as error:
        if not has_no_locks(error, here.parent):
            raise DataError(f"{here.parent}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):  # what is not empty stays
            here.parent.rmdir()
        lock.release()


def _is_taken(store: Any, name: str, url: str) -> bool:
    """Whether there is an object of a name, or some below it.

    Raises:
        DataError: the store cannot be reached, or there is no such bucket.
    """
    import obstore

    try:
        with as_os_error(url):
            if any(obstore.list(store, name)):
                return True
            obstore.head(store, name)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataError(error.strerror or f"{url}: {error}") from error
    return True


def _send(store: Any, here: Path, url: str, report: Callable[[str], object]) -> None:
    """Send a file, or all files of a folder but hidden ones; each Zarr in an order in which no half of it can be read.

    Raises:
        WriteError: one cannot be sent.
    """
    import obstore

    def send(path: Path) -> None:
        obstore.put(store, path.relative_to(here.parent).as_posix(), path)

    try:
        with as_os_error(url), ThreadPoolExecutor(AT_ONCE) as pool:
            for part in sorted(here.iterdir()) if here.is_dir() else [here] if here.exists() else []:
                files = [path for path in (part.rglob("*") if part.is_dir() else [part]) if path.is_file()]
                marks = sorted((path for path in files if path.name in _LAST), key=lambda path: -len(path.parts))
                if not _is_hidden(part):
                    list(pool.map(send, (path for path in files if path.name not in _LAST)))
                    for path in marks:
                        send(path)
                    report(url if part == here else f"{url}/{part.name}")
    except OSError as error:
        reason = (error.strerror or str(error)).removeprefix(f"{url}: ")
        raise WriteError(f"{url}: cannot be written: {reason}; kept in {here}; the same command continues") from error


def _is_hidden(path: Path) -> bool:
    """Whether this is a lock, a draft, or the batches of a file that is not whole."""
    return path.name.startswith(".") or path.suffix == ".parts"
