"""What makes one doubt masks that can be read: traces of JPEG, too much foreground or none, few numbers.

What is probably wrong is asked about, the rest is reported.

JPEG leaves traces in a mask of 0 and 1 also where the file is none any more. It is made for 256 grey levels: what
differs by one it rounds in blocks of 8 x 8 px, to blocks of one value, or at high quality to specks of other values.
"""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.errors import DataError
from mitodata.importers.annotations.survey import FAINT, Table

_LEAST_EDGES = 36
"""Fewer pairs of neighbours at the borders of blocks prove nothing."""

_LEAST_FAINT_EDGES = 64
"""Between fewer pairs of neighbours a second value is no speck."""

_AT_BLOCKS = 0.55
"""Share of the edges at the borders of blocks; an eighth lies there by chance."""

_SPECK_PX = 16
"""Values above 1 lie in regions of this many px or less, in the mean."""

_MOST = 0.5
"""More foreground than this is remarkable."""

_log = logging.getLogger("mitodata")


def by_jpeg(found: Table) -> bool:
    """Whether values up to 3, more than one of them, are those of a mask of 0 and 1 that JPEG has changed."""
    if not _is_faint(found) or found.values[-1] < 2 or 1 not in found.values or found.edges < _LEAST_FAINT_EDGES:
        return False
    more = found.values > 1
    specks = found.pixels[more].sum() <= _SPECK_PX * found.regions[more].sum()
    return bool(specks or _is_blocky(found))


def doubt_masks(found: Table, foreground_px: int, px: int, where: object) -> None:
    """Refuse masks that JPEG has moved to its blocks, or emptied; say so if more is foreground than background.

    Args:
        found: the values of files without loss.
        foreground_px: how many pixels of all files are foreground.
        px: how many there are.
        where: named in errors and warnings.

    Raises:
        DataError: edges lie between blocks, or there is no foreground.
    """
    if foreground_px == 0:
        raise DataError(
            f"{where}: there is no foreground in any mask; expected some (JPEG turns 1 into 0); if all of them are "
            "empty, say --mask-values any"
        )
    if _is_faint(found) and _is_blocky(found):
        raise DataError(
            f"{where}: edges lie between blocks of 8 x 8 px, where JPEG puts those of 0 and 1; expected masks as "
            "drawn; if they were drawn so, say --mask-values any"
        )
    if foreground_px > _MOST * px:
        _log.warning(
            "%s: foreground is %.0f %% of the masks; if that is what lies between the objects, say --mask-values 0",
            where,
            100 * foreground_px / px,
        )


def doubt_encodings(where: object) -> None:
    """Say that the foreground is 1 in some files and 255 in others."""
    _log.warning(
        "%s: some files hold 0 and 1, others 0 and 255: both are taken for foreground; if 255 is what is unknown, say "
        "--unknown 255",
        where,
    )


def doubt_outlines(masks: Sequence[NDArray[np.uint8]]) -> str:
    """Say that masks, (Y, X) of 0, 1 and 255 each, enclose more than they cover; an empty string if they do not."""
    covered = enclosed = 0
    for mask in masks:
        inside = mask == 1
        covered += int(inside.sum())
        enclosed += int((ndimage.binary_fill_holes(inside) & (mask == 0)).sum())
    if enclosed <= covered:
        return ""
    return (
        f"the masks enclose {enclosed / max(covered, 1):.1f} times as many pixels as they cover: outlines that nobody "
        "filled? fill them, or the inside counts as background"
    )


def doubt_instances(listed: str, example: str, where: object) -> None:
    """Say that few numbers are taken for instances; they are listed, and one is an example."""
    _log.warning(
        "%s: values %s are taken for instances; if they are classes, say which are foreground, as in --mask-values %s",
        where,
        listed,
        example,
    )


def _is_faint(found: Table) -> bool:
    return len(found.values) > 0 and 0 < found.values[-1] <= FAINT


def _is_blocky(found: Table) -> bool:
    return found.at_blocks > max(_LEAST_EDGES, _AT_BLOCKS * found.edges)
