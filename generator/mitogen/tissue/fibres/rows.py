"""What lies side by side along muscle fibres: columns of myofibrils, and rows of mitochondria packed end to end.

Space across the axis is shared out among columns (see `packing`); each is a myofibril, a row of mitochondria or plain
sarcoplasm. A row is divided by planes across the axis, most of them at Z lines, as T tubules and sarcoplasmic reticulum
divide it in life. What is left between two planes is one mitochondrion: convex but for the dents of lipid droplets.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.hashing import mix, open_unit, place
from mitogen.geometry.jit import compiled
from mitogen.geometry.packing.sites import FACES, Packing, make_faces

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
        ("upright", np.float64),  # cosine of the angle by which it leans
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
        beside: (C, F) int64 the faces beyond which there is a column that is divided, in order, then -1.
        fused: (C, F) bool, at which faces two fibrils are one.
        spacing_nm: distance between neighbouring columns.
        first: number of the first node.
        divisions: (C, K) see `DIVISION`.
    """

    packing: Packing
    habit: Habit
    kind: NDArray[np.int8]
    phase: NDArray[np.float64]
    beside: NDArray[np.int64]
    fused: NDArray[np.bool_]
    spacing_nm: float
    first: int
    divisions: NDArray[np.void]


def lay_rows(
    packing: Packing, habit: Habit, shares: tuple[float, float, float], extent_nm: tuple[float, float], shift_nm: float
) -> Rows:
    """Say what each column of a packing holds, and divide the rows.

    Args:
        packing: the columns.
        habit: what rows share.
        shares: which share of the columns are rows, which share sarcoplasm, and which share of the faces between two
            fibrils is none.
        extent_nm: from where to where along the axis.
        shift_nm: how far columns are out of step along the axis (standard deviation).
    """
    half = habit.sarcomere / 2
    spare = habit.longest + 2
    first = int(np.floor((extent_nm[0] - 3 * shift_nm) / half)) - spare
    nodes = int(np.ceil((extent_nm[1] + 3 * shift_nm) / half)) + spare - first + 1
    columns = len(packing.weight)
    room = float(packing.spacing_nm[1:].max())
    rows = Rows(
        packing, habit, np.zeros(columns, np.int8), np.zeros(columns), np.full((columns, FACES), -1),
        np.zeros((columns, FACES), np.bool_), room, first, np.zeros((columns, nodes), DIVISION),
    )  # fmt: skip
    _lay(rows, shares, shift_nm)
    return rows


@compiled
def _lay(rows: Rows, shares: tuple[float, float, float], shift: float) -> None:
    packing, habit = rows.packing, rows.habit
    row_share, plain_share, fused_share = shares
    for c in range(len(packing.weight)):
        u = open_unit(mix(packing.key[c] ^ np.uint64(0x51ED)))
        rows.kind[c] = Column.ROW if u < row_share else Column.SARCOPLASM if u > 1 - plain_share else Column.FIBRIL
        state = mix(packing.key[c] ^ np.uint64(0xFA5E))
        rows.phase[c] = shift * (open_unit(state) + open_unit(mix(state)) - 1) * BELL
    for c in range(len(packing.weight)):
        make_faces(packing, c)
        count = 0
        for f in range(FACES):
            face = packing.faces[c, f]
            other = face.other
            if other < 0:
                break
            face.keep = habit.gap / 2 if rows.kind[other] == Column.ROW else habit.clearance
            if rows.kind[other] != Column.FIBRIL:
                rows.beside[c, count] = f
                count += 1
            elif rows.kind[c] == Column.FIBRIL:
                either = packing.key[c] ^ packing.key[other]
                rows.fused[c, f] = open_unit(mix(either ^ np.uint64(0xF05E))) < fused_share
        inner = max(packing.faces[c, 0].below - packing.faces[c, 0].keep, 1.0)
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
            _say(rows.divisions, c, n, habit, state, (inner, plain))
        if paired:
            _pair(rows.divisions, c, n, k * half, (45.0 if k % 2 == 0 else half * (0.5 + 0.2 * open_unit(state))))
    following = nodes
    for n in range(nodes - 1, -1, -1):
        rows.divisions[c, n].above = following
        if rows.divisions[c, n].below == n:
            following = n


@compiled
def _say(
    divisions: NDArray[np.void], c: int, n: int, habit: Habit, state: np.uint64, column: tuple[float, bool]
) -> None:  # fmt: skip
    """Say where a division runs and what follows it; `column` is the inner radius, and whether it is sarcoplasm."""
    division = divisions[c, n]
    inner, plain = column
    u = np.empty(12)
    for k in range(len(u)):
        state = mix(state)
        u[k] = open_unit(state)
    division.place += habit.jitter * (u[0] + u[1] - 1) * BELL
    division.tilt_1, division.tilt_2 = 0.35 * (u[2] - 0.5) * BELL, 0.35 * (u[3] - 0.5) * BELL
    division.upright = 1 / np.sqrt(1 + division.tilt_1**2 + division.tilt_2**2)
    # Every third is wide, and holds tubules.
    wide = 500 * max(u[4] - 0.65, 0.0)
    division.before, division.after = habit.gap / 2 + wide * u[5], habit.gap / 2 + wide * u[6]
    if u[7] < habit.droplets and not plain:
        division.droplet = min(habit.droplet * np.exp(0.35 * (u[8] + u[9] - 1) * BELL), 0.9 * inner)
    division.filled = u[10] > (0.6 if plain else habit.vacant)
    division.thinner = min(2 * habit.thinning * u[11] + (0.3 if plain else 0.0), 0.7) * inner


@compiled
def _pair(divisions: NDArray[np.void], c: int, n: int, where: float, aside: float) -> None:
    """Make of a node a division as in white muscle, where a mitochondrion lies on either side of each Z line."""
    division = divisions[c, n]
    division.place, division.droplet = where, 0.0
    division.tilt_1, division.tilt_2, division.upright = 0.0, 0.0, 1.0
    division.before, division.after = aside, aside
