"""Measuring and comparing files: sampling, resampling, the table, the page, the command."""

import csv
import errno
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitogen.cli.main import cli
from mitogen.gap import STATISTICS, Sampling, appearance_distance, appearance_of, compare, measure
from mitogen.gap.comparison import WEIGHTS, left_out
from mitogen.gap.report import measure_pair, scale_warning, write_report
from mitogen.gap.sections import chosen_sections, read_sections
from mitogen.gap.table import number

Write = Callable[..., Path]


def tissue(shape: tuple[int, int, int], seed: int = 0, pixel_nm: float = 5.0, grey: float = 140) -> Sample:
    """Noise with dark discs of 60 nm radius, of which each third is missing from one seed to the next."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[1], : shape[2]] * pixel_nm % 320 - 160
    disc = np.hypot(y, x) < 60
    rows = (np.arange(shape[1]) * pixel_nm // 320).astype(int)
    columns = (np.arange(shape[2]) * pixel_nm // 320).astype(int)
    ids = 1 + 100 * rows[:, None] + columns[None]
    label = np.broadcast_to(np.where(disc & (ids % 3 != seed % 3), ids, 0), shape).astype(np.uint16)
    raw = rng.normal(np.where(label > 0, grey - 50, grey), 10)
    mask = (label > 0).astype(np.uint8)
    return Sample(
        np.clip(raw, 0, 255).astype(np.uint8), (5.0, pixel_nm, pixel_nm), label, mask, name=f"{seed}", params={}
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function of (name, samples, labelled) that writes a file."""

    def make(name: str, samples: list[Sample], labelled: bool = True) -> Path:
        plain = samples if labelled else [replace(sample, label=None, mask=None) for sample in samples]
        write_dataset(tmp_path / name, plain, Provenance())
        return tmp_path / name

    return make


@pytest.fixture
def file(write: Write) -> Path:
    return write("a.h5", [tissue((1, 128, 160), seed) for seed in range(3)])


def test_a_dataset_is_close_to_itself_in_everything(file: Path) -> None:
    one = measure(file)
    rows = compare(one, one)
    assert all(row.close and row.difference == 0 for row in rows)
    assert len(rows) == len(STATISTICS)
    assert left_out(one, one) == {}
    assert appearance_distance(one.appearance, one.appearance) == 0


def test_the_same_every_time(file: Path) -> None:
    assert measure(file).values() == measure(file).values()


def test_values_have_the_names_of_the_table(file: Path) -> None:
    assert {*measure(file).values(), "grey.wasserstein"} == {statistic.name for statistic in STATISTICS}
    assert set(WEIGHTS) <= {statistic.name for statistic in STATISTICS if not statistic.needs_labels}


def test_what_is_known_of_the_discs_is_measured(file: Path) -> None:
    found = measure(file).values()
    assert found["size.major_nm"] == pytest.approx(120, rel=0.03)
    assert found["mito.grey"] == pytest.approx(90, abs=1)
    assert found["profile.out5"] == pytest.approx(140, abs=1)
    assert found["noise.sigma"] == pytest.approx(10, rel=0.2)


def test_each_difference_shows_in_its_row(write: Write, file: Path) -> None:
    darker = write("b.h5", [tissue((1, 128, 160), seed, grey=110) for seed in range(3)])
    rows = {row.statistic.name: row for row in compare(measure(darker), measure(file))}
    assert rows["grey.mean"].difference == pytest.approx(-30, abs=1)
    assert rows["grey.wasserstein"].synthetic == pytest.approx(30, abs=1)
    assert rows["grey.mean"].relative == pytest.approx(rows["grey.mean"].difference / rows["grey.mean"].real)
    assert not rows["grey.mean"].close
    assert not rows["profile.in1"].close
    assert rows["size.area_px"].close


def test_sections_are_spread_over_files_and_volumes(write: Write) -> None:
    volume = write("v.h5", [tissue((9, 64, 64)), tissue((1, 64, 64))])  # ten sections in all
    with Dataset(volume) as dataset:
        assert len(chosen_sections(dataset, Sampling())) == 10
        assert chosen_sections(dataset, Sampling(images=2)) == [(0, 2), (0, 7)]
        assert chosen_sections(dataset, Sampling(every=3)) == [(0, 0), (0, 3), (0, 6), (1, 0)]
        assert chosen_sections(dataset, Sampling(images=1, every=3)) == [(0, 6)]
    assert measure(volume).appearance.images == 10


def test_unequal_shapes_are_cut_alike(write: Write, file: Path) -> None:
    other = write("b.h5", [tissue((1, 96, 300)), tissue((1, 200, 110))])
    ours, theirs = measure_pair(other, file, Sampling())
    assert ours.window_px == theirs.window_px == (96, 110)
    assert ours.appearance.images == 2 + 2  # two windows side by side, two above each other
    assert measure(other).window_px is None


