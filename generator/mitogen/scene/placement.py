"""Mitochondria and other bodies, scattered at random, of which those stay that do not overlap.

Each candidate has a priority, and loses against a rival, one that is too close, of an earlier kind or with a lower
number. In a first round those without a rival that beats them are kept, and the others of their rivals go. This is
Matérn's second hard-core process (Matérn, Spatial Variation, 1960). A second round does the same among those that are
left, which is on the way to random sequential adsorption, where everything is placed that fits (Huber and Wolpert,
Advances in Applied Probability 41, 2009); but while there, what stays at one spot may depend on what is anywhere, here
it depends on rivals of rivals of rivals only. They are looked up where they can be, and nothing else is ever made:
space is divided into blocks (see `point_process`), and a block is filled when somebody looks into it for the first
time. Of what stays, nothing crosses the border of a trunk.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import apart, nest, touch
from mitogen.geometry.grid import Grid
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.golgi import golgi_reach_nm
from mitogen.organelles.mitochondria.shapes import LOOKS, NODES, sizes_of
from mitogen.organelles.round_bodies import LOOKS as LOOKS_OF_BODIES
from mitogen.scene.candidates import (
    KIND,
    Crowd,
    blocks_near,
    empty_crowd,
    give_shape,
    lay_blocks,
    look_into,
    make_kinds,
)
from mitogen.tissue.neurites import Trunks, place_trunks

_ROOM = 16384
"""For how many candidates there is room at first: more than most images look at."""


@dataclass(frozen=True, eq=False)
class Found:
    """What stays of all candidates and reaches into a window; B bodies of T tubes.

    Attributes:
        tubes: their shapes.
        body: (T,) int64 which body each tube belongs to.
        kind: (B,) int8 see `bodies.Body`, -1 for mitochondria.
        centre: (B, 3) float64 the point in nm from which each was grown.
        number: (B,) int32 number of each mitochondrion from 1, 0 for other bodies. Candidates are counted by their
            distance from the first section, those that go as well: a deeper window only adds numbers.
        looks: (B, 8) float64 numbers in 0-1.
    """

    tubes: Tubes
    body: NDArray[np.int64]
    kind: NDArray[np.int8]
    centre: NDArray[np.float64]
    number: NDArray[np.int32]
    looks: NDArray[np.float64]


def find_bodies(params: Mapping[str, float], streams: StreamOf, window: Box) -> Found:
    """Find what stays of the mitochondria and bodies that reach into a window."""
    gap = float(params["mitochondria.gap_nm"])
    kinds = np.array(list(make_kinds(params, streams)), KIND)
    lay_blocks(kinds, window, gap)
    room = _ROOM
    crowd = empty_crowd(kinds, sizes_of(params), room)
    kept = _settle(crowd, *window, gap)
    while crowd.filled[1]:  # there was no room for all that had to be looked at
        room *= 4
        crowd = empty_crowd(kinds, sizes_of(params), room)
        kept = _settle(crowd, *window, gap)
    kept = kept[np.lexsort((crowd.priority[kept], crowd.kind[kept]))]
    which, tube = np.nonzero(np.arange(2) < crowd.tubes[kept, None])
    tubes = Tubes(*(array[kept[which], tube] for array in (crowd.nodes, crowd.radii, crowd.side)))
    body = kinds["body"][crowd.kind[kept]]
    numbers = crowd.rows[kept, 3:]
    looks = np.where(body[:, None] < 0, numbers[:, LOOKS], np.tile(numbers[:, LOOKS_OF_BODIES], 2))
    return Found(tubes, which, body, crowd.rows[kept, :3], _count(crowd, window)[kept], looks)


def _count(crowd: Crowd, window: Box) -> NDArray[np.int32]:
    """Numbers (N,) of all mitochondria that could be seen, whether they stay or not; 0 for others.

    What stays does not count here, because it is not known of those that cannot be seen.
    """
    low, high = window
    rows, kind = crowd.rows[: crowd.filled[0]], crowd.kind[: crowd.filled[0]]
    margin = crowd.kinds["largest"][kind, None]
    near = np.all((rows[:, :3] >= low - margin) & (rows[:, :3] <= high + margin), axis=1)
    chosen = np.flatnonzero(near & (crowd.kinds["body"][kind] < 0))
    number = np.zeros(len(rows), np.int32)
    number[chosen[np.argsort(np.abs(rows[chosen, 0]), kind="stable")]] = 1 + np.arange(len(chosen))
    return number


@compiled
def _settle(crowd: Crowd, low: NDArray[np.float64], high: NDArray[np.float64], gap: float) -> NDArray[np.int64]:
    """Which candidates stay and reach into the box."""
    stay, rivals = np.empty(len(crowd.rows), np.int64), np.empty(len(crowd.rows) // 16, np.int64)
    number = 0
    for kind in range(len(crowd.kinds)):
        begin, end = blocks_near(crowd, kind, low, high, crowd.kinds[kind].largest)
        for z in range(begin[0], end[0]):
            for y in range(begin[1], end[1]):
                for x in range(begin[2], end[2]):
                    block = look_into(crowd, kind, z, y, x)
                    for a in range(crowd.begin[block], crowd.end[block]):
                        if _outside(crowd.ball[a], low, high) > crowd.ball[a, 3] ** 2:
                            continue
                        give_shape(crowd, a)
                        if not _reaches(crowd, a, low, high):
                            continue
                        # It is kept in the first round, or in the second because the first puts all its rivals out.
                        count = _find_rivals(crowd, a, gap, rivals)
                        crowd.first[a] = count == 0
                        crowd.filled[1] |= count == len(rivals)
                        stays = True
                        for n in range(count):
                            stays = stays and _is_out(crowd, rivals[n], gap)
                        if stays:
                            stay[number] = a
                            number += 1
    return stay[:number]


@compiled
def _is_out(crowd: Crowd, b: int, gap: float) -> bool:
    """Whether the first round puts a candidate out: it keeps a rival."""
    if crowd.out[b] < 0:
        rivals, another = np.empty(len(crowd.rows) // 16, np.int64), np.empty(1, np.int64)
        number = _find_rivals(crowd, b, gap, rivals)
        crowd.filled[1] |= number == len(rivals)
        crowd.out[b] = 0
        for n in range(number):
            c = rivals[n]
            if crowd.first[c] < 0:
                crowd.first[c] = _find_rivals(crowd, c, gap, another) == 0
            if crowd.first[c] == 1:
                crowd.out[b] = 1
                break
    return bool(crowd.out[b] == 1)


@compiled
def _find_rivals(crowd: Crowd, a: int, gap: float, found: NDArray[np.int64]) -> int:
    """Put candidates that win against `a` and are too close to it into `found`, as many as fit, and count them."""
    give_shape(crowd, a)
    number = 0
    for kind in range(crowd.kind[a] + 1):
        last = crowd.priority[a] if kind == crowd.kind[a] else 1.0
        for t in range(crowd.tubes[a]):
            low, high, about, margin = crowd.low[a, t], crowd.high[a, t], crowd.kinds[kind], max(gap, 0.0)
            begin, end = blocks_near(crowd, kind, low, high, about.largest + margin)
            for z in range(begin[0], end[0]):
                for y in range(begin[1], end[1]):
                    for x in range(begin[2], end[2]):
                        block = look_into(crowd, kind, z, y, x)
                        # The cheap tests come first: most pairs are far apart, and many need no shape.
                        far = crowd.farthest[block] + margin
                        if (
                            _between(about.z + z, about.edge, low[0], high[0]) > far
                            or _between(about.y + y, about.edge, low[1], high[1]) > far
                            or _between(about.x + x, about.edge, low[2], high[2]) > far
                        ):
                            continue
                        for b in range(crowd.begin[block], crowd.end[block]):
                            ball = crowd.ball[b]
                            if crowd.priority[b] >= last or _outside(ball, low, high) > (ball[3] + margin) ** 2:
                                continue
                            give_shape(crowd, b)
                            if _touch(crowd, a, t, b, gap):
                                found[number] = b
                                number += 1
                                if number == len(found):
                                    return number
    return number


@compiled
def _touch(crowd: Crowd, a: int, t: int, b: int, gap: float) -> bool:
    """Whether tube `t` of `a` comes closer than `gap` to `b`."""
    for other in range(crowd.tubes[b]):
        if apart(crowd.low[a, t], crowd.high[a, t], crowd.low[b, other], crowd.high[b, other], gap):
            continue
        if touch(crowd.nodes[a, t], crowd.radii[a, t], crowd.nodes[b, other], crowd.radii[b, other], gap):
            return True
    return False


@compiled
def _reaches(crowd: Crowd, a: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    """Whether a candidate may reach into a box; a few that just miss it do as well."""
    piece = crowd.extent[a, 0] / (NODES - 1)
    for t in range(crowd.tubes[a]):
        if apart(crowd.low[a, t], crowd.high[a, t], low, high, 0.0):
            continue
        for n in range(NODES):
            if _outside(crowd.nodes[a, t, n], low, high) <= (crowd.radii[a, t, n] + 0.5 * piece) ** 2:
                return True
    return False


@compiled
def _between(block: int, edge: float, low: float, high: float) -> float:
    """Distance along one axis between a row of blocks and what lies from `low` to `high`."""
    return max(block * edge - high, low - (block + 1) * edge)


@compiled
def _outside(point: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Squared distance of a point (3,) from a box, 0 inside."""
    squared = 0.0
    for k in range(3):
        squared += max(low[k] - point[k], point[k] - high[k], 0.0) ** 2
    return squared


