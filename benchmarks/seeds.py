"""One recipe and one model for all tissues, learned from synthetic images only: real scores over several seeds.

Each seed renders images of its own, fits from other weights, and chooses its threshold on synthetic images of its own.
Every model is scored once as it is and once averaged over four turns and mirror images. Run again after an
interruption, it goes on where it was.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from machine import conditions
from mitodata import DataError
from pipeline import evaluate, fit, import_real, render, run_program
from s0_figures import read_metrics
from steps import Step, Steps, write_text

METRICS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "calibration_error": "expected calibration error",
}

TURNS = ("1", "4")


def main() -> None:
    """Parse, run the steps, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, action="append", required=True, metavar="FOLDER", help="may be repeated")
    parser.add_argument("--preset", default="mito", help="recipe of all images")
    parser.add_argument("--n-train", type=int, default=2000, metavar="N", help="training images")
    parser.add_argument("--n-val", type=int, default=200, metavar="N", help="synthetic validation images")
    parser.add_argument("--minutes", default="60", help="wall time of each fit")
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth section")
    parser.add_argument("--seed", type=int, action="append", default=[], dest="seeds", help="[0, 1, 2]")
    parser.add_argument("--folder", type=Path, default=Path("runs/seeds"), help="where data, runs and reports are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/seeds.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    seeds = arguments.seeds or [0, 1, 2]
    if len(set(seeds)) < 2:
        raise DataError(
            f"--seed {seeds[0]}: one seed; expected at least two different ones, to say how far they differ"
        )
    steps = Steps(arguments.folder)
    real = [import_real(source, arguments.folder) for source in arguments.real]
    for step in real:
        steps.run(step)
    scores = {}
    for seed in seeds:
        for turns, report in reports(seed, real, arguments).items():
            for step in (*report.after[0].after, *report.after, report):
                steps.run(step)
            scores[seed, turns] = read_metrics(report.place)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output, page(scores, seeds, [step.result.stem for step in real], arguments))
    print(f"\n{arguments.output}")


def reports(seed: int, real: Sequence[Step], arguments: argparse.Namespace) -> dict[str, Step]:
    """The reports on one seed's model, by number of turns; before them come its fit and its images."""
    place = arguments.folder / f"seed-{seed}"
    train = render(place / "train.h5", arguments.n_train, 2 * seed, arguments.preset, compartments=True)
    validation = render(place / "validation.h5", arguments.n_val, 2 * seed + 1, arguments.preset)
    fitted = fit(place / "unet", train, validation, arguments.minutes, seed)
    data = [validation, *real]
    return {turns: evaluate(place / f"report-{turns}", fitted, data, arguments.every, turns) for turns in TURNS}


def page(
    scores: Mapping[tuple[int, str], dict[str, dict[str, Any]]],
    seeds: Sequence[int],
    real: Sequence[str],
    arguments: argparse.Namespace,
) -> str:
    """The results as Markdown."""
    lines = [
        "# One recipe, one model, real tissue: several seeds",
        "",
        f"Learned from {arguments.n_train} synthetic images of 256 x 256 pixels (preset `{arguments.preset}`) with the",
        f"default network in {arguments.minutes} minutes; threshold chosen on {arguments.n_val} synthetic images. No",
        "real image was used in either. Means over images with foreground, of mitochondria; first over all seeds, +-",
        "the standard deviation over seeds, then of each seed, +- that over its images. *Turns*: over",
        "how many turns and mirror images of a section a prediction is averaged. Written by `benchmarks/seeds.py`.",
        "",
    ]
    for name in ("validation", *real):
        images = scores[seeds[0], TURNS[0]][name]["images"]
        lines += [f"## {'Synthetic validation' if name == 'validation' else name}, {images} images", ""]
        lines += [f"| turns | seed | threshold | {' | '.join(METRICS.values())} |", "|---" * (3 + len(METRICS)) + "|"]
        for turns in TURNS:
            lines += rows(turns, seeds, [scores[seed, turns][name] for seed in seeds])
        lines.append("")
    stated = conditions(seeds[0]).replace(f"seed {seeds[0]}", f"seeds {', '.join(map(str, seeds))}")
    return "\n".join([*lines, stated, ""])


def rows(turns: str, seeds: Sequence[int], scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """All seeds together, then each: lines of a table."""
    together = (f"**{spread([one[metric]['mean'] for one in scores])}**" for metric in METRICS)
    lines = [f"| {turns} | all | | {' | '.join(together)} |"]
    for seed, one in zip(seeds, scores, strict=True):
        values = (f"{number(one[metric]['mean'])} +- {number(one[metric]['std'])}" for metric in METRICS)
        lines.append(f"| {turns} | {seed} | {number(one['threshold'])} | {' | '.join(values)} |")
    return lines


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{number(fmean(values))} +- {number(stdev(values))}"


def number(value: float) -> str:
    """As in .377."""
    return f"{value:.3f}".removeprefix("0")


if __name__ == "__main__":
    run_program(main)