@pytest.mark.parametrize("grey", [0, 250])
def test_frames_and_blank_sections_are_not_looked_at(grey: int, write: Write) -> None:
    whole = [tissue((1, 128, 160), seed) for seed in range(3)]
    plain = write("plain.h5", whole)
    width = ((0, 0), (30, 10), (0, 50))
    framed = []
    for sample in whole:
        assert sample.mask is not None
        assert sample.label is not None
        raw = np.pad(sample.raw, width, constant_values=grey)
        framed.append(replace(sample, raw=raw, mask=np.pad(sample.mask, width), label=np.pad(sample.label, width)))
    framed.append(replace(framed[0], raw=np.full_like(framed[0].raw, grey)))
    assert measure(write("framed.h5", framed)).values() == measure(plain).values()


def test_a_large_section_is_read_in_windows(write: Write) -> None:
    large = write("l.h5", [tissue((1, 40, 2100))])
    with Dataset(large) as dataset:
        assert [section.raw.shape for section in read_sections(dataset, Sampling())] == [(40, 1024)] * 2
        many = list(read_sections(dataset, Sampling(window_px=(20, 100))))
    assert len(many) == 2 * 21


def test_sizes_in_nm_are_those_of_each_image(write: Write) -> None:
    """The same discs in pixels of 5 nm and of 10 nm, together and apart."""

    def disc(pixel_nm: float) -> Sample:
        side = round(1000 / pixel_nm)
        y, x = (np.mgrid[:side, :side] + 0.5) * pixel_nm - 500
        label = (np.hypot(y, x) < 200)[None].astype(np.uint16)
        raw = np.where(label > 0, 60, 180).astype(np.uint8)
        raw[:, ::2, ::2] += 1  # without any noise what surrounds the disc would be a frame
        return Sample(raw, (50.0, pixel_nm, pixel_nm), label, label.astype(np.uint8))

    both = measure(write("both.h5", [disc(5), disc(10), disc(5)]))
    fine = measure(write("fine.h5", [disc(5)]))
    other = replace(fine, pixel_nm=both.pixel_nm)
    for name in ("size.area_um2", "size.major_nm", "size.minor_nm", "number.per_um2"):
        assert both.values()[name] == pytest.approx(fine.values()[name], rel=0.01), name
    assert both.values()["size.area_um2"] == pytest.approx(np.pi * 0.04, rel=0.01)
    assert "on average" in both.describe()
    assert "pixels differ within both.h5; --pixel-size" in scale_warning(both, other)
    assert scale_warning(fine, fine) == ""


def test_the_file_that_is_too_small_is_named(write: Write) -> None:
    large, small = write("large.h5", [tissue((1, 64, 64))]), write("small.h5", [tissue((1, 12, 90))])
    with pytest.raises(DataError, match=r"small\.h5: tissue of 12 x 90 px; expected at least 16 x 16"):
        measure_pair(large, small, Sampling())


def test_resampling_makes_pixel_sizes_alike(write: Write) -> None:
    fine = write("fine.h5", [tissue((1, 256, 256), pixel_nm=5)])
    coarse = write("coarse.h5", [tissue((1, 128, 128), pixel_nm=10)])
    assert "--pixel-size 10" in scale_warning(measure(fine), measure(coarse))
    ours, theirs = measure_pair(fine, coarse, Sampling(pixel_nm=10))
    assert scale_warning(ours, theirs) == ""
    assert ours.pixel_nm == theirs.pixel_nm == (10, 10)
    assert ours.window_px == (128, 128)
    for name in ("size.area_px", "size.major_nm", "number.per_um2", "mito.area_fraction", "grey.mean"):
        assert ours.values()[name] == pytest.approx(theirs.values()[name], rel=0.05), name
    assert (ours.values()["noise.sigma"] or 0) < 0.7 * (theirs.values()["noise.sigma"] or 0)  # averaged away


def test_resampling_beyond_reason(file: Path) -> None:
    with pytest.raises(DataError, match=r"pixels of 5 x 5 nm cannot be made 0.5 nm; expected 1.25 to 160 nm"):
        measure(file, Sampling(pixel_nm=0.5))


def test_without_labels_half_of_the_table_is_left_out(write: Write, file: Path) -> None:
    unlabelled = write("b.h5", [tissue((1, 128, 160), seed) for seed in range(3)], labelled=False)
    ours, theirs = measure(file), measure(unlabelled)
    rows = compare(ours, theirs)
    assert {row.statistic.name for row in rows} == {one.name for one in STATISTICS if not one.needs_labels}
    assert left_out(ours, theirs)["size.area_px"] == "b.h5 has no labels"


def test_labels_cannot_reach_the_distance(write: Write, file: Path) -> None:
    """The distance sees grey images only: whatever is labelled, and whether anything is, it is the same number."""
    real = measure(write("real.h5", [tissue((1, 128, 160), 7, grey=120)])).appearance
    with Dataset(file) as dataset:
        samples = list(dataset)
    nothing = [
        replace(s, label=s.label * 0, mask=s.mask * 0) for s in samples if s.label is not None and s.mask is not None
    ]
    everything = [replace(s, label=s.raw * 0 + np.uint16(3), mask=np.ones_like(s.raw)) for s in samples]
    distance = appearance_distance(appearance_of(sample.raw[0] for sample in samples), real)
    assert distance > 0
    for name, changed, labelled in (("n", nothing, True), ("e", everything, True), ("u", samples, False)):
        assert appearance_distance(measure(write(f"{name}.h5", changed, labelled)).appearance, real) == distance


