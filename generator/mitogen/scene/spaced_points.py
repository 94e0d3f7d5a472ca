"""Points that keep apart, for bodies that lie wall to wall: of a Poisson process too few would not overlap.

Space is divided into the cells of a lattice, and each gets one point with a radius of its own. Points that are too
close push each other apart a few times, which is how dense packings of spheres are made (Jodrey and Tory, Physical
Review A 32, 1985). What a cell holds depends on nothing but its place and on the cells around it, so any window shows
the same points, and there is neither a list nor an order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.hashing import mix, open_unit, place
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import normal_at

SIDE = 3
"""Edge of a block in cells of the lattice."""
STRAY = 0.6
"""How far a point lies outside its block at most, in edges of a cell of the lattice."""
FULLEST = 0.4
"""The share of the volume that is filled at most: of denser spheres too many still overlap after the last round."""
OVERLAP = 0.08
"""Part of their distance by which two spheres may overlap: what lies wall to wall is flattened where it touches."""
_ROUNDS = 3
_WIDE = SIDE + 2 * _ROUNDS
_AIM = 1.08
"""To how many times the sum of their radii points are pushed apart: each has other neighbours that push back."""
_MOST_PUSHED = STRAY - 0.25
"""How far a point is pushed along an axis at most, in edges of a cell."""


class Spacing(NamedTuple):
    """What the points of a process follow.

    Attributes:
        key: what all of them follow from, besides their places.
        edge: edge of a cell of the lattice in nm.
        jitter: how far points stray from the middle of their cells before they are pushed, 0 to 1.
        radius: median radius in nm.
        spread: standard deviation of the logarithm of radii.
        aspect: largest ratio of the length of a body to its width.
    """

    key: np.uint64
    edge: float
    jitter: float
    radius: float
    spread: float
    aspect: float


def spacing_of(density_per_um3: float, volume_um3: float) -> tuple[float, float]:
    """Edge in nm of the cells of a lattice, and the jitter in it, of so many bodies of this mean volume.

    There are no more of them than fill `FULLEST` of the volume. The denser they are, the more regularly they lie.
    """
    density = min(density_per_um3, FULLEST / volume_um3)
    return float(1000 * density ** (-1 / 3)), float(np.clip(1.4 - 2.2 * density * volume_um3, 0.4, 1.0))


@compiled
def fill_spaced_block(
    spacing: Spacing, block: tuple[int, int, int], quantiles: NDArray[np.float64], rows: NDArray[np.float64],
    filled: int,
) -> int:  # fmt: skip
    """Put the points of one block into `rows` (N, 3 + numbers), from row `filled` on.

    The first number of a point decides its radius, and the second how long its body is.

    Args:
        spacing: what they follow.
        block: its place (z, y, x).
        quantiles: see `normal_table`.
        rows: what is filled: position (z, y, x) in nm, and numbers in 0-1.
        filled: how many rows there are already.

    Returns:
        How many rows are filled now; -1 if there are too few.
    """
    if filled + SIDE**3 > len(rows):
        return -1
    first = (block[0] * SIDE, block[1] * SIDE, block[2] * SIDE)
    at, reach = _raw_points(spacing, first, quantiles)
    start, pushed = at.copy(), at.copy()
    for margin in range(1, _ROUNDS + 1):
        _push_apart(at, start, reach, margin, pushed)
        at, pushed = pushed, at
    for i in range(SIDE):
        for j in range(SIDE):
            for k in range(SIDE):
                own = place(spacing.key, first[0] + i, first[1] + j, first[2] + k)
                for column in range(rows.shape[1]):
                    own = mix(own)
                    rows[filled, column] = open_unit(own)
                for axis in range(3):
                    middle = at[i + _ROUNDS, j + _ROUNDS, k + _ROUNDS, axis]
                    rows[filled, axis] = (first[axis] + middle) * spacing.edge
                filled += 1
    return filled


@compiled
def _raw_points(
    spacing: Spacing, first: tuple[int, int, int], quantiles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Points (W, W, W, 3) around a block before any is pushed, seen from the block's corner, and their radii (W, W, W).

    Both are in units of the edge of a cell.
    """
    at, reach = np.empty((_WIDE, _WIDE, _WIDE, 3)), np.empty((_WIDE, _WIDE, _WIDE))
    number = np.empty(5)
    for i in range(_WIDE):
        for j in range(_WIDE):
            for k in range(_WIDE):
                cell = (i - _ROUNDS, j - _ROUNDS, k - _ROUNDS)
                own = place(spacing.key, first[0] + cell[0], first[1] + cell[1], first[2] + cell[2])
                for column in range(5):
                    own = mix(own)
                    number[column] = open_unit(own)
                for axis in range(3):
                    at[i, j, k, axis] = cell[axis] + 0.5 + spacing.jitter * (number[axis] - 0.5)
                # Every other column of cells is shifted, so that no plane of them can be seen.
                odd = (first[1] + cell[1] + first[2] + cell[2]) & 1
                at[i, j, k, 0] += 0.25 if odd == 1 else -0.25
                size = np.exp(spacing.spread * min(max(normal_at(number[3], quantiles), -2.0), 2.0))
                reach[i, j, k] = (
                    spacing.radius * size * (1 + 0.5 * (spacing.aspect - 1) * number[4] ** 2) / spacing.edge
                )
    return at, reach


@compiled
def _push_apart(
    at: NDArray[np.float64], start: NDArray[np.float64], reach: NDArray[np.float64], margin: int,
    pushed: NDArray[np.float64],
) -> None:  # fmt: skip
    """Push points (W, W, W, 3) away from those in the cells around theirs, and put where they are then into `pushed`.

    Those so many cells from the border are left out: of them not all neighbours are known.
    """
    step = np.empty(3)
    for i in range(margin, _WIDE - margin):
        for j in range(margin, _WIDE - margin):
            for k in range(margin, _WIDE - margin):
                step[:] = 0.0
                for n in range(27):
                    a, b, c = i + n // 9 - 1, j + n // 3 % 3 - 1, k + n % 3 - 1
                    if n == 13:
                        continue
                    wanted = _AIM * (reach[i, j, k] + reach[a, b, c])
                    squared = 0.0
                    for axis in range(3):
                        squared += (at[i, j, k, axis] - at[a, b, c, axis]) ** 2
                    if squared < wanted * wanted:
                        distance = np.sqrt(squared)
                        share = 0.5 * (wanted - distance) / max(distance, 1e-6)
                        for axis in range(3):
                            step[axis] += share * (at[i, j, k, axis] - at[a, b, c, axis])
                for axis in range(3):
                    away = at[i, j, k, axis] + step[axis] - start[i, j, k, axis]
                    pushed[i, j, k, axis] = start[i, j, k, axis] + min(max(away, -_MOST_PUSHED), _MOST_PUSHED)
