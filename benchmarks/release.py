"""The released model: rendered, fitted in stages, averaged, scored on real tissue, packed with its card.

Each stage renders images of its own, and goes on from the weights of the stage before on all images so far, with a
learning rate that rises and falls anew. A new tissue in the recipe is one more stage. The weights of the last stages
are averaged, and the threshold is chosen anew. Finished steps are not repeated, and a stopped one goes on, so the same
command may run for days. No real image is learned from or tuned on.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import conditions
from notation import mean_and_std
from pipeline import evaluate, fit_step, render, run_program
from s0_figures import read_metrics
from seeds import METRICS, between, has_three_axes
from steps import Step, Steps, write_page, write_text

FOLDER = Path("runs/release")
NAME = "mito-1"
RECIPE = "mito-scales"


@dataclass(frozen=True)
class Rendered:
    """Images that a stage adds."""

    seed: int
    images: int
    recipe: str = RECIPE

    @property
    def text(self) -> str:
        """As a table says it."""
        return f"{self.images:,} of `{self.recipe}`, seed {self.seed}"


@dataclass(frozen=True)
class Stage:
    """One stretch of training.

    Attributes:
        added: the images that it adds.
        minutes: wall time of its fit.
    """

    added: tuple[Rendered, ...]
    minutes: str

    @property
    def seed(self) -> int:
        """Of the fit."""
        return self.added[0].seed


STAGES = (
    Stage((Rendered(9011, 4000),), "30"),
    Stage((Rendered(9021, 5000),), "60"),
    Stage((Rendered(9031, 3000), Rendered(9041, 2000, "brain")), "72"),
    Stage((Rendered(9051, 5000), Rendered(9061, 2000, "brain")), "65"),
)
AVERAGED = 3
"""How many of the last stages are averaged."""

LIMITS = (
    "Cores of secretory granules are often marked, large lipid droplets, blebs beside cells and black bars sometimes.",
    "Thin, pale mitochondria of cultured cells are often missed.",
    "Masks of volumes with nearly cubic voxels are better than those of single sections.",
)

VALIDATION = (9012, 240)
"""Seed and number of the rendered images that thresholds are chosen on."""


def main() -> None:
    """Parse, run the steps, write the page and the packed model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--scored", type=Path, action="append", default=[], metavar="FILE.h5", help="imported real images; repeatable"
    )
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth section across three axes")
    parser.add_argument("--stages", type=int, default=len(STAGES), metavar="N", help="how many stages to train")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where data, runs and reports are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/release.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    steps = Steps(arguments.folder)
    model = train(steps, arguments.folder, STAGES[: arguments.stages])
    metrics = score(steps, model, arguments.scored, arguments.folder / "report", arguments.every)
    runs = [arguments.folder / f"run{place}" for place in range(1, arguments.stages + 1)]
    card = arguments.folder / "card.json"
    write_text(card, json.dumps(card_of(metrics, runs), indent=1) + "\n")
    packed = arguments.folder / f"{NAME}.safetensors"
    command = ("mitoseg", "models", "export", str(model.place), "-o", str(packed), "--name", NAME)
    steps.run(Step((*command, "--card", str(card)), packed, packed, after=(model,)))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(metrics, runs))
    print(f"\n{packed}, {arguments.output}")


def train(steps: Steps, folder: Path, stages: Sequence[Stage]) -> Step:
    """Render and fit, stage by stage, and average the last stages; the tuned mean."""
    seed, images = VALIDATION
    validation = render(folder / "val.h5", images, seed, RECIPE, compartments=True)
    steps.run(validation)
    rendered: list[Step] = []
    fitted: list[Step] = []
    for place, stage in enumerate(stages, start=1):
        for one in stage.added:
            target = folder / f"train{len(rendered) + 1}.h5"
            rendered.append(render(target, one.images, one.seed, one.recipe, compartments=True))
            steps.run(rendered[-1])
        before = fitted[-1] if fitted else None
        fitted.append(fit_stage(folder / f"run{place}", rendered, validation, stage, before))
        steps.run(fitted[-1])
    return average(steps, folder, fitted[-AVERAGED:], validation)


def average(steps: Steps, folder: Path, fitted: Sequence[Step], validation: Step) -> Step:
    """Average fits, and choose the threshold anew; of a single one, the fit itself."""
    if len(fitted) == 1:
        return fitted[0]
    folder.mkdir(parents=True, exist_ok=True)
    mean, tuned = folder / "mean.safetensors", folder / "tuned.safetensors"
    runs = (str(each.place) for each in fitted)
    averaged = Step(("mitoseg", "models", "average", *runs, "-o", str(mean)), mean, mean, after=tuple(fitted))
    steps.run(averaged)
    command = ("mitoseg", "tune", str(mean), str(validation.result), "-o", str(tuned))
    chosen = Step(command, tuned, tuned, after=(averaged, validation))
    steps.run(chosen)
    return chosen


