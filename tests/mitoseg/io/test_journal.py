"""What is known of the results in a folder."""

import json
import os
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import zarr

from mitodata import DataError, RunError
from mitodata.readers.remote import LINK
from mitoseg.io.journal import JOURNAL, Journal, identity


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"grey")
    return path


def make(folder: Path, name: str = "a_mask.png") -> Path:
    path = folder / name
    path.write_bytes(b"white")
    return path


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """8 uncompressed chunks of an OME-Zarr, written a while ago."""
    path = tmp_path / "volume.zarr"
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=np.zeros((8, 16, 16), np.uint8), chunks=(1, 16, 16), compressors=None)
    group.create_array("labels/cells/0", data=np.zeros((8, 16, 16), np.uint8))
    for each in (path, *path.rglob("*")):
        os.utime(each, (1e9, 1e9))
    return path


def test_a_result_of_the_same_image_and_settings_is_known(tmp_path: Path, image: Path) -> None:
    settings = {"threshold": 0.3, "voxel_size_nm": (40.0, 8.0, 8.0)}
    journal = Journal(tmp_path, settings)
    assert not journal.holds(tmp_path / "a_mask.png", image)
    journal.add(make(tmp_path), image)
    assert journal.holds(tmp_path / "a_mask.png", image)
    assert Journal(tmp_path, settings).holds(tmp_path / "a_mask.png", image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("settings", r"other settings \(threshold 0\.3, now 0\.4\); choose another folder, or replace"),
        ("image", r"of another image, or of a\.png before it was changed"),
        ("result", "changed since it was written"),
        ("journal", "not made by this program"),
    ],
)
def test_other_results_are_refused(change: str, message: str, tmp_path: Path, image: Path) -> None:
    mask = make(tmp_path)
    Journal(tmp_path, {"axes": "z", "threshold": 0.3}).add(mask, image)
    if change == "image":
        image.write_bytes(b"another")
    elif change == "result":
        mask.write_bytes(b"painted by hand")
    elif change == "journal":
        (tmp_path / JOURNAL).unlink()
    with pytest.raises(RunError, match=message):
        Journal(tmp_path, {"axes": "z", "threshold": 0.4 if change == "settings" else 0.3}).holds(mask, image)


def test_a_line_cut_off_by_a_kill_costs_one_file(tmp_path: Path, image: Path) -> None:
    journal = Journal(tmp_path, {})
    masks = [make(tmp_path, f"{name}_mask.png") for name in "abc"]
    for mask in masks[:2]:
        journal.add(mask, image)
    content = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(content[:-9])
    again = Journal(tmp_path, {})
    assert again.holds(masks[0], image)
    with pytest.raises(RunError, match="not made by this program"):
        again.holds(masks[1], image)
    again.add(masks[2], image)
    assert Journal(tmp_path, {}).holds(masks[2], image)
    assert json.loads((tmp_path / JOURNAL).read_text().splitlines()[0])["file"] == "a_mask.png"


@pytest.mark.parametrize("place", [0, 300, -1])
@pytest.mark.parametrize("length", [40, 700_000])
def test_files_of_one_name_length_and_time_are_told_apart(place: int, length: int, tmp_path: Path) -> None:
    known = []
    for folder, grey in (("one", 7), ("other", 8), ("again", 7)):
        path = tmp_path / folder / "img.tif"
        path.parent.mkdir()
        content = bytearray(length)
        content[place % length] = grey
        path.write_bytes(content)
        os.utime(path, (1e9, 1e9))
        known.append(identity(path))
    assert known[0] == known[2] != known[1]


def test_pixels_of_a_zarr_that_change_are_noticed(tmp_path: Path, volume: Path) -> None:
    mask, before = make(tmp_path, "volume_mask.tif"), (volume.stat().st_size, volume.stat().st_mtime_ns)
    Journal(tmp_path, {}).add(mask, volume)
    zarr.open_array(volume, path="0")[3] = 1
    assert (volume.stat().st_size, volume.stat().st_mtime_ns) == before
    with pytest.raises(RunError, match=r"of another image, or of volume\.zarr before it was changed"):
        Journal(tmp_path, {}).holds(mask, volume)


