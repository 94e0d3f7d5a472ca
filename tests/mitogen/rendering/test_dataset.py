import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset, software, write_dataset
from mitogen.recipe.recipe import Recipe, load_recipe, parse_recipe
from mitogen.rendering.batches import Batches
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job, Renderer, RenderError, job_of, spell
from mitogen.tissue.compartments import class_names

STANDIN = Path(__file__).parents[1] / "standin"
RECIPE = Recipe()
SHAPE = (1, 256, 256)  # 8 images a batch
N = 64
# Workers are tested elsewhere: each takes half a second to start.
HERE = pytest.mark.usefixtures("no_processes")

# A program as a user would run it, so that it can be killed.
PROGRAM = f"""
from pathlib import Path
import click, standin
from mitodata.command_line import run
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitogen.recipe.recipe import Recipe

@click.group()
def program(): pass

@program.command()
@click.argument("path", type=Path)
def go(path):
    render_dataset(Job(Recipe(), 3, {SHAPE}, renderer=standin.slow), path, {N}, 2)

run(program)
"""


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process and its workers, which inherit the path, import the stand-in renderers."""
    monkeypatch.syspath_prepend(STANDIN)


def standin(name: str) -> Renderer:
    import standin as module

    return getattr(module, name)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow renderer is quick in this process."""
    monkeypatch.setattr("standin.PAUSE_S", 0.0)


def make(path: Path, n: int = 40, workers: int = 2, renderer: str = "quick", overwrite: bool = False) -> Path:
    job = Job(RECIPE, 3, SHAPE, renderer=standin(renderer))
    render_dataset(job, path, n, workers, overwrite=overwrite, progress=False)
    return path


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STANDIN)
        yield make(tmp_path_factory.mktemp("unbroken") / "a.h5", N, 1).read_bytes()


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, unbroken: bytes) -> None:
    assert make(tmp_path / "b.h5", N, 2).read_bytes() == unbroken


@HERE
def test_images_are_in_order_and_remember_their_numbers(tmp_path: Path) -> None:
    job = Job(RECIPE, 3, (1, 32, 32), renderer=standin("quick"))
    path = tmp_path / "a.h5"
    render_dataset(job, path, 5, 1, progress=False)
    with Dataset(path) as dataset:
        assert len(dataset) == 5
        assert parse_recipe(dataset.provenance.recipe) == RECIPE
        assert dataset.provenance.seed == 3
        for got, expected in zip(dataset, job.samples(range(5)), strict=True):
            assert np.array_equal(got.raw, expected.raw)
            assert np.array_equal(got.label, expected.label)
            assert dict(got.params) == dict(expected.params)


def test_parts_are_gone_and_workers_have_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    path = tmp_path / "new folder" / "a.h5"
    before = dict(os.environ)
    render_dataset(Job(RECIPE, 0, (1, 32, 32), renderer=standin("threads")), path, 2, progress=False)
    assert [item.name for item in path.parent.iterdir()] == ["a.h5"]
    assert dict(os.environ) == before
    with Dataset(path) as dataset:
        assert np.all(dataset[0].raw == 1)


@HERE
def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(DataError, match="exists already"):
        make(path)
    with pytest.raises(DataError, match="exists already"):
        make(tmp_path, overwrite=True)
    assert path.read_text() == "precious"
    make(path, 1, 1, overwrite=True)
    with Dataset(path) as dataset:
        assert len(dataset) == 1


