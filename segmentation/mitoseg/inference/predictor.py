"""The one path of prediction: from an image or volume, wherever it lies, to what a network says of every voxel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from mitodata import DataError, VoxelSize
from mitodata.readers.source import Source
from mitoseg.inference.model import Model, Predictor
from mitoseg.inference.orthoplanes import (
    AXES,
    Orthoplane,
    Seen,
    SliceReader,
    Tta,
    check_orthoplanes,
    choose_axes,
    choose_tta,
    neighbours,
    plan_orthoplanes,
    smooth_slices,
)
from mitoseg.inference.sliding_window import average_orientations, stream_tile, turn
from mitoseg.inference.tiling import HoldsTissue
from mitoseg.inference.working_grid import Span, WorkingGrid
from mitoseg.io.process import heed_stop, tell
from mitoseg.io.scratch import InMemory, Store, StoredArray
from mitoseg.io.section_facts import measure_sections
from mitoseg.io.tissue import Tissue
from mitoseg.networks.targets import map_channels

PATIENCE_S = 2.0
"""Seconds after which a prediction that has not ended shows how far it is."""

LONG_S = 30.0
"""Seconds after which it says once how long it will take, where there is no terminal to show it."""


@dataclass(frozen=True)
class PredictionPlan:
    """How a volume is looked at.

    Attributes:
        planes: across one axis or several, in the order in which what is found is added up; a second look at an axis
            follows the first.
        grid: the stored grid, and the one on which slices across several axes are looked at.
        channels: maps that the network gives.
        orientations: of each window that are averaged.
    """

    planes: list[Orthoplane]
    grid: WorkingGrid
    channels: int
    orientations: int = 1

    @property
    def single(self) -> bool:
        """Whether it is looked at across z alone, on the stored grid."""
        return not self.planes[0].sigma

    @property
    def axes(self) -> str:
        """Across which axes."""
        return "".join(dict.fromkeys(AXES[plane.axis] for plane in self.planes))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) of what is looked at, px."""
        z, y, x = (axis.stored if self.single else axis.working for axis in self.grid.axes)
        return z, y, x

    def aim(self, plane: Orthoplane, tissue: Tissue) -> HoldsTissue | None:
        """What says of parts of the slices of a plane whether they, or slices that count for them, hold tissue.

        None where everything is tissue.
        """
        if tissue.whole:
            return None
        reach, length = neighbours(plane.sigma), self.shape[plane.axis]

        def holds(places: Span, first: Span, second: Span) -> bool:
            near = slice(max(0, places[0] - reach), min(length, places[1] + reach))
            part = plane.part(near, (first, second))
            return tissue.within(part if self.single else self.grid.stored(part))

        return holds


def plan_prediction(model: Model, source: Source, axes: str, memory: int | None = None, tta: Tta = 1) -> PredictionPlan:
    """Plan how a volume is looked at; arguments and errors as of `predict_source`."""
    axes = choose_axes(model, source.shape, source.voxel_size_nm, axes)
    looks = choose_tta(model, axes, tta)
    grid = WorkingGrid.of(source.shape, source.voxel_size_nm, model.config.working_voxel_nm)
    plain = axes == "z"
    shape, voxel_size_nm = (source.shape, source.voxel_size_nm) if plain else (grid.shape, grid.voxel_size_nm)
    check_orthoplanes(model, source, axes)
    planes = plan_orthoplanes(model, Seen(source.path, shape, voxel_size_nm), axes, memory, twice=looks == 2)
    return PredictionPlan(planes, grid, map_channels(model.config.target), 1 if looks == 2 else looks)


