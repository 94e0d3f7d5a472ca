"""Whether image files that are given together are the sections of one volume: their names, and how alike they are."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.source import Source
from mitoseg.io.blocks import Part
from mitoseg.io.section_facts import measure_sections, median, resemblance

SHORTEST = 6
"""Files from which on they may be a series."""

LOOKED_AT = 5
"""Neighbours that are compared, from the middle of the series."""

ALIKE = 0.2
"""Median correlation of neighbours from which on they are taken for sections of one volume."""


def numbered(paths: Sequence[Path]) -> Sequence[Path]:
    """The files in the middle of a series, to be compared; none if names and folders do not count up one by one."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", path.stem) for path in paths]
    if len(paths) < SHORTEST or len({path.parent for path in paths}) > 1:
        return ()
    heads = {(part[1], part[3], path.suffix) if part else None for part, path in zip(parts, paths, strict=True)}
    numbers = sorted((int(part[2]), path) for part, path in zip(parts, paths, strict=True) if part)
    if None in heads or len(heads) > 1 or any(after[0] - before[0] != 1 for before, after in pairwise(numbers)):
        return ()
    start = (len(numbers) - LOOKED_AT) // 2
    return [path for _, path in numbers[start : start + LOOKED_AT]]


def likeness(sections: Sequence[Source]) -> float:
    """Median correlation of neighbouring sections; 0 if they are no single sections of one size."""
    shape = sections[0].shape if sections else (0, 0, 0)
    if len(sections) < 2 or shape[0] != 1 or any(each.shape != shape for each in sections):
        return 0.0

    def read(part: Part) -> NDArray[np.uint8]:
        return np.concatenate([each.read((slice(0, 1), *part[1:])) for each in sections[part[0]]])

    facts = list(measure_sections(read, (len(sections), *shape[1:]), (1, 1)))
    return median([resemblance(above, below) for below, above in pairwise(facts)]) or 0.0
