"""The volume that is shared out: one, and on the grey scale of the whole for all who work on it."""

import json
from itertools import islice
from pathlib import Path

from mitodata import DataError, RunError
from mitodata.files import write_atomic
from mitodata.readers.inputs import open_images, to_source
from mitodata.readers.source import Found, Source
from mitoseg.inference.segment import is_negative
from mitoseg.inference.segment_image import SegmentOptions

GREY = "grey.json"
"""File of the grey scale of the whole volume."""


def check_single(path: Path, options: SegmentOptions) -> None:
    """See whether a file holds one volume that can be shared out.

    Raises:
        DataError: it holds several, or cannot be read.
        RunError: its sections are to be segmented by themselves.
    """
    shapes = [found.array.shape for found in islice(open_images(path, options.dataset), 2)]
    if len(shapes) > 1:
        raise DataError(f"{path}: holds several images; expected one volume, which several processes predict together")
    if options.as_2d and shapes[0][0] > 1:
        raise RunError("--as-2d: sections by themselves are not shared out; save them as files, and share out these")


def on_grey_scale(folder: Path, found: Found, options: SegmentOptions) -> tuple[Source, bool, list[str]]:
    """Give a volume its grey scale, and tell whether it is a negative; measured if nobody has done so.

    Args:
        folder: of the parts, which no other process may be in meanwhile.
        found: the volume.
        options: what is wanted of it.

    Returns:
        The volume, whether it is a negative, and what there is to say of that.

    Raises:
        DataError: the volume has no voxel size or cannot be read; the disk is full.
    """
    path = folder / GREY
    if path.exists():
        try:
            content = json.loads(path.read_text())
            levels = content["levels"] and (float(content["levels"][0]), float(content["levels"][1]))
            negative, notes = bool(content["negative"]), [str(line) for line in content["notes"]]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"{path}: is damaged; remove it, and the same command continues") from error
        return to_source(found, options.voxel_size_nm, square=options.square, levels=levels), negative, notes
    source = to_source(found, options.voxel_size_nm, square=options.square)
    lines: list[str] = []
    negative = is_negative(source, options.invert, lines.append)
    write_atomic(path, json.dumps({"levels": source.levels, "negative": negative, "notes": lines}).encode())
    return source, negative, lines
