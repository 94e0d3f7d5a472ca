"""Whether values are those of a mask: one of background, one of foreground, and grey ones at edges between the two."""

from collections.abc import Sequence
from pathlib import Path

from mitodata.importers.annotations.survey import NEAR_END, WHITE, Table

_STRAY, _STRAY_PX = 1e-3, 3
"""Pixels that are neither foreground nor at its edge are stray up to this share of the foreground, or so few."""

_LEAST_WHITE = 16
"""Whole numbers up to less than this are no shades of grey."""

_FAINT = 0.02
"""Grey pixels at edges need not be those of a smooth edge up to this share of the foreground."""

_STEPS, _STEP = 3, 0.8
"""A smooth edge has at least this many grey values, of which none has more than this share of its pixels."""

_SMEARED, _OFF_EDGE, _OFF_EDGE_LOSSY = 8, 0.2, 0.5
"""A smeared mask has at least this many grey values, with at most this share of their pixels away from edges."""

_NEAR, _SPECK_PX = 2, 3
"""A lossy compression leaves at least this many values near black and white, in regions of this many px or less."""


def is_full(table: Table) -> bool:
    """Whether a section has no other value than 0 and 1, or 0 and the largest of its type."""
    objects = table.objects
    return len(objects) == 0 or (0 in table.values and len(objects) == 1 and objects[0] in (1, WHITE, table.largest))


def share_foreground(tables: Sequence[Table]) -> bool:
    """Whether the sections of each file have one value beside 0, as where all are masks: files may differ in it."""
    found: dict[Path, set[float]] = {}
    for table in tables:
        if table.file is not None:
            found.setdefault(table.file, set()).update(table.objects.tolist())
    return all(len(values) <= 1 for values in found.values())


def foreground_threshold(found: Table, *, lossy: bool = False) -> float | None:
    """Half of the one foreground value, if there is no other but stray pixels and those of smooth edges."""
    objects = found.objects
    if len(objects) == 0:
        return 0.0
    if found.values[0] != 0:
        return None
    if len(objects) == 1:
        return 0.0 if objects[0] % 1 == 0 else None
    top = found.values[-1]
    grey = (found.values != 0) & (found.values != top)
    if not found.solid[-1] or found.solid[grey].any() or top % 1:
        return None
    if top < _LEAST_WHITE and found.values.dtype.kind != "f":
        return None
    foreground, astray = found.pixels[-1], found.astray[grey]
    at_edge = found.pixels[grey] - astray
    few = astray.sum() <= max(_STRAY * foreground, _STRAY_PX)
    off_edge = (_OFF_EDGE_LOSSY if lossy else _OFF_EDGE) * found.pixels[grey].sum()
    smeared = len(astray) >= _SMEARED and astray.sum() <= off_edge
    smooth = len(at_edge) >= _STEPS and at_edge.max() <= _STEP * at_edge.sum()
    faint = at_edge.sum() <= _FAINT * foreground
    return float(top) / 2 if (few or smeared) and (faint or smooth or lossy) else None


def are_ends(found: Table) -> bool:
    """Whether 8-bit values lie around black and white, in specks, as a lossy compression leaves them."""
    low = (found.values > 0) & (found.values <= NEAR_END)
    high = (found.values < WHITE) & (found.values >= WHITE - NEAR_END)
    specks = found.pixels[low].sum() <= _SPECK_PX * found.regions[low].sum()
    return bool(specks and found.values[-1] == WHITE and min(low.sum(), high.sum()) >= _NEAR)
