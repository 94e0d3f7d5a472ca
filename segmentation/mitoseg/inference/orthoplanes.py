"""Orthoplanes: a volume as slices across z, across y and across x, each of which a 2D network can see."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, exp
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitodata import DataError, RunError, VoxelSize
from mitodata.readers.source import Source
from mitoseg.inference.model import Model
from mitoseg.inference.tiling import HoldsTissue, Targets, Tile, Windows, fit_memory, plan_windows
from mitoseg.inference.working_grid import Span
from mitoseg.io.blocks import Part
from mitoseg.networks.memory import SPARE
from mitoseg.networks.normalisation import GreyScale, normalise
from mitoseg.networks.targets import FLAT

AXES = "zyx"

AUTO = "auto"
"""Instead of axes: all three where a volume can be seen across each of them, else z."""

DEEP = 0.5
"""A volume is looked at across all three axes if it is at least this share of a patch deep: else they are strips."""

REACH = 2.0
"""Standard deviations of the Gaussian beyond which neighbours do not count."""

TTA = (1, 2, 4, 8)
"""How many looks may be averaged (`choose_tta`)."""

MAGNIFIED = 1.25
"""How much larger a second look sees everything, turned by a quarter: on a finer grid outlines fall otherwise."""

Tta = int | str
"""One of `TTA`, or "auto"."""

BUFFER_BYTES = 2**26
"""Slices that are added to those of other axes are collected up to this size: one alone touches too many chunks."""


Reading = Callable[[Part], NDArray[Any]]
"""A part of a volume, (Z, Y, X): uint8, or float32 if it is normalised."""


@dataclass(frozen=True)
class Orthoplane:
    """All slices across one axis.

    Attributes:
        axis: 0, 1, 2 = z, y, x.
        sigma: over how many neighbouring slices what is found is smoothed; 0 is none.
        windows: how the network is moved over the volume once that axis comes first.
        tiles: parts of the slices that are predicted one after the other.
        quarters: of a turn that windows are seen in.
    """

    axis: int
    sigma: float
    windows: Windows
    tiles: list[Tile]
    quarters: int = 0

    def count(self, tissue: HoldsTissue | None = None) -> int:
        """Windows of all slices and tiles together that hold tissue; None: all do."""
        return sum(Targets(self.windows, tile, tissue).count for tile in self.tiles)

    def part(self, places: slice, tile: tuple[Span, Span]) -> Part:
        """Where some slices of a tile lie in the volume: z, y, x."""
        parts = [slice(*span) for span in tile]
        parts.insert(self.axis, places)
        return parts[0], parts[1], parts[2]

    def together(self, tile: Tile) -> int:
        """How many slices of a tile are read, and added to those of other axes, together."""
        (top, bottom), (left, right) = tile.part
        # A grey level, and each map in three places while it is added.
        return max(1, BUFFER_BYTES // ((bottom - top) * (right - left) * (1 + 12 * self.windows.channels)))


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


def seen_apart(model: Model, axes: str) -> bool:
    """Whether a model that looks at a volume across these axes, from `choose_axes`, sees each section by itself."""
    return axes == "z" and model.config.dimensions == 2


def choose_tta(model: Model, axes: str, tta: Tta = AUTO) -> int:
    """What "auto" stands for; another number stays as it is.

    Two looks where a 2D network sees each section by itself; one where it sees a volume across several axes, which are
    looks already, and for 3D networks.

    Args:
        model: from `mitoseg.inference.model.load_model`.
        axes: from `choose_axes`.
        tta: 1 is the image as it is; 2 as it is, and turned by a quarter and magnified; 4 with its mirror images in y,
            in x and in both; 8 with all quarter turns of the image and of its mirror image. Or "auto".

    Raises:
        RunError: it is none of these; 2 with a 3D network.
    """
    if tta == AUTO:
        return 2 if seen_apart(model, axes) else 1
    if tta not in TTA:
        raise RunError(f"tta {tta}; expected auto, or one of {', '.join(map(str, TTA))}")
    if tta == 2 and model.config.dimensions == 3:
        raise RunError("tta 2 magnifies sections, and a 3D network sees blocks; expected 1, 4 or 8")
    return int(tta)


@dataclass(frozen=True)
class Seen:
    """A volume as the network sees it.

    Attributes:
        path: what messages call it.
        shape: (z, y, x) in px.
        voxel_size_nm: (z, y, x) in nm.
    """

    path: Path
    shape: tuple[int, int, int]
    voxel_size_nm: VoxelSize


def plan_orthoplanes(
    model: Model, source: Seen, axes: str, memory: int | None, *, twice: bool = False
) -> list[Orthoplane]:
    """Plan all orthoplanes before the first is predicted: what cannot be done is said at once.

    Args:
        model: what predicts.
        source: the image or volume.
        axes: some of "zyx" that `check_orthoplanes` let pass.
        memory: bytes that the program may take; None for no limit.
        twice: whether a second look, turned and magnified, follows each, where pixels are not too large for it.

    Raises:
        DataError: the voxel size is out of reach.
        RunError: memory does not suffice.
    """
    planes, spare = [], SPARE if axes == "z" else SPARE + BUFFER_BYTES
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
        planes.append(Orthoplane(axis, sigma, *fit_memory(windows, model, memory, spare, held)))
        if twice:
            with suppress(DataError):
                finer = plan_windows(model, (depth, height, width), (z_nm, MAGNIFIED * y_nm, MAGNIFIED * x_nm))
                planes.append(Orthoplane(axis, sigma, *fit_memory(finer, model, memory, spare, held), quarters=1))
    return planes


def check_orthoplanes(model: Model, source: Source, axes: str) -> None:
    """Check that a volume can be looked at across `axes`.

    Raises:
        DataError: they make no sense for the source.
        RunError: no such axes; slices across y or x with a 3D network.
    """
    check_axes(axes)
    if axes == "z":
        return
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


class SliceReader:
    """Reads parts of the slices of an orthoplane as the network wants them, some neighbours together."""

    def __init__(self, read: Reading, plane: Orthoplane, together: int, greys: Sequence[GreyScale] = ()) -> None:
        """Prepare to read.

        Args:
            read: gives parts of the volume.
            plane: whose slices are read.
            together: slices that are read at a time.
            greys: grey scale of every slice; none where what is read is normalised.
        """
        self._read, self._plane, self._together, self._greys = read, plane, together, greys
        self._start, self._tile = 0, ((0, 0), (0, 0))
        self._slab: NDArray[Any] = np.empty((0, 0, 0), np.uint8)

    def __call__(self, place: int, first: Span, second: Span) -> NDArray[np.float32]:
        """A part of one slice; `first` and `second` are on the two other axes, in the order z, y, x."""
        if self._tile != (first, second) or not self._start <= place < self._start + len(self._slab):
            self._start, self._tile = place // self._together * self._together, (first, second)
            stop = min(self._start + self._together, self._plane.windows.axes[0].stored)
            slab = self._read(self._plane.part(slice(self._start, stop), (first, second)))
            self._slab = np.moveaxis(slab, self._plane.axis, 0)
        part = np.ascontiguousarray(self._slab[place - self._start])
        return normalise(part, self._greys[place]) if self._greys else part


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


def smooth_stack(
    stack: NDArray[np.float32], first: int, places: range, length: int, sigma: float
) -> NDArray[np.float32]:
    """What `smooth_slices` makes of some slices, bit for bit.

    Args:
        stack: (N, ...) float32: slices from `first` on, with all neighbours that count for those that are wanted.
        first: place of the first.
        places: which are wanted.
        length: slices of the volume.
        sigma: of the Gaussian, in slices.

    Returns:
        (len(places), ...) float32.
    """
    reach = neighbours(sigma)
    smooth = np.zeros((len(places), *stack.shape[1:]), np.float32)
    inner = range(max(places.start, reach), min(places.stop, length - reach))
    weights = [exp(-0.5 * (offset / sigma) ** 2) for offset in range(-reach, reach + 1)]
    for start, weight in enumerate(weights, start=inner.start - reach - first) if inner else ():
        part = smooth[inner.start - places.start : inner.stop - places.start]
        part += stack[start : start + len(inner)] * np.float32(weight / sum(weights))
    for place in places:
        if place not in inner:
            near = range(max(0, place - reach), min(length, place + reach + 1))
            smooth[place - places.start] = _mean({each: stack[each - first] for each in near}, place, sigma)
    return smooth


def _mean(held: dict[int, NDArray[np.float32]], middle: int, sigma: float) -> NDArray[np.float32]:
    reach = neighbours(sigma)
    near = [place for place in range(middle - reach, middle + reach + 1) if place in held]
    weights = [exp(-0.5 * ((place - middle) / sigma) ** 2) for place in near]
    mean = np.zeros_like(held[middle])
    for place, weight in zip(near, weights, strict=True):
        mean += held[place] * np.float32(weight / sum(weights))
    return mean
