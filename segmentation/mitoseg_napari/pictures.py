"""What an image layer holds, as mitoseg wants it: (Z, Y, X), with a voxel size in nm; and where results belong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, VoxelSize
from mitodata.readers.axes import Array, Part
from mitodata.readers.grey_levels import luminance
from mitodata.readers.source import Source, source_levels
from mitodata.readers.voxel_size import unit_nm
from mitodata.sample import voxel_size_problem

OURS = "mitogen"
"""Key in the metadata of layers that come from our files or were made by us."""

ALIGNED = 0.01
"""Layers lie on one grid if they differ by no more than this share of a voxel."""


class LayerLike(Protocol):
    """What is asked of a napari layer of images or labels."""

    @property
    def name(self) -> str:
        """Shown in the list of layers."""

    @property
    def data(self) -> Any:
        """An array, or several of falling size."""

    @property
    def ndim(self) -> int:
        """Dimensions, colours not counted."""

    @property
    def scale(self) -> NDArray[np.float64]:
        """Length of a voxel in each dimension."""

    @property
    def translate(self) -> NDArray[np.float64]:
        """Where the first voxel lies."""

    @property
    def units(self) -> Sequence[Any]:
        """Of the scale."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Whatever a reader noted."""

    def data_to_world(self, position: Any) -> Any:
        """Where a place in the data lies."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image or volume in a viewer.

    Attributes:
        name: of the layer.
        array: (Z, Y, X), or a part of it that is read when it is asked for.
        voxel_size_nm: (z, y, x) in nm; None if the layer does not say. Of a section alone, z is its thickness.
        apart: whether its sections are images of their own.
        index: place in the dimensions before z, y, x; empty if there are none.
        flat: whether the layer has no z.
    """

    name: str
    array: Array
    voxel_size_nm: VoxelSize | None
    apart: bool = False
    index: tuple[int, ...] = ()
    flat: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        z, y, x = self.array.shape
        return z, y, x

    def cut(self, part: Part) -> "Picture":
        """A part of it; nothing is read."""
        return replace(self, array=View(self.array, part))

    def grey(self) -> Source:
        """Its grey levels, 0-255, on the scale that all our programs see: nothing is read but to measure that scale.

        Raises:
            DataError: there are values that are not finite.
        """
        path = Path(self.name)
        return Source(path, "", self.array, self.voxel_size_nm or (1.0, 1.0, 1.0), source_levels(path, self.array))


class View:
    """A box of an array, (Z, Y, X); leading dimensions are held at one place, colours become their luminance."""

    def __init__(self, array: Any, part: Part, index: tuple[int, ...] = (), *, flat: bool = False, rgb: bool = False):
        self._array, self._part, self._index, self._flat, self._rgb = array, part, index, flat, rgb
        self.shape: tuple[int, ...] = tuple(piece.stop - piece.start for piece in part)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)

    def __getitem__(self, part: Part) -> NDArray[Any]:
        pieces = []
        for piece, own in zip(part, self._part, strict=True):
            start, stop, _ = piece.indices(own.stop - own.start)
            pieces.append(slice(own.start + start, own.start + stop))
        found = np.asarray(self._array[(*self._index, *(pieces[1:] if self._flat else pieces))])
        found = found[np.newaxis] if self._flat else found
        return luminance(found) if self._rgb else found


def open_picture(layer: LayerLike, step: Sequence[int] = (), *, apart: bool = False) -> Picture:
    """Look at an image layer as an image or a volume.

    Args:
        layer: an image layer of two or more dimensions; of several resolutions the finest is taken.
        step: where the viewer stands in each dimension of the layer, which chooses among what lies before z, y, x.
        apart: whether sections are images of their own, though the layer does not say so.

    Raises:
        DataError: the layer is empty, has one dimension, or does not hold real numbers.
    """
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    rgb = bool(getattr(layer, "rgb", False))
    lengths = tuple(data.shape[:-1] if rgb else data.shape)
    if len(lengths) < 2 or 0 in lengths:
        raise DataError(f"{layer.name}: has shape {lengths}; expected an image or a volume")
    if np.dtype(data.dtype).kind not in "buif":
        raise DataError(f"{layer.name}: holds {data.dtype}; expected grey levels, which are real numbers")
    flat, leading = len(lengths) == 2, max(len(lengths) - 3, 0)
    index = tuple(min(max(int(at), 0), length - 1) for at, length in zip(step[:leading], lengths, strict=False))
    index += (0,) * (leading - len(index))
    z, y, x = (1, *lengths) if flat else lengths[-3:]
    array = View(data, (slice(0, z), slice(0, y), slice(0, x)), index, flat=flat, rgb=rgb)
    apart = apart or bool(noted(layer).get("apart"))
    return Picture(layer.name, array, voxel_size_of(layer, apart), apart, index, flat)


def noted(layer: LayerLike) -> Mapping[str, Any]:
    """What we noted in the metadata of a layer; empty for others'."""
    found = layer.metadata.get(OURS, {})
    return found if isinstance(found, Mapping) else {}


