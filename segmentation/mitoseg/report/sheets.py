"""Sample sheets: what the images of a set look like, with their masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset
from mitoseg.io.panels import CAPTION_PX, draw_scale_bar, fit_picture, font, mask_grey, overlay

SAMPLES = 6
"""Images on a sheet, evenly spread over the file."""

TILE_PX = 300


@dataclass(frozen=True, eq=False)
class Triple:
    """One image of a sheet.

    Attributes:
        name: what stands below.
        image: grey, with a scale bar.
        mask: white where the truth is foreground.
        overlay: the mask on the image.
    """

    name: str
    image: Image.Image
    mask: Image.Image
    overlay: Image.Image


def read_triples(path: Path, sections: Sequence[tuple[int, int]] | None = None, count: int = SAMPLES) -> list[Triple]:
    """Draw `count` sections of a labelled file, evenly spread, none of them picked for its looks.

    Args:
        path: the file.
        sections: numbers of samples and z of those that may be drawn; all if None.
        count: how many are drawn, if there are as many.

    Raises:
        DataError: the file is missing, damaged or unlabelled.
    """
    with Dataset(path) as file:
        places = sections or [(sample, z) for sample in range(len(file)) for z in range(file.shape(sample)[0])]
        # The middles of equal parts: of a volume neither its first nor its last section.
        chosen = sorted({(2 * part + 1) * len(places) // (2 * count) for part in range(count)})
        triples = []
        for number, z in (places[place] for place in chosen):
            section = file.read(number, (slice(z, z + 1), slice(None), slice(None)))
            name = section.name or f"image {number}"
            triples.append(_draw(section, f"{name} z {z}" if file.shape(number)[0] > 1 else name))
        return triples


def draw_triples(samples: Sequence[Sample]) -> list[Triple]:
    """Draw the middle sections of labelled samples."""
    middles = [(sample, sample.raw.shape[0] // 2) for sample in samples]
    return [
        _draw(
            Sample(
                sample.raw[z : z + 1],
                sample.voxel_size_nm,
                None if sample.label is None else sample.label[z : z + 1],
                None if sample.mask is None else sample.mask[z : z + 1],
            ),
            f"image {number}",
        )
        for number, (sample, z) in enumerate(middles)
    ]


def draw_sheet(triples: Sequence[Triple]) -> Image.Image:
    """Lay out triples (at least one) in two columns, each with its name below."""
    width = max(3 * (triple.image.width + 2) for triple in triples) + 12
    height = max(triple.image.height for triple in triples) + CAPTION_PX + 6
    columns = min(2, len(triples))
    sheet = Image.new("RGB", (columns * width, -(-len(triples) // columns) * height), "white")
    for place, triple in enumerate(triples):
        row, column = divmod(place, columns)
        left, top = column * width, row * height
        for part in (triple.image, triple.mask, triple.overlay):
            sheet.paste(part, (left, top))
            left += part.width + 2
        below = top + triple.image.height + 1
        ImageDraw.Draw(sheet).text((column * width + 2, below), triple.name, fill="black", font=font(13))
    return sheet


def _draw(section: Sample, name: str) -> Triple:
    if section.mask is None:
        raise DataError(f"{name}: has no labels; expected a dataset with label and mask")
    raw, mask = section.raw[0], section.mask[0]
    painted = overlay(raw, mask, np.asarray(mask == 1))
    parts = (raw, mask_grey(mask), painted)
    pictures, pixel_nm = fit_picture(parts, section.voxel_size_nm[1:], TILE_PX)
    draw_scale_bar(pictures[0], pixel_nm)
    return Triple(name, *pictures)
