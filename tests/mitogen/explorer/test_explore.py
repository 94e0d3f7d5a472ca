"""`mitogen explore` as a command: one line where it cannot start, and an end without noise."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from program import Program

from mitogen.explorer.serving import listen


def test_a_port_in_use_is_one_line(run: Program) -> None:
    with listen("127.0.0.1", 0) as taken:
        line = run.fails("explore", "--port", taken.getsockname()[1])
    assert "choose another port with --port" in line


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_what_is_not_installed_is_said(run: Program, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in [name for name in sys.modules if name.startswith(("mitogen.explorer", f"{missing}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert f"needs {missing}; install it with: pip install 'mitogen-em[explorer]'" in run.fails("explore")


def test_bad_recipes_are_one_line(run: Program, tmp_path: Path) -> None:
    assert "did you mean mito?" in run.fails("explore", "--preset", "mit")
    (tmp_path / "mine.txt").write_text('base = "mito"')
    assert "ends in .toml" in run.fails("explore", "--recipe", "mine.txt")


ONE_CORE = (
    "from mitogen.cli.main import main; from mitogen.rendering import process_pool; process_pool.cores = lambda: 1; "
)


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{ONE_CORE}main()", "explore", "--port", "0", "--set", "cells.gap_nm=30"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            assert address.startswith("http://127.0.0.1:")
            assert address.endswith("/?recipe=mito&cells.gap_nm=30")
            with urlopen(address, timeout=120) as page:
                assert b"mitogen explore" in page.read()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, output, errors.strip()) == (130, "", "stopped")
