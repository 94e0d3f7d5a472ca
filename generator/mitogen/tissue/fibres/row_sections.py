"""Sections of rows: which mitochondrion each pixel lies in or next to, and how deep."""

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.packing.bodies import BodyMap, below_faces, no_bodies, note, rounded_depth
from mitogen.geometry.packing.sites import FACES, Coordinates
from mitogen.tissue.fibres.rows import Column, Habit, Rows

NOTCH_NM = 180.0
"""Half the width, or so, of the stretch around a Z line where mitochondria are drawn in."""


@inlined
def division_at(rows: NDArray[np.void], c: int, n: int, point: tuple[float, float, float]) -> float:
    """Distance in nm of a point beyond division `n` of column `c`; it is given beside the column's middle line."""
    division = rows[c, n]
    away = point[0] - division.place - division.tilt_1 * point[1] - division.tilt_2 * point[2]
    return float(away * division.upright)


@inlined
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


@inlined
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


@inlined
def depth_in_body(
    faces: NDArray[np.void], divisions: NDArray[np.void], habit: Habit, which: tuple[int, int],
    point: tuple[float, float, float, float], gradient: NDArray[np.float64],
) -> float:  # fmt: skip
    """Depth in nm of a point below the surface of the body that begins at division `n` of column `c`.

    Args:
        faces: those of the columns.
        divisions: what divides them.
        habit: what rows share.
        which: the column `c` and the division `n`.
        point: s, u and v beside the middle line of the column, and the depth in the room of the muscle fibre, in nm.
        gradient: (3,), filled with the inward direction in the coordinates of the fibres.
    """
    c, n = which
    s, u, v, border = point
    division = divisions[c, n]
    rounding = habit.rounding * max(faces[c, 0].below - faces[c, 0].keep, 1.0)
    # Drawn in where T tubules pass.
    beat = s / habit.sarcomere
    away = (beat - np.round(beat)) * habit.sarcomere / NOTCH_NM
    more = division.thinner + habit.notch / (1 + away * away) ** 2
    squares, least = below_faces(faces, c, (0.0, u, v), more, rounding, gradient)
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


@inlined
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
    rows: Rows, owner: NDArray[np.int64], coordinates: Coordinates, border: FloatArray, reach: float
) -> BodyMap:
    """Find the nearest body of each pixel (Y, X).

    Args:
        rows: the rows.
        owner: (Y, X) the column of each pixel, see `packing.sites.owners`.
        coordinates: of the pixels, along the fibres first.
        border: (Y, X) how deep each pixel lies in the room of its muscle fibre in nm.
        reach: how far outside bodies pixels know of them.
    """
    first, second, third = coordinates
    shape = owner.shape
    bodies = no_bodies(shape)
    gradient, best = np.empty(3), np.zeros(3)
    divisions, habit, beside = rows.divisions, rows.habit, rows.beside
    centre, faces, kind, half = rows.packing.centre, rows.packing.faces, rows.kind, rows.habit.sarcomere / 2
    for i in range(shape[0]):
        for j in range(shape[1]):
            c = owner[i, j]
            closest, found = reach, -1
            du, dv = second[i, j] - centre[c, 1], third[i, j] - centre[c, 2]
            away = np.sqrt(du * du + dv * dv) + reach
            # The pixel's own column first, then those whose bodies it may lie close to.
            for k in range(-1, FACES):
                column = c
                if k >= 0:
                    if beside[c, k] < 0 or closest < 0 or faces[c, beside[c, k]].below > away:
                        break
                    face = faces[c, beside[c, k]]
                    if face.below + face.n1 * du + face.n2 * dv > reach:
                        continue
                    column = face.other
                elif kind[c] == Column.FIBRIL:
                    continue
                s, u = first[i, j] + rows.phase[column], second[i, j] - centre[column, 1]
                v, edge = third[i, j] - centre[column, 2], np.float64(border[i, j])
                n = body_at(divisions, column, int(np.floor(s / half)) - rows.first, (s, u, v))
                for m in _around(divisions, column, n, (s, u, v), reach):
                    if m < 0 or not divisions[column, m].filled:
                        continue
                    depth = depth_in_body(faces, divisions, habit, (column, m), (s, u, v, edge), gradient)
                    if -depth < closest:
                        closest, found = -depth, column * divisions.shape[1] + m
                        best[0], best[1], best[2] = gradient[0], gradient[1], gradient[2]
            if found >= 0:
                note(bodies, i, j, closest, found, best)
    return bodies
