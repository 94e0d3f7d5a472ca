"""Things scattered through unbounded tissue, so that any window into it shows the same ones.

Space is divided into cubic blocks, and the content of a block depends on nothing but the image's stream and the
block's place. A section and a volume of the same image therefore agree, however large either is.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mitogen.hashing import mix, open_unit, place
from mitogen.kernels import compiled
from mitogen.streams import stream

StreamOf = Callable[[str], np.random.Generator]
"""Gives the random stream of a stage of one image, by the stage's name."""


def streams_of(seed: int, index: int) -> StreamOf:
    """The streams of image `index` of a dataset with `seed`."""
    return lambda stage: stream(seed, index, stage)


def scatter(
    streams: StreamOf,
    stage: str,
    density_per_um3: float,
    box_nm: tuple[NDArray[np.float64], NDArray[np.float64]],
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
    edge = float(np.clip(1000 * (together / max(density_per_um3, 1e-9)) ** (1 / 3), 400, 4000))
    first, last = np.floor(low / edge).astype(np.int64), np.floor(high / edge).astype(np.int64)
    key = np.uint64(streams(stage).integers(2**63))
    mean = density_per_um3 * (edge / 1000) ** 3
    rows = _points(key, first, last, mean, edge, np.asarray(low), np.asarray(high), numbers)
    return rows[:, :3], rows[:, 3:]


@compiled
def _points(
    key: np.uint64, first: NDArray[np.int64], last: NDArray[np.int64], mean: float, edge: float,
    low: NDArray[np.float64], high: NDArray[np.float64], numbers: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Rows (z, y, x, numbers...) of the points of all blocks that lie within the box, block by block."""
    blocks = 1
    for k in range(3):
        blocks *= last[k] - first[k] + 1
    room = int(blocks * mean + 8 * np.sqrt(blocks * mean)) + 16
    rows = np.empty((room, 3 + numbers))
    filled = 0
    for z in range(first[0], last[0] + 1):
        for y in range(first[1], last[1] + 1):
            for x in range(first[2], last[2] + 1):
                state = place(key, z, y, x)
                # Arrivals of a Poisson process within a time of `mean`.
                time = -np.log(open_unit(state))
                while time < mean:
                    # A chain of its own, so that more numbers a point shift nothing.
                    own = mix(~state)
                    for column in range(3 + numbers):
                        own = mix(own)
                        rows[filled, column] = open_unit(own)
                    rows[filled, 0] = (rows[filled, 0] + z) * edge
                    rows[filled, 1] = (rows[filled, 1] + y) * edge
                    rows[filled, 2] = (rows[filled, 2] + x) * edge
                    inside = True
                    for k in range(3):
                        inside = inside and low[k] <= rows[filled, k] <= high[k]
                    if inside:
                        filled += 1
                        if filled == room:
                            larger = np.empty((2 * room, 3 + numbers))
                            larger[:room] = rows
                            rows, room = larger, 2 * room
                    state = mix(state)
                    time -= np.log(open_unit(state))
    return rows[:filled]


def directions(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3), uniform on the sphere, from two uniform numbers (N,) each."""
    z = 2 * u - 1
    angle = 2 * np.pi * v
    ring = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([z, ring * np.sin(angle), ring * np.cos(angle)], axis=1)
