"""All slices of a volume through a network, in one pass or in one for each axis, part by part."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil, exp

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mitodata import DataError, RunError, VoxelSize
from mitoseg.inference.memory import SPARE, fit_memory
from mitoseg.inference.model import Model
from mitoseg.inference.predictor import normalised, plan_windows, predict_tile, predictor
from mitoseg.inference.resampling import Span
from mitoseg.inference.sliding_window import Tile, Windows
from mitoseg.io.blocks import Layer, Part, strips
from mitoseg.io.scratch import Scratch, ScratchArray
from mitoseg.io.source import Source
from mitoseg.networks.normalisation import GreyScale, grey_of_counts
from mitoseg.networks.targets import FLAT, map_channels

REACH = 2.0
"""Standard deviations of the Gaussian beyond which neighbours do not count."""


def neighbours(sigma: float) -> int:
    """Slices on either side that count for a slice; `sigma` in slices."""
    return ceil(REACH * sigma)


def smooth_slices(
    found: Iterator[tuple[int, NDArray[np.float32]]], sigma: float
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Give every slice the Gaussian mean over itself and its neighbours, those that there are.

    Args:
        found: the slices in order, from 0 on: their place, and their maps (C, Y, X) float32.
        sigma: of the Gaussian, in slices.

    Yields:
        The same places, and maps of the same shape. At most 2 * `neighbours` + 1 slices are held.
    """
    reach = neighbours(sigma)
    held: dict[int, NDArray[np.float32]] = {}
    place = -1
    for place, maps in found:
        held[place] = maps
        if place >= reach:
            yield place - reach, _mean(held, place - reach, sigma)
            held.pop(place - 2 * reach, None)
    for last in range(max(place + 1 - reach, 0), place + 1):
        yield last, _mean(held, last, sigma)


def _mean(held: dict[int, NDArray[np.float32]], middle: int, sigma: float) -> NDArray[np.float32]:
    reach = neighbours(sigma)
    near = [place for place in range(middle - reach, middle + reach + 1) if place in held]
    weights = [exp(-0.5 * ((place - middle) / sigma) ** 2) for place in near]
    mean = np.zeros_like(held[middle])
    for place, weight in zip(near, weights, strict=True):
        mean += held[place] * np.float32(weight / sum(weights))
    return mean


AXES = "zyx"

AUTO = "auto"
"""Instead of axes: all three where a volume can be seen across each of them, else z."""

DEEP = 0.5
"""A volume is looked at across all three axes if it is at least this share of a patch deep: else they are strips."""

Reader = Callable[[Part], NDArray[np.uint8]]
"""A part of the volume, (Z, Y, X) uint8."""

BUFFER_BYTES = 2**26
"""Slices that are added to those of other axes are collected up to this size: one alone touches too many chunks."""


@dataclass(frozen=True)
class Pass:
    """All slices across one axis.

    Attributes:
        axis: 0, 1, 2 = z, y, x.
        sigma: over how many neighbouring slices what is found is smoothed; 0 is none.
        windows: how the network is moved over the volume once that axis comes first.
        tiles: parts of the slices that are predicted one after the other.
    """

    axis: int
    sigma: float
    windows: Windows
    tiles: list[Tile]

    @property
    def slices(self) -> int:
        """Slices of all tiles together."""
        return len(self.tiles) * self.windows.axes[0].stored

    def part(self, places: slice, tile: tuple[Span, Span]) -> Part:
        """Where some slices of a tile lie in the volume: z, y, x."""
        parts = [slice(*span) for span in tile]
        parts.insert(self.axis, places)
        return parts[0], parts[1], parts[2]


def check_axes(axes: str) -> None:
    """Check that `axes` names some of z, y, x, each once, or is "auto".

    Raises:
        RunError: it does not.
    """
    if axes == AUTO:
        return
    if not axes or set(axes) - set(AXES) or len(set(axes)) < len(axes):
        raise RunError(f"axes {axes!r}; expected some of the letters z, y, x, each once, such as zyx; or auto")


