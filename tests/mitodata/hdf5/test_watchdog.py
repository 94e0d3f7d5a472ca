"""A file on which HDF5 hangs or crashes is a problem in one line, not the end of the program."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, validate, write_dataset
from mitodata.hdf5.watchdog import validate_watched


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A pipe that nobody writes to: opening it for reading never ends, as HDF5 never does on some damage."""
    os.mkfifo(tmp_path / "endless.h5")
    return tmp_path / "endless.h5"


def test_a_sound_file_and_a_damaged_one_are_checked_as_ever(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(0)], Provenance())
    assert validate_watched(path, 30) == []
    os.truncate(path, 3000)
    assert validate_watched(path, 30) == validate(path) != []


def test_a_check_that_gets_nowhere_is_ended(endless: Path) -> None:
    started = time.monotonic()
    (problem,) = validate_watched(endless, 0.2)
    assert problem == f"{endless}: damaged: HDF5 makes no progress for 0.2 s; copy or render it again"
    assert time.monotonic() - started < 60
    assert not multiprocessing.active_children()


def test_a_crash_is_survived(endless: Path) -> None:
    def kill() -> None:
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        children[0].kill()

    threading.Thread(target=kill, daemon=True).start()
    assert "HDF5 crashes on it (exit code -9)" in validate_watched(endless, 600)[0]


def test_signs_of_life_come_with_every_block(tmp_path: Path, make_sample: Callable[..., Sample]) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(number) for number in range(5)], Provenance())
    signs: list[None] = []
    assert validate(path, lambda: signs.append(None)) == []
    assert len(signs) > 5