def predict_source(
    model: Model,
    source: Source,
    store: Store,
    *,
    axes: str = "z",
    tta: Tta = 1,
    memory: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> StoredArray:
    """Predict an image or volume; in tiles if memory is scarce.

    Nothing is found in constant rims. Sections that are missing between others get the mean of their neighbours
    (`mitoseg.io.tissue`). Windows that see no tissue do not go through the network.

    Args:
        model: from `mitoseg.inference.model.load_model`.
        source: the image or volume: a file that is read in parts, or an array.
        store: holds the result, and the volume on the working grid where there are several axes: on disk, or in memory.
        axes: some of "zyx", or "auto" (see `choose_axes`). A 2D network sees the slices across each of them on its own
            grid, and what it says of a voxel is averaged; along each axis it is smoothed over a pixel of the network's.
        tta: how many looks are averaged: 1, 2, 4, 8 or "auto" (see `mitoseg.inference.orthoplanes.choose_tta`). Better,
            and as many times the work; 2 is 2.6 times the work, because the second look is magnified.
        memory: bytes that the program may take; None for no limit.
        say: is told of rims and missing sections, in lines.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], called "maps"; the channels are those of `mitoseg.networks.targets.to_maps`.

    Raises:
        DataError: the file is damaged, its voxel size is out of reach, or `axes` make no sense for it.
        RunError: memory does not suffice, or there is no such TTA; slices across y or x with a 3D network.
    """
    plan = plan_prediction(model, source, axes, memory, tta)
    maps = store.array("maps", (plan.channels, *source.shape), np.float32)
    tissue = Tissue(source.read, source.shape, measure_sections(source.read, source.shape, source.packed))
    for note in tissue.notes():
        say(note)
    # tqdm shows nothing where there is no terminal (disable=None).
    aims = [plan.aim(plane, tissue) for plane in plan.planes]
    number = sum(plane.count(aim) for plane, aim in zip(plan.planes, aims, strict=True))
    if number == 0:  # no tissue at all
        return maps
    with tqdm(total=number, desc=source.path.name, disable=None, leave=False, delay=PATIENCE_S) as bar:
        predict = average_orientations(model.predict_windows, plan.orientations)
        predict = _counting(predict, number, bar.update, say if bar.disable else None)
        if plan.single:
            for plane, aim in zip(plan.planes, aims, strict=True):
                for part, found in _look_along(model, plane, aim, predict, tissue, source.packed[0]):
                    maps[part] = found if len(plan.planes) == 1 else maps[part] + found / len(plan.planes)
        else:
            # Slices across y or x of the file itself would unpack all of it again and again.
            working = plan.grid.bring(tissue.normalised, store, source.packed)
            found_there = store.array("found", (plan.channels, *plan.shape), np.float32, cubes=True)
            for plane, aim in zip(plan.planes, aims, strict=True):
                for part, found in _look_along(model, plane, aim, predict, working):
                    found_there[part] = found_there[part] + found / len(plan.planes)
            plan.grid.take_back(found_there.__getitem__, maps)
    tissue.settle(maps)
    return maps


def _counting(
    predict: Predictor, total: int, count: Callable[[int], object], say: Callable[[str], object] | None
) -> Predictor:
    """Count the windows that are predicted, for who watches too, and say once how long it takes if that is long."""
    started, done, told = monotonic(), 0, say is None

    def predict_and_count(windows: Tensor) -> Tensor:
        nonlocal done, told
        heed_stop()
        found = predict(windows)
        done += len(windows)
        count(len(windows))
        tell(f"{done} of {total} windows", done / total, done=done, total=total, unit="window")
        spent_s = monotonic() - started
        if not told and say is not None and spent_s > LONG_S and done < total:
            told = True
            minutes = spent_s / done * (total - done) / 60
            say(f"{done} of {total} windows took {spent_s:.0f} s; about {minutes:.0f} min more")
        return found

    return predict_and_count


def _look_along(
    model: Model,
    plane: Orthoplane,
    aim: HoldsTissue | None,
    predict: Predictor,
    volume: Tissue | StoredArray,
    packed: int = 0,
) -> Iterator[tuple[tuple[slice, ...], NDArray[np.float32]]]:
    """What the network says of the slices of an orthoplane.

    Args:
        model: of the network.
        plane: whose slices.
        aim: from `PredictionPlan.aim`.
        predict: the network with whatever belongs to it.
        volume: that is looked at; normalised, if it is an array.
        packed: sections of a file that are read together and given one by one; 0 gives many slices together.

    Yields:
        A part (C, Z, Y, X) of the maps, and what belongs there, float32 in [0, 1].
    """
    read, greys = (volume.read, volume.greys) if isinstance(volume, Tissue) else (volume.__getitem__, ())
    for tile in plane.tiles:
        together = 1 if packed else plane.together(tile)
        reader = SliceReader(read, plane, max(packed, together), greys)
        found = stream_tile(plane.windows, tile, reader, turn(predict, plane.quarters), model.device, tissue=aim)
        found = smooth_slices(found, plane.sigma) if plane.sigma else found
        for start, stack in _stacks(found, together):
            part = (slice(None), *plane.part(slice(start, start + len(stack)), tile.part))
            yield part, np.moveaxis(stack, 0, plane.axis + 1)


def predict_maps(
    model: Model,
    raw: NDArray[np.uint8],
    voxel_size_nm: VoxelSize,
    *,
    axes: str = "z",
    tta: Tta = 1,
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


def _stacks(
    found: Iterator[tuple[int, NDArray[np.float32]]], together: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Collect slices (C, A, B) to stacks (N, C, A, B) of up to `together`, each behind the place of its first."""
    while batch := list(islice(found, together)):
        yield batch[0][0], np.stack([maps for _, maps in batch])
