"""Pictures of what a run found before and after."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE
from mitoseg.inference.decoding import Decoding
from mitoseg.io.panels import Panel, draw_sheet, png
from mitoseg.metrics import caption, confusion
from mitoseg.transfer.finetuning.crossvalidation import Probabilities, find_mask
from mitoseg.transfer.finetuning.regions import LabelledSection

SHOWN = 4
"""Sections that are shown, at most."""

LARGEST_PX = 768
"""What is shown of a section is at most so wide and high."""

Prediction = tuple[Probabilities, Decoding, str]
"""Probabilities of all sections, how they are decoded, and a title."""


def draw_before_and_after(sections: Sequence[LabelledSection], before: Prediction, after: Prediction) -> bytes:
    """Draw sections with what was found before and after, below each other, as PNG.

    Args:
        sections: labelled; of each the part around its labels is shown.
        before: what was found before.
        after: what was found after.
    """
    panels = []
    for number in np.unique(np.linspace(0, len(sections) - 1, SHOWN).round().astype(int)).tolist():
        section = sections[number]
        part = _around_labels(section.mask)
        for probabilities, decoding, title in (before, after):
            found = find_mask(section, probabilities[number], decoding)[part]
            text = f"{title}: {section.name}, {caption(confusion(found, section.mask[part]))}"
            y_nm, x_nm = section.voxel_size_nm[1:]
            panels.append(
                Panel(section.raw[part], section.mask[part], probabilities[number][part], found, text, (y_nm, x_nm))
            )
    return png(draw_sheet(panels))


def _around_labels(mask: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns around the middle of what is known, up to `LARGEST_PX`."""
    parts = []
    for axis, length in enumerate(mask.shape):
        places = np.flatnonzero((mask != IGNORE).any(axis=1 - axis))
        size = min(LARGEST_PX, length)
        start = (int(places[0]) + int(places[-1]) + 1 - size) // 2
        start = min(max(start, 0), length - size)
        parts.append(slice(start, start + size))
    return parts[0], parts[1]
