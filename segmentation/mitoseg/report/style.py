"""What all charts of a report share: colours, size, and a way to PNG."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mitoseg.evaluation import DatasetResult

SYNTHETIC = ("#d95f02", "#f2a36a", "#a34700")
REAL = ("#1f4e79", "#5b9bd5", "#2a9d8f", "#7b6fb0")
"""Told apart by colour-blind readers, and in grey."""

INK, PALE = "#333333", "#7a7a7a"

DPI = 144


def colours(results: Sequence[DatasetResult]) -> dict[str, str]:
    """A colour for each dataset by name: warm for synthetic ones, cold for real ones."""
    chosen: dict[str, str] = {}
    used = {True: 0, False: 0}
    for result in results:
        palette = SYNTHETIC if result.synthetic else REAL
        chosen[result.name] = palette[used[result.synthetic] % len(palette)]
        used[result.synthetic] += 1
    return chosen


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this many inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=DPI)
    axes = figure.subplots()
    set_style(axes)
    return figure, axes


def set_style(axes: Axes) -> None:
    """A faint grid behind the data, and no frame."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def put_legend_above(axes: Axes, columns: int) -> None:
    """Put the legend between title and data, where it hides nothing."""
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=min(columns, 3), borderaxespad=0.2)


def mark_thresholds(axes: Axes, result: DatasetResult, colour: str = INK, label: str | None = None) -> None:
    """A dashed line at the threshold of a dataset, or a band between those of its images."""
    low, high = result.thresholds[0], result.thresholds[-1]
    if low == high:
        axes.axvline(low, color=colour, linewidth=1, linestyle="--", label=label)
    else:
        axes.axvspan(low, high, color=colour, alpha=0.12, linewidth=0, label=label)


def as_png(figure: Figure) -> bytes:
    """Encode a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
