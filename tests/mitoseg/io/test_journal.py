"""What is known of the results in a folder."""

import json
from pathlib import Path

import pytest

from mitodata import RunError
from mitoseg.io.journal import JOURNAL, Journal


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"grey")
    return path


def make(folder: Path, name: str = "a_mask.png") -> Path:
    path = folder / name
    path.write_bytes(b"white")
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