def fit_stage(run: Path, train: Sequence[Step], validation: Step, stage: Stage, before: Step | None) -> Step:
    """Fit to all images so far, from the weights of the stage before if there was one."""
    files = (str(each.result) for each in train)
    command = ("mitoseg", "fit", *files, "--val", str(validation.result), "-o", str(run))
    command = (*command, "--minutes", stage.minutes, "--seed", str(stage.seed))
    if before is None:
        return fit_step(run, command, (*train, validation))
    return fit_step(run, (*command, "--from", str(before.place)), (*train, validation, before))


def score(steps: Steps, model: Step, paths: Sequence[Path], report: Path, every: str) -> dict[str, dict[str, Any]]:
    """Metrics of imported files, sections by themselves and, of cubic voxels, every Kth across three axes; by views."""
    files = [Step((), path, path) for path in paths]
    found: dict[str, dict[str, Any]] = {}
    for views, axes, kth in (("sections", "z", "1"), ("three axes", "auto", every)):
        chosen = files if axes == "z" else [each for each in files if has_three_axes(each.result)]
        if chosen:
            step = evaluate(report.with_name(f"{report.name}-{axes}"), model, chosen, kth, axes=axes)
            steps.run(step)
            found[views] = read_metrics(step.place)
    return found


def card_of(metrics: Mapping[str, Mapping[str, Any]], runs: Sequence[Path]) -> dict[str, Any]:
    """What the packed file says of itself."""
    scores = [
        {"images": name, "views": views, "iou": round(one["iou"]["mean"], 3), "std": round(one["iou"]["std"], 3)}
        for views, known in metrics.items()
        for name, one in known.items()
    ]
    return {
        "learned_from": [
            f"{one.images} images of the recipe {one.recipe}, seed {one.seed}"
            for stage in STAGES[: len(runs)]
            for one in stage.added
        ],
        "network": "our 2D U-Net base, 3.1 million weights",
        "seeds": [stage.seed for stage in STAGES[: len(runs)]],
        "limits": LIMITS,
        "description": "Finds mitochondria in electron micrographs of animal tissue. It never saw a person's labels.",
        "steps": [int(last_row(run)["step"]) for run in runs],
        "minutes": [round(float(last_row(run)["minutes"])) for run in runs],
        "scores": scores,
        "command": "python benchmarks/release.py",
        "conditions": conditions(STAGES[0].seed),
        "licence": "MIT",
    }


def last_row(run: Path) -> dict[str, str]:
    """The last line of the history of a run."""
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[-1]


def page(metrics: Mapping[str, Mapping[str, Any]], runs: Sequence[Path]) -> str:
    """The results as Markdown."""
    stages = [
        f"| {place} | {'; '.join(one.text for one in stage.added)} | "
        f"{int(row['step']):,} | {float(row['minutes']):.0f} | "
        f"{float(row['val_iou']):.3f} |"
        for place, (stage, row) in enumerate(zip(STAGES, map(last_row, runs), strict=False), start=1)
    ]
    lines = [
        f"# `{NAME}`, the model of rendered images",
        "",
        "Learned from rendered images only. No real image was learned from, and the threshold was chosen on rendered",
        "images. Each stage goes on from the weights of the one before. The model is the mean of the weights of the",
        f"last {AVERAGED} stages. Written by `benchmarks/release.py`.",
        "",
        "| stage | new images | steps of 8 patches | minutes | validation IoU |",
        "|---|---|---|---|---|",
        *stages,
        "",
        "Foreground, mean +- standard deviation over images with foreground.",
        "",
        *score_rows(metrics),
        "",
        conditions(STAGES[0].seed),
        "",
    ]
    return "\n".join(lines)


def score_rows(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of scores, a row for each set and its views."""
    return [
        f"| | views | images | threshold | {' | '.join(METRICS.values())} |",
        "|---" * (4 + len(METRICS)) + "|",
        *(
            f"| {name} | {views} | {one['images']} | {between(one['thresholds'])} | "
            + " | ".join(cell(one, metric) for metric in METRICS)
            + " |"
            for views, known in metrics.items()
            for name, one in known.items()
        ),
    ]


def cell(scores: Mapping[str, Any], metric: str) -> str:
    """Mean and standard deviation; a single image has none."""
    measured = scores[metric]
    return mean_and_std(measured["mean"], None if scores["images"] == 1 else measured["std"])


if __name__ == "__main__":
    run_program(main)
