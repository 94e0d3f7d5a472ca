"""Download public datasets: resumed where a connection was cut, verified, unpacked."""

import shutil
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch

from mitodata.errors import DataError
from mitodata.sources import SOURCES, Archive, Source

_ATTEMPTS = 5
_WAIT_S = 2.0
_TIMEOUT_S = 30.0
_CHUNK_BYTES = 2**13  # what is lost when a connection is cut


def fetch(source: str | Source, folder: str | Path | None = None, *, progress: bool = False) -> Path:
    """Download a dataset, verify it and unpack it; what is already there is not downloaded again.

    The archives stay beside the unpacked files. A cut connection is taken up again where it broke, now and in a later
    call.

    Args:
        source: a name in SOURCES, or a source of your own.
        folder: where to; None for a folder of that name in the user's cache.
        progress: show a bar.

    Returns:
        The folder to give to the importer that `source.importer` names. Show the user `source.licence` and
        `source.citation`.

    Raises:
        DataError: unknown name, no connection, the server refuses, wrong hash, damaged archive, or no space.
        KeyboardInterrupt: stopped by Ctrl-C; what was downloaded is kept.
    """
    if isinstance(source, str):
        if source not in SOURCES:
            raise DataError(f"{source}: unknown dataset; expected one of {', '.join(SOURCES)}")
        source = SOURCES[source]
    folder = Path(folder) if folder is not None else Path(pooch.os_cache("mitogen")) / source.name
    for archive in source.archives:
        _unpack(_download(archive, folder, progress))
    return folder


class ResumingDownloader:
    """A pooch downloader that goes on where a cut connection, or an earlier run, stopped."""

    def __init__(self, progress: bool = False) -> None:
        """Start with an empty count of failures.

        Args:
            progress: show a bar.
        """
        self._progress = progress

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download `url` to `output_file`; until it is complete it lies beside it as NAME.part.

        Raises:
            OSError: the server refuses, or five connections brought not a byte more (a requests exception); or the
                disk is full or refuses.
        """
        part = Path(output_file).parent / f"{_name(url)}.part"
        failures = 0
        while not self._complete(url, part, last=failures + 1 >= _ATTEMPTS):
            failures += 1
            time.sleep(_WAIT_S)
        part.replace(output_file)

    def _complete(self, url: str, part: Path, last: bool) -> bool:
        """Fetch what is missing; False if it is worth another attempt."""
        while True:
            with part.open("ab") as stream:
                before = stream.tell()
                try:
                    self._fetch_rest(url, stream, before)
                except OSError as error:
                    status = getattr(getattr(error, "response", None), "status_code", None)
                    if status == 416 and before:  # nothing is missing
                        return True
                    refused = status is not None and status < 500
                    if refused or error.errno is not None:  # errno: the disk, not the network
                        raise
                    if stream.tell() > before:  # it got on: that does not count as a failure
                        continue
                    if last:
                        raise
                    return False
                return True

    def _fetch_rest(self, url: str, stream: Any, start: int) -> None:
        def check(response: Any, **_: object) -> None:
            if response.status_code == 200:  # a server that cannot resume sends all of it
                stream.truncate(0)

        # Compressed on the way, the bytes that are missing could not be counted.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        download = pooch.HTTPDownloader(
            progressbar=self._progress,
            chunk_size=_CHUNK_BYTES,
            headers=headers,
            hooks={"response": check},
            timeout=_TIMEOUT_S,
        )
        download(url, stream, None)


def _download(archive: Archive, folder: Path, progress: bool) -> Path:
    name = _name(archive.url)
    try:
        path = pooch.retrieve(
            archive.url,
            known_hash=f"sha256:{archive.sha256}",
            fname=name,
            path=folder,
            downloader=ResumingDownloader(progress=progress),
        )
    except ValueError as error:  # pooch has deleted what it downloaded
        raise DataError(
            f"{archive.url}: its sha256 is not {archive.sha256}; the file was damaged on the way or has changed: try "
            "again, or download and import it yourself"
        ) from error
    except OSError as error:
        raise DataError(f"{archive.url}: cannot be downloaded: {_reason(error)}") from error
    return Path(path)


def _reason(error: OSError) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"the server answers {status}"
    if error.errno is not None:
        return f"{error.filename or 'disk'}: {error.strerror}"
    return "no connection, or it was cut again and again; the same command continues"


def _unpack(archive: Path) -> None:
    """Unpack into a folder of the archive's name, which is there only once it is complete."""
    target = archive.with_suffix("")
    if target.is_dir():
        return
    draft = target.with_name(f"{target.name}.partial")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        with zipfile.ZipFile(archive) as file:
            file.extractall(draft)
        draft.replace(target)
    # zipfile says NotImplementedError of a compression or an encryption that it does not know.
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{archive}: is not a ZIP archive that can be read ({error})") from error
    except OSError as error:
        raise DataError(f"{archive}: cannot be unpacked: {error.strerror or error}") from error


def _name(url: str) -> str:
    return Path(urlsplit(url).path).name
