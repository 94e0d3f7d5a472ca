"""The installed programs, run as a user runs them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def program() -> Program:
    """Run `mitogen` or `mitoseg` of this installation; fails the test if the exit code is not the expected one."""

    def run(name: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / name), *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done

    return run
