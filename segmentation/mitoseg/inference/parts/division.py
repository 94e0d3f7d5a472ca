"""Into which blocks a volume is cut, for each axis along which it is looked at."""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from mitoseg.inference.orthoplanes import AXES, Orthoplane
from mitoseg.inference.predictor import PredictionPlan
from mitoseg.inference.tiling import Tile, Windows
from mitoseg.io.blocks import Part
from mitoseg.io.part_arrays import PartArray

BLOCK_VOXELS = 2**24
"""Values of maps in a block: 64 MB, and about a minute's work for a core."""

PLANE_PX = 2**22
"""Pixels of a slice in a block: with its windows these take some 150 MB."""

SLABS = (16, 64, 64)
"""Voxels that are packed together where slices across several axes are put together: first along the axis across which
the network looks, as thick as a block there, then along the two others."""

SHEETS = (1, 128, 128)
"""... where there are slices across z alone."""

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
        needed: part of what is looked at, (z, y, x), that is read: the block with what its windows need.
    """

    places: range
    tile: Tile
    needed: Part


def block_edges(plane: Orthoplane, thinnest: int) -> tuple[int, int, int]:
    """Edges (z, y, x) of the blocks of an orthoplane, in px of what is looked at.

    Blocks are as wide as they may be, for windows at their sides are predicted for the neighbours as well, and as thick
    as `BLOCK_VOXELS` then lets them, at least `thinnest` slices.
    """
    windows = plane.windows
    depth, height, width = (axis.stored for axis in windows.axes)
    thick = min(depth, max(thinnest, _least_thickness(windows)))
    voxels = max(1, BLOCK_VOXELS // windows.channels)
    most = max(1, min(PLANE_PX, voxels // thick))
    rows = _even(height, max(isqrt(most), most // width))
    columns = _even(width, most // rows)
    thick = max(thick, voxels // (rows * columns) // thinnest * thinnest)
    edges = [rows, columns]
    edges.insert(plane.axis, min(depth, thick))
    return edges[0], edges[1], edges[2]


def _even(length: int, most: int) -> int:
    """The length of the parts if an axis is cut into as few as have at most so many px, all about as long."""
    return -(-length // -(-length // min(length, max(1, most))))


def _least_thickness(windows: Windows) -> int:
    """Stored sections of so many windows of a 3D network; of a 2D network one."""
    axis = windows.axes[0]
    if windows.size[0] == 1:
        return 1
    return -(-WINDOWS_DEEP * windows.size[0] * axis.stored // axis.working)


def part_arrays(plan: PredictionPlan, folder: Path) -> list[PartArray]:
    """The arrays of what is found by each look of a plan, in a folder."""
    arrays = []
    for plane in plan.planes:
        thick, *sides = SHEETS if plan.single else SLABS
        sides.insert(plane.axis, thick)
        z, y, x = sides
        edges = block_edges(plane, thick)
        name = f"{AXES[plane.axis]}{'-turned' if plane.quarters else ''}.zarr"
        arrays.append(PartArray(folder / name, (plan.channels, *plan.shape), edges, (z, y, x)))
    return arrays


def list_blocks(arrays: list[PartArray]) -> list[Block]:
    """All blocks of some arrays, in the order in which they are numbered."""
    parts = [(plane, part) for plane, array in enumerate(arrays) for part in array.blocks()]
    return [Block(number, plane, part) for number, (plane, part) in enumerate(parts)]


def piece_of(plane: Orthoplane, part: Part) -> Piece:
    """A block of an orthoplane as that sees it."""
    places = range(part[plane.axis].start, part[plane.axis].stop)
    rows, columns = ((each.start, each.stop) for axis, each in enumerate(part) if axis != plane.axis)
    tile = Tile.of(plane.windows, (rows, columns))
    (first, last), *sides = plane.windows.read_for(tile, (places.start, places.stop))
    return Piece(places, tile, plane.part(slice(first, last), (sides[0], sides[1])))
