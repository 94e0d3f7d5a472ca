"""Things scattered through unbounded tissue, so that any window into it shows the same ones.

Space is divided into cubic blocks, and the content of a block depends on nothing but the image's stream and the
block's place. A section and a volume of the same image therefore agree, however large either is.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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
        Positions (N, 3) float64 in nm as (z, y, x), and numbers (N, numbers) float64, uniform in 0-1.
    """
    low, high = box_nm
    if density_per_um3 <= 0:
        return np.empty((0, 3)), np.empty((0, numbers))
    edge = float(np.clip(1000 * (together / max(density_per_um3, 1e-9)) ** (1 / 3), 400, 4000))
    first, last = np.floor(low / edge).astype(int), np.floor(high / edge).astype(int)
    positions, attributes = [], []
    for z in range(first[0], last[0] + 1):
        for y in range(first[1], last[1] + 1):
            for x in range(first[2], last[2] + 1):
                rng = streams(f"{stage}/{z},{y},{x}")
                count = rng.poisson(density_per_um3 * (edge / 1000) ** 3)
                rows = rng.random((count, 3 + numbers))
                positions.append((rows[:, :3] + (z, y, x)) * edge)
                attributes.append(rows[:, 3:])
    points, rest = np.concatenate(positions), np.concatenate(attributes)
    kept = np.all((points >= low) & (points <= high), axis=1)
    return points[kept], rest[kept]


def directions(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (N, 3), uniform on the sphere, from two uniform numbers (N,) each."""
    z = 2 * u - 1
    angle = 2 * np.pi * v
    ring = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([z, ring * np.sin(angle), ring * np.cos(angle)], axis=1)