def start(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "go", str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    batches = Batches(path.with_name(path.name + ".parts"), range(N), SHAPE)
    wait_until(lambda: batches.images_done() > 0 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def group_is_gone(group: int) -> bool:
    """Whether no process of the group is alive; the dead that nobody has collected do not count."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return False
    return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc, which only Linux has")
@pytest.mark.usefixtures("no_processes", "no_pauses")
def test_a_killed_run_leaves_no_orphans_and_continues_to_the_same_file(tmp_path: Path, unbroken: bytes) -> None:
    path = tmp_path / "a.h5"
    process = start(path)
    process.kill()
    process.communicate()
    wait_until(lambda: group_is_gone(process.pid))
    assert not path.exists()
    assert 0 < Batches(path.with_name("a.h5.parts"), range(N), SHAPE).images_done() < N
    make(path, N, 2, "slow")  # the same command, in this process
    assert path.read_bytes() == unbroken


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc, which only Linux has")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("no_processes", "no_pauses")
def test_a_signal_to_stop_keeps_what_is_done_and_says_so(number: int, tmp_path: Path, unbroken: bytes) -> None:
    path = tmp_path / "a.h5"
    process = start(path)
    os.killpg(process.pid, number)  # a terminal, and `timeout`, send it to the whole group
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "of 64 images are kept in" in errors
    assert "the same command continues" in errors
    wait_until(lambda: group_is_gone(process.pid))
    assert not path.exists()
    make(path, N, 2, "slow")  # the same command, in this process
    assert path.read_bytes() == unbroken


@pytest.mark.parametrize("images", [(3, 5, 6, 21), range(9, 27), [17]])
@HERE
def test_single_images_are_the_same_as_in_the_whole_file(tmp_path: Path, images: Sequence[int]) -> None:
    job = Job(RECIPE, 3, SHAPE, compartments=True, renderer=standin("quick"))
    render_dataset(job, tmp_path / "all.h5", 30, 2, progress=False)
    render_dataset(job, tmp_path / "some.h5", images, 2, progress=False)
    with Dataset(tmp_path / "all.h5") as whole, Dataset(tmp_path / "some.h5") as some:
        assert len(some) == len(images)
        assert whole.provenance.source == "mitogen render"
        assert some.provenance.source == f"mitogen render --only {spell(images)}"
        assert some.provenance.classes == whole.provenance.classes == class_names()
        for found, index in zip(some, images, strict=True):
            expected = whole[index]
            assert found.name == expected.name == f"{index:06d}"
            for name in ("raw", "label", "mask", "compartment"):
                assert np.array_equal(getattr(found, name), getattr(expected, name))
            assert dict(found.params) == dict(expected.params)


@HERE
def test_batches_of_other_images_are_refused(tmp_path: Path) -> None:
    job = Job(RECIPE, 3, SHAPE, renderer=standin("failing_late"))
    with pytest.raises(RenderError):
        render_dataset(job, tmp_path / "a.h5", range(4, 40), 1, progress=False)
    for images in (range(5, 40), 40, (4, 6)):
        with pytest.raises(DataError, match="other settings"):
            render_dataset(job, tmp_path / "a.h5", images, 1, progress=False)
    with pytest.raises(RenderError, match="image 16"):
        render_dataset(job, tmp_path / "a.h5", range(4, 40), 1, progress=False)
    assert Batches(tmp_path / "a.h5.parts", range(4, 40), SHAPE).images_done() == 8


@HERE
def test_a_job_is_found_again_in_its_file(tmp_path: Path) -> None:
    job = Job(load_recipe(overrides=["section.thickness_nm=17.5"]), 3, (1, 32, 48), compartments=True)
    render_dataset(replace(job, renderer=standin("quick")), tmp_path / "a.h5", 2, 1, progress=False)
    assert job_of(tmp_path / "a.h5") == (job, software())


@HERE
def test_finished_batches_are_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    batches = Batches(tmp_path / "a.h5.parts", range(40), SHAPE)
    for _ in range(2):
        with pytest.raises(RenderError):
            make(path, 40, 1, "failing_late")
        assert batches.images_done() == 16
        # A mark that a second rendering of this batch would wipe out.
        made = batches.path(range(8)).stat().st_mtime_ns
        os.utime(batches.path(range(8)), ns=(1, 1))
    assert made == 1


def _cut(path: Path) -> None:
    os.truncate(path, 1000)


def _wipe(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _shorten(path: Path) -> None:
    with Dataset(path) as batch:
        samples, provenance = list(batch)[1:], batch.provenance
    write_dataset(path, samples, provenance, overwrite=True)


def _scratch(path: Path) -> None:
    """Damage that only shows when the images are read."""
    with h5py.File(path) as file:
        first = file["label"].id.get_chunk_info(0)
    with path.open("r+b") as stream:
        stream.seek(first.byte_offset)
        stream.write(b"\xff" * first.size)


@pytest.mark.parametrize("damage", [_cut, _wipe, _shorten, _scratch])
@HERE
def test_damaged_batches_are_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    whole = make(tmp_path / "whole.h5", 24, 1).read_bytes()
    path = tmp_path / "a.h5"
    with pytest.raises(RenderError):
        make(path, 24, 1, "failing_late")
    batches = Batches(tmp_path / "a.h5.parts", range(24), SHAPE)
    note = json.loads((batches.folder / "job.json").read_text())
    note["fingerprint"] = Job(RECIPE, 3, SHAPE, renderer=standin("quick")).fingerprint()
    (batches.folder / "job.json").write_text(json.dumps(note))
    damage(batches.path(range(8)))
    if damage is _scratch:
        with pytest.raises(RenderError, match="the same command continues"):
            make(path, 24, 1)
    assert make(path, 24, 1).read_bytes() == whole


@HERE
def test_batches_of_other_settings_are_refused_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(RenderError):
        make(path, 40, 1, "failing_late")
    with pytest.raises(DataError, match="other settings"):
        make(path, 40, 1, "quick")
    make(path, 20, 1, "quick", overwrite=True)
    assert not (tmp_path / "a.h5.parts").exists()


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a.h5.parts"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="not a folder of unfinished images"):
        make(tmp_path / "a.h5", 2, 1, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "precious"


@HERE
def test_a_folder_that_a_killed_run_only_just_made_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "a.h5.parts"
    folder.mkdir()
    (folder / ".job.json.0123abcd.partial").write_text("{")
    make(tmp_path / "a.h5", 2, 1)
    assert not folder.exists()


def test_a_failing_image_is_named_with_the_way_to_make_it_again(tmp_path: Path) -> None:
    with pytest.raises(RenderError) as caught:
        make(tmp_path / "a.h5", 40, 2, "failing")
    assert str(caught.value) == (
        "image 5: ValueError: no room for a nucleus; to make it again alone: --only 5, "
        "or mitogen.render(recipe, seed=3, index=5, shape=(1, 256, 256))"
    )


def test_a_dead_worker_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"a worker was killed.* images are kept in"):
        make(tmp_path / "a.h5", 40, 2, "dying")


def test_a_script_without_a_guard_ends_at_once(tmp_path: Path) -> None:
    """Every worker begins by running the script again; what is sent to it must not wait for one that is gone."""
    (tmp_path / "script.py").write_text(
        "import mitogen\n"
        "job = mitogen.Job(mitogen.load_recipe('mito'), seed=0, shape=(1, 64, 64))\n"
        "mitogen.render_dataset(job, 'a.h5', 40)\n"
    )
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert 'a script lacks `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


def test_impossible_arguments(tmp_path: Path) -> None:
    for images, workers in (
        (0, 1),
        ((), 1),
        (1, 0),
        ((3, 3), 1),
        ((4, 3), 1),
        ((-1, 2), 1),
        (range(9, 5, -1), 1),
        (10**30, 1),
    ):
        with pytest.raises(RenderError, match="expected"):
            render_dataset(Job(RECIPE), tmp_path / "a.h5", images, workers)
    for settings in ({"seed": -1}, {"seed": 2**63}, {"shape": (0, 8, 8)}):
        with pytest.raises(RenderError, match="expected"):
            Job(RECIPE, **settings)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        make(tmp_path / "file" / "a.h5", 1, 1)


def test_a_full_disk_says_that_the_work_is_kept(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"16 of 40 images are kept"):
        make(tmp_path / "a.h5", 40, 1, "full_disk")


@HERE
def test_without_a_terminal_progress_is_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render_dataset(Job(RECIPE, 0, (1, 32, 32), renderer=standin("quick")), tmp_path / "a.h5", 3, 1)
    assert capsys.readouterr().err.startswith("rendered 3 of 3 images, ")


@HERE
def test_volumes(tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    render_dataset(Job(RECIPE, 0, (4, 32, 32), renderer=standin("quick")), path, 2, 1, progress=False)
    with Dataset(path) as dataset:
        assert dataset.shape(1) == (4, 32, 32)