def test_distance_grows_with_each_difference() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(130, 20, (128, 128))
    real = appearance_of([np.clip(base, 0, 255).astype(np.uint8)])
    for changed in ([base + 10 * k for k in range(4)], [130 + (base - 130) * (1 + 0.2 * k) for k in range(4)]):
        distances = [appearance_distance(appearance_of([np.clip(c, 0, 255).astype(np.uint8)]), real) for c in changed]
        assert distances == sorted(distances)
        assert distances[0] == 0


def test_constant_and_tiny_images(write: Write) -> None:
    even = np.full((1, 32, 32), 90, np.uint8)
    even[:, ::2, ::31] = 91  # else it would be all frame
    flat = Sample(even, (5, 5, 5))
    one, other = measure(write("f.h5", [flat])), measure(write("t.h5", [tissue((1, 32, 32))]))
    for rows in (compare(one, other), compare(other, one)):
        assert all(np.isfinite([row.difference, row.tolerance]).all() for row in rows)
    assert np.isfinite([appearance_distance(*pair) for pair in ((one.appearance, other.appearance),) * 2]).all()
    assert "images too small" in left_out(one, other)["spectrum.low"]
    with pytest.raises(DataError, match="no tissue of at least 16 x 16 pixels"):
        measure(write("c.h5", [Sample(np.full((1, 32, 32), 90, np.uint8), (5, 5, 5))]))
    with pytest.raises(DataError, match="no tissue of at least 16 x 16 pixels"):
        measure(write("s.h5", [Sample(np.zeros((1, 12, 40), np.uint8), (5, 5, 5))]))


def test_label_free_half_is_fast() -> None:
    images: list[NDArray[np.uint8]] = [tissue((1, 256, 256), seed).raw[0] for seed in range(40)]
    began = time.process_time()
    appearance_of(images)
    assert time.process_time() - began < 2


def test_command_prints_and_writes(write: Write, file: Path, tmp_path: Path) -> None:
    other = write("b.h5", [tissue((1, 128, 160), 5, grey=120)])
    result = CliRunner().invoke(cli, ["gap", str(file), str(other), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "a.h5: 3 images of 128 x 160 px, 5 nm per pixel" in result.output
    assert "distance without labels:" in result.output
    rows = list(csv.DictReader((tmp_path / "out" / "gap.csv").read_text().splitlines()))
    assert [row["statistic"] for row in rows] == [statistic.name for statistic in STATISTICS]
    content = json.loads((tmp_path / "out" / "gap.json").read_text())
    assert content["rows"][0]["statistic"] == "grey.mean"
    assert float(rows[0]["difference"]) == pytest.approx(content["rows"][0]["difference"])
    for name in ("histogram", "spectrum", "boundary", "shapes", "examples"):
        with Image.open(tmp_path / "out" / f"{name}.png") as picture:
            assert picture.size[0] > 100
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    # Nothing is loaded from elsewhere; pictures may hold the letters by chance.
    assert "http" not in re.sub("base64,[A-Za-z0-9+/=]+", "", page)
    assert not list((tmp_path / "out").glob(".*"))


def test_command_without_labels(write: Write, file: Path, tmp_path: Path) -> None:
    other = write("b.h5", [tissue((1, 128, 160), pixel_nm=8)], labelled=False)
    result = CliRunner().invoke(cli, ["gap", str(other), str(file), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "left out, because b.h5 has no labels: mito.area_fraction" in result.output
    assert "warning: pixels differ (8 x 8 nm and 5 x 5 nm)" in result.output
    assert (tmp_path / "out" / "boundary.png").exists()  # of the one that is labelled


def test_command_refuses_in_one_line(write: Write, file: Path, tmp_path: Path) -> None:
    small = write("s.h5", [Sample(np.zeros((1, 12, 40), np.uint8), (5, 5, 5))])
    for arguments, message in (
        ([str(file), str(small)], "expected at least 16 x 16"),
        ([str(file), str(file), "--pixel-size", "0.1"], "cannot be made 0.1 nm"),
        ([str(file), str(file), "-o", str(file / "x")], "cannot be written"),
    ):
        result = CliRunner().invoke(cli, ["gap", *arguments])
        assert isinstance(result.exception, DataError), arguments
        assert message in str(result.exception)
        assert "\n" not in str(result.exception)


def test_a_full_disk_leaves_nothing_half_written(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, left = measure_pair(file, file, Sampling(1)), 0

    def on_a_full_disk(_: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", on_a_full_disk)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "gap.csv").write_text("old")
    for folder in (tmp_path / "new" / "deep", tmp_path / "old"):
        left = 3
        with pytest.raises(DataError, match="cannot be written: No space left"):
            write_report(folder, *pair)
    assert not (tmp_path / "new").exists()
    assert [path.read_text() for path in (tmp_path / "old").iterdir()] == ["old"]


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.0534, 1.61, -13.25, 1874.3)] == ["0.053", "1.61", "-13.2", "1874"]
