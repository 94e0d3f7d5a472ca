"""MitoEM: im%04i.png with instances in seg%04i.tif, a file a section."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from mitodata.errors import DataError
from mitodata.importers.annotations.numbers import whole_numbers
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.folders import last_number, numeric_key
from mitodata.importers.importer import Importer, Options
from mitodata.importers.stack import Stack, match
from mitodata.readers.inputs import read_pixels
from mitodata.readers.source import Shown

_EXPECTS = "im%04i.png, with seg%04i.tif where there are labels (folders may be nested)"


def _find(path: Path, options: Options) -> list[Stack]:
    images, labels = _files(path, "im", (".png",)), _files(path, "seg", (".tif", ".tiff"))
    if not images:
        raise DataError(f"{path}: not found in there: {_EXPECTS}")
    if options.split:
        labels = [label for label in labels if options.split in label.parent.name.lower()]
        if not labels:
            raise DataError(f"{path}: has no split {options.split}: no folder of that name with seg%04i.tif in it")
    if not labels:
        return [_stack(path, images, [])]
    # The test sections of the challenge come without labels: what has none is left out.
    numbers = {last_number(label) for label in labels}
    pairs = match([image for image in images if last_number(image) in numbers], labels, last_number)
    return [_stack(path, [image for image, _ in pairs], [label for _, label in pairs])]


def _files(path: Path, prefix: str, suffixes: tuple[str, ...]) -> list[Path]:
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; expected {_EXPECTS}")
    found = [file for file in path.rglob(f"{prefix}[0-9]*") if file.suffix.lower() in suffixes]
    return sorted(found, key=numeric_key)


def _stack(path: Path, images: list[Path], labels: list[Path]) -> Stack:
    for below, above in pairwise(images):
        if last_number(above) != last_number(below) + 1:
            raise DataError(f"{above}: follows {below.name}; expected sections without gaps, each once")
    wide = bool(labels) and read_pixels(labels[0], Shown.STORED).dtype.itemsize > 2
    largest = int(np.iinfo(np.uint32 if wide else np.uint16).max)

    def label(z: int) -> Labels:
        array = whole_numbers(read_pixels(labels[z], Shown.STORED), labels[z])
        if array.max() > largest:
            raise DataError(f"{labels[z]}: instance numbers from {array.min()} to {array.max()} do not fit the first's")
        return as_labels(array, largest)

    return Stack(
        name=path.resolve().name,
        sections=[image.stem for image in images],
        raw=lambda z: read_pixels(images[z]),
        label=label if labels else None,
    )


def _recognises(path: Path) -> bool:
    return path.is_dir() and bool(_files(path, "im", (".png",))) and bool(_files(path, "seg", (".tif", ".tiff")))


MITOEM = Importer(
    name="mitoem",
    description="MitoEM cortex, multi-beam SEM",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    voxel_size_nm=(30.0, 8.0, 8.0),
    volume=True,
    options=frozenset({"split"}),
    licence="not stated; research use with citation",
    citation="Wei et al., MitoEM Dataset: Large-Scale 3D Mitochondria Instance Segmentation from EM Images, "
    "MICCAI 2020",
)
