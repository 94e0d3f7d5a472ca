"""One way to count for files that count differently: grey levels, places in palettes, and colours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from mitodata.importers.annotations.numbers import Kind, brightest, is_grey, voc_colours
from mitodata.importers.annotations.survey import Table
from mitodata.readers.axes import Pixels


class Colours(Enum):
    """What a colour counts as.

    Attributes:
        GREY: its grey level.
        CODES: the 24 bits of red, green and blue.
        VOC: its number in the palette of Pascal VOC.
    """

    GREY = "grey"
    CODES = "codes"
    VOC = "voc"


@dataclass(frozen=True)
class Translation:
    """How numbers of any kind become comparable.

    Attributes:
        colours: what a colour counts as.
        indices: whether a place in a palette counts as it is, not as its colour.
    """

    colours: Colours = Colours.GREY
    indices: bool = True

    def numbers(self, values: Pixels, kind: Kind, palette: Mapping[int, int]) -> Pixels:
        """Translate values of a kind, of any shape."""
        if kind is Kind.LEVEL:
            if values.dtype.kind in "ui" and self.colours is Colours.CODES:
                return np.asarray(values.astype(np.int64) * 0x010101)
            return values
        if kind is Kind.GREY:
            return values if self.colours is Colours.GREY else self._of_colours(values.astype(np.int64) * 0x010101)
        if kind is Kind.INDEX:
            if self.indices:
                return values
            table = np.zeros(max(palette) + 1, np.int64)
            table[list(palette)] = list(palette.values())
            return self._of_colours(table[values])
        return self._of_colours(values)

    def number(self, colour: int) -> int:
        """Translate one colour 0xRRGGBB; -1 if there is no such number."""
        if self.colours is Colours.VOC and colour not in voc_colours():
            return -1
        return int(self._of_colours(np.array([colour]))[0])

    def name(self, number: float) -> str:
        """Write a number as the user would name it."""
        if self.colours is Colours.CODES:
            return f"#{int(number):06x}"
        return f"{number:g}" if number % 1 else f"{int(number)}"

    def _of_colours(self, codes: Pixels) -> Pixels:
        if self.colours is Colours.GREY:
            return brightest(codes)
        if self.colours is Colours.CODES:
            return codes
        numbered = voc_colours()
        order = np.argsort(numbered)
        places = np.searchsorted(numbered[order], codes).clip(max=len(numbered) - 1)
        return np.asarray(order[places])


def choose_translation(tables: Sequence[Table]) -> Translation:
    """Say how the values of all sections of a dataset are to be counted.

    Places in a palette count as they are where the palette is that of Pascal VOC, or one of colours whose black, if it
    is used, is number 0. Of grey palettes the grey levels count, of all others the colours. Colours count as grey
    levels where all are grey, as numbers where all are those of Pascal VOC, else as 24 bits.

    Args:
        tables: of each section.
    """
    voc = voc_colours()
    palettes = [table.numbers.palette for table in tables if table.numbers.kind is Kind.INDEX]
    shown = [table.values for table in tables if table.numbers.kind is Kind.COLOUR]
    colourful = not all(is_grey(values).all() for values in shown)
    used = sorted({item for palette in palettes for item in palette.items()})
    numbered = all(index < len(voc) and colour == voc[index] for index, colour in used)
    grey = bool(is_grey(_array(colour for _, colour in used)).all())
    one_palette = len({index for index, _ in used}) == len(used)
    black_first = all(index == 0 for index, colour in used if colour == 0)
    as_they_are = numbered or (not grey and one_palette and black_first)
    if not colourful and (as_they_are or grey):
        return Translation(indices=as_they_are)
    colours = np.concatenate([*shown, _array(colour for _, colour in used)])
    return Translation(Colours.VOC if np.isin(colours, voc).all() else Colours.CODES, indices=False)


def _array(colours: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(colours, np.int64)
