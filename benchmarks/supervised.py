"""Studies S1, S3 and S4 with our tools: learn from some slices of the EPFL volume, score on others far from them.

Slices 0 to 109 train (the last of them validate, with a gap), 125 to 164 test: the 15 slices between are seen by
nobody, so that no test slice has a neighbour among those learned from. `--settings` are those of a study (s1, s3,
s4-2d, s4-3d) or our own (best-2d, best-3d). Run again after an interruption, it goes on where it was.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from machine import conditions
from mitoseg.config.files import study_config
from notation import fraction, mean_and_std
from pipeline import evaluate, fit_settings, import_real, run_program
from steps import Step, Steps, write_page

STUDIES = {
    "s1": "accuracy .988, IoU .890",
    "s3": "accuracy .986, Dice .856, IoU .749",
    "s4-2d": "Dice .87",
    "s4-3d": "Dice .66",
}
"""What each study reports, on a split of its own: random patches or slices, beside those it learned from."""

TRAINING, TEST = "0:110", "125:165"

TITLES = {"iou": "IoU", "dice": "Dice", "precision": "precision", "recall": "recall", "accuracy": "accuracy"}


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, required=True, metavar="FOLDER", help="the EPFL volume")
    parser.add_argument("--settings", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--minutes", default="30", help="wall time of each fit")
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth slice")
    parser.add_argument("--turns", default="1", help="average over 4 or 8 turns and mirror images when scoring")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="of the fit")
    parser.add_argument("--folder", type=Path, default=Path("runs/supervised"), help="where data and runs are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/supervised.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    folder, steps = arguments.folder, Steps(arguments.folder)
    training = import_real(arguments.real, folder, sections=TRAINING, name="training")
    test = import_real(arguments.real, folder, sections=TEST, name="test")
    rows = []
    for name in arguments.settings or ["best-2d", "best-3d"]:
        fitted = fit_settings(folder / name, training, name, arguments.minutes, arguments.seed, arguments.changes)
        reports = {
            title: evaluate(folder / f"{name}-report-{axes}", fitted, [test], arguments.every, arguments.turns, axes)
            for axes, title in views(name).items()
        }
        for step in (training, test, fitted, *reports.values()):
            steps.run(step)
        rows += [row(name, title, report, fitted) for title, report in reports.items()]
    lines = [
        "# Supervised on EPFL: studies S1, S3 and S4",
        "",
        f"Learned from slices {TRAINING} of the EPFL volume, scored on slices {TEST}; the slices between are",
        "seen by nobody. Mean +- standard deviation over test slices. The threshold was chosen on the last training",
        "slices. In 3D the test slices are scored as one volume. A 2D network is scored twice: slice by slice, and on",
        "the mean of what it says of slices across z, y and x. Written by `benchmarks/supervised.py`.",
        *([f"Settings changed: {', '.join(arguments.changes)}."] if arguments.changes else []),
        *([f"Averaged over {arguments.turns} turns and mirror images."] if arguments.turns != "1" else []),
        "",
        f"| settings | views | minutes | {' | '.join(TITLES.values())} | pooled Dice | the study |",
        "|---" * (len(TITLES) + 5) + "|",
        *rows,
        "",
        "The studies split at random, so that neighbours of test slices were learned from: their numbers are easier to",
        "reach than ours.",
        "",
        conditions(arguments.seed),
        "",
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, "\n".join(lines))
    print(f"\n{arguments.output}")


def views(name: str) -> dict[str, str]:
    """What `--axes` of an evaluation may be for these settings -> how it is called."""
    return {"z": "slices", "zyx": "three axes"} if study_config(name).dimensions == 2 else {"z": "volume"}


def row(name: str, title: str, report: Step, fitted: Step) -> str:
    """One line of the table."""
    metrics: dict[str, dict[str, Any]] = json.loads((report.place / "metrics.json").read_text(encoding="utf-8"))
    (scores,) = metrics.values()
    with (fitted.place / "metrics.csv").open(encoding="utf-8", newline="") as file:
        minutes = float(list(csv.DictReader(file))[-1]["minutes"])
    values = [mean_and_std(scores[metric]["mean"], scores[metric]["std"]) for metric in TITLES]
    pooled = fraction(scores["dice"]["pooled"])
    return f"| {name} | {title} | {minutes:.1f} | {' | '.join(values)} | {pooled} | {STUDIES.get(name, '')} |"


if __name__ == "__main__":
    run_program(main)