def choose_axes(model: Model, shape: tuple[int, int, int], voxel_size_nm: VoxelSize, axes: str = AUTO) -> str:
    """What "auto" stands for; other `axes` stay as they are.

    A 2D network sees a volume across all three axes if its voxels are less than `FLAT` times as long as wide and slices
    across y and x are no mere strips. What it says of them is then as good as what it says of those across z, and what
    looks like a mitochondrion in one direction only seldom is one.

    Args:
        model: from `mitoseg.inference.model.load_model`.
        shape: (z, y, x) of the volume, px.
        voxel_size_nm: (z, y, x) in nm.
        axes: some of "zyx", or "auto".
    """
    if axes != AUTO:
        return axes
    if shape[0] == 1 or model.config.dimensions == 3 or max(voxel_size_nm) / min(voxel_size_nm) >= FLAT:
        return "z"
    least_nm = DEEP * model.config.patch_px * model.config.working_voxel_nm
    extents = (length * edge for length, edge in zip(shape, voxel_size_nm, strict=True))
    return AXES if min(extents) >= least_nm else "z"


def predict_source(
    model: Model, source: Source, scratch: Scratch, *, axes: str = "z", turns: int = 1, memory: int | None = None
) -> ScratchArray:
    """Predict an image or volume; in tiles if memory is scarce.

    Args:
        model: from `mitoseg.inference.model.load_model`.
        source: the image or volume.
        scratch: holds the result, and a copy of the volume where there are several axes.
        axes: some of "zyx", or "auto" (see `choose_axes`). A 2D network sees the slices across each of them, and what
            it says of a voxel is averaged; along each axis it is smoothed over a pixel of the network's.
        turns: views of each window that are averaged.
        memory: bytes that the program may take; None for no limit.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], called "maps"; the channels are those of `mitoseg.networks.targets.to_maps`.

    Raises:
        DataError: the file is damaged, its voxel size is out of reach, or `axes` make no sense for it.
        RunError: memory does not suffice, or there are no such turns; slices across y or x with a 3D network.
    """
    axes = choose_axes(model, source.shape, source.voxel_size_nm, axes)
    passes = _plan(model, source, axes, memory)
    single = axes == "z"
    maps = scratch.array("maps", (map_channels(model.config.target), *source.shape), np.float32, cubes=not single)
    # Slices across y or x would unpack all of the file again and again.
    read, packed = (source.read, source.packed) if single else (_copy(source, scratch).__getitem__, (1, 1))
    greys = _measure_greys(read, source.shape, packed)
    steps = tqdm(total=sum(each.slices for each in passes), desc=source.path.name, disable=None, leave=False)
    with steps:
        for each in passes:
            for tile in each.tiles:
                together = 1 if single else _together(each, tile)
                slices = _Slices(read, each, max(packed[0], together))
                found = predict_tile(model, each.windows, tile, normalised(slices.read, greys, each.axis), turns=turns)
                found = smooth_slices(found, each.sigma) if each.sigma else found
                for start, stack in _stacks(found, together):
                    part = (slice(None), *each.part(slice(start, start + len(stack)), tile.part))
                    share = np.moveaxis(stack, 0, each.axis + 1) / len(axes)
                    maps[part] = share if each is passes[0] else maps[part] + share
                    steps.update(len(stack))
    return maps


