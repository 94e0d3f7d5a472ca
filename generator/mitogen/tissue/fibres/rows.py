"""What lies side by side along muscle fibres: columns of myofibrils, and rows of mitochondria packed end to end.

Space across the axis is shared out among columns (see `packing`); each is a myofibril, a row of mitochondria or plain
sarcoplasm. A row is divided by planes across the axis, most of them at Z lines, as T tubules and sarcoplasmic reticulum
divide it in life. What is left between two planes is one mitochondrion: convex but for the dents of lipid droplets.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import mix, open_unit, place
from mitogen.geometry.jit import compiled
from mitogen.geometry.packing import FACES, Bodies, Packing, below_faces, make_planes, no_bodies, rounded_depth


BELL = 2.4495
"""Turns the sum of two uniform numbers less one, or half of one number so less, into one of standard deviation 1."""


class Column(IntEnum):
    """What a column holds."""

    FIBRIL = 0
    ROW = 1
    SARCOPLASM = 2


class Habit(NamedTuple):
    """What the rows of an image share; lengths in nm.

    Attributes:
        sarcomere: length of a sarcomere.
        at_z, at_m: chance that a row is divided at a Z line, and midway between two.
        longest: number of half sarcomeres after which a row is divided in any case.
        jitter: how far a division strays from the line (standard deviation).
        gap: distance between two mitochondria that touch.
        clearance: distance between a mitochondrion and a fibril.
        rounding: radius of rounded edges, in units of a column's inner radius.
        thinning: how much thinner than their column mitochondria are, mean, in units of its inner radius.
        vacant: share of the places in rows that are empty.
        droplets: share of the divisions that hold a lipid droplet.
        droplet: radius of a droplet.
        paired: share of rows whose mitochondria flank Z lines in pairs, as in white muscle.
        notch: how much mitochondria are drawn in at Z lines.
    """

    sarcomere: float
    at_z: float
    at_m: float
    longest: int
    jitter: float
    gap: float
    clearance: float
    rounding: float
    thinning: float
    vacant: float
    droplets: float
    droplet: float
    paired: float
    notch: float


DIVISION = np.dtype(
    [
        ("below", np.int64),  # the last division at or before this node: itself, if it is one
        ("above", np.int64),  # the next division after it
        ("place", np.float64),  # where it lies along the axis in nm
        ("tilt_1", np.float64),  # how much it leans over the two directions across
        ("tilt_2", np.float64),
        ("before", np.float64),  # how far off it ends in nm what lies before it
        ("after", np.float64),  # and begins what lies after it
        ("droplet", np.float64),  # radius in nm of the lipid droplet on it, 0 for none
        ("filled", np.bool_),  # whether there is a mitochondrion from here to the next division
        ("thinner", np.float64),  # how much further than others in nm that stays off the faces of the column
    ]
)
"""A node of a column, one each half sarcomere; some nodes are divisions."""


class Rows(NamedTuple):
    """The rows around a window: C columns of K nodes.

    Attributes:
        packing: the columns.
        habit: what rows share.
        kind: (C,) int8 see `Column`.
        phase: (C,) float64 how far each column is shifted along the axis in nm.
        keep: (C, F) float64 how far bodies stay off each face of their column in nm.
        first: number of the first node.
        divisions: (C, K) see `DIVISION`.
    """

    packing: Packing
    habit: Habit
    kind: NDArray[np.int8]
    phase: NDArray[np.float64]
    keep: NDArray[np.float64]
    first: int
    divisions: NDArray[np.void]


def lay_rows(
    packing: Packing, habit: Habit, shares: tuple[float, float], extent_nm: tuple[float, float], shift_nm: float
) -> Rows:
    """Say what each column of a packing holds, and divide the rows.

    Args:
        packing: the columns.
        habit: what rows share.
        shares: which share of the columns are rows, and which share sarcoplasm.
        extent_nm: from where to where along the axis.
        shift_nm: how far columns are out of step along the axis (standard deviation).
    """
    half = habit.sarcomere / 2
    spare = habit.longest + 2
    first = int(np.floor((extent_nm[0] - 3 * shift_nm) / half)) - spare
    nodes = int(np.ceil((extent_nm[1] + 3 * shift_nm) / half)) + spare - first + 1
    columns = len(packing.weight)
    rows = Rows(
        packing, habit, np.zeros(columns, np.int8), np.zeros(columns), np.zeros((columns, FACES)), first,
        np.zeros((columns, nodes), DIVISION),
    )  # fmt: skip
    _lay(rows, shares[0], shares[1], shift_nm)
    return rows


@compiled
def _lay(rows: Rows, row_share: float, plain_share: float, shift: float) -> None:
    packing, habit = rows.packing, rows.habit
    for c in range(len(packing.weight)):
        u = open_unit(mix(packing.key[c] ^ np.uint64(0x51ED)))
        rows.kind[c] = Column.ROW if u < row_share else Column.SARCOPLASM if u > 1 - plain_share else Column.FIBRIL
        state = mix(packing.key[c] ^ np.uint64(0xFA5E))
        rows.phase[c] = shift * (open_unit(state) + open_unit(mix(state)) - 1) * BELL
    for c in range(len(packing.weight)):
        make_planes(packing, c)
        for f in range(FACES):
            other = packing.other[c, f]
            if other >= 0:
                rows.keep[c, f] = habit.gap / 2 if rows.kind[other] == Column.ROW else habit.clearance
        inner = max(packing.offset[c, 0] - rows.keep[c, 0], 1.0)
        if rows.kind[c] != Column.FIBRIL:
            _divide(rows, c, inner)


@compiled
def _divide(rows: Rows, c: int, inner: float) -> None:
    """Divide one column, and say what its places hold; `inner` is its inner radius in nm."""
    habit, key = rows.habit, rows.packing.key[c]
    half, nodes = habit.sarcomere / 2, rows.divisions.shape[1]
    plain = rows.kind[c] == Column.SARCOPLASM
    paired = not plain and open_unit(mix(key ^ np.uint64(0x9A1))) < habit.paired
    always = int(open_unit(mix(key)) * habit.longest)
    last = 0
    for n in range(nodes):
        k, division = n + rows.first, rows.divisions[c, n]
        state = place(key, k, 1, 0)
        chance = habit.at_z if k % 2 == 0 else habit.at_m
        divided = open_unit(state) < chance or (k - always) % habit.longest == 0 or paired or plain or n == 0
        last = n if divided else last
        division.below = last
        division.place = k * half
        if divided:
            _say(division, habit, state, inner, plain)
        if paired:
            _pair(division, k, half, state)
    following = nodes
    for n in range(nodes - 1, -1, -1):
        rows.divisions[c, n].above = following
        if rows.divisions[c, n].below == n:
            following = n


@compiled
def _say(division: np.void, habit: Habit, state: np.uint64, inner: float, plain: bool) -> None:
    """Say where a division runs and what follows it."""
    u = np.empty(12)
    for n in range(len(u)):
        state = mix(state)
        u[n] = open_unit(state)
    division.place += habit.jitter * (u[0] + u[1] - 1) * BELL
    division.tilt_1, division.tilt_2 = 0.35 * (u[2] - 0.5) * BELL, 0.35 * (u[3] - 0.5) * BELL
    wide = 500 * max(u[4] - 0.65, 0.0)
    division.before, division.after = habit.gap / 2 + wide * u[5], habit.gap / 2 + wide * u[6]
    if u[7] < habit.droplets and not plain:
        division.droplet = min(habit.droplet * np.exp(0.35 * (u[8] + u[9] - 1) * BELL), 0.9 * inner)
    division.filled = u[10] > (0.6 if plain else habit.vacant)
    division.thinner = min(2 * habit.thinning * u[11] + (0.3 if plain else 0.0), 0.7) * inner


@compiled
def _pair(division: np.void, k: int, half: float, state: np.uint64) -> None:
    """Make of a node a division as in white muscle, where a mitochondrion lies on either side of each Z line."""
    division.place, division.tilt_1, division.tilt_2, division.droplet = k * half, 0.0, 0.0, 0.0
    aside = 45.0 if k % 2 == 0 else half * (0.5 + 0.2 * open_unit(state))
    division.before, division.after = aside, aside


@compiled
def division_at(rows: NDArray[np.void], c: int, n: int, point: tuple[float, float, float]) -> float:
    """Distance in nm of a point beyond division `n` of column `c`; it is given beside the column's middle line."""
    division = rows[c, n]
    t1, t2 = division.tilt_1, division.tilt_2
    away = point[0] - division.place - t1 * point[1] - t2 * point[2]
    return float(away / np.sqrt(1 + t1 * t1 + t2 * t2))


