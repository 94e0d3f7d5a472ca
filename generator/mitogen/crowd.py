"""Mitochondria and other bodies, scattered at random, of which those stay that do not overlap.

Each candidate has a priority, and loses against a rival, one that is too close, of an earlier kind or with a lower
number. In a first round those without a rival that beats them are kept, and the others of their rivals go. This is
Matérn's second hard-core process (Matérn, Spatial Variation, 1960). A second round does the same among those that are
left, which is on the way to random sequential adsorption, where everything is placed that fits (Huber and Wolpert,
Advances in Applied Probability 41, 2009); but while there, what stays at one spot may depend on what is anywhere, here
it depends on rivals of rivals of rivals only. They are looked up where they can be, and nothing else is ever made:
space is divided into blocks (see `world`), and a block is filled when somebody looks into it for the first time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.contacts import apart, bounds, touch
from mitogen.grid import FloatArray
from mitogen.kernels import compiled
from mitogen.organelles.bodies import LOOKS as LOOKS_OF_BODIES
from mitogen.organelles.bodies import SECTIONS, SPREAD, extent_of_body, shape_body
from mitogen.organelles.mitochondria import candidates_per_um3
from mitogen.organelles.mitochondrial_shapes import (
    LENGTH,
    LOOKS,
    NODES,
    NUMBERS,
    Sizes,
    extent_of_mitochondrion,
    largest_nm,
    shape_mitochondrion,
    sizes_of,
)
from mitogen.shapes import Tubes
from mitogen.world import Box, StreamOf, blocks_of, fill_block, key_of

LONG = 0.7
"""Share of the mitochondria, by length, that are not long."""
_ROOM = 16384
"""For how many candidates there is room at first: more than most images look at."""


KIND = np.dtype(
    [
        ("key", np.uint64),  # of the process that scatters them
        ("edge", np.float64),  # of its blocks in nm
        ("mean", np.float64),  # how many of them a block holds before any goes
        ("body", np.int8),  # see `bodies.Body`, -1 for mitochondria
        ("largest", np.float64),  # none reaches further from its centre, in nm
        ("radius", np.float64),  # of bodies in nm
        ("shortest", np.float64),  # quantiles between which the lengths of mitochondria lie
        ("longest", np.float64),
        ("decider", np.int64),  # which of its numbers decides between two of this kind
        ("z", np.int64),  # the first block that can be of interest
        ("y", np.int64),
        ("x", np.int64),
        ("depth", np.int64),  # how many blocks there are from there
        ("height", np.int64),
        ("width", np.int64),
        ("start", np.int64),  # index of the first of them
    ]
)
"""One kind of candidates; earlier kinds win against all later ones."""


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


def find_bodies(drawn: Mapping[str, float], streams: StreamOf, window: Box) -> Found:
    """Find what stays of the mitochondria and bodies that reach into a window."""
    gap = float(drawn["mitochondria.gap_nm"])
    kinds = np.array(list(_kinds(drawn, streams)), KIND)
    _lay_blocks(kinds, window, gap)
    room = _ROOM
    crowd = _empty(kinds, sizes_of(drawn), room)
    kept = _settle(crowd, *window, gap)
    while crowd.filled[1]:  # there was no room for all that had to be looked at
        room *= 4
        crowd = _empty(kinds, sizes_of(drawn), room)
        kept = _settle(crowd, *window, gap)
    kept = kept[np.lexsort((crowd.priority[kept], crowd.kind[kept]))]
    which, tube = np.nonzero(np.arange(2) < crowd.tubes[kept, None])
    tubes = Tubes(*(part[kept[which], tube] for part in (crowd.nodes, crowd.radii, crowd.side)))
    body = kinds["body"][crowd.kind[kept]]
    numbers = crowd.rows[kept, 3:]
    looks = np.where(body[:, None] < 0, numbers[:, LOOKS], np.tile(numbers[:, LOOKS_OF_BODIES], 2))
    return Found(tubes, which, body, crowd.rows[kept, :3], _count(crowd, window)[kept], looks)


def _kinds(drawn: Mapping[str, float], streams: StreamOf) -> Iterator[tuple[float | np.uint64, ...]]:
    """All kinds of candidates, mitochondria first, then the largest bodies first.

    Long mitochondria come first because they have more rivals than short ones: without a head start few would be left.
    """
    density = candidates_per_um3(drawn)
    for name, low, high in (("long", LONG, 1.0), ("short", 0.0, LONG)):
        key, blocks = key_of(streams, f"mitochondria/{name}"), blocks_of(density * (high - low))
        yield key, *blocks, -1, largest_nm(drawn, high), 0.0, low, high, LOOKS.start, *[0] * 7
    for body, name in sorted(SECTIONS.items(), key=lambda item: -drawn[f"{item[1]}.radius_nm"]):
        radius, blocks = drawn[f"{name}.radius_nm"], blocks_of(drawn[f"{name}.density_per_um3"])
        largest = 2 * radius * np.exp(2 * SPREAD)
        yield key_of(streams, name), *blocks, int(body), largest, radius, 0.0, 1.0, LOOKS_OF_BODIES.stop - 1, *[0] * 7


def _lay_blocks(kinds: NDArray[np.void], window: Box, gap_nm: float) -> None:
    """Find the blocks of each kind that can be of interest in a window."""
    # One rival is looked for after the other, each of the kind of the one before or an earlier one: a chain of three
    # from what is seen, and around the last of them whether there is another.
    largest = np.maximum.accumulate(kinds["largest"][::-1])[::-1]
    margin = 7 * largest + 4 * max(gap_nm, 0.0)
    edge = kinds["edge"][:, None]
    corner = np.floor((window[0] - margin[:, None]) / edge)
    count = np.floor((window[1] + margin[:, None]) / edge) + 1 - corner
    count[kinds["mean"] == 0] = 0
    for k in range(3):
        kinds[("z", "y", "x")[k]], kinds[("depth", "height", "width")[k]] = corner[:, k], count[:, k]
    blocks = count.prod(axis=1)
    kinds["start"] = np.cumsum(blocks) - blocks


def _count(crowd: "Crowd", window: Box) -> NDArray[np.int32]:
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


class Crowd(NamedTuple):
    """All that was made so far; K kinds, N candidates at most.

    Attributes:
        kinds: (K,) see `KIND`.
        sizes: what the shapes of mitochondria follow.
        begin, end: (all blocks,) int64 which rows each block holds; -1 for those nobody looked into.
        farthest: (all blocks,) float64 the largest reach in each.
        filled: (2,) int64 how many rows are filled, and whether there were too few.
        rows: (N, 3 + NUMBERS) float64 centre and numbers in 0-1 of each candidate.
        kind: (N,) int8 its kind.
        priority: (N,) float64 the lower wins.
        extent: (N, 2) float64 length of its middle line and radius in nm.
        ball: (N, 4) float64 its centre, and how far it reaches from there at most.
        tubes: (N,) int8 how many tubes it is made of, 0 as long as it has no shape.
        nodes, radii, side: (N, 2, ...) float32 see `Tubes`.
        low, high: (N, 2, 3) float64 the box around each tube.
        first, out: (N,) int8 whether the first round keeps it, or puts it out; -1 as long as nobody asked.
    """

    kinds: NDArray[np.void]
    sizes: Sizes
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    farthest: NDArray[np.float64]
    filled: NDArray[np.int64]
    rows: NDArray[np.float64]
    kind: NDArray[np.int8]
    priority: NDArray[np.float64]
    extent: NDArray[np.float64]
    ball: NDArray[np.float64]
    tubes: NDArray[np.int8]
    nodes: FloatArray
    radii: FloatArray
    side: FloatArray
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    first: NDArray[np.int8]
    out: NDArray[np.int8]


def _empty(kinds: NDArray[np.void], sizes: Sizes, room: int) -> Crowd:
    """A crowd in which nobody has looked anywhere, with room for so many candidates."""
    begin = np.full((kinds["depth"] * kinds["height"] * kinds["width"]).sum(), -1)
    return Crowd(
        kinds,
        sizes,
        begin,
        np.empty_like(begin),
        np.empty(begin.shape),
        np.zeros(2, np.int64),
        np.empty((room, 3 + NUMBERS)),
        np.empty(room, np.int8),
        np.empty(room),
        np.empty((room, 2)),
        np.empty((room, 4)),
        np.zeros(room, np.int8),
        np.empty((room, 2, NODES, 3), np.float32),
        np.empty((room, 2, NODES), np.float32),
        np.empty((room, 2, 3), np.float32),
        np.empty((room, 2, 3)),
        np.empty((room, 2, 3)),
        np.full(room, -1, np.int8),
        np.full(room, -1, np.int8),
    )


@compiled
def _settle(crowd: Crowd, low: NDArray[np.float64], high: NDArray[np.float64], gap: float) -> NDArray[np.int64]:
    """Which candidates stay and reach into the box."""
    stay, rivals = np.empty(len(crowd.rows), np.int64), np.empty(len(crowd.rows) // 16, np.int64)
    number = 0
    for kind in range(len(crowd.kinds)):
        begin, end = _blocks(crowd, kind, low, high, crowd.kinds[kind].largest)
        for z in range(begin[0], end[0]):
            for y in range(begin[1], end[1]):
                for x in range(begin[2], end[2]):
                    block = _look_into(crowd, kind, z, y, x)
                    for a in range(crowd.begin[block], crowd.end[block]):
                        if _outside(crowd.ball[a], low, high) > crowd.ball[a, 3] ** 2:
                            continue
                        _give_shape(crowd, a)
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
    _give_shape(crowd, a)
    number = 0
    for kind in range(crowd.kind[a] + 1):
        last = crowd.priority[a] if kind == crowd.kind[a] else 1.0
        for t in range(crowd.tubes[a]):
            low, high, about, margin = crowd.low[a, t], crowd.high[a, t], crowd.kinds[kind], max(gap, 0.0)
            begin, end = _blocks(crowd, kind, low, high, about.largest + margin)
            for z in range(begin[0], end[0]):
                for y in range(begin[1], end[1]):
                    for x in range(begin[2], end[2]):
                        block = _look_into(crowd, kind, z, y, x)
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
                            _give_shape(crowd, b)
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


@compiled
def _blocks(
    crowd: Crowd, kind: int, low: NDArray[np.float64], high: NDArray[np.float64], margin: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First block (z, y, x) of a kind that a box with a margin meets, and one past the last.

    They are counted from the first that can be of interest.
    """
    about = crowd.kinds[kind]
    begin, end = np.zeros(3, np.int64), np.zeros(3, np.int64)
    if about.mean > 0:
        start, most = (about.z, about.y, about.x), (about.depth, about.height, about.width)
        for k in range(3):
            begin[k] = max(int(np.floor((low[k] - margin) / about.edge)) - start[k], 0)
            end[k] = min(int(np.floor((high[k] + margin) / about.edge)) - start[k] + 1, most[k])
    return begin, end


