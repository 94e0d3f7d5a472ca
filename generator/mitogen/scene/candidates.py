"""Candidates for mitochondria and other bodies, made block by block when somebody looks for the first time.

Space is divided into blocks (see `point_process`, and `spaced_points` for what may lie wall to wall); which candidates
a block holds, how far each reaches and what shape it has depend on the key of its process alone. Which of them stay is
decided in `placement`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import bounds
from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import Blocks, Box, StreamOf, blocks_of, fill_block, key_of
from mitogen.organelles.mitochondria.shapes import (
    LENGTH,
    NODES,
    NUMBERS,
    PRIORITY,
    Sizes,
    candidates_per_um3,
    extent_of_mitochondrion,
    largest_nm,
    shape_mitochondrion,
)
from mitogen.organelles.organelle import MITOCHONDRION
from mitogen.organelles.round_bodies.shapes import ASPECT, extent_of_body, mean_volume_um3, shape_body
from mitogen.organelles.round_bodies.shapes import PRIORITY as PRIORITY_OF_BODIES
from mitogen.organelles.table import ROUND_BODIES
from mitogen.scene.spaced_points import OVERLAP, SIDE, STRAY, Spacing, fill_spaced_block, spacing_of

LONG = 0.7
"""Share of the mitochondria, by length, that are not long."""

GROUP = np.dtype(
    [
        ("key", np.uint64),  # of the process that scatters them
        ("edge", np.float64),  # of its blocks in nm
        ("mean", np.float64),  # how many of them a block holds before any goes
        ("species", np.int8),  # see `organelle.Inclusions`
        ("largest", np.float64),  # none reaches further from its centre, in nm
        ("radius", np.float64),  # of bodies in nm
        ("spread", np.float64),  # standard deviation of the logarithm of that
        ("aspect", np.float64),  # the largest ratio of length to width of bodies
        ("shortest", np.float64),  # quantiles between which the lengths of mitochondria lie
        ("longest", np.float64),
        ("spacing", np.float64),  # edge in nm of the cells that hold one candidate each; 0 if they lie at random
        ("jitter", np.float64),  # in those cells, see `spaced_points`
        ("overlap", np.float64),  # by how much in nm two of this group may overlap
        ("decider", np.int64),  # which of its numbers decides between two of this group
        ("z", np.int64),  # the first block that can be of interest
        ("y", np.int64),
        ("x", np.int64),
        ("depth", np.int64),  # how many blocks there are from there
        ("height", np.int64),
        ("width", np.int64),
        ("start", np.int64),  # index of the first of them
    ]
)
"""One group of candidates; earlier groups win against all later ones, but crowded ones know of no other."""


class Candidates(NamedTuple):
    """All that was made so far; G groups, N candidates at most.

    Attributes:
        groups: (G,) see `GROUP`.
        sizes: what the shapes of mitochondria follow.
        begin, end: (all blocks,) int64 which rows each block holds; -1 for those nobody looked into.
        farthest: (all blocks,) float64 the largest reach in each.
        filled: (2,) int64 how many rows are filled, and whether there were too few.
        rows: (N, 3 + NUMBERS) float64 centre and numbers in 0-1 of each candidate.
        group: (N,) int8 its group.
        priority: (N,) float64 the lower wins.
        extent: (N, 2) float64 length of its middle line and radius in nm.
        ball: (N, 4) float64 its centre, and how far it reaches from there at most.
        tubes: (N,) int8 how many tubes it is made of, 0 as long as it has no shape.
        nodes, radii, side: (N, 2, ...) float32 see `Tubes`.
        low, high: (N, 2, 3) float64 the box around each tube.
        first, out: (N,) int8 whether the first round keeps it, or puts it out; -1 as long as nobody asked.
    """

    groups: NDArray[np.void]
    sizes: Sizes
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    farthest: NDArray[np.float64]
    filled: NDArray[np.int64]
    rows: NDArray[np.float64]
    group: NDArray[np.int8]
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


def no_candidates(groups: NDArray[np.void], sizes: Sizes, room: int) -> Candidates:
    """What is there before anybody has looked anywhere, with room for this many candidates."""
    begin = np.full((groups["depth"] * groups["height"] * groups["width"]).sum(), -1)
    return Candidates(
        groups,
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


def make_groups(params: Mapping[str, float], streams: StreamOf) -> NDArray[np.void]:
    """All groups of candidates (G,), see `GROUP`: mitochondria, then the largest bodies first, then crowded ones."""
    return np.array([*_mitochondria(params, streams), *_round_bodies(params, streams)], GROUP)


def _mitochondria(params: Mapping[str, float], streams: StreamOf) -> Iterator[tuple[float | np.uint64, ...]]:
    """Long mitochondria and short ones.

    The long come first because they have more rivals than the short: without a head start few would be left.
    """
    density = candidates_per_um3(params)
    for name, low, high in (("long", LONG, 1.0), ("short", 0.0, LONG)):
        key, blocks = key_of(streams, f"mitochondria/{name}"), blocks_of(density * (high - low))
        largest = largest_nm(params, high)
        yield key, *blocks, MITOCHONDRION, largest, 0.0, 0.0, 0.0, low, high, 0.0, 0.0, 0.0, PRIORITY, *[0] * 7


def _round_bodies(params: Mapping[str, float], streams: StreamOf) -> Iterator[tuple[float | np.uint64, ...]]:
    """Round bodies, by their radius; the crowded ones last."""
    bodies = [(species, o.name, o.body) for species, o in enumerate(ROUND_BODIES) if o.body]
    for species, name, body in sorted(bodies, key=lambda item: (item[2].crowded, -params[f"{item[1]}.radius_nm"])):
        radius, density = params[f"{name}.radius_nm"], params[f"{name}.density_per_um3"]
        spread, aspect = body.spread, params.get(f"{name}.aspect", ASPECT)
        largest = aspect * radius * np.exp(2 * spread)
        blocks, spacing, jitter, overlap = blocks_of(density), 0.0, 0.0, 0.0
        if body.crowded and density > 0:
            spacing, jitter = spacing_of(density, mean_volume_um3(radius, spread, aspect))
            blocks, overlap = (SIDE * spacing, SIDE**3), 2 * OVERLAP * radius
            largest += STRAY * spacing
        yield (
            key_of(streams, name), *blocks, species, largest, radius, spread, aspect, 0.0, 1.0, spacing, jitter,
            overlap, PRIORITY_OF_BODIES, *[0] * 7,
        )  # fmt: skip


def reach_of_crowded_nm(params: Mapping[str, float]) -> float:
    """How far a crowded body that reaches into a window reaches out of it in nm at most; 0 if there are none."""
    widths = [
        2 * params[f"{o.name}.radius_nm"] * np.exp(2 * o.body.spread) * params.get(f"{o.name}.aspect", ASPECT)
        for o in ROUND_BODIES
        if o.body and o.body.crowded and params[f"{o.name}.density_per_um3"] > 0
    ]
    return float(max(widths, default=0.0))


def lay_blocks(groups: NDArray[np.void], window: Box, gap_nm: float) -> None:
    """Find the blocks of each group that can be of interest in a window."""
    # One rival is looked for after the other, each of the group of the one before or an earlier one: a chain of three
    # from what is seen, and around the last of them whether there is another.
    largest = np.maximum.accumulate(groups["largest"][::-1])[::-1]
    margin = 7 * largest + 4 * max(gap_nm, 0.0)
    edge = groups["edge"][:, None]
    corner = np.floor((window[0] - margin[:, None]) / edge)
    count = np.floor((window[1] + margin[:, None]) / edge) + 1 - corner
    count[groups["mean"] == 0] = 0
    for k in range(3):
        groups[("z", "y", "x")[k]], groups[("depth", "height", "width")[k]] = corner[:, k], count[:, k]
    blocks = count.prod(axis=1)
    groups["start"] = np.cumsum(blocks) - blocks


@compiled
def blocks_near(
    made: Candidates, group: int, low: NDArray[np.float64], high: NDArray[np.float64], margin: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First block (z, y, x) of a group that a box with a margin meets, and one past the last.

    They are counted from the first that can be of interest.
    """
    about = made.groups[group]
    begin, end = np.zeros(3, np.int64), np.zeros(3, np.int64)
    if about.mean > 0:
        start, most = (about.z, about.y, about.x), (about.depth, about.height, about.width)
        for k in range(3):
            begin[k] = max(int(np.floor((low[k] - margin) / about.edge)) - start[k], 0)
            end[k] = min(int(np.floor((high[k] + margin) / about.edge)) - start[k] + 1, most[k])
    return begin, end


