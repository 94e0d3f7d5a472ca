"""A fit that is killed with SIGKILL loses and damages nothing; benchmarks/kill_fit.py does it twenty times."""

import importlib
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def server() -> Iterator[None]:
    """Stop the server that forks processes: this one holds torch's compiler, and teams forked from it may not end."""
    yield
    forkserver._forkserver._stop()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("kills", "steps", "longest_s"), [(1, 20, 0.5), pytest.param(8, 400, 6.0, marks=pytest.mark.slow)]
)
def test_killed_fits_go_on(
    kills: int, steps: int, longest_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    kill_fit = importlib.import_module("kill_fit")
    tally = kill_fit.kill_and_resume(tmp_path, kills, steps, seed=1, longest_s=longest_s)
    assert not tally.problems
    assert tally.same
    assert tally.kills > 0
