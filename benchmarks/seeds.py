"""One recipe and one model for all tissues, learned from synthetic images only: real scores over several seeds.

Each seed renders images of its own, fits from other weights, and chooses its thresholds on synthetic images of its
own: after the fit once more, on many. Every model is scored on sections by themselves, and looked at several times:
volumes whose voxels are about cubes as `mitoseg evaluate` does unless told otherwise, across three axes; sections in
four turns. Run again after an interruption, it goes on where it was. Seeds may be run side by side, each by a call of
its own: the page is written of all seeds that are in the folder by then.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitoseg.networks.targets import FLAT
from notation import mean_and_std
from pipeline import evaluate, fit, import_real, render, run_program, tune
from s0_figures import read_metrics
from steps import Steps, write_page

FINE = 1000
"""Added to the seeds of images of fine pixels: none has the tissue of another."""

MORE = 2000
"""Added to the seeds of images that the thresholds are chosen on after the fit."""

SCORED = "scored"
"""File in the folder of a seed that is finished."""

METRICS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "calibration_error": "expected calibration error",
}

SINGLE, TURNS, AXES = "sections", "sections, 4 turns", "three axes"

VIEWS = {SINGLE: ("z", "1"), TURNS: ("z", "4"), AXES: ("auto", "1")}
"""How images are looked at: --axes and --turns of `mitoseg evaluate`."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What came of one seed: metrics by views and dataset, and how long the fit took."""

    metrics: Mapping[str, Mapping[str, Any]]
    minutes: float
    steps: int


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, action="append", required=True, metavar="FOLDER", help="may be repeated")
    parser.add_argument("--preset", default="mito", help="recipe of all images")
    parser.add_argument("--n-train", type=int, default=2400, metavar="N", help="training images")
    parser.add_argument("--n-fine", type=int, default=2000, metavar="N", help="further ones, of 400 px of 5 nm")
    parser.add_argument("--n-val", type=int, default=200, metavar="N", help="synthetic validation images")
    parser.add_argument("--n-tune", type=int, default=1000, metavar="N", help="further ones, for thresholds")
    parser.add_argument("--minutes", default="60", help="wall time of each fit")
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth section")
    parser.add_argument("--seed", type=int, action="append", default=[], dest="seeds", help="may be repeated [0, 1, 2]")
    parser.add_argument("--folder", type=Path, default=Path("runs/seeds"), help="where data, runs and reports are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/seeds.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    for seed in arguments.seeds or [0, 1, 2]:
        run_seed(seed, arguments)
    scores = read_scores(arguments.folder)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(scores, arguments))
    print(f"\n{arguments.output}: seeds {', '.join(map(str, scores))}")


def run_seed(seed: int, arguments: argparse.Namespace) -> None:
    """Render, fit and score with one seed."""
    place = arguments.folder / f"seed-{seed}"
    (place / SCORED).unlink(missing_ok=True)
    train = [render(place / "train.h5", arguments.n_train, 2 * seed, arguments.preset, compartments=True)]
    if arguments.n_fine:
        others = render(
            place / "fine.h5", arguments.n_fine, FINE + 2 * seed, arguments.preset, compartments=True, fine=True
        )
        train.append(others)
    validation = render(place / "validation.h5", arguments.n_val, 2 * seed + 1, arguments.preset)
    fitted = fit(place / "unet", train, validation, arguments.minutes, seed)
    more = render(place / "more.h5", arguments.n_tune, MORE + seed, arguments.preset)
    tuned = tune(fitted, more)
    data = [validation, *(import_real(source, place) for source in arguments.real)]
    steps = Steps(place)
    for step in (*train, *data, fitted, more, tuned):
        steps.run(step)
    cubes = [each for each in data if has_three_axes(each.result)]
    seen = {SINGLE: data, TURNS: [each for each in data if each not in cubes], AXES: cubes}
    for views, (axes, turns) in VIEWS.items():
        if seen[views]:
            steps.run(evaluate(report_of(place, views), fitted, seen[views], arguments.every, turns, axes, tuned))
    (place / SCORED).touch()


