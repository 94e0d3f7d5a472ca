import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mitodata.errors import DataError
from mitodata.files import beside, is_system_file, remove_unfinished, source_hash, write_atomic, write_together


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)


def test_a_file_is_replaced_and_may_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in (b"old", b"new"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    mask = os.umask(0o022)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert names(tmp_path) == ["a.json"]


@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_the_old_files_stay(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(DataError, match="a: cannot be written: No space left on device"):
        write_together({tmp_path / name: b"new" for name in "ab"})
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == {"a": b"old", "b": b"old"}


@pytest.mark.parametrize("place", ["none/a", "file/a", "folder", "."])
def test_where_no_file_can_be_is_said_in_one_line(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder/deep").mkdir(parents=True)
    with pytest.raises(DataError, match=r": cannot be written: [^\n]*$"):
        write_atomic(Path(place), b"")
    assert names(tmp_path) == ["file", "folder"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    kill = f"os.fsync = lambda _: os.kill(os.getpid(), {int(signal.SIGKILL)})"
    code = f"import os, sys; from pathlib import Path; from mitodata.files import write_atomic; {kill}; "
    command = [sys.executable, "-c", code + "write_atomic(Path(sys.argv[1]), b'x')", str(tmp_path / "a.pt")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    for name in (".a.partial", "a.0123abcd.partial", ".gitignore", "b.pt"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [".a.partial", ".gitignore", "a.0123abcd.partial", "b.pt"]


def fill(path: Path, content: str) -> None:
    with beside(path) as draft:
        draft.mkdir()
        (draft / "page").write_text(content)


def test_a_folder_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in ("old", "new"):
        fill(path, content)
        assert (path / "page").read_text() == content
    with pytest.raises(UnicodeEncodeError):
        fill(path, "\ud800")
    with pytest.raises(DataError, match="a: cannot be written"), beside(path):
        pass  # nothing that could take its place
    assert (path / "page").read_text() == "new"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_a_killed_process_put_aside_comes_back(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")
    (tmp_path / "a").rename(tmp_path / ".a.old")
    (tmp_path / ".a.partial").mkdir()
    with pytest.raises(UnicodeEncodeError):
        fill(tmp_path / "a", "\ud800")
    assert names(tmp_path) == ["a"]


def test_a_large_file_takes_the_place_of_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    for content in ("one", "two"):
        with beside(tmp_path / "a") as draft:
            draft.write_text(content)
        assert (tmp_path / "a").read_text() == content
    assert names(tmp_path) == ["a"]


def test_the_hash_of_sources_changes_with_every_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    hashes = set()
    for file in ("one_package/__init__.py", "two_package/__init__.py", "two_package/deep/__init__.py"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    for file in ("one_package/__init__.py", "two_package/deep/__init__.py", "two_package/notes.txt"):
        (tmp_path / file).write_text("changed = True")
        source_hash.cache_clear()
        hashes.add(source_hash("one_package", "two_package"))
    assert len(hashes) == 2


@pytest.mark.parametrize("name", ["._a.png", ".DS_Store", "Thumbs.db", "thumbs.db", "desktop.ini", "__MACOSX"])
def test_files_of_the_system_are_known(name: str) -> None:
    assert is_system_file(Path("folder", name))
    assert not is_system_file(Path(".folder", name.strip("._") + "1.png"))
