"""Annotations of labelme: shapes in a JSON file, and the classes of the label.png that it exports."""

import base64
import binascii
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import draw

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import ANY, Choice
from mitodata.importers.components import Labels

NAMES = "label_names.txt"
"""Lies beside a label.png and names its numbers, one a line from 0 on."""

_BACKGROUND = "_background_"
_CORNERS = {"polygon": 3, "rectangle": 2, "oriented_rectangle": 4, "circle": 2, "mask": 2}
_NAMED = 6


@dataclass(frozen=True, eq=False)
class Shape:
    """One shape.

    Attributes:
        label: the name that the user gave to it.
        group: shapes of the same label and group are one object; None: it is one alone.
        kind: as labelme calls it, such as "polygon".
        points: corners (K, 2) as x, y in px; the middle of the first pixel is 0.5, 0.5.
        bits: pixels of a shape that is a mask, from its first corner on; else empty.
    """

    label: str
    group: int | None
    kind: str
    points: NDArray[np.float64]
    bits: NDArray[np.bool_]


@dataclass(frozen=True)
class Shapes:
    """The shapes in a JSON file, and the size of their image in px, (Y, X)."""

    path: Path
    shape: tuple[int, int]
    shapes: tuple[Shape, ...]


def read_shapes(path: Path) -> Shapes:
    """Read a JSON file of labelme.

    Raises:
        DataError: it is missing, damaged, of another program, or has shapes without an area.
    """
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON, or damaged; expected shapes drawn with labelme") from error
    expected = f"{path}: expected the JSON of labelme, with shapes, imageHeight and imageWidth"
    if isinstance(table, dict) and {"annotations", "images"} <= table.keys():
        raise DataError(f"{expected}; got that of COCO: convert it, or save its masks as images")
    try:
        size = int(table["imageHeight"]), int(table["imageWidth"])
        shapes = tuple(_shape(entry, f"{path}: shape {number}") for number, entry in enumerate(table["shapes"]))
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise DataError(f"{expected} ({type(error).__name__}: {error})") from error
    return Shapes(path, size, shapes)


def choose_classes(found: Iterable[str], choice: Choice, where: object) -> frozenset[str]:
    """Say which classes are foreground: the only one, or those that the user names.

    Args:
        found: the class of every shape.
        choice: what the user says.
        where: named in errors.

    Raises:
        DataError: there are several and none is named, or there is none of that name.
    """
    counts = Counter(found)
    listed = ", ".join(f"{name} ({count})" for name, count in counts.most_common(_NAMED))
    listed += f", ... ({len(counts)} labels)" if len(counts) > _NAMED else ""
    if choice.ranges or choice.colours or choice.unknown:
        raise DataError(
            f"{where}: has labels {listed}; expected --mask-values {ANY}, or such a label, and no --unknown"
        )
    strange = [name for name in choice.names if name not in counts]
    if strange:
        raise DataError(f"{where}: has no label {strange[0]}; found {listed or 'none'}")
    if choice.open and len(counts) > 1:
        raise DataError(f"{where}: labels {listed}; expected the choice --mask-values {ANY}, or those of mitochondria")
    return frozenset(choice.names or counts)


def draw_shapes(shapes: Shapes, classes: frozenset[str]) -> Labels:
    """Draw shapes as instances, (Y, X) uint16: 1 for the first object; where they overlap, the later one is seen.

    A pixel belongs to a shape if its middle does.

    Args:
        shapes: of one image.
        classes: which of them are drawn.

    Raises:
        DataError: a shape covers no pixel.
    """
    image = np.zeros(shapes.shape, np.uint16)
    numbers: dict[object, int] = {}
    for place, shape in enumerate(shapes.shapes):
        if shape.label not in classes:
            continue
        rows, columns = _pixels(shape, shapes.shape)
        if not len(rows):
            raise DataError(f"{shapes.path}: shape {place} ({shape.label}) covers no pixel of the image; remove it")
        key = (shape.label, shape.group) if shape.group is not None else place
        image[rows, columns] = numbers.setdefault(key, len(numbers) + 1)
    return image


def read_names(path: Path) -> list[str]:
    """Read the names of the numbers in an exported label.png, by number.

    Raises:
        DataError: they cannot be read.
    """
    file = path.with_name(NAMES)
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error})") from error


def named_classes(values: NDArray[Any], names: list[str], path: Path) -> list[str]:
    """The names of the numbers in a label.png, without that of the background.

    Raises:
        DataError: a number has no name.
    """
    if values.dtype.kind not in "ui" or values.max(initial=0) >= len(names):
        raise DataError(f"{path}: has values up to {values.max(initial=0)}; {NAMES} names {len(names)}")
    return [names[value] for value in np.unique(values) if names[value] != _BACKGROUND]


def _shape(entry: dict[str, Any], where: str) -> Shape:
    kind, label = str(entry.get("shape_type") or "polygon"), str(entry["label"])
    points = np.array(entry["points"], np.float64)
    if kind not in _CORNERS or points.ndim != 2 or points.shape[1] != 2 or len(points) < _CORNERS[kind]:
        raise DataError(
            f"{where} ({label}) is a {kind} of {len(points)} points; expected a polygon, rectangle, circle or mask"
        )
    bits = np.zeros((0, 0), np.bool_)
    if kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(entry["mask"]))) as picture:
            bits = np.asarray(picture.convert("L")) > 0
    group = entry.get("group_id")
    return Shape(label, None if group is None else int(group), kind, points, bits)


def _pixels(shape: Shape, size: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels whose middle lies in a shape."""
    x, y = (shape.points - 0.5).T
    if shape.kind == "mask":
        rows, columns = np.nonzero(shape.bits)
        rows, columns = rows + round(shape.points[0, 1]), columns + round(shape.points[0, 0])
        inside = (rows >= 0) & (columns >= 0) & (rows < size[0]) & (columns < size[1])
        return rows[inside], columns[inside]
    if shape.kind == "circle":
        rows, columns = draw.disk((y[0], x[0]), np.hypot(y[1] - y[0], x[1] - x[0]), shape=size)
        return rows, columns
    if shape.kind == "rectangle":
        x, y = x[[0, 1, 1, 0]], y[[0, 0, 1, 1]]
    rows, columns = draw.polygon(y, x, shape=size)
    return rows, columns
