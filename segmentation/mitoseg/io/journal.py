"""Which results in a folder were made of which image and with which settings: one line of JSON a file."""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mitodata import DataError, RunError, WriteError
from mitodata.readers.remote import url_of

JOURNAL = "predictions.jsonl"
"""Name of the journal in a folder of results."""

NONE: Mapping[str, Any] = MappingProxyType({})
"""No settings."""

BLOCKS = 8
BLOCK_BYTES = 2**16
"""Of a file the fingerprint sees so many blocks of so many bytes, spread evenly; of a shorter one all bytes."""

LOOKED_AT = 2**12
"""Of a Zarr it sees the length and time of at most so many files and folders of each depth."""

READ = 8
"""Of the files of each depth it reads so many, as it reads a single one."""

_DEPTHS = 16
"""More than any Zarr has; ends links that lead in a circle."""

_LABELS = "labels"
"""Folder of a Zarr that holds what was found in its image."""

_FINGERPRINT = "fingerprint"


class Journal:
    """The journal of a folder.

    A line is added once its file is whole, so that a call that was stopped can go on, and results of other settings are
    told apart from those of this call. Of several lines for a file the last one counts. Several processes may add lines
    at once.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Read what is there.

        Args:
            folder: of the results; exists.
            settings: of this call: all that the results depend on beside the images; plain values.

        Raises:
            RunError: it cannot be read.
        """
        self._path = folder / JOURNAL
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))  # as they are read again: no tuples
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
        except OSError as error:
            raise RunError(f"{self._path}: cannot be read: {error.strerror or error}") from error
        self._torn = bool(text) and not text.endswith("\n")
        self._lines = _entries(text)
        self._image: tuple[Path, dict[str, Any]] | None = None

    def look_at(self, image: Path) -> dict[str, Any]:
        """What tells an image from others, as it was when the journal first met it.

        To be called before an image is read: if it changes while it is segmented, its results count as made of another.

        Raises:
            DataError: it cannot be read.
        """
        if self._image is None or self._image[0] != image:
            self._image = (image, identity(image))
        return self._image[1]

    def holds(self, file: Path, image: Path, own: Mapping[str, Any] = NONE) -> bool:
        """Whether a file is there, made of this image with the settings of this call.

        Args:
            file: a result in the folder.
            image: the image, as it is now.
            own: further settings, of this image.

        Raises:
            RunError: it is there and was made of something else, or otherwise, or nothing is known of it.
        """
        if not file.exists():
            return False
        entry = self._lines.get(file.name)
        if entry is None:
            problem = "exists already, and was not made by this program"
        elif entry.get("bytes") != _bytes(file):
            problem = "exists already, changed since it was written"
        elif not is_same(entry.get("image"), self.look_at(image)):
            problem = f"exists already, made of another image, or of {image.name} before it was changed"
        elif entry.get("settings") != {**self._settings, **own}:
            problem = f"exists already, made with other settings ({self._difference(entry.get('settings'), own)})"
        else:
            return True
        raise RunError(f"{file}: {problem}; choose another folder, or replace it with --overwrite")

    def add(self, file: Path, image: Path, notes: Sequence[str] = (), own: Mapping[str, Any] = NONE) -> None:
        """Note that a file is whole.

        Args:
            file: the result.
            image: what it was made of.
            notes: what a user should know of the image.
            own: further settings, of this image; plain values.

        Raises:
            WriteError: the journal cannot be written.
        """
        entry: dict[str, Any] = {
            "file": file.name,
            "bytes": _bytes(file),
            "image": self.look_at(image),
            "settings": {**self._settings, **own},
        }
        entry |= {"notes": list(notes)} if notes else {}
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        try:
            with self._path.open("ab") as stream:
                # In one piece: processes that write at the same time do not mix their lines.
                os.write(stream.fileno(), (("\n" if self._torn else "") + line).encode("utf-8", "replace"))
        except OSError as error:
            raise WriteError(f"{self._path}: cannot be written: {error.strerror or error}") from error
        self._torn = False
        self._lines[file.name] = entry

    def _difference(self, before: object, own: Mapping[str, Any]) -> str:
        """The first setting that is another."""
        known, now = before if isinstance(before, Mapping) else {}, {**self._settings, **own}
        for name in (*now, *known):
            if known.get(name) != now.get(name):
                return f"{name} {shown(known.get(name))}, now {shown(now.get(name))}"
        return "unknown ones"


