"""The one path of prediction: from an image or volume, wherever it lies, to what a network says of every voxel."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import DataError, VoxelSize
from mitodata.readers.source import Source
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import SliceReader, choose_axes, plan_orthoplanes, smooth_slices
from mitoseg.inference.sliding_window import stream_tile
from mitoseg.inference.tta import average_tta
from mitoseg.io.blocks import Layer
from mitoseg.io.scratch import InMemory, Store, StoredArray
from mitoseg.io.tissue import Tissue
from mitoseg.networks.targets import map_channels

PATIENCE_S = 2.0
"""Seconds after which a prediction that has not ended shows how far it is."""


def predict_source(
    model: Model,
    source: Source,
    store: Store,
    *,
    axes: str = "z",
    tta: int = 1,
    memory: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> StoredArray:
    """Predict an image or volume; in tiles if memory is scarce.

    Nothing is found in constant rims. Sections that are missing between others get the mean of their neighbours
    (`mitoseg.io.tissue`).

    Args:
        model: from `mitoseg.inference.model.load_model`.
        source: the image or volume: a file that is read in parts, or an array.
        store: holds the result, and a copy of the volume where there are several axes: on disk, or in memory.
        axes: some of "zyx", or "auto" (see `choose_axes`). A 2D network sees the slices across each of them, and what
            it says of a voxel is averaged; along each axis it is smoothed over a pixel of the network's.
        tta: orientations of each window that are averaged: 1, 4 (mirror images) or 8 (quarter turns as well). A little
            better, and as many times as slow.
        memory: bytes that the program may take; None for no limit.
        say: is told of rims and missing sections, in lines.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], called "maps"; the channels are those of `mitoseg.networks.targets.to_maps`.

    Raises:
        DataError: the file is damaged, its voxel size is out of reach, or `axes` make no sense for it.
        RunError: memory does not suffice, or there is no such TTA; slices across y or x with a 3D network.
    """
    axes = choose_axes(model, source.shape, source.voxel_size_nm, axes)
    planes = plan_orthoplanes(model, source, axes, memory)
    predict = average_tta(model.predict_windows, tta)
    single = axes == "z"
    maps = store.array("maps", (map_channels(model.config.target), *source.shape), np.float32, cubes=not single)
    # Slices across y or x would unpack all of the file again and again.
    read, packed = (source.read, source.packed) if single else (_copy(source, store).__getitem__, (1, 1))
    tissue = Tissue(read, source.shape, packed)
    for note in tissue.notes():
        say(note)
    # tqdm shows nothing where there is no terminal (disable=None).
    number = sum(plane.slices for plane in planes)
    with tqdm(total=number, desc=source.path.name, disable=None, leave=False, delay=PATIENCE_S) as steps:
        for plane in planes:
            for tile in plane.tiles:
                together = 1 if single else plane.together(tile)
                reader = SliceReader(tissue.read, plane, tissue.greys, max(packed[0], together))
                found = stream_tile(plane.windows, tile, reader, predict, model.device)
                found = smooth_slices(found, plane.sigma) if plane.sigma else found
                for start, stack in _stacks(found, together):
                    part = (slice(None), *plane.part(slice(start, start + len(stack)), tile.part))
                    share = np.moveaxis(stack, 0, plane.axis + 1) / len(axes)
                    maps[part] = share if plane is planes[0] else maps[part] + share
                    steps.update(len(stack))
    tissue.settle(maps)
    return maps


def predict_maps(
    model: Model,
    raw: NDArray[np.uint8],
    voxel_size_nm: VoxelSize,
    *,
    axes: str = "z",
    tta: int = 1,
    path: Path = Path("image"),
) -> NDArray[np.float32]:
    """Predict an array in memory: `predict_source` with nothing on disk.

    Args:
        model: from `mitoseg.inference.model.load_model`.
        raw: (Z, Y, X) uint8.
        voxel_size_nm: (z, y, x) edge lengths in nm, which decide how the image is brought to the network's grid; z
            counts for 3D networks and for slices across y and x.
        axes: as for `predict_source`.
        tta: likewise.
        path: what messages call the image, and the bar that shows how far a long prediction is.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], on the grid of `raw`.

    Raises:
        DataError: `raw` is no such array, or the voxel size is out of reach.
        RunError: as `predict_source`.
    """
    if raw.ndim != 3 or raw.dtype != np.uint8 or 0 in raw.shape:
        raise DataError(f"{path}: {raw.dtype} of shape {raw.shape}; expected non-empty uint8 of shape (Z, Y, X)")
    return np.asarray(predict_source(model, Source(path, "", raw, voxel_size_nm), InMemory(), axes=axes, tta=tta)[:])


def _copy(source: Source, store: Store) -> StoredArray:
    """Copy the grey levels to where they can be read along any axis."""
    copy = store.array("raw", source.shape, np.uint8, cubes=True)
    layer = Layer("raw", source.shape, np.dtype(np.uint8), source.voxel_size_nm, source.read)
    for z, slab in layer.slabs(source.packed[0]):
        copy[z] = slab
    return copy


def _stacks(
    found: Iterator[tuple[int, NDArray[np.float32]]], together: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Collect slices (C, A, B) to stacks (N, C, A, B) of up to `together`, each behind the place of its first."""
    while batch := list(islice(found, together)):
        yield batch[0][0], np.stack([maps for _, maps in batch])
