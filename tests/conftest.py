"""What all tests share."""

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Workers of pytest-xdist share the cores: threads of linear algebra would only wait for each other. Read when numpy and
# torch are loaded, here and in whatever a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The workers of pytest-xdist ignore Ctrl-C, and so would every program that a test starts to see how it takes one.
signal.signal(signal.SIGINT, signal.default_int_handler)

ORDER = (
    "mitogen/recipe/test_knobs.py", "mitodata", "mitogen", "integration", "mitoseg/transfer", "mitoseg/training",
    "mitoseg/inference", "mitoseg/report", "mitoseg/evaluation", "mitoseg/study", "mitoseg",
)  # fmt: skip
"""Files and folders of tests in the order in which they run.

In a fresh clone the first one compiles nearly all loops, for a minute, while other workers test what needs none of
them. The longest files are not the last ones, for which the other workers would wait.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in order."""
    items.sort(key=lambda item: _place(item.path.relative_to(Path(__file__).parent).as_posix()))


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, not over and over again among the libraries, which stay."""
    gc.collect()
    gc.freeze()


def _place(path: str) -> int:
    return next((number for number, first in enumerate(ORDER) if path.startswith(first)), len(ORDER))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of an S3 server that runs on the loopback interface while tests do, and the folder of its buckets."""
    pytest.importorskip("localbucket", reason="localbucket, an S3 server, is not installed")
    folder = tmp_path_factory.mktemp("s3")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "localbucket", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.02)
            assert process.poll() is None
            yield f"http://127.0.0.1:{port}", folder
        finally:
            process.terminate()


@pytest.fixture
def bucket(
    s3_server: tuple[str, Path], request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The URL of an empty bucket there, to which the programs have access; copies go to a folder of the test."""
    pytest.importorskip("obstore", reason="obstore is optional")
    address, folder = s3_server
    for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    (folder / name).mkdir()
    return f"s3://{name}"
