"""`mitogen export` and `mitogen card` as a user calls them."""

from pathlib import Path

import numpy as np
import pytest
from program import Program

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset


@pytest.fixture
def mitogen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program."""
    return Program("mitogen", monkeypatch, capsys)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A file of one labelled section."""
    label = np.zeros((1, 8, 8), np.uint16)
    label[0, 2:5, 2:5] = 1
    sample = Sample(np.full((1, 8, 8), 9, np.uint8), (40.0, 5.0, 5.0), label, (label > 0).astype(np.uint8))
    write_dataset(tmp_path / "train.h5", [sample], Provenance(source="here"))
    return tmp_path / "train.h5"


def test_each_format_says_what_it_wrote(mitogen: Program, train: Path, tmp_path: Path) -> None:
    for kind, name in (
        ("coco", "annotations.json"),
        ("instances", ""),
        ("ome-zarr", "000000.zarr"),
        ("mitoverse", "data/train/vol0.zarr"),
    ):
        code, said, _ = mitogen("export", train, "--format", kind, "-o", tmp_path / kind)
        assert (code, said) == (0, f"{tmp_path / kind / name}\n")
        assert Path(said.strip()).exists()
        assert "exists already" in mitogen.fails("export", train, "--format", kind, "-o", tmp_path / kind)
        assert mitogen("export", train, "--format", kind, "-o", tmp_path / kind, "--overwrite")[0] == 0


def test_options_of_another_format_are_refused(mitogen: Program, train: Path, tmp_path: Path) -> None:
    said = mitogen.fails("export", train, "--format", "coco", "--volume", 0, "-o", tmp_path / "a")
    assert "got --volume with --format coco; it is for arrays" in said
    said = mitogen.fails("export", train, "--format", "mitoverse", "--ngff", "0.4", "-o", tmp_path / "a")
    assert "got --ngff with --format mitoverse; it is for ome-zarr" in said
    assert "it is for coco" in mitogen.fails("export", train, "--category", "cell", "-o", tmp_path / "a.h5")
    assert "expected a folder" in mitogen.fails("export", train, "--format", "coco", "-o", train)
    assert "expected a file" in mitogen.fails("export", train, "-o", tmp_path)


def test_a_card_is_printed_or_written(mitogen: Program, train: Path, tmp_path: Path) -> None:
    code, printed, _ = mitogen("card", train)
    assert code == 0
    assert printed.startswith("---\nlicense: unknown\n")
    readme = tmp_path / "README.md"
    code, said, _ = mitogen("card", train, "-o", readme, "--licence", "CC0")
    assert (code, said) == (0, f"card in {readme}\n")
    assert readme.read_text().startswith("---\nlicense: cc0-1.0\n")
    assert "exists already" in mitogen.fails("card", train, "-o", readme)
    assert mitogen("card", train, "-o", readme, "--overwrite")[0] == 0
