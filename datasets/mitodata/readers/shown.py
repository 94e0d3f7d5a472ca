"""Which of the pixels of a file are wanted: its grey levels, its colours, or the numbers that are stored."""

from enum import Enum


class Shown(Enum):
    """What becomes of the pixels of a file.

    Attributes:
        GREY: as they look, colours as their luminance; (Z, Y, X).
        COLOURS: as they look; (Z, Y, X), or (Z, Y, X, 3).
        STORED: as they are stored, whatever they stand for: the numbers of instances or of colours in a table.
    """

    GREY = "grey"
    COLOURS = "colours"
    STORED = "stored"
