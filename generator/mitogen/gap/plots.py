"""Plots of two datasets over each other."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mitogen.gap.appearance import BANDS
from mitogen.gap.morphology import STEPS, profile_name
from mitogen.gap.statistics import Statistics

_COLOURS = ("#d95f02", "#1f4e79")  # synthetic, real: told apart by colour-blind readers, and in grey
_EXAMPLE_PX = 256
_GAP_PX = 6
_LEVELS = 4  # grey levels a bin: single ones show the gaps that contrast stretching left
_ASPECT = 6.0

Array = NDArray[np.floating[Any]]


def draw_plots(synthetic: Statistics, real: Statistics) -> dict[str, bytes]:
    """Draw every plot that the two datasets have the numbers for: file name -> PNG."""
    pair = (synthetic, real)
    plots = {
        "histogram.png": _plot(_draw_histogram, pair),
        "spectrum.png": _plot(_draw_spectrum, pair),
        "examples.png": _encode(draw_examples(synthetic, real)),
    }
    if any(one.morphology is not None and one.morphology.boundary.any() for one in pair):
        plots["boundary.png"] = _plot(_draw_boundary, pair)
    if any(one.morphology is not None and len(one.morphology.shapes) for one in pair):
        plots["shapes.png"] = _plot(_draw_shapes, pair, columns=2)
    return plots


def draw_examples(synthetic: Statistics, real: Statistics) -> Image.Image:
    """Put some windows of both side by side, synthetic ones above, each cut to at most 256 x 256 pixels."""
    rows = [[_middle(image) for image in one.examples] for one in (synthetic, real)]
    step = _EXAMPLE_PX + _GAP_PX
    sheet = Image.new("L", (max(map(len, rows)) * step - _GAP_PX, len(rows) * step - _GAP_PX), 255)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image, (x * step, y * step))
    return sheet


def _plot(draw: Callable[..., None], pair: tuple[Statistics, Statistics], columns: int = 1) -> bytes:
    figure = Figure(figsize=(6.4 * columns, 4), layout="constrained", dpi=110)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    draw(*axes, pair)
    axes[0].legend(frameon=False, loc="lower left" if draw is _draw_spectrum else "best")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_histogram(axis: Axes, pair: tuple[Statistics, Statistics]) -> None:
    for name, colour, one in _labelled(pair):
        counts = one.appearance.histogram.astype(np.float64)
        share = counts.reshape(-1, _LEVELS).mean(axis=1) / counts.sum()
        _draw_steps(axis, share, np.arange(0, 257, _LEVELS) - 0.5, name, colour)
    axis.set(xlabel="grey level", ylabel="share of pixels a level", xlim=(0, 255), title="Grey levels")


def _draw_spectrum(axis: Axes, pair: tuple[Statistics, Statistics]) -> None:
    for edges in BANDS.values():
        axis.axvspan(*edges, color="#888888", alpha=0.08)
    for name, colour, one in _labelled(pair):
        seen = one.appearance.power > 0
        axis.loglog(one.appearance.frequency[seen], one.appearance.power[seen], color=colour, label=name)
        for band, (low, high) in BANDS.items():
            slope = one.appearance.slopes[band]
            if slope is not None:
                place = (float(np.sqrt(low * high)), 0.95 if name == "synthetic" else 0.89)
                axis.text(*place, f"{slope:.2f}", color=colour, ha="center", transform=axis.get_xaxis_transform())
    bottom, top = axis.get_ylim()
    axis.set_ylim(bottom, top * (top / bottom) ** 0.15)  # room for the numbers
    axis.set(xlabel="cycles per pixel", ylabel="power, grey levels² px²", title="Power spectrum, slopes of the bands")


def _draw_boundary(axis: Axes, pair: tuple[Statistics, Statistics]) -> None:
    axis.axvline(0, color="#888888", linewidth=1)
    for name, colour, one in _labelled(pair):
        greys = [(step, one.values().get(profile_name(step))) for step in STEPS]
        there = [(step - 0.5 * np.sign(step), grey) for step, grey in greys if grey is not None]
        places, heights = np.array(there).reshape(-1, 2).T
        axis.plot(places, heights, "o-", color=colour, label=name, markersize=4)
    axis.set(xlabel="px from the boundary of mitochondria, inside to the right", ylabel="grey level, mean")
    axis.set_title("Across the boundary")


def _draw_shapes(area: Axes, aspect: Axes, pair: tuple[Statistics, Statistics]) -> None:
    sizes = [one.morphology.shapes for one in pair if one.morphology and len(one.morphology.shapes)]
    largest = max(float(np.quantile(shapes[:, 0], 0.99)) for shapes in sizes)
    for name, colour, one in _labelled(pair):
        if one.morphology is None or not len(one.morphology.shapes):
            continue
        shapes = one.morphology.shapes
        for axis, values, edges in (
            (area, shapes[:, 0], np.linspace(0, largest, 31)),
            (aspect, shapes[:, 1] / shapes[:, 2], np.linspace(1, _ASPECT, 31)),
        ):
            density, _ = np.histogram(np.minimum(values, edges[-1]), edges, density=True)
            _draw_steps(axis, density, edges, name, colour)
    area.set(xlabel="area of a profile, px (last bin: and larger)", ylabel="density", title="Profile areas")
    aspect.set(xlabel="major / minor axis (last bin: and larger)", ylabel="density", title="Aspect ratios")


def _draw_steps(axis: Axes, heights: Array, edges: Array, name: str, colour: str) -> None:
    """Draw a histogram; the synthetic one is filled, so that both are seen where they agree."""
    if name == "synthetic":
        axis.stairs(heights, edges, color=colour, fill=True, alpha=0.45, label=name)
    axis.stairs(heights, edges, color=colour, linewidth=1.4, label=None if name == "synthetic" else name)


def _labelled(pair: tuple[Statistics, Statistics]) -> list[tuple[str, str, Statistics]]:
    return list(zip(("synthetic", "real"), _COLOURS, pair, strict=True))


def _middle(image: NDArray[np.uint8]) -> Image.Image:
    height, width = image.shape
    top, left = max(0, (height - _EXAMPLE_PX) // 2), max(0, (width - _EXAMPLE_PX) // 2)
    return Image.fromarray(image[top : top + _EXAMPLE_PX, left : left + _EXAMPLE_PX])


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
