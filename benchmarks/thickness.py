"""Which threshold is best in sections of each thickness: several fitted models on the same rendered images.

The images are new to the models if their seed is. The thresholds are best for foreground IoU of all pixels of a group
together, in pieces that reach the peak. No real image is looked at.
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitoseg.data.sections import mask_of
from mitoseg.inference.decoding import PEAK
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.metrics import ProbabilityCounts, count_probabilities, scores
from mitoseg.training.threshold_selection import best_threshold, reaching
from notation import fraction
from pipeline import render, run_program
from steps import Steps, write_page

EDGES_NM = (0, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50, 200)
"""Of the groups of sections."""

SHOWN = (0.12, 0.2, 0.28, 0.36, 0.5)
"""Thresholds whose IoU is shown."""


def main() -> None:
    """Parse, render, count, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of fitted 2D models")
    parser.add_argument("--n", type=int, default=1500, metavar="N", help="images")
    parser.add_argument("--seed", type=int, default=79, help="of the images")
    parser.add_argument("--preset", default="mito", help="recipe of the images")
    parser.add_argument("--folder", type=Path, default=Path("runs/thickness"), help="where the images are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/thickness.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    images = render(arguments.folder / "images.h5", arguments.n, arguments.seed, arguments.preset)
    Steps(arguments.folder).run(images)
    with Dataset(images.result) as file:
        thickness_nm = np.array([file.thickness_nm(number) for number in range(len(file))])
    lines = [
        "# The best threshold by the thickness of sections",
        "",
        f"{arguments.n} rendered images (preset `{arguments.preset}`), threshold with the best foreground IoU of all",
        f"pixels of a group together, in pieces that reach {PEAK}; beside it the IoU at some thresholds. Written by",
        "`benchmarks/thickness.py`.",
        "",
    ]
    for number, run in enumerate(arguments.runs):
        lines += [f"## Model {number}", "", *table(count(run, images.result), thickness_nm), ""]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, "\n".join([*lines, conditions(arguments.seed), ""]))
    print(f"\n{arguments.output}")


def count(run: Path, path: Path) -> list[ProbabilityCounts]:
    """What a model says of every image, in pieces that reach the peak."""
    model, counts = load_model(run), []
    with Dataset(path) as file:
        for sample in file:
            probability = predict_maps(model, sample.raw, sample.voxel_size_nm)[0, 0]
            counts.append(count_probabilities(reaching(probability, PEAK), mask_of(sample)[0]))
    return counts


def table(counts: Sequence[ProbabilityCounts], thickness_nm: NDArray[np.float64]) -> list[str]:
    """A row a group of sections."""
    rows = [
        f"| thickness, nm | images | best threshold | {' | '.join(f'IoU at {at}' for at in SHOWN)} |",
        "|---" * (3 + len(SHOWN)) + "|",
    ]
    for low, high in pairwise(EDGES_NM):
        group = [one for one, nm in zip(counts, thickness_nm, strict=True) if low <= nm < high]
        if not group:
            continue
        pooled = sum(group[1:], group[0])
        reached = " | ".join(fraction(scores(pooled.confusion(at)).iou) for at in SHOWN)
        rows.append(f"| {low} to {high} | {len(group)} | {best_threshold(group):.2f} | {reached} |")
    return rows


if __name__ == "__main__":
    run_program(main)
