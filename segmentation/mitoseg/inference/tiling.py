"""How a network is moved over a volume: the windows that it sees, and tiles of sections that fit into memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import ceil

import torch
from monai.data.utils import dense_patch_slices

from mitodata import RunError, VoxelSize
from mitoseg.inference.model import Model
from mitoseg.inference.working_grid import Axis, Span
from mitoseg.networks.memory import SPARE, format_bytes, peak_bytes, resident_bytes
from mitoseg.networks.normalisation import working_volume
from mitoseg.networks.targets import map_channels
from mitoseg.networks.unet import FEATURES, REDUCTION

OVERLAP = 0.25
"""Share by which neighbouring windows overlap; their predictions are blended with Gaussian weights."""

LARGER = 2
"""Windows are this many times as wide as the patches of training: more of their pixels have tissue on all sides."""

BATCH = 4
"""Windows that go through the network together on a GPU; on a processor one: more take memory and are no faster."""


@dataclass(frozen=True)
class Windows:
    """How a network is moved over a volume.

    Attributes:
        axes: z, y, x.
        size: of a window in px of the working grid, z, y, x; z = 1 for a 2D network.
        channels: maps that the network gives.
        batch: windows that go through the network together.
    """

    axes: tuple[Axis, Axis, Axis]
    size: tuple[int, int, int]
    channels: int
    batch: int

    def starts(self, axis: int) -> list[int]:
        """Where windows start on the padded grid of an axis."""
        return _starts(self.axes[axis].padded, self.size[axis])

    def touching(self, axis: int, padded: Span) -> list[int]:
        """Where those windows start that touch some padded indices of an axis."""
        start, stop = padded
        return [first for first in self.starts(axis) if first < stop and first + self.size[axis] > start]

    def read_for(self, tile: "Tile", places: Span) -> tuple[Span, Span, Span]:
        """Stored indices in z, y and x that are read to predict the stored sections `places` of a tile."""
        z = self.axes[0].needed(places)
        if self.size[0] > 1:
            starts = self.touching(0, z)
            z = starts[0], starts[-1] + self.size[0]
        first, second, third = (
            axis.from_stored(span)[0] for axis, span in zip(self.axes, (z, *tile.region), strict=True)
        )
        return first, second, third


@cache
def _starts(length: int, size: int) -> list[int]:
    interval = size if length == size else max(1, int(size * (1 - OVERLAP)))
    return [int(part[0].start) for part in dense_patch_slices((length,), (size,), (interval,))]


@dataclass(frozen=True)
class Tile:
    """A part of the sections, with the windows that it needs.

    Attributes:
        part: stored indices in y and x.
        region: padded indices in y and x that the windows cover.
        corners: starts of the windows in y and x, counted from the region's.
    """

    part: tuple[Span, Span]
    region: tuple[Span, Span]
    corners: list[tuple[int, int]]

    @classmethod
    def of(cls, windows: Windows, part: tuple[Span, Span]) -> "Tile":
        """The tile of the stored indices `part`."""
        regions, touching = [], []
        for axis, span in enumerate(part, start=1):
            starts = windows.touching(axis, windows.axes[axis].needed(span))
            regions.append((starts[0], starts[-1] + windows.size[axis]))
            touching.append([first - starts[0] for first in starts])
        return cls(part, (regions[0], regions[1]), list(product(touching[0], touching[1])))

    @property
    def shape(self) -> tuple[int, int]:
        """Size of the region in px."""
        (top, bottom), (left, right) = self.region
        return bottom - top, right - left


HoldsTissue = Callable[[Span, Span, Span], bool]
"""Whether there is tissue in a part of what a network is moved over: stored indices in z, y and x."""


class Targets:
    """The windows of a tile that are looked at: all that see tissue, or None that says where it is.

    What a window says of tissue comes from the stored pixels that the window is made of, for the filter that brings
    them to the grid of the network is as wide as the one that brings maps back. Without tissue in them, what the window
    says is of no use.
    """

    def __init__(self, windows: Windows, tile: Tile, tissue: HoldsTissue | None) -> None:
        self._windows, self._corners, self._tissue = windows, tile.corners, tissue
        self._rows, self._columns = (
            {
                first: axis.from_stored((region[0] + first, region[0] + first + size))[0]
                for first in {corner[side] for corner in tile.corners}
            }
            for side, (axis, size, region) in enumerate(
                zip(windows.axes[1:], windows.size[1:], tile.region, strict=True)
            )
        )

    def at(self, start: int) -> list[tuple[int, int]]:
        """Corners, as in `Tile`, of the windows that start at a padded z."""
        if self._tissue is None:
            return self._corners
        z = self._windows.axes[0].from_stored((start, start + self._windows.size[0]))[0]
        return [(y, x) for y, x in self._corners if self._tissue(z, self._rows[y], self._columns[x])]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(self.at(start)) for start in self._windows.starts(0))


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
    batch = 1 if model.device.type == "cpu" else BATCH
    return Windows((axes[0], axes[1], axes[2]), (z, y, x), map_channels(model.config.target), batch)


def _window_side(patch: int, length: int) -> int:
    """Side in px of the windows on an axis of `length` working px: at most `LARGER` patches, at least one.

    As many windows as the largest would need share the axis evenly, so that they overlap no more than they have to.
    """
    largest = LARGER * patch
    count = 1 if length <= largest else 1 + ceil((length / largest - 1) / (1 - OVERLAP))
    side = ceil(length / (1 + (count - 1) * (1 - OVERLAP)))
    return min(largest, max(patch, -(-side // REDUCTION) * REDUCTION))


def whole(windows: Windows) -> Tile:
    """One tile that covers the sections."""
    return Tile.of(windows, ((0, windows.axes[1].stored), (0, windows.axes[2].stored)))


def fit_memory(
    windows: Windows, model: Model, limit: int | None, spare: int = SPARE, held: int = 0
) -> tuple[Windows, list[Tile]]:
    """Choose how many windows go together and into which tiles the sections are cut.

    Args:
        windows: how the network is moved, with the largest batch.
        model: is watched while it predicts one window, to learn what that takes.
        limit: bytes for the whole process; None for one tile.
        spare: bytes of them that are left alone.
        held: slices of a tile that are kept on top of those under the windows.

    Raises:
        RunError: the least that works takes more.
    """
    if limit is None:
        return windows, [whole(windows)]
    window = peak_bytes(
        model.network, lambda: model.predict_windows(torch.zeros(1, 1, *windows.size, device=model.device))
    )
    left = limit - resident_bytes() - spare
    windows = replace(windows, batch=max(1, min(windows.batch, int(left / 3 / max(window, 1)))))
    left -= window * windows.batch
    cuts, tiles = 1, 0
    while tiles != len(parts := _parts(windows, cuts)):
        # A tile in the middle needs windows on all sides.
        middle = Tile.of(windows, parts[len(parts) // 2])
        cost = tile_bytes(windows, middle) + held * slice_bytes(windows, middle)
        if cost <= left:
            return windows, [Tile.of(windows, part) for part in parts]
        cuts, tiles = cuts + max(1, cuts // 2), len(parts)
    raise RunError(
        f"memory {format_bytes(limit)} does not suffice: the program and one window of the network take "
        f"{format_bytes(limit - left + cost)}; give more with --memory"
    )


def slice_bytes(windows: Windows, tile: Tile) -> int:
    """Bytes of the maps of one slice of a tile."""
    (top, bottom), (left, right) = tile.part
    return 4 * windows.channels * (bottom - top) * (right - left)


def tile_bytes(windows: Windows, tile: Tile) -> int:
    """Bytes that the windows of a tile take, apart from what the network takes."""
    (top, bottom), (left, right) = tile.part
    stored, region = (bottom - top) * (right - left), tile.shape[0] * tile.shape[1]
    channels, depth = windows.channels, slab_depth(windows, tile)
    slab = 4 * depth * region * (2 + channels)
    kept = slice_bytes(windows, tile) * (2 if not windows.axes[0].resampled else 6)
    return slab + kept + 4 * region * (channels + 3) + 6 * stored


def slab_depth(windows: Windows, tile: Tile) -> int:
    """Sections that are held: those under a window, or for 2D networks as many as give a full batch."""
    if windows.size[0] > 1:
        return windows.size[0]
    return min(windows.axes[0].stored, -(-windows.batch // len(tile.corners)))


def _parts(windows: Windows, cuts: int) -> list[tuple[Span, Span]]:
    """Cut the longer side of the sections into `cuts` parts, no smaller than a window, and the other one to match."""
    sides = [
        (axis.stored, max(1, axis.working // size))
        for axis, size in zip(windows.axes[1:], windows.size[1:], strict=True)
    ]
    longest = max(length for length, _ in sides)
    rows, columns = (
        [(part * length // number, (part + 1) * length // number) for part in range(number)]
        for length, most in sides
        for number in [max(1, min(round(cuts * length / longest), most))]
    )
    return list(product(rows, columns))
