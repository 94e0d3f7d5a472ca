"""Panels that show what a network finds: image, truth, probability, and where they agree."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mitodata import IGNORE

TRUE_POSITIVE = (60, 190, 90)
FALSE_POSITIVE = (255, 90, 180)
FALSE_NEGATIVE = (60, 130, 255)
IGNORED = (120, 120, 120)
STRENGTH = 0.45
"""How much of an overlay's colour covers the grey image."""

CAPTION_PX = 18


@dataclass(frozen=True, eq=False)
class Panel:
    """One section with its prediction.

    Attributes:
        raw: (Y, X) uint8.
        truth: (Y, X) uint8: 0, 1, 255 = ignore.
        probability: (Y, X) float32 in [0, 1].
        threshold: probability from which on a pixel is foreground.
        caption: one line under the pictures.
    """

    raw: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    probability: NDArray[np.float32]
    threshold: float
    caption: str


def overlay(raw: NDArray[np.uint8], truth: NDArray[np.uint8], prediction: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Colour right foreground green, false positives pink, false negatives blue, ignored pixels grey: (Y, X, 3)."""
    picture = np.repeat(raw[..., None], 3, axis=2).astype(np.float32)
    positive = truth == 1
    layers = (
        (positive & prediction, TRUE_POSITIVE),
        (~positive & prediction, FALSE_POSITIVE),
        (positive & ~prediction, FALSE_NEGATIVE),
        (truth == IGNORE, IGNORED),
    )
    for where, colour in layers:
        picture[where] = (1 - STRENGTH) * picture[where] + STRENGTH * np.array(colour, np.float32)
    return picture.astype(np.uint8)


def heat(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour probabilities (Y, X) in [0, 1] from black over red and yellow to white: (Y, X, 3) uint8."""
    stops = np.array([0.0, 0.35, 0.7, 1.0])
    colours = np.array([[0, 0, 0], [190, 30, 60], [250, 190, 60], [255, 255, 255]])
    channels = [np.interp(probability, stops, colours[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def draw_panel(panel: Panel, height_px: int = 320) -> Image.Image:
    """Draw image, truth, prediction, overlay and probability side by side, each `height_px` high, with the caption."""
    prediction = panel.probability >= panel.threshold
    grey = np.where(panel.truth == IGNORE, 120, np.where(panel.truth == 1, 255, 0)).astype(np.uint8)
    parts = [
        panel.raw,
        grey,
        np.where(prediction, 255, 0).astype(np.uint8),
        overlay(panel.raw, panel.truth, prediction),
        heat(panel.probability),
    ]
    width_px = max(1, round(height_px * panel.raw.shape[1] / panel.raw.shape[0]))
    drawn = Image.new("RGB", (len(parts) * (width_px + 4), height_px + CAPTION_PX), "white")
    for place, part in enumerate(parts):
        resized = Image.fromarray(part).convert("RGB").resize((width_px, height_px), Image.Resampling.BILINEAR)
        drawn.paste(resized, (place * (width_px + 4), 0))
    ImageDraw.Draw(drawn).text((2, height_px + 2), panel.caption, fill="black")
    return drawn


def draw_sheet(panels: Sequence[Panel], height_px: int = 200) -> Image.Image:
    """Draw panels (at least one) under each other."""
    rows = [draw_panel(panel, height_px) for panel in panels]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def png(image: Image.Image) -> bytes:
    """Encode as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
