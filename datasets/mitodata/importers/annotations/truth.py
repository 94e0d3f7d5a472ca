"""Masks or instances of image stacks, from annotations that are judged together."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import Choice
from mitodata.importers.annotations.labelme import (
    choose_classes,
    draw_shapes,
    named_classes,
    read_names,
    read_shapes,
)
from mitodata.importers.annotations.meaning import judge
from mitodata.importers.annotations.numbers import Numbers, read_numbers
from mitodata.importers.annotations.survey import Table, tabulate
from mitodata.importers.components import Labels, as_labels
from mitodata.sample import IGNORE

_log = logging.getLogger("mitodata")

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Annotation:
    """The annotation of one stack.

    Attributes:
        depth: how many sections it has.
        read: reads one of them.
        file: what all of them lie in; None where each is a file of its own, with values of its own.
    """

    depth: int
    read: Callable[[int], Numbers]
    file: Path | None = None


@dataclass(frozen=True)
class Truth:
    """What reads the mask and the instances of a section; one of them may be missing. See `Stack`."""

    mask: Callable[[int], NDArray[np.uint8]] | None = None
    label: Callable[[int], Labels] | None = None


def understand(annotations: Sequence[Annotation], choice: Choice, where: object) -> list[Truth]:
    """Read all sections of a dataset's annotations, to find out what their values mean.

    A section that cannot be read does not count: who reads it again says why.

    Args:
        annotations: of each stack.
        choice: what the user says.
        where: named in errors.

    Returns:
        The truth for each stack.

    Raises:
        DataError: no section can be read, or as `judge`.
    """
    tables: list[Table] = []
    problem: DataError | None = None
    for annotation in annotations:
        for z in range(annotation.depth):
            try:
                tables.append(replace(tabulate(annotation.read(z)), file=annotation.file))
            except DataError as error:
                problem = problem or error
    if problem and not tables:
        raise problem
    meaning = judge(tables, choice, where)

    def truth(read: Callable[[int], Numbers]) -> Truth:
        if not meaning.instances:
            return Truth(mask=lambda z: meaning.mask(read(z)))
        unknown = (lambda z: meaning.unknown(read(z))) if choice.unknown else None
        return Truth(mask=unknown, label=lambda z: meaning.label(read(z)))

    return [truth(annotation.read) for annotation in annotations]


def understand_shapes(files: Sequence[Path], choice: Choice, where: object, whole: bool = False) -> Truth:
    """Find out what the shapes in JSON files of labelme mean: every shape of a foreground class is an instance.

    Shapes are numbered file by file. Those of a volume are a mask therefore, whose instances are found in 3D.

    Args:
        files: one an image.
        choice: what the user says.
        where: named in errors.
        whole: whether the images are the sections of one volume.

    Raises:
        DataError: no file can be read, or as `choose_classes`.
    """
    found = _collect(files, lambda file: [(shape.label, shape.group) for shape in read_shapes(file).shapes])
    classes = choose_classes([label for label, _ in found], choice, where)
    if whole and any(group is not None for label, group in found if label in classes):
        _log.warning("%s: groups of shapes end with their file: objects of the volume are what touches in 3D", where)
    return _numbered_apart(lambda z: draw_shapes(read_shapes(files[z]), classes), whole)


def understand_labels(files: Sequence[Path], choice: Choice, where: object, whole: bool = False) -> Truth:
    """Find out what the numbers in files label.png that labelme exports mean: each file names its own.

    Args:
        files: one an image.
        choice: what the user says.
        where: named in errors.
        whole: as of `understand_shapes`.

    Raises:
        DataError: no file can be read, or as `choose_classes`.
    """
    if choice.instances:
        return _numbered_apart(lambda z: as_labels(read_numbers(files[z]).values, IGNORE), whole)
    found = _collect(files, lambda file: named_classes(read_numbers(file).values, read_names(file), file))
    classes = choose_classes(found, choice, where)

    def mask(z: int) -> NDArray[np.uint8]:
        names, values = read_names(files[z]), read_numbers(files[z]).values
        return np.isin(values, [number for number, name in enumerate(names) if name in classes]).astype(np.uint8)

    return Truth(mask=mask)


def _numbered_apart(read: Callable[[int], Labels], whole: bool) -> Truth:
    """The truth of files that each number their objects from 1 on: in a volume only where objects are."""
    if not whole:
        return Truth(label=read)
    return Truth(mask=lambda z: (read(z) > 0).astype(np.uint8))


def _collect(files: Sequence[Path], read: Callable[[Path], list[_Item]]) -> list[_Item]:
    """Read names from every file that can be read."""
    found: list[_Item] = []
    problem: DataError | None = None
    good = 0
    for file in files:
        try:
            found += read(file)
            good += 1
        except DataError as error:
            problem = problem or error
    if problem and not good:
        raise problem
    return found
