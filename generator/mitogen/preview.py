"""A contact sheet: every image beside itself with its instances outlined, to see at a glance what a dataset holds."""

from collections.abc import Iterable, Iterator
from colorsys import hsv_to_rgb
from dataclasses import replace
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import maximum_filter, minimum_filter

from mitodata.errors import DataError
from mitodata.sample import IGNORE, Sample
from mitodata.store import Dataset

_GAP_PX = 8
_CAPTION_PX = 18
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)
_IGNORED = np.array([90, 90, 200], dtype=np.float64)
# Steps of the golden ratio around the colour circle: neighbouring ids never look alike.
_COLOURS = np.array([[255 * c for c in hsv_to_rgb(0.3 + 0.618 * k, 0.8, 1.0)] for k in range(64)], dtype=np.uint8)


def contact_sheet(samples: Iterable[Sample], columns: int = 2, tile_px: int | None = None) -> Image.Image:
    """Lay out images in rows; each is shown plain and, if it has labels, again with outlines to its right.

    Args:
        samples: sections or volumes; of a volume the middle slice is shown.
        columns: number of images (pairs) in a row.
        tile_px: width of one picture; images are scaled to it, labels without blending. None for the image's own
            width, but at least 256 and at most 512.

    Returns:
        An RGB picture. Ignored areas are tinted blue; the colour of an outline means nothing but "another instance".
    """
    cells = [_cell(middle_section(sample), sample.name or f"image {i}", tile_px) for i, sample in enumerate(samples)]
    width, height = (max((cell.size[axis] for cell in cells), default=0) for axis in (0, 1))
    columns = min(columns, max(len(cells), 1))
    size = (_GAP_PX + columns * (width + _GAP_PX), _GAP_PX + ceil(len(cells) / columns) * (height + _GAP_PX))
    sheet = Image.new("RGB", size, _PAPER)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        sheet.paste(cell, (_GAP_PX + column * (width + _GAP_PX), _GAP_PX + row * (height + _GAP_PX)))
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    buffer = BytesIO()
    sheet.save(buffer, format="PNG")
    draft = path.with_name(f".{path.name}.partial")
    try:
        try:
            draft.write_bytes(buffer.getvalue())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def sections_of(path: Path, n: int) -> Iterator[Sample]:
    """Read the middle sections of up to `n` samples of a file, spread evenly over it, and nothing else of them.

    Raises:
        DataError: the file is missing, damaged or no dataset.
    """
    with Dataset(path) as dataset:
        for i in np.linspace(0, len(dataset) - 1, min(n, len(dataset))).round().astype(int):
            z = dataset.shape(int(i))[0] // 2
            yield dataset.read(int(i), (slice(z, z + 1), slice(None), slice(None)))


def middle_section(sample: Sample) -> Sample:
    """Cut the middle slice out of a volume; a section stays as it is."""
    z = sample.raw.shape[0] // 2
    label = None if sample.label is None else sample.label[z : z + 1]
    mask = None if sample.mask is None else sample.mask[z : z + 1]
    return replace(sample, raw=sample.raw[z : z + 1], label=label, mask=mask)


def _cell(section: Sample, caption: str, tile_px: int | None) -> Image.Image:
    """Draw one section: the pictures side by side and a caption below."""
    height, width = section.raw.shape[1:]
    tile_px = tile_px or min(max(width, 256), 512)
    size = (tile_px, max(1, round(tile_px * height / width)))
    pictures = [Image.fromarray(section.raw[0]).resize(size, Image.Resampling.BICUBIC).convert("RGB")]
    if section.label is not None and section.mask is not None:
        pictures.append(_outlined(pictures[0], section.label[0], section.mask[0]))
        count = np.count_nonzero(np.unique(section.label))
        caption += f"   {count} instance{'' if count == 1 else 's'}"
    z, y, x = section.voxel_size_nm
    caption += f"   {z:.3g} x {y:.3g} x {x:.3g} nm"
    cell = Image.new("RGB", (len(pictures) * (tile_px + 2) - 2, size[1] + _CAPTION_PX), _PAPER)
    for i, picture in enumerate(pictures):
        cell.paste(picture, (i * (tile_px + 2), 0))
    ImageDraw.Draw(cell).text((2, size[1] + 2), caption, fill=_INK, font=ImageFont.load_default(12))
    return cell


def _outlined(picture: Image.Image, label: NDArray[np.integer], mask: NDArray[np.uint8]) -> Image.Image:
    """Draw instance outlines, and tint ignored pixels, on a picture of the section; label and mask are (Y, X)."""
    rgb = np.array(picture)
    ids = np.asarray(Image.fromarray(label.astype(np.int32)).resize(picture.size, Image.Resampling.NEAREST))
    ignored = np.asarray(Image.fromarray(mask).resize(picture.size, Image.Resampling.NEAREST)) == IGNORE
    rgb[ignored] = (0.6 * rgb[ignored] + 0.4 * _IGNORED).astype(np.uint8)
    edge = (minimum_filter(ids, 3) != maximum_filter(ids, 3)) & (ids > 0)
    rgb[edge] = _COLOURS[ids[edge] % len(_COLOURS)]
    return Image.fromarray(rgb)
