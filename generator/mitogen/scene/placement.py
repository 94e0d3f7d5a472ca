"""Mitochondria and other bodies, scattered at random, of which those stay that do not overlap.

Each candidate has a priority, and loses against a rival, one that is too close, of an earlier group or with a lower
number. In a first round those without a rival that beats them are kept, and the others of their rivals go. This is
Matérn's second hard-core process (Matérn, Spatial Variation, 1960). A second round does the same among those that are
left, which is on the way to random sequential adsorption, where everything is placed that fits (Huber and Wolpert,
Advances in Applied Probability 41, 2009); but while there, what stays at one spot may depend on what is anywhere, here
it depends on rivals of rivals of rivals only. Bodies that may lie wall to wall are crowded: they keep apart from one
another from the start (see `spaced_points`), and know of no rivals but those of their own group. To others they give
way later, when it is known what of those the cells have room for. Rivals are looked up where they can be, and nothing
else is ever made: space is divided into blocks (see `point_process`), and a block is filled when somebody looks into it
for the first time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import apart, touch
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.mitochondria.shapes import LOOKS, NODES, sizes_of
from mitogen.organelles.organelle import MITOCHONDRION
from mitogen.scene.candidates import (
    Candidates,
    blocks_near,
    give_shape,
    lay_blocks,
    look_into,
    make_groups,
    no_candidates,
    reach_of_crowded_nm,
)

_ROOM = 16384
"""For how many candidates there is room at first: more than most images look at."""


@dataclass(frozen=True, eq=False)
class PlacedBodies:
    """What stays of all candidates and reaches into a window; B bodies of T tubes.

    Attributes:
        tubes: their shapes.
        body: (T,) int64 which body each tube belongs to.
        species: (B,) int8 see `organelle.Inclusions`.
        centre: (B, 3) float64 the point in nm from which each was grown.
        number: (B,) int32 number of each mitochondrion from 1, 0 for other bodies. Candidates are counted by their
            distance from the first section, those that go as well: a deeper window only adds numbers.
        looks: (B, 8) float64 numbers in 0-1.

    They do not overlap, but for crowded ones that overlap others.
    """

    tubes: Tubes
    body: NDArray[np.int64]
    species: NDArray[np.int8]
    centre: NDArray[np.float64]
    number: NDArray[np.int32]
    looks: NDArray[np.float64]


def find_bodies(params: Mapping[str, float], streams: StreamOf, window: Box) -> PlacedBodies:
    """Find what stays of the mitochondria and bodies that reach into a window.

    Those that come near a crowded body which does so are there as well: it must give way to them.
    """
    gap, reach = float(params["mitochondria.gap_nm"]), reach_of_crowded_nm(params)
    groups = make_groups(params, streams)
    lay_blocks(groups, (window[0] - reach, window[1] + reach), gap)
    room = _ROOM
    made = no_candidates(groups, sizes_of(params), room)
    kept = _look(made, window, gap)
    while made.filled[1]:  # there was no room for all that had to be looked at
        room *= 4
        made = no_candidates(groups, sizes_of(params), room)
        kept = _look(made, window, gap)
    kept = kept[np.lexsort((made.priority[kept], made.group[kept]))]
    which, tube = np.nonzero(np.arange(2) < made.tubes[kept, None])
    tubes = Tubes(*(array[kept[which], tube] for array in (made.nodes, made.radii, made.side)))
    species, looks = groups["species"][made.group[kept]], made.rows[kept, 3:][:, LOOKS]
    return PlacedBodies(tubes, which, species, made.rows[kept, :3], _count(made, window)[kept], looks)


def _look(made: Candidates, window: Box, gap: float) -> NDArray[np.int64]:
    """Which candidates stay and reach into a window, or come near a crowded one that does."""
    low, high = window
    crowded = _settle(made, low, high, gap, True)
    if len(crowded) > 0:
        low = np.minimum(low, made.low[crowded, 0].min(axis=0) - max(gap, 0.0))
        high = np.maximum(high, made.high[crowded, 0].max(axis=0) + max(gap, 0.0))
    return np.concatenate([_settle(made, low, high, gap, False), crowded])


def _count(made: Candidates, window: Box) -> NDArray[np.int32]:
    """Numbers (N,) of all mitochondria that could be seen, whether they stay or not; 0 for others.

    What stays does not count here, because it is not known of those that cannot be seen.
    """
    low, high = window
    rows, group = made.rows[: made.filled[0]], made.group[: made.filled[0]]
    margin = made.groups["largest"][group, None]
    near = np.all((rows[:, :3] >= low - margin) & (rows[:, :3] <= high + margin), axis=1)
    chosen = np.flatnonzero(near & (made.groups["species"][group] == MITOCHONDRION))
    number = np.zeros(len(rows), np.int32)
    number[chosen[np.argsort(np.abs(rows[chosen, 0]), kind="stable")]] = 1 + np.arange(len(chosen))
    return number


@compiled
def _settle(
    made: Candidates, low: NDArray[np.float64], high: NDArray[np.float64], gap: float, crowded: bool
) -> NDArray[np.int64]:  # fmt: skip
    """Which candidates stay and reach into the box, either crowded ones or all others."""
    stay, rivals = np.empty(len(made.rows), np.int64), np.empty(len(made.rows) // 16, np.int64)
    number = 0
    for group in range(len(made.groups)):
        if (made.groups[group].spacing > 0) != crowded:
            continue
        begin, end = blocks_near(made, group, low, high, made.groups[group].largest)
        for z in range(begin[0], end[0]):
            for y in range(begin[1], end[1]):
                for x in range(begin[2], end[2]):
                    block = look_into(made, group, z, y, x)
                    for a in range(made.begin[block], made.end[block]):
                        if _outside(made.ball[a], low, high) > made.ball[a, 3] ** 2:
                            continue
                        give_shape(made, a)
                        if not _reaches(made, a, low, high):
                            continue
                        # It is kept in the first round, or in the second because the first puts all its rivals out.
                        count = _find_rivals(made, a, gap, rivals)
                        made.first[a] = count == 0
                        made.filled[1] |= count == len(rivals)
                        stays = True
                        for n in range(count):
                            stays = stays and _is_out(made, rivals[n], gap)
                        if stays:
                            stay[number] = a
                            number += 1
    return stay[:number]


@compiled
def _is_out(made: Candidates, b: int, gap: float) -> bool:
    """Whether the first round puts a candidate out: it keeps a rival."""
    if made.out[b] < 0:
        rivals, another = np.empty(len(made.rows) // 16, np.int64), np.empty(1, np.int64)
        number = _find_rivals(made, b, gap, rivals)
        made.filled[1] |= number == len(rivals)
        made.out[b] = 0
        for n in range(number):
            c = rivals[n]
            if made.first[c] < 0:
                made.first[c] = _find_rivals(made, c, gap, another) == 0
            if made.first[c] == 1:
                made.out[b] = 1
                break
    return bool(made.out[b] == 1)


@compiled
def _find_rivals(made: Candidates, a: int, gap: float, found: NDArray[np.int64]) -> int:
    """Put candidates that win against `a` and are too close to it into `found`, as many as fit, and count them."""
    give_shape(made, a)
    number = 0
    own = made.groups[made.group[a]]
    close = gap - own.overlap
    for group in range(made.group[a] if own.spacing > 0 else 0, made.group[a] + 1):
        last = made.priority[a] if group == made.group[a] else 1.0
        for t in range(made.tubes[a]):
            low, high, about, margin = made.low[a, t], made.high[a, t], made.groups[group], max(gap, 0.0)
            begin, end = blocks_near(made, group, low, high, about.largest + margin)
            for z in range(begin[0], end[0]):
                for y in range(begin[1], end[1]):
                    for x in range(begin[2], end[2]):
                        block = look_into(made, group, z, y, x)
                        # The cheap tests come first: most pairs are far apart, and many need no shape.
                        far = made.farthest[block] + margin
                        if (
                            _between(about.z + z, about.edge, low[0], high[0]) > far
                            or _between(about.y + y, about.edge, low[1], high[1]) > far
                            or _between(about.x + x, about.edge, low[2], high[2]) > far
                        ):
                            continue
                        for b in range(made.begin[block], made.end[block]):
                            ball = made.ball[b]
                            if made.priority[b] >= last or _outside(ball, low, high) > (ball[3] + margin) ** 2:
                                continue
                            give_shape(made, b)
                            if _touch(made, a, t, b, close):
                                found[number] = b
                                number += 1
                                if number == len(found):
                                    return number
    return number


@compiled
def _touch(made: Candidates, a: int, t: int, b: int, gap: float) -> bool:
    """Whether tube `t` of `a` comes closer than `gap` to `b`."""
    for other in range(made.tubes[b]):
        if apart(made.low[a, t], made.high[a, t], made.low[b, other], made.high[b, other], gap):
            continue
        if touch(made.nodes[a, t], made.radii[a, t], made.nodes[b, other], made.radii[b, other], gap):
            return True
    return False


@compiled
def _reaches(made: Candidates, a: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    """Whether a candidate may reach into a box; a few that just miss it do as well."""
    piece = made.extent[a, 0] / (NODES - 1)
    for t in range(made.tubes[a]):
        if apart(made.low[a, t], made.high[a, t], low, high, 0.0):
            continue
        for n in range(NODES):
            if _outside(made.nodes[a, t, n], low, high) <= (made.radii[a, t, n] + 0.5 * piece) ** 2:
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
