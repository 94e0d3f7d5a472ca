"""Into which blocks a volume is cut, for each axis along which it is looked at."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

from mitoseg.inference.orthoplanes import AXES, Orthoplane
from mitoseg.inference.predictor import Plan
from mitoseg.inference.tiling import Tile, Windows
from mitoseg.io.blocks import Part
from mitoseg.io.part_arrays import PartArray, whole_chunks

BLOCK_VOXELS = 2**24
"""Values of maps in a block: 64 MB, and half a minute's work for a core at 10 nm."""

PLANE_PX = 2**22
"""Pixels of a slice in a block: with its windows these take some 150 MB."""

THICK = 16
"""Slices of a block at least, where slices beside it are predicted as well because they count for its own."""

WINDOWS_DEEP = 4
"""Thickness of a block at least, in windows of a 3D network."""


@dataclass(frozen=True)
class Block:
    """What one process predicts at a time.

    Attributes:
        number: from 0 on.
        plane: number of the orthoplane.
        part: where it lies in what is looked at, (z, y, x).
    """

    number: int
    plane: int
    part: Part


@dataclass(frozen=True)
class Piece:
    """A block as its orthoplane sees it.

    Attributes:
        places: slices.
        tile: part of them.
        needed: part of what is looked at, (z, y, x), that is read: the block with what its windows and neighbours need.
    """

    places: range
    tile: Tile
    needed: Part


def block_edges(plane: Orthoplane) -> tuple[int, int, int]:
    """Edges (z, y, x) of the blocks of an orthoplane, in px of what is looked at.

    Blocks are as wide as they may be, for windows at their sides are predicted for the neighbours as well, and as thick
    as `BLOCK_VOXELS` then lets them.
    """
    windows = plane.windows
    depth, *sides = (axis.stored for axis in windows.axes)
    thick = min(depth, _least_thickness(windows) if windows.size[0] > 1 else THICK if plane.sigma else 1)
    voxels = BLOCK_VOXELS // windows.channels
    while prod(sides) > min(PLANE_PX, voxels // thick) and max(sides) > 1:
        longer = sides.index(max(sides))
        sides[longer] = -(-sides[longer] // 2)
    thick = min(depth, max(thick, voxels // prod(sides)))
    edges = [*sides]
    edges.insert(plane.axis, thick)
    return edges[0], edges[1], edges[2]


def _least_thickness(windows: Windows) -> int:
    """Stored sections of so many windows of a 3D network."""
    axis = windows.axes[0]
    return -(-WINDOWS_DEEP * windows.size[0] * axis.stored // axis.working)


def part_arrays(plan: Plan, folder: Path) -> list[PartArray]:
    """The arrays of what is found across each axis of a plan, in a folder."""
    return [
        PartArray(
            folder / f"{AXES[plane.axis]}.zarr",
            (plan.channels, *plan.shape),
            whole_chunks(plan.shape, block_edges(plane)),
        )
        for plane in plan.planes
    ]


def list_blocks(arrays: list[PartArray]) -> list[Block]:
    """All blocks of some arrays, in the order in which they are numbered."""
    parts = [(plane, part) for plane, array in enumerate(arrays) for part in array.blocks()]
    return [Block(number, plane, part) for number, (plane, part) in enumerate(parts)]


def piece_of(plane: Orthoplane, part: Part) -> Piece:
    """A block of an orthoplane as that sees it."""
    places = range(part[plane.axis].start, part[plane.axis].stop)
    rows, columns = ((each.start, each.stop) for axis, each in enumerate(part) if axis != plane.axis)
    tile = Tile.of(plane.windows, (rows, columns))
    around = plane.around(places)
    (first, last), *sides = plane.windows.read_for(tile, (around.start, around.stop))
    return Piece(places, tile, plane.part(slice(first, last), (sides[0], sides[1])))
