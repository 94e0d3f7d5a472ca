"""Which results in a folder were made of which image and with which settings: one line of JSON a file."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mitodata import DataError, RunError, WriteError

JOURNAL = "predictions.jsonl"
"""Name of the journal in a folder of results."""

NONE: Mapping[str, Any] = MappingProxyType({})
"""No settings."""


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
        elif entry.get("image") != identity(image):
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
            "image": identity(image),
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
    """What tells an image from another of the same name, and from itself before a change."""
    try:
        state = image.stat()
    except OSError as error:
        raise DataError(f"{image}: cannot be read: {error.strerror or error}") from error
    return {"name": image.name, "bytes": state.st_size, "modified_ns": state.st_mtime_ns}


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


def _bytes(file: Path) -> int | None:
    """Length of a file; None of the folder that a Zarr is."""
    return file.stat().st_size if file.is_file() else None


def shown(value: object) -> str:
    """A setting as it is shown in a line."""
    return "unset" if value is None else json.dumps(value).strip('"')
