"""Files behind a URL (`s3://`, `gs://`, `https://`): a Zarr is read in parts where it lies, others are copied once.

Everything else works with local paths. So a file is copied to the user's cache, and of a Zarr a folder is made there
that holds nothing but its URL.
"""

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from filelock import FileLock

from mitodata.errors import DataError
from mitodata.files import beside, write_atomic
from mitodata.locks import has_no_locks

LINK = "remote-url.txt"
"""File in the folder that stands for a Zarr elsewhere."""

TIMEOUT_S = 60.0
"""Seconds within which a request is answered."""

CONNECT_S = 10.0
"""Seconds within which a connection is made."""

RETRIES = 5
RETRY_S = 180.0
PAUSE_S = 1.0
"""A failed request is tried again this many times, within this many seconds, after pauses that begin with this one."""

PIECE_BYTES = 2**23
"""What is asked for at a time when a file is copied."""

_URL = re.compile(r"(s3|gs|https?):/{1,2}(?=[^/])")  # as a `Path`, a URL has one slash only
_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
_CREDENTIALS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"),
}
"""Variables of which one is set where there are credentials; else what is public is read without."""


def is_url(name: str | Path) -> bool:
    """Whether this is a URL that can be read, and not the path of something that is there."""
    return bool(_URL.match(str(name))) and not Path(name).exists()


def as_url(name: str | Path) -> str:
    """A URL as it was given, of which a `Path` holds one slash only."""
    return _URL.sub(lambda found: f"{found[1]}://", str(name), count=1).rstrip("/")


def local(name: str | Path) -> Path:
    """Return the path of what a user names: of a URL that of its copy, or of the folder that stands for its Zarr.

    A copy is made anew when the file behind the URL has changed.

    Raises:
        DataError: the URL holds nothing, or cannot be reached; obstore is not installed; the cache cannot be written.
    """
    if not is_url(name):
        return Path(name)
    url = as_url(name)
    if url.count("/") < 3 or "?" in url:
        raise DataError(f"{url}: expected the URL of a file or a Zarr, such as s3://bucket/volume.zarr, without '?'")
    place = cache_folder() / sha256(url.encode()).hexdigest()[:16] / _key(url)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{place.parent}: cannot be made: {error.strerror}; expected a folder for copies") from error
    with _alone(place), _reached(url):
        if any(part.endswith(".zarr") for part in url.split("/")):
            _link(url, place)
        else:
            _copy(url, place)
    return place


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Make a copy while others, such as the jobs of an array, wait for it; where there are locks."""
    lock = FileLock(place.with_name(f".{place.name}.lock"), fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if not has_no_locks(error, place.parent):
            raise DataError(f"{place.parent}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def cache_folder() -> Path:
    """The folder for copies, in the user's cache."""
    import pooch

    return Path(pooch.os_cache("mitogen")) / "remote"


def url_of(path: Path) -> str:
    """The URL of the Zarr that a folder stands for; empty if it is a Zarr itself."""
    link = path / LINK
    return link.read_text(encoding="utf-8").strip() if link.is_file() else ""


def open_store(url: str) -> Any:
    """The store of all that lies under a URL; obstore's.

    Raises:
        DataError: obstore is not installed.
    """
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise DataError(f"{url}: needs obstore; install it with: pip install 'mitogen-em[remote]'") from error
    scheme = url.partition(":")[0]
    known = _CREDENTIALS.get(scheme, ())
    plain = url.startswith("http:") or os.environ.get("AWS_ENDPOINT_URL", "").startswith("http:")
    anonymous = known and not any(os.environ.get(name) for name in known)
    pauses = {"init_backoff": timedelta(seconds=PAUSE_S), "max_backoff": timedelta(seconds=15 * PAUSE_S), "base": 2}
    options: dict[str, Any] = {
        "client_options": {"timeout": f"{TIMEOUT_S:g}s", "connect_timeout": f"{CONNECT_S:g}s", "allow_http": plain},
        "retry_config": {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S), "backoff": pauses},
    }
    if anonymous:
        options["skip_signature"] = True
    return from_url(url, **options)


