"""Images behind a URL: a small server on the loopback interface gives them, slowly, in part or not at all."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote

import numpy as np
import pytest
import tifffile
import zarr

from mitodata import DataError
from mitodata.readers import remote
from mitodata.readers.inputs import open_sources
from mitodata.readers.remote import is_url, local, open_store

pytest.importorskip("obstore", reason="obstore is optional")

VOLUME = np.random.default_rng(0).integers(0, 256, (4, 24, 24), np.uint8)
EIGHT = (8.0, 8.0, 8.0)
WHOLE = (slice(0, 4), slice(0, 24), slice(0, 24))


@dataclass
class Server:
    """Gives the files of a folder; as S3 does where the first part of a path is a bucket.

    Attributes:
        folder: what it gives.
        mood: "well", "slow", "cut" (connections are lost half way), "sick" (500) or "closed" (403).
        asked: the requests so far.
        url: where it is.
    """

    folder: Path
    mood: str = "well"
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, seconds in (("TIMEOUT_S", 1.0), ("RETRY_S", 5.0), ("PAUSE_S", 0.01)):
        monkeypatch.setattr(remote, name, seconds)
    monkeypatch.setattr(remote, "RETRIES", 1)
    (tmp_path / "bucket").mkdir()
    state = Server(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            answer(self, state)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", state.url)
    thread = Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def answer(request: BaseHTTPRequestHandler, state: Server) -> None:
    """Give a file, or a part of it, as the mood is."""
    state.asked.append(f"{request.command} {request.path}")
    if state.mood == "slow":
        time.sleep(1.5)
    path = state.folder / unquote(request.path).lstrip("/")
    code = {"sick": 500, "closed": 403}.get(state.mood, 200 if path.is_file() else 404)
    content = path.read_bytes() if code == 200 else b""
    size, part = len(content), re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
    if part and code == 200:
        code, content = 206, content[int(part[1]) : int(part[2]) + 1]
    request.send_response(code)
    if code == 206 and part:
        request.send_header("Content-Range", f"bytes {part[1]}-{int(part[1]) + len(content) - 1}/{size}")
    if code < 300:
        request.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        request.send_header("Last-Modified", formatdate(path.stat().st_mtime, usegmt=True))
        request.send_header("Accept-Ranges", "bytes")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(content[: len(content) // 2] if state.mood == "cut" else content)


def write_zarr(path: Path) -> None:
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    sizes = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": list(EIGHT)}]}]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": sizes}]}
    group = zarr.open_group(path, mode="w", attributes={"ome": ome})
    group.create_array("0", data=VOLUME, chunks=(2, 24, 24))


def read(path: Path) -> np.ndarray:
    (source,) = open_sources(path, EIGHT)
    return source.read(WHOLE)


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_file_is_copied_once_and_again_when_it_has_changed(
    scheme: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PIECE_BYTES", 1000)
    file = server.folder / "bucket" / "a.tif"
    tifffile.imwrite(file, VOLUME, photometric="minisblack", metadata={"axes": "ZYX"})
    url = f"s3://bucket/{file.name}" if scheme == "s3" else f"{server.url}/bucket/{file.name}"
    copy = local(url)
    assert copy.name == "a.tif"
    np.testing.assert_array_equal(read(copy), VOLUME)
    assert sum(line.startswith("GET") for line in server.asked) > 2  # in pieces
    asked = len(server.asked)
    assert local(Path(url)) == copy  # as a command gets it, with one slash
    assert server.asked[asked:] == [f"HEAD /bucket/{file.name}"]
    tifffile.imwrite(file, VOLUME[::-1], photometric="minisblack", metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read(local(url)), VOLUME[::-1])
    assert {path.name for path in copy.parent.iterdir()} - {".a.tif.lock"} == {".a.tif.json", "a.tif"}


def test_those_who_want_the_same_copy_wait_for_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PIECE_BYTES", 1000)
    (server.folder / "bucket" / "a.bin").write_bytes(bytes(range(256)) * 40)
    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(local, ["s3://bucket/a.bin"] * 4))
    assert {copy.read_bytes() for copy in copies} == {bytes(range(256)) * 40}
    assert sum(line.startswith("GET") for line in server.asked) == 11


def test_names_may_hold_what_addresses_may_not(server: Server) -> None:
    for name in ("a b.bin", "µ.bin"):
        (server.folder / "bucket" / name).write_bytes(b"here")
        for url in (f"s3://bucket/{name}", f"{server.url}/bucket/{quote(name)}"):
            copy = local(url)
            assert (copy.name, copy.read_bytes()) == (name, b"here")


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_zarr_is_read_in_parts_where_it_lies(scheme: str, server: Server) -> None:
    write_zarr(server.folder / "bucket" / "v.zarr")
    url = "s3://bucket/v.zarr" if scheme == "s3" else f"{server.url}/bucket/v.zarr/"
    path = local(url)
    (source,) = open_sources(path)
    assert source.voxel_size_nm == EIGHT
    server.asked.clear()
    np.testing.assert_array_equal(source.read((slice(0, 2), *WHOLE[1:])), VOLUME[:2])
    assert server.asked == ["GET /bucket/v.zarr/0/c/0/0/0"]
    assert local(url).stat().st_mtime_ns == path.stat().st_mtime_ns  # the journal takes it for the same image


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("slow", "cannot be reached"),
        ("cut", "cannot be reached"),
        ("sick", "cannot be reached"),
        ("closed", "access denied"),
    ],
)
def test_a_sick_server_is_one_line_and_never_an_empty_chunk(mood: str, said: str, server: Server) -> None:
    write_zarr(server.folder / "bucket" / "v.zarr")
    (source,) = open_sources(local("s3://bucket/v.zarr"))
    server.mood = mood
    with pytest.raises(DataError, match=f"s3://bucket/v.zarr: {said}") as caught:
        source.read(WHOLE)
    assert "\n" not in str(caught.value)
    tifffile.imwrite(server.folder / "bucket" / "a.tif", VOLUME, photometric="minisblack")
    with pytest.raises(DataError, match=f"s3://bucket/a.tif: {said}") as caught:
        local("s3://bucket/a.tif")
    assert "\n" not in str(caught.value)
    assert not list(remote.cache_folder().glob("*/*.tif"))
    server.mood = "well"
    np.testing.assert_array_equal(source.read(WHOLE), VOLUME)
    local("s3://bucket/a.tif")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket/none.tif", "s3://bucket/none.tif: no such file"),
        ("s3://bucket/none.zarr", "holds no Zarr; expected zarr.json"),
        ("s3://bucket", "expected the URL of a file or a Zarr"),
        ("https://127.0.0.1:1/a.tif", "https://127.0.0.1:1/a.tif: cannot be reached"),
        ("https://127.0.0.1:1/a.tif?version=2", "without '?'"),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_is_not_there_is_one_line(url: str, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        local(url)
    assert "\n" not in str(caught.value)


def test_a_path_stays_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.tif", "C:/a.tif", "/data/s3:/a.tif", "s3:a"):
        assert not is_url(name)
        assert local(name) == Path(name)
    Path("s3:").mkdir()
    Path("s3:/a.tif").touch()
    assert not is_url("s3://a.tif")  # it is there


def test_a_real_s3_server_gives_what_was_put(bucket: str, tmp_path: Path) -> None:
    write_zarr(tmp_path / "v.zarr")
    store = open_store(f"{bucket}/a/v.zarr")
    for path in (tmp_path / "v.zarr").rglob("*"):
        if path.is_file():
            store.put(str(path.relative_to(tmp_path / "v.zarr")), path.read_bytes())
    np.testing.assert_array_equal(read(local(f"{bucket}/a/v.zarr")), VOLUME)
    with pytest.raises(DataError, match="no such file"):
        local(f"{bucket}/a/none.tif")
