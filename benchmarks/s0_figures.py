"""The figures of study S0 from our report: the same kinds, in the order in which the study shows them."""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mitodata import DataError
from mitodata.files import write_atomic
from notation import fraction

TITLES = {"iou": "IoU", "dice": "Dice", "precision": "precision", "recall": "recall", "accuracy": "accuracy"}

FROM_REPORT = {
    "01-samples-training": ("samples-training-train", "training images: image, mask, overlay"),
    "02-samples-validation": ("samples-validation-and-test-validation", "synthetic validation images, likewise"),
    "03-samples-test": ("samples-test-crops", "real test images, likewise"),
    "04-training": ("training", "loss and validation IoU of the fit"),
    "08-probability-map": ("crops-map", "a real image with its probability and confidence maps"),
    "09-histogram": ("crops-histogram", "how often each probability occurs on the real images, by true class"),
    "10-reliability": ("crops-reliability", "predicted probability against what is foreground, real images"),
    "11-threshold": ("threshold", "IoU by threshold, with the one chosen on validation images"),
}
"""Name here -> name in the report and what is seen; numbers that are missing are drawn below."""


@dataclass(frozen=True)
class Comparison:
    """One bar chart: what the study reports, and ours.

    Attributes:
        name: of the picture.
        title: above it.
        study: metric -> mean and standard deviation; None where the study gives none.
        ours: label -> metric -> summary, as in metrics.json.
    """

    name: str
    title: str
    study: Mapping[str, tuple[float, float | None]]
    ours: Mapping[str, Mapping[str, Any]]


def write_figures(report: Path, target: Path, comparisons: list[Comparison]) -> dict[str, str]:
    """Write all figures as PNG into `target`.

    Args:
        report: folder that `mitoseg evaluate` filled, with the datasets `validation` and `crops`.
        target: folder, made if it is missing.
        comparisons: the bar charts.

    Returns:
        What is seen, by file name, in order.

    Raises:
        DataError: the report lacks a picture.
    """
    target.mkdir(parents=True, exist_ok=True)
    seen = {}
    panels = sorted((report / "figures").glob("crops-panel-*.png"))
    pictures = dict(FROM_REPORT) | {
        f"07-prediction-{place + 1}": (panel.stem, "a real image, truth, prediction, overlay, probability; IoU below")
        for place, panel in enumerate(panels)
    }
    for name, (source, meaning) in pictures.items():
        try:
            shutil.copyfile(report / "figures" / f"{source}.png", target / f"{name}.png")
        except FileNotFoundError as error:
            raise DataError(f"{report}: has no figures/{source}.png; delete the folder and run again") from error
        seen[f"{name}.png"] = meaning
    for comparison in comparisons:
        write_atomic(target / f"{comparison.name}.png", draw_comparison(comparison))
        seen[f"{comparison.name}.png"] = f"{comparison.title}: the study's scores and ours"
    return dict(sorted(seen.items()))


def draw_comparison(comparison: Comparison) -> bytes:
    """Draw bars with standard deviations as error bars, the study's first."""
    figure = Figure(figsize=(8, 4), layout="constrained", dpi=144)
    axes = figure.subplots()
    bars: dict[str, list[tuple[float, float | None]]] = {"study": [comparison.study[name] for name in TITLES]}
    for label, summary in comparison.ours.items():
        bars[label] = [(summary[name]["mean"], summary[name]["std"]) for name in TITLES]
    width = 0.8 / len(bars)
    for number, (label, values) in enumerate(bars.items()):
        places = np.arange(len(TITLES)) + (number - (len(bars) - 1) / 2) * width
        means = np.array([mean for mean, _ in values])
        spread = np.array([std or 0 for _, std in values])
        axes.bar(places, means, 0.92 * width, label=label, color=("#b5b5b5", "#1f4e79", "#5b9bd5")[number])
        known = spread > 0
        whiskers = np.stack([np.minimum(spread, means), np.minimum(spread, 1 - means)])[:, known]
        axes.errorbar(places[known], means[known], whiskers, fmt="none", ecolor="#333333", elinewidth=1, capsize=3)
        for place, mean, std in zip(places, means, spread, strict=True):
            where = (place, min(1.0, mean + std))
            axes.annotate(fraction(mean), where, (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xticks(range(len(TITLES)), list(TITLES.values()))
    axes.set(ylim=(0, 1.1), ylabel="mean over images")
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1.06), ncols=3)
    axes.set_title(comparison.title, fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def read_metrics(report: Path) -> dict[str, dict[str, Any]]:
    """The content of a report's metrics.json: dataset -> metric -> summary."""
    metrics: dict[str, dict[str, Any]] = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    return metrics