@compiled
def body_at(divisions: NDArray[np.void], c: int, node: int, point: tuple[float, float, float]) -> int:
    """Index of the division of column `c` at which the place of a point begins; `node` is the node before it."""
    last = divisions.shape[1] - 1
    n = divisions[c, min(max(node, 1), last)].below
    if n > 0 and division_at(divisions, c, n, point) < 0:
        return int(divisions[c, n - 1].below)
    following = divisions[c, n].above
    if following <= last and division_at(divisions, c, following, point) >= 0:
        return int(following)
    return int(n)


@compiled
def _end(
    divisions: NDArray[np.void], gap: float, c: int, n: int, point: tuple[float, float, float], facing: float
) -> tuple[float, float, float, float]:  # fmt: skip
    """Depth in nm of a point below the end of a body that lies beyond (`facing` 1) or before (-1) division `n`.

    The last three numbers are the inward normal in the coordinates of the fibres.
    """
    division = divisions[c, n]
    depth = facing * division_at(divisions, c, n, point) - (division.after if facing > 0 else division.before)
    normal = facing, -facing * division.tilt_1, -facing * division.tilt_2
    if division.droplet > 0:
        d0 = point[0] - division.place
        away = max(np.sqrt(d0 * d0 + point[1] * point[1] + point[2] * point[2]), 1e-3)
        if away - division.droplet - gap < depth:
            depth = away - division.droplet - gap
            normal = d0 / away, point[1] / away, point[2] / away
    return depth, normal[0], normal[1], normal[2]


