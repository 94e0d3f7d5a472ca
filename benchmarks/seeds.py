"""What the default fit finds in real tissue: one recipe for all tissues, several seeds, beside the recipe of brain.

Images are rendered once a recipe; seeds differ in weights, patches and augmentation. Thresholds are chosen on rendered
images, and labels of real ones only score. Sections are scored by themselves, volumes with nearly cubic voxels across
three axes too. Run again after an interruption, it goes on where it was.

    python benchmarks/seeds.py epfl.h5 vnc.h5 muscle.h5 liver.h5 cem500k.h5 --seeds 0 1 2 --beside brain
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitoseg.networks.targets import FLAT
from notation import mean_and_std
from pipeline import evaluate, fit_step, render, run_program
from s0_figures import read_metrics
from steps import Step, Steps, write_page

METRICS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "calibration_error": "expected calibration error",
}

SINGLE, AXES = "sections", "three axes"

VIEWS = {SINGLE: "z", AXES: "auto"}
"""How images are looked at: --axes of `mitoseg evaluate`."""

VALIDATION = (1, 240)
"""Seed and number of the rendered images that thresholds are chosen on."""

Metrics = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.h5", help="imported real images, to score on")
    parser.add_argument("--preset", default="mito", help="recipe of the fits")
    parser.add_argument("--beside", metavar="PRESET", help="another recipe, fitted with the first seed alone")
    parser.add_argument("--n-train", type=int, default=4400, metavar="N", help="training images")
    parser.add_argument("--steps", type=int, default=6000, metavar="N", help="training steps of a fit")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="of the fits")
    parser.add_argument("--folder", type=Path, default=Path("runs/seeds"), help="where data, runs and reports are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/seeds.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    steps = Steps(arguments.folder)
    for preset, seed in fits(arguments):
        fit_and_score(steps, preset, seed, arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(arguments))
    print(f"\n{arguments.output}")


def fits(arguments: argparse.Namespace) -> list[tuple[str, int]]:
    """Recipe and seed of each fit."""
    beside = [(arguments.beside, arguments.seeds[0])] if arguments.beside else []
    return [*((arguments.preset, seed) for seed in arguments.seeds), *beside]


def fit_and_score(steps: Steps, preset: str, seed: int, arguments: argparse.Namespace) -> None:
    """Render, fit and score one model."""
    folder = arguments.folder
    other, images = VALIDATION
    train = render(folder / f"{preset}-train.h5", arguments.n_train, 0, preset, compartments=True)
    validation = render(folder / f"{preset}-val.h5", images, other, preset, compartments=True)
    run = folder / f"{preset}-{seed}"
    files = ("mitoseg", "fit", str(train.result), "--val", str(validation.result), "-o", str(run))
    command = (*files, "--set", f"steps={arguments.steps}", "--seed", str(seed))
    fitted = fit_step(run, command, (train, validation))
    for step in (train, validation, fitted):
        steps.run(step)
    data = [Step((), path, path) for path in arguments.files]
    for views, axes in VIEWS.items():
        chosen = data if views == SINGLE else [each for each in data if has_three_axes(each.result)]
        if chosen:
            steps.run(evaluate(report_of(folder, preset, seed, views), fitted, chosen, axes=axes))


def has_three_axes(path: Path) -> bool:
    """Whether `mitoseg evaluate` looks at the volumes of a file across three axes."""
    with Dataset(path) as samples:
        z, y, x = samples.voxel_size_nm(0)
        return samples.shape(0)[0] > 1 and max(z, y, x) / min(z, y, x) < FLAT


def report_of(folder: Path, preset: str, seed: int, views: str) -> Path:
    """The folder of the report of a fit."""
    return folder / f"{preset}-{seed}-{VIEWS[views]}"


def read_scores(folder: Path, preset: str, seed: int) -> dict[str, Metrics]:
    """Metrics of a fit by views and set."""
    reports = {views: report_of(folder, preset, seed, views) for views in VIEWS}
    return {views: read_metrics(report) for views, report in reports.items() if report.exists()}


def page(arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    scores = {fit: read_scores(arguments.folder, *fit) for fit in fits(arguments)}
    own = [one for (preset, _), one in scores.items() if preset == arguments.preset]
    rows = [(views, name) for views, known in own[0].items() for name in known]
    columns = [f"`{preset}` {seed}" for preset, seed in scores]
    lines = [
        "# The default fit on real tissue, several seeds",
        "",
        f"`mitoseg fit`, {arguments.steps:,} steps of 8 patches, on {arguments.n_train:,} rendered images of 256 x 256 "
        f"pixels, preset `{arguments.preset}`, compartments known. Thresholds are chosen on {VALIDATION[1]} further "
        "rendered images. No real image was learned from. Labels only score. Written by `benchmarks/seeds.py`.",
        "",
        "IoU of the foreground, mean over images that have any. Of all seeds: mean +- standard deviation over seeds. "
        "A fit is called by its recipe and its seed.",
        "",
        f"| | views | images | `{arguments.preset}`, all seeds | {' | '.join(columns)} |",
        "|---" * (4 + len(columns)) + "|",
    ]
    for views, name in rows:
        lines.append(
            f"| {name} | {views} | {own[0][views][name]['images']} | {over_seeds(own, views, [name])} | "
            + " | ".join(mean_and_std(one[views][name]["iou"]["mean"], None) for one in scores.values())
            + " |"
        )
    names = list(own[0][SINGLE])
    lines.append(
        f"| mean of these sets | {SINGLE} | | {over_seeds(own, SINGLE, names)} | "
        + " | ".join(mean_and_std(mean_of(one, SINGLE, names), None) for one in scores.values())
        + " |"
    )
    lines += ["", "## By seed", "", "Mean +- standard deviation over images with foreground.", ""]
    lines += [f"| | fit | threshold | {' | '.join(METRICS.values())} |", "|---" * (3 + len(METRICS)) + "|"]
    for views, name in rows:
        for fit, column in zip(scores, columns, strict=True):
            one = scores[fit][views][name]
            values = (
                mean_and_std(one[metric]["mean"], one[metric]["std"] if one["images"] > 1 else None)
                for metric in METRICS
            )
            title = name if views == SINGLE else f"{name}, {views}"
            lines.append(f"| {title} | {column} | {between(one['thresholds'])} | {' | '.join(values)} |")
    stated = conditions(0).replace("seed 0", f"seeds {', '.join(map(str, arguments.seeds))}")
    return "\n".join([*lines, "", stated, ""])


def mean_of(scores: Mapping[str, Metrics], views: str, names: Sequence[str]) -> float:
    """The mean IoU of some sets, each counted alike."""
    return fmean(scores[views][name]["iou"]["mean"] for name in names)


def over_seeds(scores: Sequence[Mapping[str, Metrics]], views: str, names: Sequence[str]) -> str:
    """Mean and standard deviation over seeds of the mean IoU of some sets."""
    values = [mean_of(one, views, names) for one in scores]
    return mean_and_std(fmean(values), stdev(values) if len(values) > 1 else None)


def between(thresholds: Sequence[float]) -> str:
    """The threshold of all images, or the lowest and the highest."""
    ends = dict.fromkeys((min(thresholds), max(thresholds)))
    return " to ".join(f"{value:.2f}".removeprefix("0") for value in ends)


if __name__ == "__main__":
    run_program(main)
