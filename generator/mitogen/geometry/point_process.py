"""Things scattered through unbounded tissue, so that any window into it shows the same ones.

Space is divided into cubic blocks, and the content of a block depends on nothing but the image's stream and the
block's place. A section and a volume of the same image therefore agree, however large either is.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.geometry.hashing import mix, open_unit, place
from mitogen.geometry.jit import compiled
from mitogen.recipe.rng import stream

StreamOf = Callable[[str], np.random.Generator]
"""Gives the random stream of a stage of one image, by the stage's name."""

Box = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lower and upper corner (z, y, x) in nm."""

_RARE = 0.02
"""Share of normally distributed numbers that are cut off at either end."""


class Blocks(NamedTuple):
    """The cubic blocks of a process.

    Attributes:
        key: what the content of all blocks follows from, besides their places.
        mean: mean number of points in a block.
        edge: edge of a block in nm.
    """

    key: np.uint64
    mean: float
    edge: float


def streams_of(seed: int, index: int) -> StreamOf:
    """The streams of image `index` of a dataset with `seed`."""
    return lambda stage: stream(seed, index, stage)


def scatter(
    streams: StreamOf,
    stage: str,
    density_per_um3: float,
    box_nm: Box,
    numbers: int,
    *,
    together: float = 12.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scatter points by a Poisson process, each with some random numbers of its own.

    Args:
        streams: the image's streams.
        stage: name of the process; processes of different names are independent.
        density_per_um3: mean number of points in a cubic micrometre.
        box_nm: lower and upper corner (z, y, x); points outside are left out.
        numbers: how many numbers each point gets.
        together: mean number of points in a block; many are quicker for crowds, few for the edges of the box.

    Returns:
        Positions (N, 3) float64 in nm as (z, y, x), and numbers (N, numbers) float64, uniform in 0-1. The
        first numbers of a point stay as they are if it gets more.
    """
    low, high = box_nm
    if density_per_um3 <= 0:
        return np.empty((0, 3)), np.empty((0, numbers))
    edge, mean = blocks_of(density_per_um3, together)
    rows = _points(Blocks(key_of(streams, stage), mean, edge), np.asarray(low), np.asarray(high), numbers)
    return rows[:, :3], rows[:, 3:]


def key_of(streams: StreamOf, stage: str) -> np.uint64:
    """The key of the blocks of a process."""
    return np.uint64(streams(stage).integers(2**63))


def blocks_of(density_per_um3: float, together: float = 12.0) -> tuple[float, float]:
    """Edge in nm of the blocks of a process, and the mean number of points in one."""
    edge = float(np.clip(1000 * (together / max(density_per_um3, 1e-9)) ** (1 / 3), 400, 4000))
    return edge, density_per_um3 * (edge / 1000) ** 3


@compiled
def fill_block(
    blocks: Blocks, z: int, y: int, x: int, rows: NDArray[np.float64], filled: int
) -> int:  # fmt: skip
    """Put the points of one block into `rows` (N, 3 + numbers), from row `filled` on.

    Returns:
        How many rows are filled now; -1 if there are too few.
    """
    state = place(blocks.key, z, y, x)
    # Arrivals of a Poisson process within a time of `mean`.
    time = -np.log(open_unit(state))
    while time < blocks.mean:
        if filled == len(rows):
            return -1
        # A chain of its own, so that more numbers a point shift nothing.
        own = mix(~state)
        for column in range(rows.shape[1]):
            own = mix(own)
            rows[filled, column] = open_unit(own)
        rows[filled, 0] = (rows[filled, 0] + z) * blocks.edge
        rows[filled, 1] = (rows[filled, 1] + y) * blocks.edge
        rows[filled, 2] = (rows[filled, 2] + x) * blocks.edge
        filled += 1
        state = mix(state)
        time -= np.log(open_unit(state))
    return filled


@compiled
def _points(
    blocks: Blocks, low: NDArray[np.float64], high: NDArray[np.float64], numbers: int
) -> NDArray[np.float64]:  # fmt: skip
    """Rows (z, y, x, numbers...) of the points of all blocks that lie within the box, block by block."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    count = 1
    for k in range(3):
        first[k], last[k] = int(np.floor(low[k] / blocks.edge)), int(np.floor(high[k] / blocks.edge))
        count *= last[k] - first[k] + 1
    room = int(count * blocks.mean + 8 * np.sqrt(count * blocks.mean)) + 16
    rows = np.empty((room, 3 + numbers))
    filled = 0
    for z in range(first[0], last[0] + 1):
        for y in range(first[1], last[1] + 1):
            for x in range(first[2], last[2] + 1):
                end = fill_block(blocks, z, y, x, rows, filled)
                while end < 0:
                    rows = np.concatenate((rows, np.empty_like(rows)))
                    end = fill_block(blocks, z, y, x, rows, filled)
                filled = _keep_inside(rows, filled, end, low, high)
    return rows[:filled]


@compiled
def _keep_inside(
    rows: NDArray[np.float64], begin: int, end: int, low: NDArray[np.float64], high: NDArray[np.float64]
) -> int:  # fmt: skip
    """Move the rows of points in a box to the front of those from `begin` to `end`; gives where they end."""
    kept = begin
    for row in range(begin, end):
        inside = True
        for k in range(3):
            inside = inside and low[k] <= rows[row, k] <= high[k]
        if inside:
            for column in range(rows.shape[1]):
                rows[kept, column] = rows[row, column]
            kept += 1
    return kept


def directions(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3), uniform on the sphere, from two uniform numbers (N,) each."""
    z = 2 * u - 1
    angle = 2 * np.pi * v
    ring = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([z, ring * np.sin(angle), ring * np.cos(angle)], axis=1)


@compiled
def point_on_sphere(u: float, v: float, out: NDArray[np.float64]) -> None:
    """As `directions`, for one vector (3,) within a compiled loop."""
    z = 2 * u - 1
    ring = np.sqrt(max(1 - z * z, 0.0))
    out[0], out[1], out[2] = z, ring * np.sin(2 * np.pi * v), ring * np.cos(2 * np.pi * v)


@cache
def normal_table() -> NDArray[np.float64]:
    """Quantiles of the normal distribution for `normal_at`."""
    table: NDArray[np.float64] = ndtri(np.linspace(_RARE, 1 - _RARE, 4097))
    return table


@compiled
def normal_at(u: float, table: NDArray[np.float64]) -> float:
    """A normally distributed number from a uniform one in 0-1, cut at 2.05 standard deviations (see `normal_table`)."""
    place = min(max((u - _RARE) / (1 - 2 * _RARE), 0.0), 1.0) * (table.size - 1)
    low = min(int(place), table.size - 2)
    return float(table[low] + (place - low) * (table[low + 1] - table[low]))