VISIBLE_NM = 200.0
"""An inclusion that stays further than this from the grid is not seen, nor does it bend a membrane that is."""


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
    """

    tubes: Tubes
    centre: NDArray[np.float64]
    trunk: NDArray[np.int64]
    instance: NDArray[np.int32]
    kind: NDArray[np.int8]
    looks: NDArray[np.float64]


def place_inclusions(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> tuple[Inclusions, Trunks]:
    """Find the mitochondria, bodies and trunks that can be seen from a grid."""
    found = find_bodies(params, streams, grid.box(VISIBLE_NM))
    # A Golgi stack that can be seen may have its centre in a trunk that cannot.
    sight = grid.box(max(VISIBLE_NM, golgi_reach_nm(params)))
    trunks = place_trunks(params, streams, _around(found.tubes, sight))
    lies = nest(found.tubes, trunks.tubes, trunks.sheath_nm, trunks.nucleus_nm)
    # A body that crosses the border of a trunk goes, with all its branches.
    at = np.flatnonzero(~np.isin(found.body, found.body[np.any(lies == -1, axis=1)]))
    body = found.body[at]
    shown = np.flatnonzero(trunks.tubes.reaching(sight))
    inclusions = Inclusions(
        found.tubes.take(at), found.centre[body], _holder(lies[np.ix_(at, shown)]), found.number[body],
        found.kind[body], found.looks[body],
    )  # fmt: skip
    return inclusions, trunks.take(shown)


def _around(tubes: Tubes, box_nm: Box) -> Box:
    """The box around another one and tubes."""
    radii = tubes.radii[..., None].astype(np.float64)
    low, high = (tubes.nodes - radii).reshape(-1, 3), (tubes.nodes + radii).reshape(-1, 3)
    return np.minimum(low.min(axis=0, initial=np.inf), box_nm[0]), np.maximum(
        high.max(axis=0, initial=-np.inf), box_nm[1]
    )


def _holder(lies: NDArray[np.int8]) -> NDArray[np.int64]:
    """Index of the trunk that holds each tube, -1 for none, from (T, R) how they lie."""
    within = lies == 1
    if within.shape[1] == 0:
        return np.full(len(within), -1, np.int64)
    return np.where(within.any(axis=1), np.argmax(within, axis=1), -1)
