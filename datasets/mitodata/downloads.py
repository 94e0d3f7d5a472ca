"""Download public datasets: resumed where a connection was cut, verified, unpacked."""

import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch

from mitodata.errors import DataError
from mitodata.files import beside
from mitodata.importers import IMPORTERS
from mitodata.sample import VoxelSize


@dataclass(frozen=True)
class Archive:
    """One ZIP file to download.

    Attributes:
        url: where it is.
        sha256: what it must hash to, hexadecimal.
    """

    url: str
    sha256: str


@dataclass(frozen=True)
class PublicDataset:
    """A public dataset.

    Attributes:
        name: as used on the command line.
        importer: name of the importer that reads it.
        archives: what to download.
        description: one line.
        licence: under which it may be used.
        citation: what to cite.
        voxel_size_nm: (z, y, x) in nm.
    """

    name: str
    importer: str
    archives: tuple[Archive, ...]
    description: str
    licence: str
    citation: str
    voxel_size_nm: VoxelSize


def _source(name: str, importer: str, size: VoxelSize, *archives: Archive) -> PublicDataset:
    """Describe a source in the words of its importer, so that both say the same."""
    known = IMPORTERS[importer]
    return PublicDataset(name, importer, archives, known.description, known.licence, known.citation, size)


SOURCES: dict[str, PublicDataset] = {
    source.name: source
    for source in (
        _source(
            "lucchi++",
            "epfl",
            (5.0, 5.0, 5.0),
            Archive(
                "http://www.casser.io/files/lucchi_pp.zip",
                "770ce9e98fc6f29c1b1a250c637e6c5125f2b5f1260e5a7687b55a79e2e8844d",
            ),
        ),
        _source(
            "kasthuri++",
            "kasthuri",
            (30.0, 3.0, 3.0),
            Archive(
                "http://www.casser.io/files/kasthuri_pp.zip",
                "bbb78fd205ec9b57feb8f93ebbdf1666261cbc3e0305e7f11583ab5157a3d792",
            ),
        ),
        _source(
            "vnc",
            "vnc",
            (50.0, 4.6, 4.6),
            Archive(
                "https://github.com/unidesigner/groundtruth-drosophila-vnc/archive/refs/heads/master.zip",
                "f7bd0db03c86b64440a16b60360ad60c0a4411f89e2c021c7ee2c8d6af3d7e86",
            ),
        ),
        _source(
            "mitoem-rat",
            "mitoem",
            (30.0, 8.0, 8.0),
            Archive(
                "https://huggingface.co/datasets/pytc/EM30/resolve/main/EM30-R-im.zip",
                "6a2cac68adde5d01984542d3ee1d7753d1fa3e6eb2a042ce15ce297c95885bbe",
            ),
            Archive(
                "https://huggingface.co/datasets/pytc/MitoEM/resolve/main/EM30-R-mito-train-val-v2.zip",
                "c56380ac575428a818bd293ca3509d1249999846c3702ccbf11d308acdd2ae86",
            ),
        ),
    )
}
"""Every source by name."""


_ATTEMPTS = 5
_WAIT_S = 2.0
_TIMEOUT_S = 30.0
_CHUNK_BYTES = 2**13  # what is lost when a connection is cut


def fetch(source: str | PublicDataset, folder: str | Path | None = None, *, progress: bool = False) -> Path:
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
    try:
        with zipfile.ZipFile(archive) as file, beside(target) as draft:
            file.extractall(draft)
    # A RuntimeError of zipfile's: the archive is encrypted, or packed in a way that zipfile does not know.
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: is not a ZIP archive that can be read ({error})") from error


def _name(url: str) -> str:
    return Path(urlsplit(url).path).name
