import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset

MakeSample = Callable[..., Sample]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_stopped_write_leaves_nothing(tmp_path: Path, make_sample: MakeSample, error: type[BaseException]) -> None:
    def samples() -> Iterator[Sample]:
        yield make_sample(0)
        yield make_sample(1, (1, 30, 30))  # a second draft is open by now
        raise error

    with pytest.raises(error):
        write_dataset(tmp_path / "a.h5", samples(), Provenance())
    assert not list(tmp_path.iterdir())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path, make_sample: MakeSample) -> None:
    path = tmp_path / "a.h5"
    write_dataset(path, [make_sample(0)], Provenance())

    def samples() -> Iterator[Sample]:
        yield make_sample(1)
        assert Dataset(path).name(0) == "image 0"
        raise ZeroDivisionError

    with pytest.raises(DataError, match="exists already"):
        write_dataset(path, [make_sample(1)], Provenance())
    with pytest.raises(ZeroDivisionError):
        write_dataset(path, samples(), Provenance(), overwrite=True)
    assert Dataset(path).name(0) == "image 0"
    write_dataset(path, [make_sample(1)], Provenance(), overwrite=True)
    assert Dataset(path).name(0) == "image 1"


def test_what_a_killed_write_left_is_taken_over(tmp_path: Path, make_sample: MakeSample) -> None:
    (tmp_path / ".a.h5.partial").write_bytes(b"x" * 100_000)
    write_dataset(tmp_path / "a.h5", [make_sample(0)], Provenance())
    write_dataset(tmp_path / "b.h5", [make_sample(0)], Provenance())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_two_writers_do_not_meet(tmp_path: Path, make_sample: MakeSample) -> None:
    def samples() -> Iterator[Sample]:
        yield make_sample(0)
        with pytest.raises(DataError, match="another process is writing it"):
            write_dataset(tmp_path / "a.h5", [make_sample(1)], Provenance())

    write_dataset(tmp_path / "a.h5", samples(), Provenance())
    assert Dataset(tmp_path / "a.h5").name(0) == "image 0"


def test_a_writer_that_comes_late_leaves_the_finished_file_alone(
    tmp_path: Path, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock, renamed = tmp_path / "a.h5", fcntl.flock, []

    def rename_first(handle: int, how: int) -> None:
        """Between opening and locking, the writer before renames what was opened."""
        if not renamed:
            renamed.append((tmp_path / ".a.h5.partial").rename(path))
            with path.open("r+b") as finished:
                finished.write(b"finished")
        lock(handle, how)

    def samples() -> Iterator[Sample]:
        yield make_sample(1)
        assert path.read_bytes() == b"finished"
        yield make_sample(2)

    monkeypatch.setattr(fcntl, "flock", rename_first)
    write_dataset(path, samples(), Provenance(), overwrite=True)
    assert Dataset(path).name(0) == "image 1"


def test_impossible_names(tmp_path: Path, make_sample: MakeSample) -> None:
    with pytest.raises(DataError, match="its folder does not exist"):
        write_dataset(tmp_path / "no" / "a.h5", [make_sample()], Provenance())
    with pytest.raises(DataError, match="is a folder"):
        write_dataset(tmp_path, [make_sample()], Provenance(), overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written: Not a directory"):
        write_dataset(tmp_path / "file" / "a.h5", [make_sample()], Provenance())


def test_ctrl_c_always_arrives_and_leaves_nothing(tmp_path: Path) -> None:
    """In a process of its own: Python's handler must never run below HDF5, which would swallow the interrupt."""
    program = f"""
import itertools
import click
import numpy as np
from mitodata import Sample
from mitodata.command_line import run
from mitodata.hdf5.dataset import Provenance, write_dataset

@click.group()
def program(): pass

@program.command()
def go():
    sample = Sample(np.zeros((1, 128, 128), np.uint8), (1, 1, 1))
    print("started", flush=True)
    write_dataset({str(tmp_path / "a.h5")!r}, itertools.repeat(sample, 10**7), Provenance())

run(program)
"""
    for delay in (0.02, 0.11, 0.2):
        command = [sys.executable, "-c", program, "go"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            try:
                assert process.communicate(timeout=120)[1].strip() == "stopped"
                assert process.returncode == 130
            finally:
                process.kill()
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory in /proc, which only Linux has")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """In a process of its own; HDF5's usual caches would grow by 8 MB here, and by 50 MB in the end."""
    program = f"""
from pathlib import Path
import numpy as np
from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
image = np.zeros((1, 16, 16), np.uint8)
sample = Sample(image, (1, 1, 1), image.astype(np.uint16), image, {{str(k): k for k in range(100)}}, "name")
def samples():
    for number in range(2001):
        if number in (100, 2000):
            lines = Path("/proc/self/status").read_text().splitlines()
            print(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
        yield sample
write_dataset({str(tmp_path / "a.h5")!r}, samples(), Provenance())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    early, late = map(int, done.stdout.split())
    assert late - early < 4000  # kB


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """In a process of its own, because HDF5 used to crash it."""
    program = f"""
import resource, signal
import numpy as np
from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
rng = np.random.default_rng(0)
for grow in (0, 1):
    samples = (Sample(rng.integers(0, 256, (1, 64 + i * grow, 64), np.uint8), (1, 1, 1)) for i in range(200))
    try:
        write_dataset({str(tmp_path / "a.h5")!r}, samples, Provenance())
    except DataError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'a.h5'}: cannot be written: File too large\n" * 2
    assert not list(tmp_path.iterdir())
