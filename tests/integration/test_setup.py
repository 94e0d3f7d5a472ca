"""setup.sh: what a machine lacks is one line at the start and exit code 2."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the set-up and nothing installed."""
    for name in ("setup.sh", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def fake(clone: Path, name: str, script: str) -> Path:
    """Put a program called `name` first on the path."""
    path = clone / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def fake_python(clone: Path, name: str, first: str) -> Path:
    """Put a Python on the path that executes `first` before anything else."""
    start = shlex.quote(f"import sys, sysconfig; {first}; exec(sys.argv[1])")
    return fake(clone, name, f'exec {shlex.quote(sys.executable)} -c {start} "$2"')


def refusal(clone: Path, *arguments: str, **environment: str) -> str:
    """Run setup.sh, which must refuse in one line; that line."""
    path = f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, **environment}
    command = ["sh", str(clone / "setup.sh"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=120)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("setting up")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("setup: ")
    return lines[0]


def test_old_python(clone: Path) -> None:
    fake_python(clone, "python3", "sys.version_info = (3, 9, 1)")
    said = refusal(clone, "--check")
    assert "3.9" in said
    assert "3.11" in said
    assert "PYTHON=" in said
    assert not (clone / ".venv").exists()


def test_no_python(clone: Path) -> None:
    assert "python3.99: not found" in refusal(clone, "python3.99")


def test_no_compiler(clone: Path) -> None:
    said = refusal(clone, sys.executable, CC="no-such-compiler")
    assert "no-such-compiler: no working C compiler" in said
    assert not (clone / ".venv").exists()


def test_no_headers_of_python(clone: Path) -> None:
    first = "real = sysconfig.get_paths; sysconfig.get_paths = lambda *a, **k: {**real(*a, **k), 'include': '/nowhere'}"
    python = fake_python(clone, "python", first)
    assert "/nowhere/Python.h" in refusal(clone, str(python))


def test_no_venv_module(clone: Path) -> None:
    python = fake_python(clone, "python", "sys.modules['ensurepip'] = None")
    assert "has no venv module" in refusal(clone, str(python))


def test_full_disk(clone: Path) -> None:
    fake(clone, "df", "echo header; echo '/dev/disk 100000 99000 512000 1% /'")
    said = refusal(clone, sys.executable)
    assert "500 MB free" in said
    assert not (clone / ".venv").exists()


def test_no_network_leaves_nothing_that_looks_installed(clone: Path) -> None:
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone)}
    assert "no network" in refusal(clone, sys.executable, **offline)
    assert (clone / ".venv" / "unfinished").exists()
    assert not list((clone / ".venv").glob("installed-*"))