@compiled
def depth_in_body(
    packing: Packing, divisions: NDArray[np.void], keep: NDArray[np.float64], habit: Habit, which: tuple[int, int],
    point: tuple[float, float, float, float], gradient: NDArray[np.float64],
) -> float:  # fmt: skip
    """Depth in nm of a point below the surface of the body that begins at division `n` of column `c`.

    Args:
        packing: the columns.
        divisions: what divides them.
        keep: how far bodies stay off the faces of their columns.
        habit: what rows share.
        which: the column `c` and the division `n`.
        point: s, u and v beside the middle line of the column, and the depth in the room of the muscle fibre, in nm.
        gradient: (3,), filled with the inward direction in the coordinates of the fibres.
    """
    c, n = which
    s, u, v, border = point
    division = divisions[c, n]
    rounding = habit.rounding * max(packing.offset[c, 0] - keep[c, 0], 1.0)
    # Drawn in where T tubules pass.
    beat = s / habit.sarcomere
    away = (beat - np.round(beat)) * habit.sarcomere / 130.0
    more = division.thinner + habit.notch * np.exp(-away * away)
    across = (0.0, packing.centre[c, 1] + u, packing.centre[c, 2] + v)
    squares, least = below_faces(packing, c, across, keep, more, rounding, gradient)
    if border < rounding:
        squares, least = squares + (rounding - border) ** 2, min(least, border)
    for side in range(2):
        m, facing = (n, 1.0) if side == 0 else (division.above, -1.0)
        if m >= divisions.shape[1]:
            continue
        depth, g0, g1, g2 = _end(divisions, habit.gap, c, m, (s, u, v), facing)
        lacking = rounding - depth
        least = min(least, depth)
        if lacking > 0:
            squares += lacking * lacking
            gradient[0] += lacking * g0
            gradient[1] += lacking * g1
            gradient[2] += lacking * g2
    return rounded_depth(squares, least, rounding)