def voxel_size_of(layer: LayerLike, apart: bool = False) -> VoxelSize | None:
    """Voxel size (z, y, x) of a layer in nm; None if its units are no lengths.

    Of single sections z is the thickness that our reader noted, else the height of a pixel.
    """
    edges = [
        abs(float(edge)) * factor if (factor := unit_nm(unit)) else None
        for edge, unit in zip(layer.scale, layer.units, strict=True)
    ]
    y, x = edges[-2:]
    if y is None or x is None:
        return None
    if layer.ndim < 3 or apart:
        return float(noted(layer).get("thickness_nm", y)), y, x
    z = edges[-3]
    return None if z is None else (z, y, x)


def place(layer: LayerLike, picture: Picture, part: Part) -> dict[str, Any]:
    """Keywords of a new layer that lies where a part of a picture lies.

    Args:
        layer: what the picture is of.
        picture: from `open_picture`.
        part: of it.

    Raises:
        DataError: the layer is turned or sheared, so that a part of it cannot be placed.
    """
    start = np.array([*picture.index, *(piece.start for piece in (part[1:] if picture.flat else part))], float)
    corner = np.ones(layer.ndim)
    if not np.allclose(layer.data_to_world(corner), layer.translate + corner * layer.scale):
        raise DataError(f"{layer.name}: is turned, sheared or moved by an affine; expected a layer that is not")
    return {
        "scale": tuple(map(float, layer.scale)),
        "translate": tuple(map(float, layer.translate + start * layer.scale)),
        "units": tuple(map(str, layer.units)),
    }


def shaped(array: NDArray[Any], picture: Picture) -> NDArray[Any]:
    """An array (Z, Y, X) with the dimensions that the layer of a picture has."""
    own = array[0] if picture.flat else array
    return own.reshape((1,) * len(picture.index) + own.shape)


def part_of(labels: LayerLike, image: LayerLike) -> Part:
    """Which part (z, y, x) of an image a layer of labels covers.

    Raises:
        DataError: they have other dimensions or voxels, or the labels reach beyond the image.
    """
    pieces = _pieces(labels, image)
    z, y, x = [slice(0, 1), *pieces][-3:]
    return z, y, x


def cover(labels: LayerLike, image: LayerLike, picture: Picture) -> tuple[Part, Any]:
    """Which part of a picture a layer covers, and what it holds there.

    Args:
        labels: a layer of labels or of probabilities.
        image: what the picture is of.
        picture: from `open_picture`.

    Returns:
        The part; and an array of its shape (Z, Y, X), in memory only if that of the layer is.

    Raises:
        DataError: they do not fit, or the labels are those of another image in a row of several.
    """
    pieces = _pieces(labels, image)
    z, y, x = [slice(0, 1), *pieces][-3:]
    index = []
    for at, piece in zip(picture.index, pieces, strict=False):
        if not piece.start <= at < piece.stop:
            raise DataError(f"{labels.name}: holds nothing of the image that is shown; move to where it lies")
        index.append(at - piece.start)
    data = labels.data[tuple(index)]
    return (z, y, x), data[np.newaxis] if picture.flat else data


def _pieces(labels: LayerLike, image: LayerLike) -> list[slice]:
    """Which part of an image a layer covers, in all its dimensions."""
    wanted = f"expected a layer on the voxels of {image.name}"
    if labels.ndim != image.ndim:
        raise DataError(f"{labels.name}: has {labels.ndim} dimensions, {image.name} has {image.ndim}; {wanted}")
    scale = np.asarray(image.scale, float)
    if not np.allclose(labels.scale, scale, rtol=1e-3) or list(map(str, labels.units)) != list(map(str, image.units)):
        raise DataError(f"{labels.name}: its voxels have another size than those of {image.name}; {wanted}")
    shift = (np.asarray(labels.translate) - np.asarray(image.translate)) / scale
    start = np.round(shift).astype(int).tolist()
    room = (image.data[0].shape if getattr(image, "multiscale", False) else image.data.shape)[: image.ndim]
    pieces = [slice(first, first + length) for first, length in zip(start, labels.data.shape, strict=True)]
    beyond = any(piece.start < 0 or piece.stop > length for piece, length in zip(pieces, room, strict=True))
    if beyond or np.abs(shift - np.round(shift)).max() > ALIGNED:
        raise DataError(
            f"{labels.name}: {' x '.join(map(str, labels.data.shape))} voxels from {tuple(start)} on do not lie on "
            f"{image.name} of {' x '.join(map(str, room))}; {wanted}"
        )
    return pieces


def parse_voxel_size(text: str) -> VoxelSize | None:
    """Read a voxel size as a user types it: three numbers in nm, z, y, x; None for nothing.

    Raises:
        DataError: it is something else.
    """
    words = text.replace(",", " ").replace("x", " ").replace("nm", " ").split()
    if not words:
        return None
    try:
        z, y, x = (float(word) for word in words)
    except ValueError:
        raise DataError(f"voxel size {text!r}; expected three numbers in nm, z y x, such as 50 4 4") from None
    problem = voxel_size_problem((z, y, x))
    if problem:
        raise DataError(problem)
    return z, y, x


def voxel_size_text(voxel_size_nm: VoxelSize | None) -> str:
    """A voxel size as `parse_voxel_size` reads it."""
    return "" if voxel_size_nm is None else " ".join(f"{edge:.6g}" for edge in voxel_size_nm)