def has_three_axes(path: Path) -> bool:
    """Whether `mitoseg evaluate` looks at the volumes of a file across three axes."""
    with Dataset(path) as samples:
        z, y, x = samples.voxel_size_nm(0)
        return samples.shape(0)[0] > 1 and max(z, y, x) / min(z, y, x) < FLAT


def report_of(place: Path, views: str) -> Path:
    """The folder of the report of a seed that lies in `place`."""
    return place / f"report-{views.replace(',', '').replace(' ', '-')}"


def read_scores(folder: Path) -> dict[int, Scores]:
    """What is there of all finished seeds."""
    scores = {}
    names = (place.name.removeprefix("seed-") for place in folder.glob("seed-*"))
    for seed in sorted(int(name) for name in names if name.isdecimal()):
        place = folder / f"seed-{seed}"
        if not (place / SCORED).exists():
            continue
        with (place / "unet" / "metrics.csv").open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file))[-1]
        reports = {views: report_of(place, views) for views in VIEWS}
        metrics = {views: read_metrics(report) for views, report in reports.items() if report.exists()}
        scores[seed] = Scores(metrics, float(last["minutes"]), int(last["step"]))
    return scores


def page(scores: Mapping[int, Scores], arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    fits = ", ".join(f"{seed}: {one.steps:,} in {one.minutes:.0f} minutes" for seed, one in scores.items())
    (first, *_) = scores.values()
    images = {name: known["images"] for name, known in first.metrics[SINGLE].items()}
    seen = {name: [views for views, known in first.metrics.items() if name in known] for name in images}
    together = [
        f"| {name} | {count} | {views} | {cells([one.metrics[views][name] for one in scores.values()])} |"
        for name, count in images.items()
        for views in seen[name]
    ]
    lines = [
        "# One recipe, one model, real tissue: several seeds",
        "",
        f"Learned from {arguments.n_train} synthetic images of 256 x 256 pixels (preset `{arguments.preset}`)",
        *([f"and {arguments.n_fine} of 400 x 400 pixels of 5 nm"] if arguments.n_fine else []),
        f"with the default network; thresholds, by the thickness of sections, chosen on {arguments.n_tune} further",
        "synthetic images (`mitoseg tune`). No real image was used in either.",
        "Means over images with foreground, of mitochondria. *Views*: each section by itself; where the voxels of a",
        "volume are about cubes, the mean over slices across all three axes, as `mitoseg evaluate` and `predict` do",
        "unless told otherwise; elsewhere the mean over the section and its mirror images (`--turns 4`). Written by",
        "`benchmarks/seeds.py`.",
        "",
        f"Training steps of 8 patches, by seed: {fits}.",
        "",
        "## All seeds",
        "",
        "Mean +- standard deviation over seeds.",
        "",
        f"| | images | views | {' | '.join(METRICS.values())} |",
        "|---" * (3 + len(METRICS)) + "|",
        *together,
        "",
    ]
    for name in images:
        lines += [f"## {'Synthetic validation' if name == 'validation' else name}, by seed", ""]
        lines += ["Mean +- standard deviation over images.", ""]
        lines += [f"| views | seed | threshold | {' | '.join(METRICS.values())} |", "|---" * (3 + len(METRICS)) + "|"]
        for views in seen[name]:
            lines += rows(views, {seed: one.metrics[views][name] for seed, one in scores.items()})
        lines.append("")
    stated = conditions(0).replace("seed 0", f"seeds {', '.join(map(str, scores))}")
    return "\n".join([*lines, stated, ""])


def cells(scores: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation over seeds of every metric."""
    values = ([one[metric]["mean"] for one in scores] for metric in METRICS)
    return " | ".join(mean_and_std(fmean(some), stdev(some) if len(some) > 1 else 0) for some in values)


def rows(views: str, scores: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """A line of a table for each seed."""
    lines = []
    for seed, one in scores.items():
        values = (mean_and_std(one[metric]["mean"], one[metric]["std"]) for metric in METRICS)
        lines.append(f"| {views} | {seed} | {between(one['thresholds'])} | {' | '.join(values)} |")
    return lines


def between(thresholds: Sequence[float]) -> str:
    """The threshold of all images, or the lowest and the highest."""
    return " to ".join(f"{value:.2f}".removeprefix("0") for value in dict.fromkeys(thresholds))


if __name__ == "__main__":
    run_program(main)
