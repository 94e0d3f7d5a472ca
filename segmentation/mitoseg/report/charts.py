"""Charts of scores, of objects and of the training, each as PNG."""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import isnan
from operator import add

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binomtest

from mitoseg.evaluation import BARS, METRICS, DatasetResult
from mitoseg.report.style import (
    DPI,
    INK,
    PALE,
    SYNTHETIC,
    as_png,
    colours,
    mark_thresholds,
    new_figure,
    put_legend_above,
    set_style,
)
from mitoseg.training.run_folder import score_title

ERRORS = {
    "false_objects": ("false objects", "#c2185b"),
    "false_rim": ("too wide, within 20 nm", "#f06292"),
    "false_rest": ("other false positives", "#f8bbd0"),
    "missed_objects": ("missed objects", "#1545a8"),
    "missed_rim": ("too narrow, within 20 nm", "#5b8def"),
    "missed_rest": ("other false negatives", "#bcd2f7"),
}
"""Kinds of wrong pixels with what the chart calls them and their colours, as in the overlays: pink and blue."""

RIGHT = "#3cbe5a"

SIZE_BINS = 6
"""Bins of the chart of object sizes, at most; each holds about as many objects, and at least `PER_BIN`."""

PER_BIN = 5

Floats = NDArray[np.float64]


def draw_bars(results: Sequence[DatasetResult]) -> bytes:
    """Means over images as bars; thin error bars for the standard deviation, thick ones for the 95 % interval."""
    figure, axes = new_figure(max(7.0, 1.6 + 0.42 * len(BARS) * (len(results) + 0.8)), 4.2)
    width = 0.84 / len(results)
    palette = colours(results)
    for number, result in enumerate(results):
        values = [result.measured[name] for name in BARS]
        places = np.arange(len(BARS)) + (number - (len(results) - 1) / 2) * width
        means = np.array([value.mean for value in values])
        spread = np.array([value.std for value in values])
        # A standard deviation can reach beyond what the metric can be.
        whiskers = np.stack([np.minimum(spread, means), np.minimum(spread, 1 - means)])
        label = f"{result.name} ({'synthetic' if result.synthetic else 'real'}, n = {result.presence.with_foreground})"
        axes.bar(places, means, 0.92 * width, color=palette[result.name], label=label)
        axes.errorbar(places, means, whiskers, fmt="none", ecolor=INK, elinewidth=1, capsize=3)
        for place, value in zip(places, values, strict=True):
            if not isnan(value.interval[0]):
                axes.plot([place, place], value.interval, color=INK, linewidth=3.5, solid_capstyle="butt")
            if not isnan(value.mean):
                top = min(1.0, value.mean + value.std)
                text = f"{value.mean:.2f}".removeprefix("0")
                axes.annotate(text, (place, top), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xticks(range(len(BARS)), [METRICS[name].title.replace(" ", "\n", 1) for name in BARS])
    axes.set(ylim=(0, 1.08), ylabel="mean over images with foreground")
    axes.grid(axis="x", visible=False)
    put_legend_above(axes, len(results))
    return as_png(figure)


def draw_thresholds(results: Sequence[DatasetResult]) -> bytes:
    """Mean foreground IoU by threshold, with the threshold that was used for each dataset."""
    figure, axes = new_figure(9, 4)
    for name, colour in colours(results).items():
        result = next(result for result in results if result.name == name)
        curve = result.threshold_curve()
        places = np.array([float(place) for place in curve])
        values = np.array(list(curve.values()))
        reached = np.interp(result.threshold, places, values)
        axes.plot(places, values, color=colour, label=f"{name}: {result.threshold_text}")
        axes.plot(result.threshold, reached, "o", color=colour)
        mark_thresholds(axes, result, colour)
    axes.set(xlabel="threshold", ylabel="foreground IoU, mean over images", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="thresholds used")
    return as_png(figure)


def draw_errors(results: Sequence[DatasetResult]) -> bytes:
    """What predicted and true foreground together consist of: what is right, whose share is the IoU, and all errors."""
    figure, axes = new_figure(9, 1.5 + 0.5 * len(results))
    shown = [(result, reduce(add, (image.counts for image in result.images))) for result in results]
    for place, (result, counts) in enumerate(shown):
        union = counts.true_positive + counts.false_positive + counts.false_negative
        parts = {"right (the IoU)": (counts.true_positive, RIGHT)}
        parts |= {title: (getattr(result.errors, name), colour) for name, (title, colour) in ERRORS.items()}
        left = 0.0
        for title, (pixels, colour) in parts.items():
            share = pixels / union if union else 0.0
            axes.barh(place, share, 0.7, left, color=colour, label=title if place == 0 else None)
            if share >= 0.035:
                text = f"{share:.2f}".removeprefix("0")
                dark = colour in (ERRORS["false_objects"][1], ERRORS["missed_objects"][1])
                axes.text(
                    left + share / 2, place, text, ha="center", va="center", fontsize=8, color="white" if dark else INK
                )
            left += share
    axes.set_yticks(range(len(results)), [result.name for result in results])
    axes.set(xlim=(0, 1), ylim=(len(results) - 0.5, -0.5), xlabel="share of predicted and true foreground together")
    axes.grid(axis="y", visible=False)
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, fontsize=8, borderaxespad=0.2)
    return as_png(figure)


