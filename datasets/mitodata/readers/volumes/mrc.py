"""MRC, opened as sources: maps, tomograms and stacks (.mrc, .rec, .st, .map); mrcfile reads the header.

Specification: Cheng et al., J. Struct. Biol. 192 (2015), https://www.ccpem.ac.uk/mrc_format/mrc2014.php; for the flags
of IMOD https://bio3d.colorado.edu/imod/doc/mrc_format.txt
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mrcfile.mrcfile import MrcFile
from mrcfile.utils import data_dtype_from_header, data_shape_from_header

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels, arrange
from mitodata.readers.damage import heard, readable
from mitodata.readers.source import Shown, StoredImage
from mitodata.readers.voxel_size import UNKNOWN, Edges, by_axis, edge_nm

_AXES = {1: "x", 2: "y", 3: "z"}

_DEFAULT_NM = 0.1
"""Edge of a voxel where nobody set it: 1 Angstrom."""

_IMOD = 1146047817
_IMOD_STAMP, _IMOD_FLAGS = slice(152, 156), slice(156, 160)
_SIGNED_FLAG = 1
_LARGEST_SIGNED = 127


def open_mrc(path: Path, shown: Shown = Shown.GREY) -> Iterator[StoredImage]:
    """Open an MRC: an image, a volume, or one volume after the other.

    Bytes are signed in MRC. Shown as grey they are 128 levels higher, from 0 to 255, as IMOD and ImageJ show them.

    Args:
        path: the file.
        shown: what becomes of its pixels.

    Raises:
        DataError: the file is missing or damaged, holds no grey levels, or names its axes in no order.
    """
    with readable(path, "MRC"), heard("mrcfile"):
        with MrcFile(path, header_only=True) as file:
            header = file.header.copy()
        try:
            dtype = data_dtype_from_header(header)
        except ValueError:
            raise DataError(
                f"{path}: holds pixels of MRC mode {header.mode}; expected 0, 1, 2, 6 or 12; save it in one of these"
            ) from None
        if dtype == np.int8 and _is_unsigned(header):
            dtype = np.dtype(np.uint8)
        start = header.nbytes + int(header.nsymbt)
        array = np.memmap(path, dtype, "r", start, data_shape_from_header(header))
        show = partial(_show, shown=shown)
        views = list(arrange(array, _named_axes(path, header, array.ndim), str(path), show))
    edges = _stated_edges(header)
    for number, view in enumerate(views):
        yield StoredImage(path, f"-{number:04d}" if len(views) > 1 else "", view, edges)


def _show(pixels: Pixels, shown: Shown) -> Pixels:
    if pixels.dtype != np.int8 or shown is not Shown.GREY:
        return pixels
    return np.asarray(pixels.astype(np.int16) + 128, np.uint8)


def _is_unsigned(header: Any) -> bool:
    """Whether bytes run from 0 to 255: IMOD says so in a flag, others in the range that they state."""
    content, order = header.tobytes(), header.mode.dtype.byteorder
    stamp, flags = (np.frombuffer(content[part], f"{order}i4")[0] for part in (_IMOD_STAMP, _IMOD_FLAGS))
    if stamp == _IMOD:
        return not flags & _SIGNED_FLAG
    return bool(header.dmin >= 0 and header.dmax > _LARGEST_SIGNED)


def _named_axes(path: Path, header: Any, dimensions: int) -> str:
    """Letters of the dimensions: the header says which axis columns, rows and sections run along."""
    order = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if not any(order):
        order = [3, 2, 1]
    if sorted(order) != sorted(_AXES):
        raise DataError(
            f"{path}: says that sections, rows and columns run along the axes {order}; expected 3, 2, 1 in some order"
        )
    return ("t" + "".join(_AXES[number] for number in order))[-dimensions:]


def _stated_edges(header: Any) -> Edges:
    """The edges of a voxel in nm; unknown where nobody set them. Of a stack of images there is no distance in z."""
    counts = {"z": int(header.mz), "y": int(header.my), "x": int(header.mx)}
    lengths = {axis: float(header.cella[axis]) / count if count > 0 else 0.0 for axis, count in counts.items()}
    edges = {axis: edge_nm(length, "angstrom") for axis, length in lengths.items()}
    if any(edge is not None and abs(edge - _DEFAULT_NM) < _DEFAULT_NM / 1000 for edge in (edges["y"], edges["x"])):
        return UNKNOWN
    is_stack = header.ispg == 0 and counts["z"] == 1 and int(header.nz) > 1
    return by_axis(edges | ({"z": None} if is_stack else {}))
