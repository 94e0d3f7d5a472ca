"""OME-Zarr 0.4 and 0.5: an image with the label images in its group `labels`.

Specification: https://ngff.openmicroscopy.org/0.5/#label-md
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from mitodata.errors import DataError, did_you_mean
from mitodata.importers.annotations.choice import parse_choice
from mitodata.importers.annotations.numbers import numbers_of, whole_numbers
from mitodata.importers.annotations.truth import Annotation, understand
from mitodata.importers.components import Labels, as_labels
from mitodata.importers.importer import Importer, Options
from mitodata.importers.packed import section_reader
from mitodata.importers.stack import Stack
from mitodata.readers.damage import readable
from mitodata.readers.names import stem
from mitodata.readers.ome_zarr import is_zarr, open_root, open_zarr
from mitodata.readers.source import StoredImage
from mitodata.readers.voxel_size import place_problem

_INSTANCES = "instances"
"""Name of the label image that `mitoseg predict` writes, beside that of a mask."""

_EXPECTS = "an OME-Zarr whose group labels holds label images"


def _find(path: Path, options: Options) -> list[Stack]:
    if not is_zarr(path):
        missing = "not found in there" if path.exists() else "no such folder; expected"
        raise DataError(f"{path}: {missing}: {_EXPECTS}")
    images = list(open_zarr(path, options.raw))
    names = list(_label_names(path, options.raw))
    label, mask = options.label, options.mask
    if label is None and mask is None:
        label = _only_label(path, names)
    within = f"{options.raw.strip('/')}/" if options.raw else ""

    def open_labels(name: str) -> list[StoredImage]:
        if name not in names:
            hint = did_you_mean(name, names, f"found {', '.join(names) or 'none'}")
            raise DataError(f"{path}: its group labels has no {name}{hint}")
        found = list(open_zarr(path, f"{within}labels/{name}"))
        if [each.array.shape for each in found] != [each.array.shape for each in images]:
            raise DataError(
                f"{path}: labels/{name} has shape {found[0].array.shape}, the image {images[0].array.shape}; expected "
                "the same number of images of the same shape"
            )
        for each, image in zip(found, images, strict=True):
            problem = place_problem(each.edges_nm, each.corner_nm, image.edges_nm, image.corner_nm)
            if problem:
                raise DataError(f"{path}: labels/{name} {problem}; expected both at one place: cut them alike")
        return found

    return list(_stacks(path, images, open_labels(label) if label else [], open_labels(mask) if mask else [], options))


def _stacks(
    path: Path, images: list[StoredImage], labels: list[StoredImage], masks: list[StoredImage], options: Options
) -> Iterator[Stack]:
    annotations = [_Numbers(found).annotation for found in masks]
    choice = parse_choice(options.mask_values, options.unknown)
    truths = understand(annotations, choice, path) if annotations else []
    for number, image in enumerate(images):
        name, depth = f"{stem(path)}{image.suffix}", image.array.shape[0]
        yield Stack(
            name=name,
            sections=[f"{name} {z}" for z in range(depth)],
            raw=section_reader(image.array, path),
            mask=truths[number].mask if truths else None,
            label=_Numbers(labels[number]).instances if labels else truths[number].label if truths else None,
            one_image=True,
            edges_nm=image.edges_nm,
        )


class _Numbers:
    """The numbers of a label image, section by section."""

    def __init__(self, found: StoredImage) -> None:
        self._found, self._read = found, section_reader(found.array, found.path)
        wide = found.array.dtype.kind == "f" or found.array.dtype.itemsize > 2  # of all sections, not of one
        self._largest = int(np.iinfo(np.uint32 if wide else np.uint16).max)

    @property
    def annotation(self) -> Annotation:
        """What is read as a mask whose values are to be judged."""
        where = self._found.path
        return Annotation(self._found.array.shape[0], lambda z: numbers_of(self._read(z), where), where)

    def instances(self, z: int) -> Labels:
        """Read the instances of a section."""
        return as_labels(whole_numbers(self._read(z), f"{self._found.path}: labels, section {z}"), self._largest)


def _label_names(path: Path, within: str | None) -> Iterator[str]:
    """Names of the label images of an image: those that the group `labels` lists."""
    with readable(path, "Zarr"):
        root: Any = open_root(path)
        group = root[within] if within else root
        if not isinstance(group, zarr.Group) or "labels" not in group:
            return
        listed: Any = group["labels"].attrs.asdict()
        names = listed.get("ome", listed).get("labels", [])
    yield from (str(name) for name in names)


def _only_label(path: Path, names: list[str]) -> str:
    """The label image that needs no naming."""
    if not names:
        raise DataError(f"{path}: holds no labels; expected {_EXPECTS}; without them it is imported as images")
    if len(names) > 1 and _INSTANCES not in names:
        raise DataError(f"{path}: holds several label images: {', '.join(names)}; name one with --label or --mask")
    return _INSTANCES if _INSTANCES in names else names[0]


def _recognises(path: Path) -> bool:
    try:
        return is_zarr(path) and any(_label_names(path, None))
    except DataError:
        return False


OME_ZARR = Importer(
    name="ome-zarr",
    description="OME-Zarr with labels",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    volume=True,
    options=frozenset({"raw", "label", "mask", "mask_values", "unknown"}),
)
