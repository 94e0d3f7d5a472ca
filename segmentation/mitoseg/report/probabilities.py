"""Charts of probabilities: where they are high, how often each occurs, and whether they come true."""

import numpy as np
from matplotlib.figure import Figure

from mitoseg.evaluation import DatasetResult
from mitoseg.io.panels import Panel
from mitoseg.metrics import reliability, threshold_curve
from mitoseg.report.style import DPI, PALE, as_png, colours, mark_thresholds, new_figure, put_legend_above

FOREGROUND = "#2a9d5c"


def draw_map(panel: Panel) -> bytes:
    """One image, its probabilities, and how sure the network is of each pixel, whichever class it is."""
    height, width = panel.raw.shape
    y_nm, x_nm = panel.pixel_nm or (1.0, 1.0)
    aspect = y_nm / x_nm
    figure = Figure(figsize=(12, 0.4 + 3.3 * min(1.3, height * aspect / width)), layout="constrained", dpi=DPI)
    confidence = np.maximum(panel.probability, 1 - panel.probability)
    parts = (
        ("image, truth outlined", panel.raw, "gray", 0, 255),
        ("probability of foreground", panel.probability, "inferno", 0, 1),
        ("confidence: probability of the likelier class", confidence, "viridis", 0.5, 1),
    )
    for axes, (title, values, colour_map, low, high) in zip(figure.subplots(1, 3), parts, strict=True):
        shown = axes.imshow(values, cmap=colour_map, vmin=low, vmax=high, aspect=aspect)
        if title.startswith("image"):
            if (panel.truth == 1).any() and min(panel.truth.shape) > 1:
                axes.contour(panel.truth == 1, levels=[0.5], colors="#ffd400", linewidths=1)
        else:
            figure.colorbar(shown, ax=axes, shrink=0.85)
        axes.set(xticks=[], yticks=[], title=title)
        axes.title.set_fontsize(10)
    return as_png(figure)


def draw_histogram(result: DatasetResult) -> bytes:
    """How often each probability occurs, by true class."""
    figure, axes = new_figure(5.2, 3.8)
    counts = result.probabilities
    edges = np.linspace(0, 1, 51)
    for name, histogram, colour in (
        ("background", counts.background, PALE),
        ("foreground", counts.foreground, FOREGROUND),
    ):
        total = int(histogram.sum())
        if total:
            share = histogram.reshape(50, -1).sum(axis=1) / total
            label = f"{name}, {_count(total)} px"
            axes.stairs(share, edges, fill=True, alpha=0.35, color=colour)
            axes.stairs(share, edges, color=colour, linewidth=1.4, label=label)
    mark_thresholds(axes, result)
    axes.set(yscale="log", xlim=(0, 1), ylim=(1e-5, 2), xlabel="predicted probability", ylabel="share of the class")
    # Where every pixel is to be ignored there is neither class.
    if counts.background.any() or counts.foreground.any():
        put_legend_above(axes, 2)
    return as_png(figure)


def draw_reliability(result: DatasetResult) -> bytes:
    """Whether probabilities come true as often as they say."""
    figure, axes = new_figure(5.2, 3.8)
    diagram = reliability(result.probabilities)
    filled = diagram.voxels > 0
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", label="calibrated")
    colour = colours([result])[result.name]
    axes.plot(diagram.predicted[filled], diagram.observed[filled], "o-", color=colour, markersize=5)
    share = diagram.voxels / max(1, diagram.voxels.sum())
    inset = axes.inset_axes((0.08, 0.62, 0.36, 0.3))
    inset.bar((np.arange(len(share)) + 0.5) / len(share), share, 0.9 / len(share), color=colour, alpha=0.6)
    inset.set(yscale="log" if share.any() else "linear", xlim=(0, 1), xticks=[], title="share of pixels a bin")
    inset.title.set_fontsize(8)
    inset.tick_params(labelsize=7)
    inset.spines[["top", "right"]].set_visible(False)
    text = f"ECE {diagram.error:.4f}\nlargest {diagram.largest_error:.3f}"
    axes.text(0.97, 0.05, text, ha="right", va="bottom", transform=axes.transAxes)
    axes.set(xlabel="predicted probability", ylabel="share that is foreground", xlim=(0, 1), ylim=(0, 1))
    return as_png(figure)


def draw_curves(result: DatasetResult) -> bytes:
    """Precision, recall and IoU of all pixels together, by threshold."""
    figure, axes = new_figure(5.2, 3.8)
    curve = threshold_curve(result.probabilities)
    for name, values, colour in (
        ("precision", curve.precision, "#7b6fb0"),
        ("recall", curve.recall, "#c98a00"),
        ("IoU", curve.iou, colours([result])[result.name]),
    ):
        axes.plot(curve.threshold[:-1], values[:-1], color=colour, label=name)
    mark_thresholds(axes, result, label=f"used: {result.threshold_text}")
    axes.set(xlabel="threshold", ylabel="of all pixels together", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower center", ncols=2)
    return as_png(figure)


def _count(number: int) -> str:
    """A number of pixels in a few characters: 950, 31k, 3.1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2g}{letter}" if number < 100 * size else f"{number / size:.0f}{letter}"
    return str(number)
