"""What numba keeps on the disk is never older than the sources."""

import os
import subprocess
import sys
from pathlib import Path

FIRST = """
from typing import NamedTuple
from mitogen.geometry.jit import compiled

class Pair(NamedTuple):
    a: float
    b: float

@compiled
def total(pair: Pair) -> float:
    return pair.a + pair.b
"""
SECOND = """
from inner.first import Pair, total
from mitogen.geometry.jit import compiled

@compiled
def twice(pair: Pair) -> float:
    return 2 * total(pair)
"""
RUN = "from inner.second import Pair, twice; print(twice(Pair(1.0, 2.0)))"


def test_compiled_code_follows_the_modules_that_it_was_put_together_from(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = os.pathsep.join([str(tmp_path), *sys.path])
    printed = []
    for module, change in (("first", ("", "")), ("first", ("a + pair.b", "a * pair.b")), ("third", ("", ""))):
        (tmp_path / "inner/second.py").write_text(SECOND.replace("inner.first", f"inner.{module}"))
        (tmp_path / f"inner/{module}.py").write_text(FIRST.replace(*change))
        if module != "first":
            (tmp_path / "inner/first.py").unlink()
        for name in ("first", "second", "third"):  # even where clocks are coarse
            if (tmp_path / f"inner/{name}.py").exists():
                os.utime(tmp_path / f"inner/{name}.py", (1, 1))
        command = [sys.executable, "-B", "-c", RUN]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
        )
        printed.append(float(done.stdout))
    assert printed == [6, 4, 6]
