"""Crops of the user's own images, to be seen beside rendered ones; labels that a file may hold stay closed."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mitodata.errors import DataError
from mitodata.hdf5.unlabelled import Unlabelled
from mitogen.explorer.look import describe_look
from mitogen.explorer.view import SMALLEST_PX, ViewError
from mitogen.gap.appearance import Appearance, Image, appearance_of
from mitogen.gap.sections import Sampling, read_sections, smallest_section_px

CROPS = 12
CROP_PX = 256

_SECTIONS = 12


@dataclass(frozen=True, eq=False)
class OwnImages:
    """What is shown of a file.

    Attributes:
        name: of the file.
        pixel_nm: edge of a pixel of its first image.
        crops: some (Y, X) uint8 windows of one size, evenly spaced over the file.
    """

    name: str
    pixel_nm: float
    crops: tuple[Image, ...] = field(repr=False)

    @cached_property
    def appearance(self) -> Appearance:
        """What all crops together look like."""
        return appearance_of(self.crops)

    @cached_property
    def look(self) -> dict[str, Any]:
        """What all crops together look like in numbers; see `describe_look`."""
        return describe_look(self.appearance)

    def crop(self, number: str) -> Image:
        """The crop of this number.

        Raises:
            ViewError: there is none.
        """
        if not (number.isascii() and number.isdecimal() and len(number) < 5 and int(number) < len(self.crops)):
            raise ViewError(f"number={number[:20]!r}: expected a whole number from 0 to {len(self.crops) - 1}")
        return self.crops[int(number)]


def read_own(path: Path) -> OwnImages:
    """Cut crops of at most 256 x 256 pixels out of a dataset file.

    Raises:
        DataError: it is missing, damaged or no dataset, or its images are too small.
    """
    with Unlabelled(path) as images:
        edge = min(CROP_PX, *smallest_section_px(images, Sampling(_SECTIONS))) if len(images) else 0
        if edge < SMALLEST_PX:
            raise DataError(f"{path}: tissue of {edge} px; expected at least {SMALLEST_PX} x {SMALLEST_PX}")
        windows = [section.raw for section in read_sections(images, Sampling(_SECTIONS, window_px=(edge, edge)))]
        pixel_nm = images.voxel_size_nm(0)[2]
    places = np.linspace(0, len(windows) - 1, min(CROPS, len(windows))).round().astype(int)
    return OwnImages(path.name, pixel_nm, tuple(windows[place] for place in places))
