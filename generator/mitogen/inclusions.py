"""Mitochondria and other bodies around a grid, none overlapping another or crossing the border of a trunk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mitogen.grid import Grid
from mitogen.organelles.bodies import place_bodies
from mitogen.organelles.golgi import golgi_reach_nm
from mitogen.organelles.mitochondria import place_mitochondria
from mitogen.shapes import Tubes
from mitogen.thinning import Box, Candidates, Fate, nest, settle
from mitogen.trunks import Trunks, place_trunks
from mitogen.world import StreamOf

VISIBLE_NM = 200.0
"""An inclusion that stays further than this from the grid is not seen, nor does it bend a membrane that is."""

MARGINS_NM = (3000.0, 4500.0, 8000.0)
"""How far beyond the grid the fate of candidates is asked for, until that of all in sight is decided."""


@dataclass(frozen=True, eq=False)
class Inclusions:
    """What can be seen from a grid; T tubes.

    Attributes:
        tubes: their shapes.
        centre: (T, 3) float64 the point in nm whose cell holds each of them.
        trunk: (T,) int64 index of the trunk that holds each, -1 for none.
        instance: (T,) int32 number of the mitochondrion, 0 for other bodies. It names the same body in every window
            that shows it; numbers are not consecutive.
        kind: (T,) int8 see `bodies.Body`; -1 for mitochondria.
        looks: (T, 8) float64 numbers in 0-1.
        largest_nm: none reaches further from its centre.
    """

    tubes: Tubes
    centre: NDArray[np.float64]
    trunk: NDArray[np.int64]
    instance: NDArray[np.int32]
    kind: NDArray[np.int8]
    looks: NDArray[np.float64]
    largest_nm: float


def place_inclusions(drawn: Mapping[str, float], streams: StreamOf, grid: Grid) -> tuple[Inclusions, Trunks]:
    """Find the mitochondria, bodies and trunks that can be seen from a grid, however far rivals must be looked for."""
    window = grid.box(VISIBLE_NM)
    for margin in MARGINS_NM:
        placed = place_mitochondria(drawn, streams, partial(_box_around, grid, margin))
        kinds = place_bodies(drawn, streams, partial(_box_around, grid, margin))
        groups = [*(group for group, _ in placed), *(group for _, group, _ in kinds)]
        seen = [_in_sight(group, window) for group in groups]
        rounds = [2] * len(groups)
        fates = settle(groups, drawn["mitochondria.gap_nm"], rounds, seen)
        if not any(np.any(fate[sight] == Fate.OPEN) for fate, sight in zip(fates, seen, strict=True)):
            break
    largest = max(group.largest_nm for group in groups)
    # A Golgi stack that can be seen may have its centre in a trunk that cannot.
    sight = max(VISIBLE_NM, golgi_reach_nm(drawn))
    trunks = place_trunks(drawn, streams, grid, max(VISIBLE_NM + 2 * largest, sight))
    shown = np.flatnonzero(trunks.tubes.reaching(grid.box(sight)))
    described = [
        *((-1, number, looks) for number, (_, looks) in zip(_numbers(groups[:2], grid), placed, strict=True)),
        *((int(kind), np.zeros(len(looks), np.int32), np.tile(looks, 2)) for kind, _, looks in kinds),
    ]
    parts = []
    for group, fate, (kind, number, looks) in zip(groups, fates, described, strict=True):
        at = np.flatnonzero((fate == Fate.KEPT)[group.body])
        lies = nest(group.tubes.take(at), trunks.tubes, trunks.sheath_nm, trunks.nucleus_nm)
        # A body that crosses the border of a trunk goes, with all its branches.
        fits = ~np.isin(group.body[at], group.body[at][np.any(lies == -1, axis=1)])
        tubes, body = group.tubes.take(at[fits]), group.body[at[fits]]
        shape = (tubes.nodes, tubes.radii, tubes.side, group.centre[body])
        column = np.full(len(body), kind, np.int8)
        parts.append((*shape, _holder(lies[fits][:, shown]), number[body], column, looks[body]))
    nodes, radii, side, centre, trunk, instance, body_kind, look = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    found = Inclusions(Tubes(nodes, radii, side), centre, trunk, instance, body_kind, look, largest)
    return found, trunks.take(shown)


def _box_around(grid: Grid, margin_nm: float, largest_nm: float) -> Box:
    """The box in which to look for bodies that reach `largest_nm` from their centres at most."""
    return grid.box(margin_nm + largest_nm)


def _holder(lies: NDArray[np.int8]) -> NDArray[np.int64]:
    """Index of the trunk that holds each tube, -1 for none, from (T, R) how they lie."""
    within = lies == 1
    if within.shape[1] == 0:
        return np.full(len(within), -1, np.int64)
    return np.where(within.any(axis=1), np.argmax(within, axis=1), -1)


def _in_sight(group: Candidates, box_nm: Box) -> NDArray[np.bool_]:
    """Which bodies (B,) reach into a box."""
    sight = np.zeros(len(group), np.bool_)
    sight[group.body[group.tubes.reaching(box_nm)]] = True
    return sight


def _numbers(mitochondria: list[Candidates], grid: Grid) -> list[NDArray[np.int32]]:
    """Number mitochondria from 1 by their distance from the first section, so that a deeper window only adds numbers.

    All are counted that could be seen, whether they stay or not, because what stays is not known at the rim.

    Returns:
        For each group (B,) int32; 0 for what cannot be seen.
    """
    height = np.concatenate([np.abs(group.centre[:, 0]) for group in mitochondria])
    counted = []
    for group in mitochondria:
        low, high = grid.box(VISIBLE_NM + group.largest_nm)
        counted.append(np.all((group.centre >= low) & (group.centre <= high), axis=1))
    chosen = np.flatnonzero(np.concatenate(counted))
    number = np.zeros(len(height), np.int32)
    number[chosen[np.argsort(height[chosen], kind="stable")]] = 1 + np.arange(len(chosen))
    return np.split(number, np.cumsum([len(group) for group in mitochondria])[:-1])
