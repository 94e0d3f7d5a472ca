"""Painted labels as what fine-tuning reads: unpainted is unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata import IGNORE, DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitodata.readers.axes import Part
from mitoseg_napari.pictures import LayerLike, Picture, cover

BACKGROUND = 1
"""What is painted with this number is no mitochondrion."""


@dataclass(frozen=True, eq=False)
class Painted:
    """Labels on a part of a picture.

    Attributes:
        picture: that part.
        labels: (Z, Y, X) integers, 0 = not painted.
        reviewed: (Z, Y, X) bool, where all is known, and 0 is background; None where only what is painted is known, and
            `BACKGROUND` is background.
        name: of the layer of labels.
    """

    picture: Picture
    labels: NDArray[np.integer]
    reviewed: NDArray[np.bool_] | None
    name: str

    @property
    def known(self) -> NDArray[np.uint8]:
        """The mask, (Z, Y, X) uint8: 0, 1, 255 = unknown."""
        if self.reviewed is not None:
            return np.where(self.reviewed, self.labels > 0, IGNORE).astype(np.uint8)
        return np.where(self.labels == 0, IGNORE, self.labels != BACKGROUND).astype(np.uint8)


def collect(
    picture: Picture, image: LayerLike, labels: LayerLike, rectangles: list[Part] | None, *, all_reviewed: bool = False
) -> Painted:
    """Bring labels and image together.

    Args:
        picture: of `image`.
        image: the layer.
        labels: painted on it.
        rectangles: parts of the picture in which all is known; None for none.
        all_reviewed: everything that the labels cover is known.

    Raises:
        DataError: the labels do not lie on the image, nothing is painted, or only one of mitochondria and background.
    """
    part, data = cover(labels, image, picture)
    values: NDArray[np.integer] = np.array(data)  # they may be painted on while they are learned from
    reviewed: NDArray[np.bool_] | None = None
    if all_reviewed:
        reviewed = np.ones(values.shape, bool)
    elif rectangles is not None:
        whole = np.zeros(picture.shape, bool)
        for each in rectangles:
            whole[each] = True
        reviewed = whole[part]
    painted = Painted(picture.cut(part), values, reviewed, labels.name)
    mask = painted.known
    if not (mask == 1).any():
        how = "inside what is reviewed" if reviewed is not None else f"with a number above {BACKGROUND}"
        raise DataError(f"{labels.name}: no mitochondrion is painted; expected some, {how}")
    if not (mask == 0).any():
        how = "leave some of what is reviewed unpainted" if reviewed is not None else f"paint some with {BACKGROUND}"
        raise DataError(f"{labels.name}: no background is known; {how}, or all that is learned is to say yes")
    return painted


def write_painted(painted: Painted, path: Path) -> None:
    """Write the sections of which anything is known as a dataset file, a sample each.

    Args:
        painted: the labels.
        path: the file.

    Raises:
        DataError: the picture has no voxel size, or the file cannot be written.
    """
    size_nm, source = painted.picture.voxel_size_nm, painted.picture.grey()
    if size_nm is None:
        raise DataError(f"{painted.picture.name}: has no voxel size; fill it in, z, y, x in nm")
    _, y, x = painted.picture.shape
    mask = painted.known

    def samples() -> Iterator[Sample]:
        for z in np.flatnonzero((mask != IGNORE).any((1, 2))).tolist():
            raw = source.read((slice(z, z + 1), slice(0, y), slice(0, x)))
            numbers, _ = ndimage.label(mask[z] == 1)
            name = f"{painted.picture.name} {z}"
            yield Sample(raw, size_nm, numbers[None].astype(np.uint32), mask[z : z + 1], name=name)

    write_dataset(path, samples(), Provenance(source=f"napari: {painted.name}"), overwrite=True)
