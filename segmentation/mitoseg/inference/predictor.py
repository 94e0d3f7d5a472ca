"""From grey images of any voxel size to foreground probabilities on the same grid."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitodata import DataError, VoxelSize
from mitoseg.inference.model import Model
from mitoseg.inference.resampling import Axis, Span
from mitoseg.inference.sliding_window import Predictor, SectionReader, Tile, Windows, stream_tile, whole
from mitoseg.inference.tta import average_views
from mitoseg.networks.device import memory_format
from mitoseg.networks.normalisation import GreyScale, measure_grey, normalise, working_volume
from mitoseg.networks.targets import map_channels, to_maps
from mitoseg.networks.unet import FEATURES, REDUCTION

WINDOWS = 4
"""Windows that go through the network together on a GPU; on a processor one: more take memory and are no faster."""

LARGER = 2
"""Windows are this many times as wide as the patches of training: more of their pixels have tissue on all sides."""


RawReader = Callable[[int, Span, Span], NDArray[np.uint8]]
"""A part [y), [x) of the section z, (Y, X) uint8."""


def predict_probability(
    model: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize, *, turns: int = 1
) -> NDArray[np.float32]:
    """Probability of foreground at every voxel: (Z, Y, X) float32 in [0, 1]; arguments and errors as `predict_maps`."""
    return np.asarray(predict_maps(model, raw, voxel_size_nm, turns=turns)[0])


def predict_maps(
    model: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize, *, turns: int = 1
) -> NDArray[np.float32]:
    """All that the network says about every voxel: slice by slice, or with a 3D network in blocks.

    Args:
        model: from `load_model`.
        raw: (Z, Y, X) uint8.
        voxel_size_nm: (z, y, x) edge lengths in nm, which decide how the image is brought to the network's grid; z
            counts for 3D networks only.
        turns: views of each window that are averaged: 1, 4 (mirror images) or 8 (quarter turns as well). A little
            better, and as many times as slow.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], on the grid of `raw`; the channels are those of `networks.targets.to_maps`.

    Raises:
        DataError: `raw` is no such array, or the voxel size is out of reach.
        RunError: so many turns are not to be had.
    """
    if raw.ndim != 3 or raw.dtype != np.uint8 or 0 in raw.shape:
        raise DataError(f"image: {raw.dtype} of shape {raw.shape}; expected non-empty uint8 of shape (Z, Y, X)")
    greys = [measure_grey(section) for section in raw]
    windows = plan_windows(model, (raw.shape[0], raw.shape[1], raw.shape[2]), voxel_size_nm)
    found = np.empty((windows.channels, *raw.shape), np.float32)
    read = normalised(lambda z, y, x: raw[z, slice(*y), slice(*x)], greys)
    for z, maps in predict_tile(model, windows, whole(windows), read, turns=turns):
        found[:, z] = maps
    return found


def plan_windows(model: Model, shape: tuple[int, int, int], voxel_size_nm: VoxelSize) -> Windows:
    """How the network of `model` is moved over a volume of `shape` (z, y, x).

    Raises:
        DataError: the voxel size is out of reach.
    """
    working = working_volume(shape, voxel_size_nm, model.config)
    z, y, x = (1, *model.config.patch_shape)[-3:]
    if model.config.dimensions == 2 and model.config.network in FEATURES:  # of others only patches are known to fit
        y, x = (_window_side(side, length) for side, length in ((y, working[1]), (x, working[2])))
    axes = [Axis.of(*lengths) for lengths in zip(shape, working, (z, y, x), strict=True)]
    batch = 1 if _device(model).type == "cpu" else WINDOWS
    return Windows((axes[0], axes[1], axes[2]), (z, y, x), map_channels(model.config.target), batch)


def _device(model: Model) -> torch.device:
    return next(model.network.parameters()).device


def _window_side(patch: int, length: int) -> int:
    """Side in px of the windows on an axis of `length` working px: up to `LARGER` patches, no more than it needs."""
    return min(LARGER * patch, max(patch, -(-length // REDUCTION) * REDUCTION))


def normalised(read: RawReader, greys: Sequence[GreyScale], axis: int = 0) -> SectionReader:
    """Read parts of slices as the network wants them, grey levels on the scale of the section (across z) they are in.

    Args:
        read: gives parts of the slices.
        greys: of the sections.
        axis: that the slices are across, 0 = z; the rows of the others are one section each.
    """
    if axis == 0:
        return lambda z, y, x: normalise(read(z, y, x), greys[z])
    return lambda place, z, other: np.stack(
        [normalise(row, grey) for row, grey in zip(read(place, z, other), greys[slice(*z)], strict=True)]
    )


def predict_tile(
    model: Model, windows: Windows, tile: Tile, read: SectionReader, *, turns: int = 1
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Predict a tile of the sections; see `mitoseg.inference.sliding_window.stream_tile`.

    Raises:
        RunError: so many turns are not to be had.
    """
    predict = average_views(predictor(model), turns)
    yield from stream_tile(windows, tile, read, predict, _device(model))


def predictor(model: Model) -> Predictor:
    """The network of `model` as a function of windows."""

    @torch.inference_mode()
    def predict(windows: Tensor) -> Tensor:
        flat = model.config.dimensions == 2
        images = (windows[:, :, 0] if flat else windows).contiguous(memory_format=memory_format(model.config))
        maps = to_maps(model.network(images), model.config.target)
        return maps[:, :, None] if flat else maps

    return predict