@compiled
def _around(
    divisions: NDArray[np.void], c: int, n: int, point: tuple[float, float, float], reach: float
) -> tuple[int, int, int]:  # fmt: skip
    """The place that begins at division `n`, and those before and after it if a point is close to them; -1 if not."""
    before = after = -1
    if n > 0 and division_at(divisions, c, n, point) < reach:
        before = int(divisions[c, n - 1].below)
    following = divisions[c, n].above
    if following < divisions.shape[1] - 1 and division_at(divisions, c, following, point) > -reach:
        after = int(following)
    return int(n), before, after


@compiled
def cut_rows(
    rows: Rows, owner: NDArray[np.int64], coordinates: tuple[FloatArray, FloatArray, FloatArray], border: FloatArray,
    reach: float,
) -> Bodies:  # fmt: skip
    """Find the nearest body of each pixel (Y, X).

    Args:
        rows: the rows.
        owner: (Y, X) the column of each pixel, see `packing.owners`.
        coordinates: s, u and v, each (Y, X) in nm.
        border: (Y, X) how deep each pixel lies in the room of its muscle fibre in nm.
        reach: how far outside bodies pixels know of them.
    """
    first, second, third = coordinates
    shape = owner.shape
    bodies = no_bodies(shape)
    n0, n1, n2 = bodies.normal
    gradient, best = np.empty(3), np.zeros(3)
    packing, divisions, habit, keep = rows.packing, rows.divisions, rows.habit, rows.keep
    centre, kind, half = packing.centre, rows.kind, habit.sarcomere / 2
    for i in range(shape[0]):
        for j in range(shape[1]):
            c = owner[i, j]
            closest, found = reach, -1
            du, dv = second[i, j] - centre[c, 1], third[i, j] - centre[c, 2]
            away = np.sqrt(du * du + dv * dv) + reach
            # The pixel's own column first, then those whose bodies it may lie close to.
            for f in range(-1, FACES):
                column = c
                if f >= 0:
                    column, beyond = packing.other[c, f], packing.offset[c, f]
                    if column < 0 or closest < 0 or beyond > away:
                        break
                    if beyond + packing.normal[c, f, 1] * du + packing.normal[c, f, 2] * dv > reach:
                        continue
                if kind[column] == Column.FIBRIL:
                    continue
                s, u, v = first[i, j] + rows.phase[column], second[i, j] - centre[column, 1], third[i, j] - centre[column, 2]
                n = body_at(divisions, column, int(np.floor(s / half)) - rows.first, (s, u, v))
                for m in _around(divisions, column, n, (s, u, v), reach):
                    if m < 0 or not divisions[column, m].filled:
                        continue
                    depth = depth_in_body(packing, divisions, keep, habit, (column, m), (s, u, v, np.float64(border[i, j])), gradient)
                    if -depth < closest:
                        closest, found = -depth, column * divisions.shape[1] + m
                        best[:] = gradient
            if found >= 0:
                bodies.distance[i, j], bodies.nearest[i, j] = closest, found
                norm = max(np.sqrt(best[0] ** 2 + best[1] ** 2 + best[2] ** 2), 1e-6)
                n0[i, j], n1[i, j], n2[i, j] = -best[0] / norm, -best[1] / norm, -best[2] / norm
    return bodies
