"""Kasthuri++: the layout of Lucchi++, with masks whose colour 2, 2, 2 marks what is not annotated."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.folders import locate
from mitodata.importers.formats.plusplus import holds_splits, split_stacks
from mitodata.importers.importer import Importer, Options, choose_split
from mitodata.importers.masks import binarise, mark_ignored
from mitodata.importers.stack import Stack
from mitodata.readers.inputs import read_pixels
from mitodata.readers.source import Shown

_EXPECTS = "Train_In + Train_Out and Test_In + Test_Out (Kasthuri++)"
_UNKNOWN = 2


def _find(path: Path, options: Options) -> list[Stack]:
    folder = locate(path, holds_splits, _EXPECTS)
    return choose_split(split_stacks(folder, _read_mask), options.split, folder)


def _read_mask(path: Path) -> NDArray[np.uint8]:
    colours = read_pixels(path, Shown.COLOURS)
    unknown = colours == _UNKNOWN
    if unknown.ndim == 3:
        unknown = unknown.all(axis=-1)
    grey = colours.max(axis=-1) if colours.ndim == 3 else colours
    return mark_ignored(binarise(np.where(unknown, 0, grey), path), unknown)


def _recognises(path: Path) -> bool:
    try:
        locate(path, holds_splits, _EXPECTS)
    except DataError:
        return False
    return True


KASTHURI = Importer(
    name="kasthuri",
    description="Kasthuri++ mouse neocortex, ssSEM",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    voxel_size_nm=(30.0, 3.0, 3.0),
    volume=True,
    options=frozenset({"split"}),
    licence="not stated; research use with citation",
    citation="Kasthuri et al., Saturated Reconstruction of a Volume of Neocortex, Cell 162, 2015; Casser et al., Fast "
    "Mitochondria Detection for Connectomics, MIDL 2020",
)
