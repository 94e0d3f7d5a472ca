"""Study S0 with our tools: train on synthetic images only, test on synthetic and on real ones.

S0 trained a U-Net on 1,000 synthetic images, validated on 200, and tested on five 768 x 768 crops of slices of the EPFL
*test* volume. We score an EPFL volume that our training never sees: whole, slice by slice, and as five 768 x 768 crops.
Writes one page with our numbers beside the study's, and all its figures as PNG. Run
again after an interruption, it goes on where it was.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

from machine import conditions
from mitodata import DataError
from mitodata.hdf5.dataset import Dataset
from notation import mean_and_std
from pipeline import evaluate, fit, import_real, render, run_program
from s0_figures import TITLES, Comparison, read_metrics, write_figures
from steps import Step, Steps, write_page

# What the study reports: mean and standard deviation; it gives none of the latter where there is None.
STUDY_SYNTHETIC = {
    "iou": (0.972, 0.004),
    "dice": (0.985, None),
    "precision": (0.986, None),
    "recall": (0.985, None),
    "accuracy": (0.997, None),
}
STUDY_REAL = {
    "iou": (0.377, 0.091),
    "dice": (0.542, 0.097),
    "precision": (0.387, None),
    "recall": (0.932, None),
    "accuracy": (0.935, 0.008),
}


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, required=True, metavar="FOLDER", help="the EPFL volume")
    parser.add_argument("--other", type=Path, action="append", default=[], metavar="FOLDER", help="more real images")
    parser.add_argument("--n-train", type=int, default=1000, metavar="N", help="training images")
    parser.add_argument("--n-val", type=int, default=200, metavar="N", help="synthetic validation images")
    parser.add_argument("--minutes", default="13", help="wall time of the fit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/s0"), help="where data, run and report are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/s0.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    folder = arguments.folder
    real = import_real(arguments.real, folder)
    if real.result.stem != "epfl":
        raise DataError(f"{arguments.real}: is {real.result.stem} data; expected the EPFL volume")
    crops = cut_crops(real, folder / "crops.h5")
    train = render(folder / "train.h5", arguments.n_train, arguments.seed, compartments=True)
    validation = render(folder / "validation.h5", arguments.n_val, arguments.seed + 1)
    fitted = fit(folder / "unet", [train], validation, arguments.minutes, arguments.seed)
    others = [import_real(source, folder) for source in arguments.other]
    report = evaluate(folder / "report", fitted, [validation, crops, real, *others])
    steps = Steps(folder)
    for step in (real, *others, crops, train, validation, fitted, report):
        steps.run(step)
    figures = write_figures(report.place, folder / "figures", comparisons(read_metrics(report.place)))
    text = page(report, fitted, real, figures, arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, text)
    print(f"\n{arguments.output}; figures in {folder / 'figures'}; all on one page: {report.place / 'index.html'}")


def cut_crops(volume: Step, target: Path) -> Step:
    """The five crops of S0's test set."""
    script = str(Path(__file__).with_name("crop_sections.py"))
    command = ("python", script, str(volume.result), "-n", "5", "--size", "768", "-o", str(target))
    return Step(command, target, target, after=(volume,))


def comparisons(metrics: dict[str, dict[str, Any]]) -> list[Comparison]:
    """The two bar charts of the study, with our scores beside its own."""
    real = {"ours, five crops": metrics["crops"], "ours, whole volume": metrics["epfl"]}
    return [
        Comparison("05-scores-synthetic", "Synthetic validation", STUDY_SYNTHETIC, {"ours": metrics["validation"]}),
        Comparison("06-scores-real", "Real test", STUDY_REAL, real),
    ]


def page(report: Step, fitted: Step, real: Step, figures: dict[str, str], arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    metrics = read_metrics(report.place)
    synthetic, crops, volume = metrics.pop("validation"), metrics.pop("crops"), metrics.pop("epfl")
    with Dataset(real.result) as dataset:
        source = dataset.provenance.source
    with (fitted.place / "metrics.csv").open(encoding="utf-8", newline="") as file:
        minutes = float(list(csv.DictReader(file))[-1]["minutes"])
    lines = [
        "# Study S0: synthetic training, real test",
        "",
        "Mean +- standard deviation over images with foreground, which is mitochondria. Nothing but synthetic images",
        "was used to train, to choose the threshold or to decide when to stop. Written by `benchmarks/s0_protocol.py`.",
        "",
        "| | synthetic: study | synthetic: ours | real: study | real: ours, five crops | real: ours, whole volume |",
        "|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        theirs = (mean_and_std(*STUDY_SYNTHETIC[name]), mean_and_std(*STUDY_REAL[name]))
        cells = (theirs[0], cell(synthetic, name), theirs[1], cell(crops, name), cell(volume, name))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    thresholds = " to ".join(f"{value:.2f}" for value in dict.fromkeys(synthetic["thresholds"]))
    counts = (200, synthetic["images"], 5, crops["images"], volume["images"])
    lines += [
        "| images | " + " | ".join(str(count) for count in counts) + " |",
        "",
        f"- Ours: {arguments.n_train} training and {arguments.n_val} validation images of 256 x 256 pixels (preset",
        f"  `mito`), the default network, {minutes:.1f} minutes of fitting, threshold {thresholds}",
        f"  by the thickness of sections ({volume['threshold']:.2f} on EPFL), chosen on the synthetic validation",
        f"  images, {synthetic['images_with_foreground']} of which have foreground.",
        "- The study's real images are 768 x 768 crops of five slices of the EPFL *test* volume. Ours are the",
        "  middle 768 x 768 pixels of five slices spread evenly through the volume below, and all",
        f"  {volume['images']} slices whole. None of them is trained on.",
        f"- Source of the real images: {source}.",
        "- The two synthetic columns are scores on two different synthetic sets, each its own generator's, and do not",
        "  compare: `mito` is randomised far beyond one clean look. The real columns do.",
        "",
    ]
    if metrics:
        lines += ["The same model on other tissue:", "", "| | images | " + " | ".join(TITLES.values()) + " |"]
        lines.append("|---" * (2 + len(TITLES)) + "|")
        for dataset_name, scores in metrics.items():
            values = " | ".join(cell(scores, name) for name in TITLES)
            lines.append(f"| {dataset_name} | {scores['images']} | {values} |")
        lines.append("")
    lines += [
        f"All figures of the study, made by this run, are in `{arguments.folder}/figures`; those of real images are",
        "not part of the repository.",
        "",
        *(f"- `{name}`: {meaning}" for name, meaning in figures.items()),
        "",
    ]
    return "\n".join([*lines, conditions(arguments.seed), ""])


def cell(scores: dict[str, Any], metric: str) -> str:
    """Mean and standard deviation of ours."""
    return mean_and_std(scores[metric]["mean"], scores[metric]["std"])


if __name__ == "__main__":
    run_program(main)