@compiled
def look_into(made: Candidates, group: int, z: int, y: int, x: int) -> int:
    """Index of a block, which is filled if nobody looked into it before."""
    about = made.groups[group]
    block = about.start + (z * about.height + y) * about.width + x
    if made.begin[block] < 0:
        begin = made.filled[0]
        end = _fill(made, group, (about.z + z, about.y + y, about.x + x), begin)
        if end < 0:
            made.filled[1] = 1
            end = begin
        made.farthest[block] = 0.0
        for n in range(begin, end):
            numbers = made.rows[n, 3:]
            if about.species == MITOCHONDRION:
                numbers[LENGTH] = about.shortest + (about.longest - about.shortest) * numbers[LENGTH]
                extent = extent_of_mitochondrion(numbers, made.sizes)
                reach = extent[0] / 2 + extent[1] * (1 + made.sizes.unevenness)
            else:
                extent = extent_of_body(numbers, about.radius, about.spread, about.aspect, made.sizes.quantiles)
                reach = extent[0] / 2 + extent[1]
            made.extent[n, 0], made.extent[n, 1] = extent
            for k in range(3):
                made.ball[n, k] = made.rows[n, k]
            made.ball[n, 3] = reach
            stray = STRAY * about.spacing
            made.farthest[block] = max(made.farthest[block], reach + stray)
            made.group[n], made.priority[n] = group, numbers[about.decider]
        made.begin[block], made.end[block], made.filled[0] = begin, end, end
    return int(block)


@compiled
def _fill(made: Candidates, group: int, block: tuple[int, int, int], filled: int) -> int:
    """Put the candidates of a block of a group into the rows, from row `filled` on; see `fill_block`."""
    about = made.groups[group]
    if about.spacing > 0:
        spacing = Spacing(about.key, about.spacing, about.jitter, about.radius, about.spread, about.aspect)
        return fill_spaced_block(spacing, block, made.sizes.quantiles, made.rows, filled)
    return fill_block(Blocks(about.key, about.mean, about.edge), block[0], block[1], block[2], made.rows, filled)


@compiled
def give_shape(made: Candidates, a: int) -> None:
    """Make the tubes of a candidate that has none."""
    if made.tubes[a] > 0:
        return
    extent, centre, numbers = (made.extent[a, 0], made.extent[a, 1]), made.rows[a, :3], made.rows[a, 3:]
    if made.groups[made.group[a]].species == MITOCHONDRION:
        made.tubes[a] = shape_mitochondrion(
            centre, numbers, extent, made.sizes, made.nodes[a], made.radii[a], made.side[a]
        )
    else:
        made.tubes[a] = shape_body(centre, numbers, extent, made.nodes[a], made.radii[a], made.side[a])
    for t in range(made.tubes[a]):
        bounds(made.nodes[a, t], made.radii[a, t], made.low[a, t], made.high[a, t])
