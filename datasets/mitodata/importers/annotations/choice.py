"""What the user says about the values of masks: which are foreground, whether they are instances, which are unknown."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels

INSTANCES, ANY = "instances", "any"

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?")
_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")
_NAME = re.compile(r"[^\W\d]")

Range = tuple[float, float]
"""The first and the last of some values."""


@dataclass(frozen=True)
class Choice:
    """What the user says; nothing if all is empty.

    Attributes:
        instances: every number but 0 is an instance.
        everything: every number but 0 is foreground.
        ranges: the numbers that are foreground.
        colours: the colours that are foreground, 0xRRGGBB.
        names: the classes that are foreground, where they have names.
        unknown: the numbers at which no truth is known.
        offered: whether the user has these options at all.
    """

    instances: bool = False
    everything: bool = False
    ranges: tuple[Range, ...] = ()
    colours: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    unknown: tuple[Range, ...] = ()
    offered: bool = True

    @property
    def open(self) -> bool:
        """Whether it is left to the values what they mean."""
        return not (self.instances or self.everything or self.ranges or self.colours or self.names)


def parse_choice(mask_values: str | None, unknown: str | None) -> Choice:
    """Read the options `--mask-values` and `--unknown`.

    Args:
        mask_values: "instances", "any", or what is foreground: numbers, ranges such as 128-255, colours such as
            #ff0000 and names of classes, with commas between them.
        unknown: numbers and ranges.

    Raises:
        DataError: one of them is not of this form.
    """
    words = _words(mask_values)
    ranges = [found for word in words if (found := _range(word))]
    colours = [int(match[1], 16) for word in words if (match := _COLOUR.fullmatch(word))]
    names = [word for word in words if _NAME.match(word)]
    if len(ranges) + len(colours) + len(names) < len(words) or ({INSTANCES, ANY} & {*names} and len(words) > 1):
        raise DataError(
            f"mask values {mask_values!r}; expected {INSTANCES}, {ANY}, or values such as 1 or 100,200 or 128-255 or "
            "#ff0000"
        )
    nowhere = [_range(word) for word in _words(unknown)]
    if None in nowhere:
        raise DataError(f"unknown values {unknown!r}; expected numbers such as 255 or 254,255")
    return Choice(
        instances=names == [INSTANCES],
        everything=names == [ANY],
        ranges=tuple(ranges),
        colours=tuple(colours),
        names=() if names in ([INSTANCES], [ANY]) else tuple(names),
        unknown=tuple(found for found in nowhere if found is not None),
    )


def within(values: Pixels, ranges: tuple[Range, ...]) -> NDArray[np.bool_]:
    """Which values lie in one of some ranges."""
    inside = np.zeros(values.shape, np.bool_)
    for first, last in ranges:
        inside |= (values >= first) & (values <= last)
    return inside


def _words(option: str | None) -> list[str]:
    return [] if option is None else [word.strip() for word in option.split(",")]


def _range(word: str) -> Range | None:
    match = _RANGE.fullmatch(word)
    if not match:
        return None
    first, last = float(match[1]), float(match[2] or match[1])
    return (first, last) if first <= last else None
