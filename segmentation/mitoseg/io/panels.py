"""Panels that show what a network finds: image, truth, probability, and where they agree."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage.color import hsv2rgb

from mitodata import IGNORE

TRUE_POSITIVE = (60, 190, 90)
FALSE_POSITIVE = (255, 90, 180)
FALSE_NEGATIVE = (60, 130, 255)
IGNORED = (120, 120, 120)
STRENGTH = 0.45
"""How much of an overlay's colour covers the grey image."""

CAPTION_PX = 18

BARS_NM = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
"""Lengths of scale bars."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One section with its prediction.

    Attributes:
        raw: (Y, X) uint8.
        truth: (Y, X) uint8: 0, 1, 255 = ignore.
        probability: (Y, X) float32 in [0, 1].
        prediction: (Y, X) bool, what counts as foreground.
        caption: one line under the pictures.
        pixel_nm: (y, x) edges of a pixel; decides how the picture is stretched, and its scale bar. None: no bar.
        objects: true and predicted objects, (Y, X) each, 0 = background: shown in colours instead of masks.
    """

    raw: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    probability: NDArray[np.float32]
    prediction: NDArray[np.bool_]
    caption: str
    pixel_nm: tuple[float, float] | None = None
    objects: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None


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


def draw_parts(panel: Panel, height_px: int = 320) -> dict[str, Image.Image]:
    """Draw image, truth, prediction, overlay and probability, by name, all of one size.

    They are `height_px` high, or lower if they would be more than twice as wide.
    """
    true, predicted = map(paint_objects, panel.objects) if panel.objects else (None, None)
    parts = {
        "image": panel.raw,
        "truth": mask_grey(panel.truth) if true is None else true,
        "prediction": np.where(panel.prediction, 255, 0).astype(np.uint8) if predicted is None else predicted,
        "overlay": overlay(panel.raw, panel.truth, panel.prediction),
        "probability": heat(panel.probability),
    }
    pictures, pixel_nm = fit_picture(list(parts.values()), panel.pixel_nm or (1.0, 1.0), height_px)
    drawn = dict(zip(parts, pictures, strict=True))
    if panel.pixel_nm is not None:
        draw_scale_bar(drawn["image"], pixel_nm)
    return drawn


def paint_objects(objects: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Objects (Y, X) in light colours on black, neighbouring numbers in unlike ones: (Y, X, 3)."""
    hue = (objects.astype(np.float64) * 0.618034) % 1.0  # the golden ratio spreads any run of numbers
    colours = hsv2rgb(np.stack([hue, np.full_like(hue, 0.55), np.where(objects > 0, 1.0, 0.0)], -1))
    return np.asarray((255 * colours).round(), np.uint8)


def mask_grey(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask (0, 1, 255 = ignore) as grey levels: black, white, grey."""
    return np.where(mask == IGNORE, 120, np.where(mask == 1, 255, 0)).astype(np.uint8)


def fit_picture(
    parts: Sequence[NDArray[np.uint8]], pixel_nm: tuple[float, float], height_px: int
) -> tuple[list[Image.Image], float]:
    """Bring pictures (Y, X) or (Y, X, 3) of one image to square pixels and to the same size.

    They are `height_px` high, or lower if they would be more than twice as wide.

    Args:
        parts: the pictures, all of one size.
        pixel_nm: (y, x) edges of their pixels.
        height_px: of the result.

    Returns:
        The pictures as RGB, and the edge of their pixels in nm.
    """
    size_nm = (parts[0].shape[0] * pixel_nm[0], parts[0].shape[1] * pixel_nm[1])
    edge_nm = max(size_nm[0], size_nm[1] / 2) / height_px
    size_px = (max(1, round(size_nm[1] / edge_nm)), max(1, round(size_nm[0] / edge_nm)))
    # Masks keep sharp edges as the others do: all parts are compared pixel by pixel.
    filter_ = Image.Resampling.BILINEAR if size_px[0] < parts[0].shape[1] else Image.Resampling.NEAREST
    return [Image.fromarray(part).convert("RGB").resize(size_px, filter_) for part in parts], edge_nm


def draw_scale_bar(image: Image.Image, pixel_nm: float) -> None:
    """Draw a white bar of a round length, at most a third of the picture, with its length above it."""
    fitting = [length for length in BARS_NM if length / pixel_nm <= image.width / 3]
    if not fitting or image.height < 4 * CAPTION_PX:
        return
    length_nm = fitting[-1]
    text = f"{length_nm:g} nm" if length_nm < 1000 else f"{length_nm / 1000:g} \u00b5m"
    draw = ImageDraw.Draw(image)
    bottom, left = image.height - 10, 10
    right = left + round(length_nm / pixel_nm)
    draw.rectangle((left - 1, bottom - 5, right + 1, bottom + 1), fill="black")
    draw.rectangle((left, bottom - 4, right, bottom), fill="white")
    draw.text((left, bottom - 8), text, fill="white", stroke_width=2, stroke_fill="black", anchor="ls", font=font(14))


COLOURS = "overlay: green found, pink false, blue missed; probability: black 0 over red and yellow to white 1"


def draw_panel(panel: Panel, height_px: int = 320) -> Image.Image:
    """Draw the parts side by side, with the caption below."""
    parts = list(draw_parts(panel, height_px).values())
    below = parts[0].height
    drawn = Image.new("RGB", (sum(part.width + 4 for part in parts), below + CAPTION_PX), "white")
    left = 0
    for part in parts:
        drawn.paste(part, (left, 0))
        left += part.width + 4
    ImageDraw.Draw(drawn).text((2, below + 1), panel.caption, fill="black", font=font(13))
    return drawn


def draw_sheet(panels: Sequence[Panel], height_px: int = 200) -> Image.Image:
    """Draw panels (at least one) under each other, below the names of their parts and of the colours."""
    rows = [draw_panel(panel, height_px) for panel in panels]
    top = 2 * CAPTION_PX
    sheet = Image.new("RGB", (max(row.width for row in rows), top + sum(row.height for row in rows)), "white")
    head, left = ImageDraw.Draw(sheet), 2
    for name, part in draw_parts(panels[0], height_px).items():
        head.text((left, 1), name, fill="black", font=font(13))
        left += part.width + 4
    head.text((2, CAPTION_PX + 1), COLOURS, fill="black", font=font(13))
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


@cache
def font(size: float) -> ImageFont.FreeTypeFont:
    """The letters of matplotlib's charts, which include those that Pillow's own lack."""
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def png(image: Image.Image) -> bytes:
    """Encode as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
