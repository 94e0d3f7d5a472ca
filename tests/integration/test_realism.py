"""The parts of the realism benchmarks that decide what is compared: restored contrast, grown masks, marks, the key."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from mitodata import Sample
from mitodata.hdf5.dataset import Provenance, write_dataset

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield importlib.import_module("real_sections")
    for name in ("real_sections", "targets", "realism", "shuffled_sheet"):
        sys.modules.pop(name, None)


def section(seed: int = 0, size: int = 64) -> Sample:
    rng = np.random.default_rng(seed)
    label = np.zeros((1, size, size), np.uint16)
    label[0, 20:40, 20:40] = 1
    raw = np.clip(rng.normal(139, 20, label.shape), 60, 220).astype(np.uint8)
    return Sample(raw, (5, 5, 5), label, (label > 0).astype(np.uint8), name=str(seed))


def test_a_stretched_section_is_restored_but_for_its_brightness(benchmark: ModuleType) -> None:
    original = section()
    low, high = int(original.raw.min()), int(original.raw.max())
    assert len(np.unique(original.raw)) > 100
    stretched = np.rint((original.raw.astype(float) - low) * 255 / (high - low)).astype(np.uint8)
    changed = Sample(stretched, (5, 5, 5), original.label, original.mask)
    (restored,) = benchmark.unstretched([changed], original.raw.mean())
    off = np.abs(restored.raw.astype(int) - original.raw)
    assert np.quantile(off, 0.95) <= 3  # in the tails there are levels that never occurred, which nobody can know of
    assert restored.raw.std() == pytest.approx(original.raw.std(), rel=0.03)


def test_masks_grow_by_four_pixels(benchmark: ModuleType) -> None:
    (grown,) = benchmark.grown([section()])
    assert np.count_nonzero(grown.mask[0, 30]) == 20 + 2 * 4
    assert set(np.unique(grown.label)) == {0, 1}


def test_marks(benchmark: ModuleType) -> None:
    beside = importlib.import_module("targets").beside
    assert beside("grey.std", 33, 30) == "+10%"
    assert beside("grey.std", 34, 30) == "**+13%**"
    assert beside("profile.in1", 88, 80) == "+8.0"
    assert beside("profile.in1", 71.9, 80) == "**-8.1**"
    assert beside("spectrum.high", -0.19, -0.1) == "-90%"
    assert beside("grey.std", None, 30) == beside("grey.std", 30, None) == ""


def test_shuffled_sheet_tells_nothing_but_its_key_does(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("s", "r"):
        write_dataset(tmp_path / f"{name}.h5", [section(seed) for seed in range(5)], Provenance())
    sheets = importlib.import_module("shuffled_sheet")
    files = [str(tmp_path / "s.h5"), str(tmp_path / "r.h5")]
    for folder in ("a", "b"):
        arguments = [*files, "-n", "5", "--size", "32", "--seed", "3", "-o", str(tmp_path / folder)]
        monkeypatch.setattr(sys, "argv", ["shuffled_sheet.py", *arguments])
        sheets.main()
    key = (tmp_path / "a" / "key.txt").read_text()
    assert sorted(line.split()[1] for line in key.splitlines()) == ["real"] * 5 + ["synthetic"] * 5
    assert [line.split()[1] for line in key.splitlines()] != ["synthetic"] * 5 + ["real"] * 5
    assert key == (tmp_path / "b" / "key.txt").read_text()
    with Image.open(tmp_path / "a" / "sheet.png") as picture:
        assert picture.mode == "L"
    assert (tmp_path / "a" / "sheet.png").read_bytes() == (tmp_path / "b" / "sheet.png").read_bytes()