@compiled
def _look_into(crowd: Crowd, kind: int, z: int, y: int, x: int) -> int:
    """Index of a block, which is filled if nobody looked into it before."""
    about = crowd.kinds[kind]
    block = about.start + (z * about.height + y) * about.width + x
    if crowd.begin[block] < 0:
        begin = crowd.filled[0]
        end = fill_block(about.key, about.z + z, about.y + y, about.x + x, about.mean, about.edge, crowd.rows, begin)
        if end < 0:
            crowd.filled[1] = 1
            end = begin
        crowd.farthest[block] = 0.0
        for n in range(begin, end):
            numbers = crowd.rows[n, 3:]
            if about.body < 0:
                numbers[LENGTH] = about.shortest + (about.longest - about.shortest) * numbers[LENGTH]
                extent = extent_of_mitochondrion(numbers, crowd.sizes)
                reach = extent[0] / 2 + extent[1] * (1 + crowd.sizes.unevenness)
            else:
                extent = extent_of_body(numbers, about.radius, crowd.sizes.quantiles)
                reach = extent[0] / 2 + extent[1]
            crowd.extent[n, 0], crowd.extent[n, 1] = extent
            for k in range(3):
                crowd.ball[n, k] = crowd.rows[n, k]
            crowd.ball[n, 3] = reach
            crowd.farthest[block] = max(crowd.farthest[block], reach)
            crowd.kind[n], crowd.priority[n] = kind, numbers[about.decider]
        crowd.begin[block], crowd.end[block], crowd.filled[0] = begin, end, end
    return int(block)


@compiled
def _give_shape(crowd: Crowd, a: int) -> None:
    """Make the tubes of a candidate that has none."""
    if crowd.tubes[a] > 0:
        return
    extent, centre, numbers = (crowd.extent[a, 0], crowd.extent[a, 1]), crowd.rows[a, :3], crowd.rows[a, 3:]
    if crowd.kinds[crowd.kind[a]].body < 0:
        crowd.tubes[a] = shape_mitochondrion(
            centre, numbers, extent, crowd.sizes, crowd.nodes[a], crowd.radii[a], crowd.side[a]
        )
    else:
        crowd.tubes[a] = shape_body(centre, numbers, extent, crowd.nodes[a], crowd.radii[a], crowd.side[a])
    for t in range(crowd.tubes[a]):
        bounds(crowd.nodes[a, t], crowd.radii[a, t], crowd.low[a, t], crowd.high[a, t])