def identity(image: Path) -> dict[str, Any]:
    """What tells an image from another of the same name, and from itself before a change.

    That is the same under another path, and on another machine. The time stays in it beside the fingerprint, which does
    not see every byte.

    Raises:
        DataError: it cannot be read.
    """
    try:
        state = image.stat()
        fingerprint = sha256()
        for each in _seen(image):
            fingerprint.update(each)
    except OSError as error:
        raise DataError(f"{image}: cannot be read: {error.strerror or error}") from error
    known = {"name": image.name, "bytes": state.st_size, "modified_ns": state.st_mtime_ns}
    return {**known, _FINGERPRINT: fingerprint.hexdigest()[:16]}


def is_same(before: object, now: Mapping[str, Any]) -> bool:
    """Whether what was kept of an image is what `identity` says now; earlier versions kept no fingerprint."""
    return before in (now, {name: value for name, value in now.items() if name != _FINGERPRINT})


def files_in(folder: Path) -> list[str]:
    """Names of the results in a folder that its journal knows, and that are there."""
    try:
        text = (folder / JOURNAL).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [name for name in _entries(text) if (folder / name).exists()]


def _entries(text: str) -> dict[str, dict[str, Any]]:
    """The lines of a journal by their files; of several lines for a file the last one counts."""
    lines: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            lines[entry["file"]] = entry
        except (ValueError, TypeError, KeyError):
            continue  # the line of a process that was killed
    return lines


def _seen(image: Path) -> Iterator[bytes]:
    """What the fingerprint sees: blocks of a file, entries of a Zarr, the URL of one that lies elsewhere."""
    if image.is_file():
        yield from _blocks(image)
    elif image.is_dir():
        url = url_of(image)
        yield from [url.encode()] if url else _entries_below(image)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as stream:
        last = max(0, stream.seek(0, os.SEEK_END) - BLOCK_BYTES)
        for place in sorted({last * number // (BLOCKS - 1) for number in range(BLOCKS)}):
            stream.seek(place)
            yield stream.read(BLOCK_BYTES)


def _entries_below(folder: Path) -> Iterator[bytes]:
    """What is seen of a folder, depth by depth: names, lengths and times of entries, and blocks of some files.

    What cannot be read counts as not there: who reads the image will say so.
    """
    folders = [""]
    for _ in range(_DEPTHS):
        states = dict(_states(folder, _spread(_names(folder, folders))))
        folders = [f"{name}/" for name, state in states.items() if stat.S_ISDIR(state.st_mode)]
        for name, state in states.items():
            # Network file systems have their own lengths of folders, and may drop the last digits of a time.
            length = 0 if stat.S_ISDIR(state.st_mode) else state.st_size
            yield os.fsencode(f"{name}\0{length}\0{state.st_mtime_ns // 1000}\0")
        files = [name for name, state in states.items() if stat.S_ISREG(state.st_mode)]
        for name in files[:READ]:
            with suppress(OSError):
                yield from _blocks(folder / name)


def _states(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for name in names:
        with suppress(OSError):
            yield name, (folder / name).stat()


def _names(folder: Path, inside: Iterable[str]) -> Iterator[str]:
    """Names, relative to a folder, of what lies in some folders inside."""
    for each in inside:
        with suppress(OSError), os.scandir(folder / each) as entries:
            for entry in entries:
                if entry.name != _LABELS:
                    yield f"{each}{entry.name}"


def _spread(names: Iterable[str]) -> list[str]:
    """Some of very many names: the same ones, in the same order, in whatever order the system lists them."""
    return nsmallest(LOOKED_AT, names, key=lambda name: sha256(os.fsencode(name)).digest())


def _bytes(file: Path) -> int | None:
    """Length of a file; None of the folder that a Zarr is."""
    return file.stat().st_size if file.is_file() else None


def shown(value: object) -> str:
    """A setting as it is shown in a line."""
    return "unset" if value is None else json.dumps(value).strip('"')