def test_a_chunk_of_the_same_length_and_time_that_differs_is_noticed(tmp_path: Path, volume: Path) -> None:
    before = identity(volume)
    chunk = volume / "0" / "c" / "3" / "0" / "0"
    zarr.open_array(volume, path="0")[3] = 1
    assert chunk.stat().st_size == 256
    for each in (volume, *volume.rglob("*")):
        os.utime(each, (1e9, 1e9))
    assert identity(volume) != before


def test_a_zarr_stays_the_same_image(tmp_path: Path, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(volume)
    (tmp_path / "mount").symlink_to(tmp_path, target_is_directory=True)
    assert identity(tmp_path / "mount" / "volume.zarr") == before, "under another path"
    monkeypatch.chdir(volume.parent)
    assert identity(Path("volume.zarr")) == before
    copytree(volume, tmp_path / "moved" / "volume.zarr")
    assert identity(tmp_path / "moved" / "volume.zarr") == before
    zarr.open_array(volume, path="labels/cells/0")[0] = 1
    assert identity(volume) == before, "proofread labels are not its pixels"
    for number, each in enumerate(sorted((volume / "0").rglob("*"))):
        os.utime(each, ns=(10**18, 10**18 + number % 1000))
    assert identity(volume) == before, "a server that keeps microseconds"


def test_a_zarr_that_cannot_be_listed_is_still_an_image(volume: Path) -> None:
    (volume / "circle").symlink_to(volume, target_is_directory=True)
    (volume / "nowhere").symlink_to(volume / "none")
    assert identity(volume) == identity(volume)
    with pytest.raises(DataError, match="none: cannot be read: No such file"):
        identity(volume / "none")


def test_of_a_huge_zarr_some_of_each_depth_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mitoseg.io.journal.LOOKED_AT", 50)
    folder, stat, looked = tmp_path / "huge.zarr", Path.stat, list[Path]()
    for place in range(600):
        (folder / "0" / f"{place % 3}").mkdir(parents=True, exist_ok=True)
        (folder / "0" / f"{place % 3}" / f"{place}").write_bytes(b"grey")

    def spy(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        looked.append(path)
        return stat(path, follow_symlinks=follow_symlinks)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", spy)
        before = identity(folder)
    assert 50 < len(looked) < 70
    scan = os.scandir

    class Reversed:
        """A folder as another machine lists it."""

        def __init__(self, path: Path) -> None:
            with scan(path) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", Reversed)
        assert identity(folder) == before
    for place in range(0, 600, 10):  # a tenth of the chunks, in place
        (folder / "0" / f"{place % 3}" / f"{place}").write_bytes(b"greys")
    assert identity(folder) != before


def test_a_zarr_behind_a_url_is_told_by_its_url(tmp_path: Path) -> None:
    known = []
    for bucket, written in (("a", 1e9), ("b", 1e9), ("a", 2e9)):
        path = tmp_path / f"{bucket}{written:g}" / "volume.zarr"
        path.mkdir(parents=True)
        (path / LINK).write_text(f"s3://{bucket}/volume.zarr\n")
        os.utime(path / LINK, (written, written))
        os.utime(path, (0, 0))
        known.append(identity(path))
    assert known[0] == known[2] != known[1]


@pytest.mark.parametrize("kind", ["image", "volume"])
def test_a_journal_of_an_earlier_version_still_counts(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It kept no fingerprint."""
    image, mask = request.getfixturevalue(kind), make(tmp_path)
    state = image.stat()
    known = {"name": image.name, "bytes": state.st_size, "modified_ns": state.st_mtime_ns}
    entry = {"file": mask.name, "bytes": mask.stat().st_size, "image": known, "settings": {}}
    (tmp_path / JOURNAL).write_text(json.dumps(entry) + "\n")
    assert Journal(tmp_path, {}).holds(mask, image)
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns + 1000))
    with pytest.raises(RunError, match="made of another image"):
        Journal(tmp_path, {}).holds(mask, image)


def test_an_image_that_changes_while_it_is_segmented_counts_as_another(tmp_path: Path, image: Path) -> None:
    journal = Journal(tmp_path, {})
    journal.look_at(image)
    image.write_bytes(b"black")
    journal.add(make(tmp_path), image)
    with pytest.raises(RunError, match="made of another image"):
        Journal(tmp_path, {}).holds(tmp_path / "a_mask.png", image)
