"""The page as a browser shows it, and what stands on it."""

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mitodata import Sample
from mitoseg.config.settings import make_config
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import Model, load_model
from mitoseg.report import format_runs, write_report, write_tables
from mitoseg.training.fit import fit

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images], heads = document.querySelectorAll("th[data-key]");
  const first = () => document.querySelector("table.sortable tbody tr td:nth-child(2)").textContent;
  const before = first();
  heads[1].click(); heads[1].click();
  document.body.dataset.probe = JSON.stringify({
    images: images.length, broken: images.filter(i => !i.complete || !i.naturalWidth).length,
    requests: performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:")).map(e => e.name),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    before: before, after: first(), errors: window.errors,
  });
});
</script>"""


@pytest.fixture(scope="module")
def report(
    run: Path,
    fresh_discs: Path,
    make_file: Callable[..., Path],
    draw: Callable[..., Sample],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A report on images and on sections of a volume."""
    folder = tmp_path_factory.mktemp("report")
    model = load_model(run)
    results = evaluate(model.with_decoding(0.7), [fresh_discs, make_file(draw(50, (5, 70, 60), 6.0), name="stack")])
    write_tables(folder, results)
    write_report(folder, results, model)
    return folder


def test_page_says_how_it_was_made(report: Path, run: Path, discs: Path) -> None:
    text = re.sub(r'"data:[^"]*"', "", (report / "index.html").read_text())  # pictures may hold any letters by chance
    for expected in (
        "Foreground IoU",
        "95 % interval",
        "given by hand",
        "ECE",
        "Object F1 at .5",
        "without the false objects",
        str(run),
        str(discs),
    ):
        assert expected in text, expected
    assert "nan" not in text
    assert not re.search(r'(src|href)="(?!#)', text)


@pytest.mark.usefixtures("no_charts")
def test_page_says_where_thresholds_come_from(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    model = load_model(run)
    chosen = replace(model, decoding=model.decoding.fixed(0.3))
    own = replace(model, decoding=replace(chosen.decoding, own_threshold=True))

    def said(used: Model, known: Model, peak: float = 0.6) -> str:
        results = evaluate(used.with_decoding(peak=peak), [fresh_discs], every=4)
        return " ".join(write_report(tmp_path, results, known).read_text().split())

    assert "chosen on the validation images of the run: fresh 0.30." in said(chosen, chosen)
    assert "which each image has of its own, where it parts its probabilities best (Otsu): fresh 0." in said(own, own)
    assert "given by hand (the run has threshold 0.30): fresh 0.50." in said(chosen.with_decoding(0.5), chosen)
    assert "given by hand (the run has the threshold of each image): fresh 0.30." in said(chosen, own)
    assert "given by hand" not in said(own, own)
    for peak, dropped in ((0.6, True), (0.0, False)):
        assert ("Connected pieces where it nowhere reaches" in said(own, own, peak)) == dropped


def test_parts_lie_beside_the_page(report: Path) -> None:
    figures = {path.name for path in (report / "figures").iterdir()}
    common = {"bars.png", "errors.png", "threshold.png", "training.png"}
    common |= {"samples-training-discs.png", "samples-test-stack.png"}
    of_each = {f"{name}-{kind}.png" for name in ("fresh", "stack") for kind in ("bars", "histogram", "reliability")}
    assert figures >= common | of_each | {
        "fresh-panel-0.png",
        "fresh-sizes.png",
        "samples-validation-and-test-fresh.png",
    }
    for name in figures:
        with Image.open(report / "figures" / name) as picture:
            picture.verify()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [1400, 420])
def test_browser_shows_all_of_it(report: Path, tmp_path: Path, width: int) -> None:
    probe = look_at(report, tmp_path, width)
    assert int(groups(r'"images":(\d+)', probe)[0]) > 50
    before, after = groups(r'"before":"([\d.]+)","after":"([\d.]+)"', probe)
    assert float(before) < float(after), "worst first; after two clicks best first"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_browser_shows_instances_of_volumes(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tmp_path: Path
) -> None:
    texts = ("network=tiny", "patch_px=32", "patch_z_px=16", "batch=2", "target=instance", "dimensions=3")
    volumes = make_file(*(draw(seed, (8, 48, 48)) for seed in range(3)), name="volumes")
    fit([volumes], tmp_path / "run", make_config(texts, steps=2, validations=1), val_fraction=0.3)
    model, page = load_model(tmp_path / "run"), tmp_path / "page"
    results = evaluate(model, [volumes])
    write_tables(page, results)
    write_report(page, results, model)
    assert [path.read_text().split(",")[2] for path in page.rglob("*objects*.csv")] == ["size_um3"]
    assert int(groups(r'"images":(\d+)', look_at(page, tmp_path, 1400))[0]) > 10


def groups(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of a pattern that has to be there."""
    match = re.search(pattern, text)
    assert match, text
    return match.groups()


def look_at(report: Path, tmp_path: Path, width: int) -> str:
    """What a browser finds on a page that is whole, alone, and no wider than its window."""
    errors = '<script>window.errors = []; addEventListener("error", e => errors.push(e.message), true);</script>'
    page = tmp_path / "page.html"
    text = (report / "index.html").read_text().replace("<head>", "<head>" + errors)
    page.write_text(text.replace("</body>", PROBE + "</body>"))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--window-size={width},900", "--virtual-time-budget=10000", "--dump-dom", f"file://{page}"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=True).stdout
    (probe,) = groups(r'data-probe="([^"]*)"', shown)  # else the page was not loaded to its end
    probe = probe.replace("&quot;", '"')
    assert '"broken":0,"requests":[]' in probe, probe
    assert '"errors":[]' in probe, probe
    assert '"wide":0' in probe, f"the page is wider than the window: {probe}"
    return probe


@pytest.mark.usefixtures("no_charts")
def test_several_runs_have_a_table_of_their_own(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    model = load_model(run)
    runs = [evaluate(model.with_decoding(threshold), [fresh_discs], every=2) for threshold in (0.3, 0.999)]
    write_tables(tmp_path, runs[0], runs[1:])
    means = [results[0].measured["iou"].mean for results in runs]
    with (tmp_path / "runs.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["metric"] == "iou")
    assert [float(row["run 1"]), float(row["run 2"])] == pytest.approx(means, abs=1e-5)
    assert float(row["mean"]) == pytest.approx(np.mean(means), abs=1e-5)
    assert float(row["std"]) == pytest.approx(np.std(means, ddof=1), abs=1e-5)
    header, line = format_runs(runs).strip().splitlines()
    assert header.startswith("over 2 runs  IoU")
    assert line.startswith(f"fresh        {np.mean(means):.3f} +- ")
    assert format_runs(runs[:1]) == ""
    assert "Over 2 runs" in write_report(tmp_path, runs[0], model, runs[1:]).read_text()