def _key(url: str) -> str:
    """The last part of a URL; of a web address as it is called there, `a b.tif` and not `a%20b.tif`."""
    key = url.rpartition("/")[2]
    return unquote(key) if url.startswith("http") else key


def _link(url: str, place: Path) -> None:
    """Make the folder that stands for a Zarr.

    Raises:
        DataError: there is none.
    """
    store = open_store(url)
    if not any(_is_there(store, mark) for mark in _MARKS):
        raise DataError(f"{url}: holds no Zarr; expected {' or '.join(_MARKS[:3])} in it")
    place.mkdir(exist_ok=True)
    write_atomic(place / LINK, f"{url}\n".encode())
    os.utime(place, (0, 0))  # what is made of it must not count as made of another one


def _is_there(store: Any, key: str) -> bool:
    import obstore

    try:
        obstore.head(store, key)
    except FileNotFoundError:
        return False
    return True


def _copy(url: str, place: Path) -> None:
    """Copy a file, unless the copy that is there is as it is now."""
    import obstore

    store, key = open_store(url.rpartition("/")[0]), _key(url)
    found = obstore.head(store, key)
    state = {"bytes": found["size"], "tag": found["e_tag"], "changed": found["last_modified"].isoformat()}
    note = place.with_name(f".{place.name}.json")
    with suppress(OSError, ValueError):
        if json.loads(note.read_text(encoding="utf-8")) == state and place.stat().st_size == found["size"]:
            return
    changed_s = found["last_modified"].timestamp()
    with beside(place) as draft:
        with draft.open("wb") as file:
            for piece in _pieces(store, key, found["size"], found["e_tag"]):
                file.write(piece)
        os.utime(draft, (changed_s, changed_s))
    write_atomic(note, json.dumps(state).encode())


def _pieces(store: Any, key: str, size: int, tag: str | None) -> Iterator[Any]:
    """Read a file in pieces, each a request of its own, all of them of the same version."""
    import obstore
    from obstore.exceptions import NotSupportedError
    from tqdm import tqdm

    condition: dict[str, Any] = {"if_match": tag} if tag else {}
    with tqdm(total=size, desc=key, unit="B", unit_scale=True, disable=None, leave=False, delay=1) as bar:
        try:
            for start in range(0, size, PIECE_BYTES):
                part = (start, min(start + PIECE_BYTES, size))
                options: Any = {**condition, "range": part}
                yield obstore.get(store, key, options=options).bytes()
                bar.update(part[1] - start)
        except NotSupportedError:  # a server that gives whole files only
            if bar.n:
                raise
            yield from obstore.get(store, key).stream()


@contextmanager
def _reached(url: str) -> Iterator[None]:
    """Say in one line why something behind a URL cannot be read.

    Raises:
        DataError: it cannot.
    """
    try:
        with as_os_error(url):
            yield
    except OSError as error:
        raise DataError(error.strerror or f"{url}: {error}") from error


@contextmanager
def as_os_error(url: str) -> Iterator[None]:
    """Raise what obstore raises as an OSError whose `strerror` is one line."""
    try:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
    except ImportError:
        yield
        return
    try:
        yield
    except FileNotFoundError as error:
        raise OSError(errno.ENOENT, f"{url}: no such file") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        wanted = " or ".join(_CREDENTIALS.get(url.partition(":")[0], ("a public file",))[:1])
        raise OSError(errno.EACCES, f"{url}: access denied; expected {wanted}") from error
    except BaseError as error:
        raise OSError(errno.EIO, f"{url}: cannot be reached ({_short(error)})") from error


def _short(error: Exception) -> str:
    """The first line of what obstore says, without what it says twice."""
    line = str(error).strip().partition("\n")[0]
    return line if len(line) <= 200 else f"{line[:197]}..."
