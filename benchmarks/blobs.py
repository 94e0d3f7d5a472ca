"""Study S2 with our tools: learn on synthetic blobs, score on fresh ones and on those of another process.

The presets `blobs` and `blobs-shifted` are the two processes; nothing of the second is seen before the test. Nuclei
under a real microscope are scored too where they are given; their pixel size is not known, so one is assumed at which
they are about as large as the blobs. Run again after an interruption, it goes on where it was.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from machine import conditions
from notation import fraction
from pipeline import evaluate, fit_settings, import_real, render, run_program
from steps import Steps, write_page

STUDY = {"fresh": "F1 .97, kappa .97", "shifted": "F1 .91, kappa .90"}
"""What the study reports, over pixels."""

NUCLEI_NM = "250"
"""Assumed pixel edge of the nuclei, nm."""

SCORES = {"dice": "F1 (pixels)", "kappa": "kappa", "iou": "IoU", "object_f1_50": "instance F1@.5"}


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nuclei", type=Path, metavar="FOLDER", help="images of the Data Science Bowl 2018")
    parser.add_argument(
        "--settings", default="best-blobs", metavar="NAME", help="best-blobs, or those of the study: s2"
    )
    parser.add_argument("--n-train", type=int, default=1000, metavar="N", help="training images")
    parser.add_argument("--n-test", type=int, default=100, metavar="N", help="images of each test set")
    parser.add_argument("--minutes", default="15", help="wall time of the fit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="of the fit")
    parser.add_argument("--folder", type=Path, default=Path("runs/blobs"), help="where data and runs are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/blobs.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    folder, seed = arguments.folder, arguments.seed
    train = render(folder / "train.h5", arguments.n_train, seed, "blobs")
    tests = [
        render(folder / "fresh.h5", arguments.n_test, seed + 1, "blobs"),
        render(folder / "shifted.h5", arguments.n_test, seed + 2, "blobs-shifted"),
    ]
    if arguments.nuclei:
        tests.append(import_real(arguments.nuclei, folder, (NUCLEI_NM,) * 3, name="nuclei"))
    fitted = fit_settings(
        folder / arguments.settings, train, arguments.settings, arguments.minutes, seed, arguments.changes
    )
    report = evaluate(folder / f"{arguments.settings}-report", fitted, tests)
    steps = Steps(folder)
    for step in (train, *tests, fitted, report):
        steps.run(step)
    metrics: dict[str, dict[str, Any]] = json.loads((report.place / "metrics.json").read_text(encoding="utf-8"))
    lines = [
        "# Study S2: blobs",
        "",
        f"Learned on {arguments.n_train} images of preset `blobs` with settings `{arguments.settings}` in",
        f"{arguments.minutes} minutes; {arguments.n_test} images each of fresh ones (`blobs`) and of another process",
        "(`blobs-shifted`). Scores over all images together; instances are matched one to one at an IoU of .5.",
        "Written by `benchmarks/blobs.py`.",
        *([f"Settings changed: {', '.join(arguments.changes)}."] if arguments.changes else []),
        "",
        f"| | {' | '.join(SCORES.values())} | the study |",
        "|---" * (len(SCORES) + 2) + "|",
        *(row(name, scores) for name, scores in metrics.items()),
        "",
        f"Nuclei are 32 images of the Data Science Bowl 2018, taken to have pixels of {NUCLEI_NM} nm."
        * bool(arguments.nuclei),
        "",
        conditions(seed),
        "",
    ]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, "\n".join(lines))
    print(f"\n{arguments.output}")


def row(name: str, scores: dict[str, Any]) -> str:
    """One line of the table."""
    return f"| {name} | {' | '.join(fraction(scores[metric]['pooled']) for metric in SCORES)} | {STUDY.get(name, '')} |"


if __name__ == "__main__":
    run_program(main)
