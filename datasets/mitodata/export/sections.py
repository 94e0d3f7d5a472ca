"""All sections of a labelled dataset file one by one, and the folders that are written of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mitodata.errors import DataError
from mitodata.files import beside
from mitodata.hdf5.dataset import Dataset
from mitodata.hdf5.layout import BLOCK
from mitodata.sample import IGNORE, Sample, VoxelSize

NAME = r"\d{6,}(_z\d{4,})?"
"""Regular expression of the names of sections."""


@dataclass(frozen=True, eq=False)
class NamedSection:
    """One section of a labelled image or volume.

    Attributes:
        name: unique in the file: 000012 of an image, 000000_z0005 of a volume.
        image: number of the image or volume.
        z: its place in the volume, from 0 on.
        voxel_size_nm: (z, y, x) in nm.
        raw: (Y, X) uint8.
        label: (Y, X), the numbers of instances; they agree between sections of one volume.
        unknown: (Y, X), where no truth is known.
    """

    name: str
    image: int
    z: int
    voxel_size_nm: VoxelSize
    raw: NDArray[np.uint8]
    label: NDArray[Any]
    unknown: NDArray[np.bool_]


def sections_of(dataset: Dataset) -> Iterator[NamedSection]:
    """Read all sections in order; of a volume a slab is in memory."""
    for number in range(len(dataset)):
        depth = dataset.shape(number)[0]
        for start, slab in slabs_of(dataset, number):
            for z, (raw, label, mask) in enumerate(zip(*labels_of(slab), strict=True), start):
                name = f"{number:06d}" + (f"_z{z:04d}" if depth > 1 else "")
                yield NamedSection(name, number, z, slab.voxel_size_nm, raw, label, mask == IGNORE)


def slabs_of(dataset: Dataset, number: int) -> Iterator[tuple[int, Sample]]:
    """Whole sections of one sample, a chunk deep, behind the z of the first."""
    depth = dataset.shape(number)[0]
    for start in range(0, depth, BLOCK[0]):
        yield start, dataset.read(number, (slice(start, min(start + BLOCK[0], depth)), slice(None), slice(None)))


def labels_of(sample: Sample) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.uint8]]:
    """Raw, label and mask of a sample, (Z, Y, X) each.

    Raises:
        DataError: it has no labels.
    """
    if sample.label is None or sample.mask is None:
        raise DataError(f"{sample.name or 'sample'}: has no labels; expected an image with instances")
    return sample.raw, sample.label, sample.mask


@contextmanager
def open_labelled(path: Path) -> Iterator[Dataset]:
    """Open a dataset file of which every image is labelled.

    Raises:
        DataError: it is not, holds no image, is missing or damaged.
    """
    with Dataset(path) as dataset:
        if not dataset.labelled or not len(dataset):
            raise DataError(f"{path}: has no labels; expected a dataset whose images have instances")
        yield dataset


@contextmanager
def new_folder(path: Path, ours: str, overwrite: bool) -> Iterator[Path]:
    """Give a hidden folder to fill, which becomes `path` when it is whole.

    Args:
        path: of the folder.
        ours: regular expression of the files in a folder of this kind, from there; one that holds others stays.
        overwrite: replace a folder that exists.

    Raises:
        DataError: it exists and is not to be replaced, or cannot be written.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        if not overwrite:
            raise DataError(f"{path}: exists already; choose another name or overwrite it")
        foreign = _foreign(path, ours)
        if foreign:
            raise DataError(
                f"{path}: is not replaced, because no such export writes {foreign}; choose another name, or remove it"
            )
    with beside(path) as draft:
        draft.mkdir()
        yield draft


def _foreign(path: Path, ours: str) -> str:
    """The first file under a path that is not ours; an empty string if all are."""
    if not path.is_dir():
        return path.name
    files = (file for file in path.rglob("*") if file.is_symlink() or not file.is_dir())
    names = sorted(file.relative_to(path).as_posix() for file in files)
    return next((name for name in names if not re.fullmatch(ours, name)), "" if names else "empty folders")


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of (Y, X) grey levels."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