def draw_sizes(result: DatasetResult) -> bytes | None:
    """Share of the true objects that were found, by size, with 95 % Wilson intervals; None without objects."""
    size = np.concatenate([image.objects.true_size for image in result.images])
    if not len(size):
        return None
    found = np.concatenate([image.objects.found for image in result.images])
    covered = np.concatenate([image.objects.covered for image in result.images]) >= 0.5
    false_size = np.concatenate([image.objects.false_size for image in result.images])
    bins = min(SIZE_BINS, max(1, len(size) // PER_BIN))
    edges = np.unique(np.quantile(size, np.linspace(0, 1, bins + 1)))
    edges = np.append(edges, edges[-1] * 1.001) if len(edges) == 1 else edges
    bin_of = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, len(edges) - 2)
    figure, axes = new_figure(6.4, 4.4)
    colour = colours([result])[result.name]
    for offset, values, shade, label in (
        (-0.2, covered, "#b8c4d0", "at least half covered"),
        (0.2, found, colour, "matched, IoU at least .5"),
    ):
        hits = [int(values[bin_of == at].sum()) for at in range(len(edges) - 1)]
        trials = [int((bin_of == at).sum()) for at in range(len(edges) - 1)]
        share, low, high = _shares(hits, trials)
        axes.bar(np.arange(len(share)) + offset, share, 0.38, color=shade, label=label)
        axes.errorbar(
            np.arange(len(share)) + offset,
            share,
            np.stack([share - low, high - share]),
            fmt="none",
            ecolor=INK,
            elinewidth=1,
            capsize=2,
        )
    false = np.clip(np.searchsorted(edges, false_size, side="right") - 1, 0, len(edges) - 2)
    labels = []
    for at in range(len(edges) - 1):
        number, wrong = int((bin_of == at).sum()), int((false == at).sum())
        labels.append(f"{_short(edges[at])} - {_short(edges[at + 1])}\n{number} true\n{wrong} false")
    axes.set_xticks(range(len(labels)), labels, fontsize=8)
    unit = "\u00b5m\u00b3" if result.volumes else "\u00b5m\u00b2"
    axes.set(ylim=(0, 1.02), ylabel="share of the true objects", xlabel=f"size of the object, {unit}")
    axes.grid(axis="x", visible=False)
    put_legend_above(axes, 2)
    return as_png(figure)


def draw_training(history: Mapping[str, Sequence[float]]) -> bytes | None:
    """Loss and validation scores of a run over its time; None without any."""
    minutes = np.asarray(history.get("minutes", ()), float)
    if not len(minutes):
        return None
    figure = Figure(figsize=(10.5, 3.4), layout="constrained", dpi=DPI)
    scores = score_title(history.get("val_sections", ()))
    plots: Sequence[tuple[str, dict[str, str]]] = (
        ("training loss", {"train_loss": ""}),
        (scores, {"val_iou": "at the best thresholds", "val_iou_at_half": "at .5"}),
        ("threshold, calibration error", {"threshold": "threshold", "val_calibration_error": "calibration error"}),
    )
    for axes, (title, lines) in zip(figure.subplots(1, 3), plots, strict=True):
        set_style(axes)
        for style, (name, label) in zip(("o-", ".--"), lines.items(), strict=False):
            if name in history:
                axes.plot(minutes, history[name], style, label=label, color=SYNTHETIC[0] if style == "o-" else PALE)
        axes.set(xlabel="minutes", title=title, ylim=(0, None if "loss" in title else 1))
        if any(lines.values()):
            axes.legend(frameon=False, fontsize=8)
    return as_png(figure)


def _short(size: float) -> str:
    """Two digits, without an exponent: .012, 1.3, 45."""
    return np.format_float_positional(size, precision=2, fractional=False, trim="-").removeprefix("0") or "0"


def _shares(hits: Sequence[int], trials: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    rows = []
    for hit, trial in zip(hits, trials, strict=True):
        if not trial:
            rows.append((0.0, 0.0, 0.0))
            continue
        interval = binomtest(hit, trial).proportion_ci(method="wilson")
        rows.append((hit / trial, min(hit / trial, interval.low), max(hit / trial, interval.high)))
    share, low, high = np.array(rows).T
    return share, low, high
