import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mitodata.downloads
from mitodata import DataError
from mitodata.downloads import SOURCES, Archive, PublicDataset, ResumingDownloader, fetch
from mitodata.importers import IMPORTERS, import_dataset, recognise


@dataclass
class Server:
    """A web server with one file and bad habits."""

    content: bytes
    url: str = ""
    cut_after: int = 0  # bytes a connection lives; 0 = all
    cuts: int = 1000  # connections that are cut
    resumes: bool = True
    status: int = 0  # answered instead of the file
    requests: list[str] = field(default_factory=list)  # Range headers


@pytest.fixture
def server() -> Iterator[Server]:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    mask = Image.fromarray(np.eye(64, dtype=np.uint8) * 255)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for z in range(20):
            for name, image in ((f"raw/{z:02}.tif", grey), (f"mitochondria/{z:02}.png", mask)):
                stream = io.BytesIO()
                image.save(stream, "TIFF" if name.endswith("tif") else "PNG")
                file.writestr(f"truth-master/stack1/{name}", stream.getvalue())
    state = Server(archive.getvalue())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.requests.append(wanted)
            if state.status:
                self.send_error(state.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if state.resumes else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            rest = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if state.cut_after and state.cuts:
                state.cuts -= 1
                rest = rest[: state.cut_after]
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/files/master.zip?download=1"
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield state
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitodata.downloads, "_WAIT_S", 0.0)
    monkeypatch.setenv("NO_PROXY", "*")


def source_of(server: Server, sha256: str | None = None) -> PublicDataset:
    digest = sha256 or hashlib.sha256(server.content).hexdigest()
    return PublicDataset("vnc", "vnc", (Archive(server.url, digest),), "", "", "", (50.0, 4.6, 4.6))


def test_fetched_data_can_be_imported(tmp_path: Path, server: Server) -> None:
    source = source_of(server)
    folder = fetch(source, tmp_path / "data")
    assert recognise(folder) == source.importer
    samples, _ = import_dataset(source.importer, folder)
    assert len(list(samples)) == 20
    assert sorted(path.name for path in folder.iterdir()) == ["master", "master.zip"]
    assert fetch(source, folder) == folder
    assert len(server.requests) == 1  # the second time nothing is downloaded


def test_a_cut_connection_is_resumed(tmp_path: Path, server: Server) -> None:
    server.cut_after = 20_000
    fetch(source_of(server), tmp_path)
    assert (tmp_path / "master.zip").read_bytes() == server.content
    assert server.requests[:3] == ["", "bytes=16384-", "bytes=32768-"]  # whole chunks of 8 KiB are kept


def test_a_later_run_resumes(tmp_path: Path, server: Server) -> None:
    (tmp_path / "master.zip.part").write_bytes(server.content[:1000])
    fetch(source_of(server), tmp_path)
    assert server.requests == ["bytes=1000-"]
    assert (tmp_path / "master.zip").read_bytes() == server.content


def test_a_complete_part_is_kept(tmp_path: Path, server: Server) -> None:
    (tmp_path / "master.zip.part").write_bytes(server.content)
    fetch(source_of(server), tmp_path)
    assert (tmp_path / "master.zip").read_bytes() == server.content


def test_a_server_that_cannot_resume(tmp_path: Path, server: Server) -> None:
    server.resumes = False
    server.cut_after, server.cuts = 1000, 2
    fetch(source_of(server), tmp_path)
    assert (tmp_path / "master.zip").read_bytes() == server.content


def test_cut_again_and_again(tmp_path: Path, server: Server) -> None:
    server.resumes = False
    server.cut_after = 1000
    with pytest.raises(DataError, match="cut again and again; the same command continues"):
        fetch(source_of(server), tmp_path)
    assert len(server.requests) <= 6


def test_wrong_hash(tmp_path: Path, server: Server) -> None:
    with pytest.raises(DataError, match=r"master\.zip\?download=1: its sha256 is not 0000") as caught:
        fetch(source_of(server, "0" * 64), tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())  # and the next run starts afresh


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 5)])
def test_refused(tmp_path: Path, server: Server, status: int, requests: int) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"the server answers {status}"):
        fetch(source_of(server), tmp_path)
    assert len(server.requests) == requests


def test_no_server(tmp_path: Path) -> None:
    source = PublicDataset("x", "vnc", (Archive("http://127.0.0.1:9/x.zip", "0" * 64),), "", "", "", (1, 1, 1))
    with pytest.raises(DataError, match="no connection"):
        fetch(source, tmp_path)


def test_no_zip_and_no_folder(tmp_path: Path, server: Server) -> None:
    server.content = b"this is no archive"
    with pytest.raises(DataError, match=r"master\.zip: is not a ZIP archive"):
        fetch(source_of(server), tmp_path)
    assert not (tmp_path / "master").exists()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch(source_of(server), tmp_path / "file")


@pytest.mark.parametrize(("flags", "method"), [(1, 0), (0, 99)])
def test_a_zip_that_needs_a_password_or_an_unknown_method(
    tmp_path: Path, server: Server, flags: int, method: int
) -> None:
    content = bytearray(server.content)
    entry = content.index(b"PK\x01\x02")
    content[6:10] = content[entry + 8 : entry + 12] = bytes([flags, 0, method, 0])
    server.content = bytes(content)
    with pytest.raises(DataError, match=r"master\.zip: is not a ZIP archive that can be read \("):
        fetch(source_of(server), tmp_path)
    assert not (tmp_path / "master").exists()


def test_unpacking_that_was_stopped_is_done_again(tmp_path: Path, server: Server) -> None:
    (tmp_path / ".master.partial/truth-master").mkdir(parents=True)
    fetch(source_of(server), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["master", "master.zip"]
    assert len(list((tmp_path / "master/truth-master/stack1/raw").iterdir())) == 20


def test_a_full_disk_stops_at_once(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ResumingDownloader, "_fetch_rest", full)
    with pytest.raises(DataError, match="cannot be downloaded: disk: No space left on device"):
        fetch(source_of(server), tmp_path)


def test_the_registry() -> None:
    assert set(SOURCES) == {"lucchi++", "kasthuri++", "vnc", "mitoem-rat"}
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.importer in IMPORTERS
        assert source.licence
        assert source.citation
        for archive in source.archives:
            assert len(archive.sha256) == 64
            assert archive.url.endswith(".zip")
    with pytest.raises(DataError, match=r"nonsense: unknown dataset; expected one of lucchi\+\+"):
        fetch("nonsense")