def _plan(model: Model, source: Source, axes: str, memory: int | None) -> list[Pass]:
    """Plan the passes before the first begins: what cannot be done is said at once."""
    check_axes(axes)
    if axes != "z":
        _check_slices(model, source)
    passes, spare = [], SPARE if axes == "z" else SPARE + BUFFER_BYTES
    for axis in map(AXES.index, axes):
        (depth, height, width), (z_nm, y_nm, x_nm) = (
            (values[axis], *values[:axis], *values[axis + 1 :]) for values in (source.shape, source.voxel_size_nm)
        )
        try:
            windows = plan_windows(model, (depth, height, width), (z_nm, y_nm, x_nm))
        except DataError as error:
            raise DataError(f"{source.path}: {error}") from error
        # One pixel of the network's: slices that disagree about less would leave ladders on the slices of other axes.
        sigma = 0.0 if axes == "z" else model.config.working_voxel_nm / z_nm
        held = 2 * neighbours(sigma) + 2 if sigma else 0
        plan = fit_memory(windows, model.network, predictor(model), memory, spare, held)
        passes.append(Pass(axis, sigma, *plan))
    return passes


def _check_slices(model: Model, source: Source) -> None:
    """Check that slices across y and x can be looked at as those across z."""
    if model.config.dimensions == 3:
        raise RunError("a 3D network sees all three axes at once; leave out --axes")
    if source.shape[0] == 1:
        raise DataError(f"{source.path}: a single section; slices across y or x need a volume: leave out --axes")
    ratio = max(source.voxel_size_nm) / min(source.voxel_size_nm)
    if ratio >= FLAT:
        raise DataError(
            f"{source.path}: voxels of {' x '.join(f'{edge:g}' for edge in source.voxel_size_nm)} nm are {ratio:.3g} "
            f"times as long as wide; slices across y or x need less than {FLAT:g}: leave out --axes"
        )


def _copy(source: Source, scratch: Scratch) -> ScratchArray:
    """Copy the grey levels to where they can be read along any axis."""
    copy = scratch.array("raw", source.shape, np.uint8, cubes=True)
    layer = Layer("raw", source.shape, np.dtype(np.uint8), source.voxel_size_nm, source.read)
    for z, slab in layer.slabs(source.packed[0]):
        copy[z] = slab
    return copy


def _measure_greys(read: Reader, shape: tuple[int, int, int], packed: tuple[int, int]) -> list[GreyScale]:
    """The grey scale of every section (across z), each from all of its pixels."""
    counts = np.zeros((shape[0], 256), np.int64)
    for part in strips(shape, packed):
        for place, strip in enumerate(read(part), start=part[0].start):
            counts[place] += np.bincount(strip.ravel(), minlength=256)
    return [grey_of_counts(section) for section in counts]


def _together(each: Pass, tile: Tile) -> int:
    """How many slices of a tile are read, and added to the maps, together."""
    (top, bottom), (left, right) = tile.part
    # A grey level, and each map in three places while it is added.
    return max(1, BUFFER_BYTES // ((bottom - top) * (right - left) * (1 + 12 * each.windows.channels)))


def _stacks(
    found: Iterator[tuple[int, NDArray[np.float32]]], together: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Collect slices (C, A, B) to stacks (N, C, A, B) of up to `together`, each behind the place of its first."""
    while batch := list(islice(found, together)):
        yield batch[0][0], np.stack([maps for _, maps in batch])


class _Slices:
    """Reads parts of the slices across an axis, some neighbours together."""

    def __init__(self, read: Reader, each: Pass, together: int) -> None:
        self._read, self._pass, self._together = read, each, together
        self._start, self._tile = 0, ((0, 0), (0, 0))
        self._slab: NDArray[np.uint8] = np.empty((0, 0, 0), np.uint8)

    def read(self, place: int, first: Span, second: Span) -> NDArray[np.uint8]:
        """A part of one slice, uint8; `first` and `second` are on the two other axes, in the order z, y, x."""
        if self._tile != (first, second) or not self._start <= place < self._start + len(self._slab):
            self._start, self._tile = place // self._together * self._together, (first, second)
            stop = min(self._start + self._together, self._pass.windows.axes[0].stored)
            slab = self._read(self._pass.part(slice(self._start, stop), (first, second)))
            self._slab = np.moveaxis(slab, self._pass.axis, 0)
        return np.asarray(self._slab[place - self._start])
