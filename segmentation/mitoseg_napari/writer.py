"""An image and its labels as one of our HDF5 files, a few sections at a time."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import IGNORE, DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset, write_volume
from mitodata.hdf5.layout import BLOCK
from mitodata.readers.hdf5 import SUFFIXES
from mitodata.readers.source import Source
from mitoseg_napari.pictures import OURS, Picture, open_picture
from mitoseg_napari.reader import LayerData

_log = logging.getLogger("mitoseg")


@dataclass(frozen=True, eq=False)
class Given:
    """A layer as napari hands it to a writer, seen as `mitoseg_napari.pictures.LayerLike`.

    Attributes:
        data: of the layer.
        keywords: what napari says of it.
    """

    data: Any
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the layer."""
        return str(self.keywords.get("name", "layer"))

    @property
    def rgb(self) -> bool:
        """Whether the last axis is colours."""
        return bool(self.keywords.get("rgb", False))

    @property
    def multiscale(self) -> bool:
        """Whether there are several resolutions."""
        return bool(self.keywords.get("multiscale", False))

    @property
    def ndim(self) -> int:
        """Dimensions, colours not counted."""
        return len((self.data[0] if self.multiscale else self.data).shape) - self.rgb

    @property
    def scale(self) -> NDArray[np.float64]:
        """Length of a voxel."""
        return np.asarray(self.keywords.get("scale", np.ones(self.ndim)), float)

    @property
    def translate(self) -> NDArray[np.float64]:
        """Where the first voxel lies."""
        return np.asarray(self.keywords.get("translate", np.zeros(self.ndim)), float)

    @property
    def units(self) -> Sequence[Any]:
        """Of the scale."""
        found: Sequence[Any] = self.keywords.get("units") or ("pixel",) * self.ndim
        return found

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What a reader noted."""
        found: Mapping[str, Any] = self.keywords.get("metadata", {})
        return found

    def data_to_world(self, position: Any) -> Any:
        """Where a place lies."""
        return self.translate + np.asarray(position) * self.scale


def write_layers(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write an image, and labels if there are any, as a file of ours; an older one is replaced.

    What a layer that came from the mask of a file calls unknown stays unknown.

    Args:
        path: the file; it ends in .h5 or .hdf5.
        layers: one image, and up to one layer of labels and one of a mask.

    Returns:
        The file.

    Raises:
        DataError: the layers do not fit each other, have no voxel size in nm, or the file cannot be written.
    """
    file = Path(path)
    if file.suffix.lower() not in SUFFIXES:
        raise DataError(f"{file}: expected a name that ends in {', '.join(SUFFIXES)}")
    images = [Given(data, keywords) for data, keywords, kind in layers if kind == "image"]
    labels = [Given(data, keywords) for data, keywords, kind in layers if kind == "labels"]
    raw = [each for each in images if _array(each) in ("raw", "")]
    if len(raw) != 1:
        raise DataError(f"{file.name}: {len(raw)} images are selected; expected one, and its labels")
    masks = [each for each in labels if _array(each) == "mask"]
    numbers = [each for each in labels if _array(each) in ("label", "")]
    if len(numbers) > 1 or len(masks) > 1 or (masks and not numbers):
        raise DataError(
            f"{file.name}: {len(numbers)} layers of labels and {len(masks)} masks are selected; expected at most one "
            "of each, and a mask only with labels"
        )
    _Writer(raw[0], *numbers, *masks).write(file)
    return [str(file)]


def _array(layer: Given) -> str:
    """Which array of a file of ours a layer was read from; empty for others."""
    note = layer.metadata.get(OURS, {})
    return str(note.get("array", "")) if isinstance(note, Mapping) else ""


class _Writer:
    """Writes one image with its labels."""

    def __init__(self, image: Given, labels: Given | None = None, mask: Given | None = None) -> None:
        self._image, self._labels, self._mask = image, labels, mask
        size = image.data[0].shape if image.multiscale else image.data.shape
        self._shape = tuple(size[: image.ndim])
        for other in (labels, mask):
            if other is not None and tuple(other.data.shape) != self._shape:
                raise DataError(
                    f"{other.name}: has shape {tuple(other.data.shape)}; expected that of {image.name}, {self._shape}"
                )
        first = open_picture(image)
        if first.voxel_size_nm is None:
            raise DataError(f"{image.name}: its scale has no unit of length; expected scale and units, such as 8 nm")
        self._size_nm = first.voxel_size_nm
        self._wide = labels is not None and np.dtype(labels.data.dtype).itemsize > 2
        if first.array.dtype != np.uint8:
            _log.warning("%s: written as 8-bit grey levels, as all our programs see it", image.name)

    def write(self, file: Path) -> None:
        """Write the file.

        Raises:
            DataError: it cannot be written, or numbers of labels do not fit.
        """
        provenance = Provenance(source=f"napari: {self._image.name}")
        pictures = self._pictures()
        first = pictures[0]
        if len(pictures) == 1 and first.shape[0] > 1 and not first.apart:
            write_volume(file, self._slabs(first, BLOCK[0]), provenance, name=first.name, overwrite=True)
            return
        samples = (
            sample for picture in pictures for sample in self._slabs(picture, 1 if picture.apart else picture.shape[0])
        )
        write_dataset(file, samples, provenance, overwrite=True)

    def _pictures(self) -> list[Picture]:
        """The image, or those that lie along the dimensions before z, y, x."""
        leading = self._shape[:-3] if len(self._shape) > 3 else ()
        return [open_picture(self._image, index) for index in np.ndindex(*leading)]

    def _slabs(self, picture: Picture, depth: int) -> Iterator[Sample]:
        """So many sections of a picture at a time."""
        source = picture.grey()
        for z in range(0, picture.shape[0], depth):
            yield self._sample(picture, source, z, min(z + depth, picture.shape[0]))

    def _sample(self, picture: Picture, source: Source, first: int, last: int) -> Sample:
        _, y, x = picture.shape
        raw = source.read((slice(first, last), slice(0, y), slice(0, x)))
        if self._labels is None:
            return Sample(raw, self._size_nm, name=picture.name)
        label = self._cut(self._labels, picture, first, last)
        if label.min() < 0 or label.max() > np.iinfo(np.uint32).max:
            raise DataError(f"{self._labels.name}: has numbers from {label.min()} to {label.max()}; expected 0 or more")
        mask = (label > 0).astype(np.uint8)
        if self._mask is not None:
            mask[self._cut(self._mask, picture, first, last) == IGNORE] = IGNORE
        return Sample(raw, self._size_nm, self._typed(label), mask, name=picture.name)

    def _typed(self, label: NDArray[np.integer[Any]]) -> NDArray[np.uint16] | NDArray[np.uint32]:
        return label.astype(np.uint32) if self._wide else label.astype(np.uint16)

    def _cut(self, layer: Given, picture: Picture, first: int, last: int) -> NDArray[np.integer[Any]]:
        if picture.flat:
            return np.asarray(layer.data)[np.newaxis]
        return np.asarray(layer.data[(*picture.index, slice(first, last))])
