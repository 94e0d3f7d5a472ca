import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sklearn.metrics import jaccard_score

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.config.settings import FitConfig
from mitoseg.evaluation import evaluate, pick_shown
from mitoseg.inference.decoding import PEAK, find_instances, find_pieces
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.inference.segment import segment
from mitoseg.report import format_table, write_report, write_tables
from mitoseg.training.fit import fit


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("no_charts")
def test_tables_and_page(
    run: Path, fresh_discs: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    volume = make_file(draw(50, (5, 70, 60), 6.0), name="fresh")
    model = load_model(run)
    results = evaluate(model, [fresh_discs, volume], every=2)
    write_tables(tmp_path, results)
    page = write_report(tmp_path, results, model)

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert list(metrics) == ["fresh", "fresh-2"]
    assert metrics["fresh"]["images"] == 3
    assert metrics["fresh-2"]["images"] == 3
    assert metrics["fresh-2"]["sections_in_file"] == 5
    assert metrics["fresh"]["threshold"] == model.decoding.threshold
    assert metrics["fresh"]["peak"] == PEAK
    assert set(metrics["fresh"]["iou"]) == {"mean", "std", "pooled", "interval", "pooled_interval"}
    assert metrics["fresh"]["iou"]["mean"] > 0.85
    rows = read_rows(tmp_path / "fresh.csv")
    assert np.mean([float(row["iou"]) for row in rows]) == pytest.approx(metrics["fresh"]["iou"]["mean"], abs=1e-5)
    assert [row["z"] for row in read_rows(tmp_path / "fresh-2.csv")] == ["0", "2", "4"]

    curve = read_rows(tmp_path / "fresh-curve.csv")
    assert [curve[0]["threshold"], curve[-1]["threshold"], curve[0]["recall"]] == ["0.000000", "inf", "1.000000"]
    at_threshold = next(row for row in curve if row["threshold"] == f"{model.decoding.threshold:.6f}")
    assert float(at_threshold["iou"]) == pytest.approx(metrics["fresh"]["iou"]["pooled"], abs=1e-5)
    diagram = read_rows(tmp_path / "fresh-reliability.csv")
    assert sum(int(row["voxels"]) for row in diagram) == 6 * 64 * 64 // 2

    text = page.read_text()
    assert text.count('class="parts"') == 6
    assert "http" not in re.sub("base64,[A-Za-z0-9+/=]+", "", text)  # pictures may hold the letters by chance
    assert "evenly spaced" in text
    assert format_table(results).splitlines()[1].startswith("fresh ")


@pytest.mark.usefixtures("no_charts")
def test_no_table_takes_the_place_of_another(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    """Also where files are called as tables are, and an image is a single pixel."""
    speck = Sample(
        np.zeros((1, 1, 1), np.uint8), (8.0, 8.0, 8.0), *[np.ones((1, 1, 1), t) for t in (np.uint16, np.uint8)]
    )
    model = load_model(run)
    results = evaluate(model, [make_file(draw(50), speck, name=name) for name in ("runs", "one", "one-curve")])
    write_tables(tmp_path, results, [results])
    write_report(tmp_path, results[:1], model)
    assert len(read_rows(tmp_path / "runs-images.csv")) == len(read_rows(tmp_path / "one-curve-images.csv")) == 2
    assert "run 2" in read_rows(tmp_path / "runs.csv")[0]
    assert "threshold" in read_rows(tmp_path / "one-curve.csv")[0]


@pytest.mark.usefixtures("no_charts")
def test_what_an_earlier_report_says_of_other_datasets_goes(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    model = load_model(run)
    first, second = (evaluate(model, [make_file(draw(50), name=name)]) for name in ("first", "first-curve"))
    write_tables(tmp_path, [*first, *second], [[*first, *second]])
    write_report(tmp_path, [*first, *second], model)
    mine = [
        tmp_path / name for name in ("notes.txt", "first.txt", "figures/first-mine.png", "figures/of-first-panel-0.png")
    ]
    for path in mine:
        path.write_text("mine")
    assert (tmp_path / "figures" / "first-panel-0.png").exists()
    assert (tmp_path / "first.csv").exists()
    write_tables(tmp_path, second)
    write_report(tmp_path, second, model)
    left = {path.name for path in tmp_path.rglob("*") if path.name.startswith(("first", "runs"))}
    assert {name for name in left if not name.startswith("first-curve-")} == {"first.txt", "first-mine.png"}
    assert {f"first-curve-images{kind}.csv" for kind in ("", "-curve", "-objects", "-reliability")} < left
    assert "first-curve-panel-0.png" in left
    assert all(path.read_text() == "mine" for path in mine)


def test_what_is_no_earlier_report_is_left_alone(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()
    for text in ('{"mine": 1}', "[]", "no JSON", '{"../../b": {"thresholds": []}}'):
        (tmp_path / "report" / "metrics.json").write_text(text)
        for name in ("mine.csv", "b.csv", "report/mine.csv", "report/runs.csv"):
            (tmp_path / name).write_text("mine")
        write_tables(tmp_path / "report", evaluate(load_model(run), [make_file(draw(50), name="fresh")]))
        assert (tmp_path / "report" / "mine.csv").read_text() == (tmp_path / "b.csv").read_text() == "mine"
        assert (tmp_path / "report" / "runs.csv").exists()


@pytest.mark.usefixtures("no_charts")
def test_images_without_foreground_are_named_and_left_out(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = draw(60)
    assert sample.label is not None
    empty = replace(sample, label=np.zeros_like(sample.label), mask=np.zeros(sample.raw.shape, np.uint8))
    model = load_model(run)
    results = evaluate(model, [make_file(draw(50), draw(51), empty, name="some"), make_file(empty, name="none")])
    write_tables(tmp_path, results)
    page = write_report(tmp_path, results, model).read_text()

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    some, none = metrics["some"], metrics["none"]
    assert (some["images"], some["images_with_foreground"], some["images_falsely_found"]) == (3, 2, 1)
    rows = read_rows(tmp_path / "some.csv")
    assert rows[2]["iou"] == rows[2]["boundary_f1"] == rows[2]["roc_auc"] == ""
    assert rows[2]["accuracy"] != ""
    for name in ("iou", "boundary_f1", "hausdorff95_nm", "roc_auc", "calibration_error"):
        expected = np.mean([float(row[name]) for row in rows[:2]])
        assert some[name]["mean"] == pytest.approx(expected, abs=1e-5)
    assert some["iou"]["pooled"] < some["iou"]["mean"]
    assert none["iou"] == {
        "mean": None,
        "std": None,
        "pooled": None,
        "interval": [None, None],
        "pooled_interval": [None, None],
    }
    assert none["accuracy"]["mean"] is None
    assert none["accuracy"]["pooled"] < 1
    assert none["iou_by_threshold"]["0.50"] is None

    lines = format_table(results).splitlines()
    assert lines[1].split()[:3] == ["some", "3", "2"]
    assert lines[2].split()[:4] == ["none", "1", "0", "-"]
    assert lines[3].startswith("some: 1 of 3 images have no foreground")
    assert lines[4].startswith("none: 1 of 1 images have no foreground")
    assert lines[3].removeprefix("some: ") in page
    assert "no foreground in the truth" in page
    assert ">nan" not in page


def test_scores_are_those_of_the_masks(run: Path, fresh_discs: Path) -> None:
    model = load_model(run).with_decoding(0.9, 0)
    image = evaluate(model, [fresh_discs])[0].images[2]
    sample = Dataset(fresh_discs)[2]
    assert sample.mask is not None
    prediction = predict_maps(model, sample.raw, sample.voxel_size_nm, tta="auto")[0] >= 0.9
    assert image.summed.scores.iou == pytest.approx(jaccard_score(sample.mask.ravel(), prediction.ravel()))
    assert 0 < image.boundary.agreement.f1 <= 1
    # 64 pixels of 8 nm.
    assert 0 < image.boundary.hausdorff95 < 64 * 8 * 2**0.5


def test_pictures_are_of_the_worst_median_and_best(run: Path, fresh_discs: Path) -> None:
    result = evaluate(load_model(run), [fresh_discs])[0]
    shown = [float(panel.caption.split("IoU ")[1].split()[0]) for panel in result.panels]
    assert shown == sorted(shown)
    assert len(shown) == 6
    assert shown[0] == pytest.approx(min(image.summed.scores.iou for image in result.images), abs=1e-3)


def test_a_report_that_cannot_be_written_is_named(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = load_model(run)
    with pytest.raises(RunError, match="cannot be made"):
        write_tables(tmp_path / "file", evaluate(model, [fresh_discs]))


@pytest.mark.usefixtures("no_charts")
def test_whole_volumes_are_one_image_each(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    model = load_model(run).with_decoding(peak=0)  # a piece may reach the peak in one section only
    path = make_file(draw(50, (4, 70, 60), 6.0), draw(51, (3, 64, 64)), name="stacks")
    whole, slices = (evaluate(model, [path], volumes=volumes)[0] for volumes in (True, False))
    assert [len(whole.images), len(slices.images), len(whole.panels)] == [2, 7, 6]
    # The same voxels, so the same counts; but an object is one body, not a profile a section.
    assert whole.measured["iou"].pooled == pytest.approx(slices.measured["iou"].pooled)
    assert len(whole.images[0].objects.true_size) == 3
    assert sum(len(image.objects.true_size) for image in slices.images[:4]) == 12
    assert "middle xz plane" in whole.panels[1].caption
    assert {panel.pixel_nm for panel in whole.panels} == {(6, 6), (40, 6), (8, 8), (40, 8)}
    write_tables(tmp_path, [whole])
    assert read_rows(tmp_path / "stacks.csv")[0]["z"] == ""
    assert "size_um3" in read_rows(tmp_path / "stacks-objects.csv")[0]
    assert ">2 volumes<" in write_report(tmp_path, [whole], model).read_text()


@pytest.mark.usefixtures("no_charts")
def test_a_volume_is_scored_as_it_is_predicted_across_three_axes(
    run: Path, make_file: Callable[..., Path], tmp_path: Path, draw: Callable[..., Sample]
) -> None:
    flat = draw(50, (32, 48, 48))
    path = make_file(replace(flat, voxel_size_nm=(8.0, 8.0, 8.0)), draw(51, (3, 64, 64)), name="cube")
    model = load_model(run)
    (auto,) = evaluate(model, [path], every=4)
    (single,) = evaluate(model, [path], every=4, axes="z")
    _, maps, *_ = segment(model, [path], tmp_path, outputs="mask,probability")
    found = tifffile.imread(maps)
    with Dataset(path) as file:
        mask = file[0].mask
    pieces = find_pieces(found[None], model.decoding)
    assert found.shape == (32, 48, 48)
    assert mask is not None
    for image in auto.images[:8]:
        assert image.place.z is not None
        # Pieces are those of the volume, not of the section.
        expected = jaccard_score(mask[image.place.z].ravel(), pieces[image.place.z].ravel() > 0)
        assert image.values["iou"] == pytest.approx(expected)
    assert [auto.axes, single.axes] == ["zyx", "z"]
    assert [auto.tta, single.tta] == [1, 2]
    # The sections of the second sample, which is a stack of flat voxels, are scored alike.
    assert [image.counts for image in auto.images[8:]] == [image.counts for image in single.images[8:]]
    assert auto.images[0].counts != single.images[0].counts
    assert format_table([auto]).endswith("cube: mean of the predictions of slices across z, y, x.")
    assert format_table([single]).endswith("cube: mean of 2 looks at each section.")
    (tmp_path / "single").mkdir()
    assert "mean of 2 looks at each section" in write_report(tmp_path / "single", [single], model).read_text()
    assert "z, y, x" in write_report(tmp_path, [auto], model).read_text()


def test_axes_that_are_none(run: Path, fresh_discs: Path) -> None:
    with pytest.raises(RunError, match="axes 'zz'; expected some of the letters"):
        evaluate(load_model(run), [fresh_discs], axes="zz")
    with pytest.raises(DataError, match="a single section"):
        evaluate(load_model(run), [fresh_discs], axes="zyx")


def test_a_network_that_tells_objects_apart_is_asked_to(
    discs: Path, fresh_discs: Path, tiny: FitConfig, tmp_path: Path
) -> None:
    config = tiny.model_copy(update={"target": "instance"})
    fit([discs], tmp_path / "run", config, validation=[fresh_discs])
    model = load_model(tmp_path / "run")
    result = evaluate(model.with_decoding(0.01), [fresh_discs])[0]
    sample = Dataset(fresh_discs)[0]
    maps = predict_maps(model, sample.raw, sample.voxel_size_nm, tta="auto")
    decoding = replace(model.decoding, threshold=0.01)
    _, count = find_instances(maps, find_pieces(maps, decoding), "instance", decoding)
    assert sum(image.objects.counts[0.5].false_positive for image in result.images[:1]) <= count
    assert result.panels[0].objects is not None


def test_few_images_are_all_shown(run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]) -> None:
    result = evaluate(load_model(run), [make_file(*(draw(seed) for seed in range(60, 65)), name="five")])[0]
    assert [panel.caption.split(":")[0] for panel in result.panels] == ["worst", "worst", "median", "best", "best"]
    many = evaluate(load_model(run), [make_file(*(draw(seed) for seed in range(60, 71)), name="many")])[0]
    titles = [title for title, _ in pick_shown(many.images)]
    assert titles == ["worst"] * 3 + ["median"] * 3 + ["best"] * 3
    assert pick_shown(many.images)[4][1] is many.ranked()[5]


def test_nothing_is_known_of_frames(run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample]) -> None:
    sample = draw(60)
    assert sample.mask is not None
    assert sample.label is not None
    width = ((0, 0), (20, 0), (0, 30))
    label = np.pad(sample.label, width)
    label[0, :10, :50] = 9  # somebody marked the frame
    framed = replace(sample, raw=np.pad(sample.raw, width), label=label, mask=(label > 0).astype(np.uint8))
    (result,) = evaluate(load_model(run), [make_file(framed, name="framed")])
    (counts,) = (image.counts for image in result.images)
    total = counts.true_positive + counts.false_positive + counts.false_negative + counts.true_negative
    assert total == sample.raw.size
    assert counts.true_positive + counts.false_negative == sample.mask.sum()


def test_a_file_of_negatives_scores_as_what_it_shows(
    run: Path, make_file: Callable[..., Path], draw: Callable[..., Sample], caplog: pytest.LogCaptureFixture
) -> None:
    sample = draw(61, (1, 160, 160))
    raw = sample.raw.copy()
    raw[:, 8::16] = raw[:, :, 8::16] = 40  # membranes
    plain = make_file(replace(sample, raw=raw), name="plain")
    negative = make_file(replace(sample, raw=255 - raw), name="negative")
    model = load_model(run)
    found = evaluate(model, [plain, negative])
    assert found[0].images[0].counts == found[1].images[0].counts
    assert [message.partition(":")[0] for message in caplog.messages] == ["negative.h5"]
    (as_it_is,) = evaluate(model, [negative], invert="off")
    assert as_it_is.images[0].counts != found[0].images[0].counts
