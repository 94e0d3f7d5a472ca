"""Which of the things scattered at random stay, so that none overlaps another, wherever one looks from.

Candidates come in an order of their own: each has a priority, and loses against a rival, one that is too close, with a
lower number. In a first round those without a lower rival are kept, and their other rivals go. This is Matérn's second
hard-core process (Matérn, Spatial Variation, 1960). A second round does the same among those that are left, which is on
the way to random sequential adsorption, where everything is placed that fits (Huber and Wolpert, Advances in Applied
Probability 41, 2009); but while there, what stays at one spot may depend on what is anywhere, here it depends on a few
rivals of rivals only. A window that is wide enough therefore decides the fate of all that can be seen in it exactly,
and whoever needs a fate that is still open looks at a wider window.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mitogen.grid import FloatArray
from mitogen.kernels import compiled
from mitogen.shapes import Tubes

Box = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lower and upper corner (z, y, x) in nm."""


class Fate(IntEnum):
    """Whether a candidate stays; `OPEN` where that depends on what lies outside the window."""

    OPEN = -1
    OUT = 0
    KEPT = 1


@dataclass(frozen=True, eq=False)
class Candidates:
    """Bodies that were scattered without regard for one another; each is one tube, or several that are joined.

    Attributes:
        tubes: all tubes, T of them.
        body: (T,) int64 the body that each tube belongs to.
        centre: (B, 3) float64 the point (z, y, x) in nm from which each body was grown.
        box_nm: where all centres were looked for.
        largest_nm: no body of this kind, seen or not, reaches further from its centre.
        priority: (B,) float64 the lower wins.
    """

    tubes: Tubes
    body: NDArray[np.int64]
    centre: NDArray[np.float64]
    box_nm: Box
    largest_nm: float
    priority: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.centre)

    @property
    def reach_nm(self) -> NDArray[np.float64]:
        """(B,) how far each body reaches from its centre."""
        nodes = self.tubes.nodes.astype(np.float64) - self.centre[self.body, None]
        ends = np.max(np.sqrt(np.sum(nodes * nodes, axis=2)) + self.tubes.radii, axis=1, initial=0.0)
        reach = np.zeros(len(self))
        np.maximum.at(reach, self.body, ends)
        return reach


def settle(
    groups: list[Candidates], gap_nm: float, rounds: list[int], wanted: list[NDArray[np.bool_]]
) -> list[NDArray[np.int8]]:
    """Decide which candidates stay.

    Args:
        groups: the candidates; those of an earlier group win against all of a later one.
        gap_nm: smallest distance between two surfaces; negative values allow an overlap.
        rounds: for each group 1 or 2; after them, what has not been kept goes.
        wanted: for each group (B,) bool, whose fate is asked for; only their rivals and rivals of those are looked at.

    Returns:
        For each group (B,) int8 the `Fate` of every candidate; `OPEN` for those not asked for.
    """
    reach = [group.reach_nm for group in groups]
    doubtful = [np.zeros(len(group), np.bool_) for group in groups]
    for at, group in enumerate(groups):
        for winner in groups[: at + 1]:
            # A rival may lie where nobody looked.
            low, high = winner.box_nm
            inset = np.minimum(group.centre - low, high - group.centre).min(axis=1, initial=np.inf)
            doubtful[at] |= inset < reach[at] + winner.largest_nm + gap_nm
    rank = np.concatenate([np.full(len(group), at) for at, group in enumerate(groups)])
    sizes = np.cumsum([0, *(len(group) for group in groups)])
    body = np.concatenate([group.body + start for group, start in zip(groups, sizes, strict=False)])
    place = np.empty(len(rank), np.int64)
    place[np.lexsort((np.concatenate([group.priority for group in groups]), rank))] = np.arange(len(rank))
    fate = _fates(
        np.concatenate([group.tubes.nodes for group in groups]),
        np.concatenate([group.tubes.radii for group in groups]),
        body, np.argsort(body, kind="stable"), np.concatenate([group.centre for group in groups]),
        np.concatenate(reach), place, float(gap_nm), np.array(rounds)[rank], np.concatenate(doubtful),
        np.concatenate(wanted),
    )  # fmt: skip
    return list(np.split(fate, sizes[1:-1]))


def touching(tubes: Tubes, others: Tubes, gap_nm: float) -> NDArray[np.bool_]:
    """Which tubes (T,) come closer than `gap_nm` to one of the others."""
    both = Tubes(*(np.concatenate([getattr(t, part) for t in (tubes, others)]) for part in ("nodes", "radii", "side")))
    middle = both.nodes.mean(axis=1).astype(np.float64)
    found = Candidates(both, np.arange(len(both)), middle, (middle[:0], middle[:0]), 0.0, np.zeros(len(both)))
    return _near_others(both.nodes, both.radii, middle, found.reach_nm, len(tubes), float(gap_nm))


def nest(bodies: Tubes, trunks: Tubes, inner_nm: FloatArray, core_nm: FloatArray) -> NDArray[np.int8]:
    """How each body lies to each trunk: 0 outside, 1 within its cytoplasm, -1 across a border.

    Args:
        bodies: (T,) tubes.
        trunks: (R,) tubes.
        inner_nm: (R,) float32 depth under a trunk's surface where its cytoplasm begins.
        core_nm: (R,) float32 depth where its cytoplasm ends, at a nucleus for instance; 0 for no end.

    Returns:
        (T, R) int8.
    """
    return _nest(bodies.nodes, bodies.radii, trunks.nodes, trunks.radii, inner_nm, core_nm)


def deepest(trunks: Tubes, points_nm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index (N,) of the trunk in which each point (N, 3) lies deepest, and how deep in nm; negative outside all."""
    return _deepest(trunks.nodes, trunks.radii, points_nm.astype(np.float32))


@compiled
def _fates(
    nodes: FloatArray, radii: FloatArray, body: NDArray[np.int64], tube: NDArray[np.int64],
    centre: NDArray[np.float64], reach: NDArray[np.float64], place: NDArray[np.int64], gap: float,
    rounds: NDArray[np.int64], doubtful: NDArray[np.bool_], wanted: NDArray[np.bool_],
) -> NDArray[np.int8]:  # fmt: skip
    """Fates of the bodies that are wanted; `tube` lists the tubes body by body, `place` is each body's in the order."""
    count = len(centre)
    begin = np.zeros(count + 1, np.int64)
    for t in range(len(body)):
        begin[body[t] + 1] += 1
    for b in range(count):
        begin[b + 1] += begin[b]
    fate = np.full(count, -1, np.int8)
    # What is known after the first round: 0 no, 1 yes, -1 unknown, 2 not asked yet.
    kept, out = np.full(count, 2, np.int8), np.full(count, 2, np.int8)
    room = np.empty(count, np.int64)
    for a in range(count):
        if not wanted[a]:
            continue
        number = _find_rivals(nodes, radii, tube, begin, centre, reach, place, gap, a, room, count)
        rivals = room[:number].copy()
        kept[a] = 0 if number > 0 else (-1 if doubtful[a] else 1)
        if kept[a] == 1 or rounds[a] == 1:
            fate[a] = kept[a]
            continue
        # Kept in the second round if the first has put all rivals out, but not itself.
        second = -1 if doubtful[a] else 1
        for b in rivals:
            if out[b] == 2:
                out[b] = _is_out(nodes, radii, tube, begin, centre, reach, place, gap, b, doubtful, kept)
            if out[b] == 0:
                second = 0
                break
            if out[b] == -1:
                second = -1
        if second != 0:
            gone = _is_out(nodes, radii, tube, begin, centre, reach, place, gap, a, doubtful, kept)
            second = 0 if gone == 1 else (-1 if gone == -1 else second)
        fate[a] = second
    return fate


@compiled
def _is_out(
    nodes: FloatArray, radii: FloatArray, tube: NDArray[np.int64], begin: NDArray[np.int64],
    centre: NDArray[np.float64], reach: NDArray[np.float64], place: NDArray[np.int64], gap: float, b: int,
    doubtful: NDArray[np.bool_], kept: NDArray[np.int8],
) -> int:  # fmt: skip
    """Whether a rival of `b` is kept in the first round: 0 no, 1 yes, -1 unknown. Fills in `kept` on the way."""
    room = np.empty(len(centre), np.int64)
    one = np.empty(1, np.int64)
    out = -1 if doubtful[b] else 0
    for c in room[: _find_rivals(nodes, radii, tube, begin, centre, reach, place, gap, b, room, len(centre))]:
        if kept[c] == 2:
            rival = _find_rivals(nodes, radii, tube, begin, centre, reach, place, gap, c, one, 1)
            kept[c] = 0 if rival else (-1 if doubtful[c] else 1)
        if kept[c] == 1:
            return 1
        if kept[c] == -1:
            out = -1
    return out


@compiled
def _find_rivals(
    nodes: FloatArray, radii: FloatArray, tube: NDArray[np.int64], begin: NDArray[np.int64],
    centre: NDArray[np.float64], reach: NDArray[np.float64], place: NDArray[np.int64], gap: float, a: int,
    found: NDArray[np.int64], most: int,
) -> int:  # fmt: skip
    """Put up to `most` bodies that come before `a` and are too close to it into `found`, and count them."""
    number = 0
    for b in range(len(centre)):
        if place[b] >= place[a]:
            continue
        # The cheap test comes first: most pairs are far apart.
        near = reach[a] + reach[b] + gap
        dz, dy, dx = centre[a, 0] - centre[b, 0], centre[a, 1] - centre[b, 1], centre[a, 2] - centre[b, 2]
        if near < 0 or dz * dz + dy * dy + dx * dx > near * near:
            continue
        if _touch(nodes, radii, tube, begin, centre, reach, a, b, gap):
            found[number] = b
            number += 1
            if number == most:
                break
    return number


@compiled
def _near_others(
    nodes: FloatArray,
    radii: FloatArray,
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
    count: int,
    gap: float,
) -> NDArray[np.bool_]:
    """Which of the first `count` tubes touch one of the rest."""
    near = np.zeros(count, np.bool_)
    one = np.arange(len(centre))
    begin = np.arange(len(centre) + 1)
    for a in range(count):
        for b in range(count, len(centre)):
            far = reach[a] + reach[b] + gap
            dz, dy, dx = centre[a, 0] - centre[b, 0], centre[a, 1] - centre[b, 1], centre[a, 2] - centre[b, 2]
            if far < 0 or dz * dz + dy * dy + dx * dx > far * far:
                continue
            if _touch(nodes, radii, one, begin, centre, reach, a, b, gap):
                near[a] = True
                break
    return near


@compiled
def _touch(
    nodes: FloatArray, radii: FloatArray, tube: NDArray[np.int64], first: NDArray[np.int64],
    centre: NDArray[np.float64], reach: NDArray[np.float64], a: int, b: int, gap: float,
) -> bool:  # fmt: skip
    """Whether two bodies are closer than `gap`; spheres at the nodes of a tube and midway between them stand for it."""
    steps = radii.shape[1]
    for ta in tube[first[a] : first[a + 1]]:
        for n in range(2 * steps - 1):
            i, odd = n // 2, n % 2
            z = 0.5 * (nodes[ta, i, 0] + nodes[ta, i + odd, 0])
            y = 0.5 * (nodes[ta, i, 1] + nodes[ta, i + odd, 1])
            x = 0.5 * (nodes[ta, i, 2] + nodes[ta, i + odd, 2])
            own = 0.5 * (radii[ta, i] + radii[ta, i + odd]) + gap
            apart = (z - centre[b, 0]) ** 2 + (y - centre[b, 1]) ** 2 + (x - centre[b, 2]) ** 2
            if own + reach[b] < 0 or apart > (own + reach[b]) ** 2:
                continue
            for tb in tube[first[b] : first[b + 1]]:
                for m in range(2 * steps - 1):
                    j, odd = m // 2, m % 2
                    d = 0.25 * (
                        (2 * z - nodes[tb, j, 0] - nodes[tb, j + odd, 0]) ** 2
                        + (2 * y - nodes[tb, j, 1] - nodes[tb, j + odd, 1]) ** 2
                        + (2 * x - nodes[tb, j, 2] - nodes[tb, j + odd, 2]) ** 2
                    )
                    close = own + 0.5 * (radii[tb, j] + radii[tb, j + odd])
                    if close > 0 and d < close * close:
                        return True
    return False


@compiled
def _nest(
    nodes: FloatArray, radii: FloatArray, trunk_nodes: FloatArray, trunk_radii: FloatArray, inner: FloatArray,
    core: FloatArray,
) -> NDArray[np.int8]:  # fmt: skip
    """See `nest`; across is a body of which a node is on neither side, with some clearance where the trunk is stiff."""
    clear, clear_within, clear_core = np.float32(40), np.float32(25), np.float32(60)
    found = np.zeros((len(nodes), len(trunk_nodes)), np.int8)
    half = nodes.shape[1] // 2
    own = np.zeros(len(nodes))
    for t in range(len(nodes)):
        for n in range(nodes.shape[1]):
            own[t] = max(own[t], _far(nodes[t, n], nodes[t, half]) + radii[t, n])
    for r in range(len(trunk_nodes)):
        middle = trunk_nodes[r, trunk_nodes.shape[1] // 2]
        extent = 0.0
        for n in range(trunk_nodes.shape[1]):
            extent = max(extent, _far(trunk_nodes[r, n], middle) + trunk_radii[r, n])
        for t in range(len(nodes)):
            if _far(nodes[t, half], middle) > extent + own[t] + clear:
                continue
            outside = within = True
            for n in range(nodes.shape[1]):
                depth = _surface(nodes[t, n], trunk_nodes[r], trunk_radii[r])
                size = radii[t, n]
                # A plain membrane gives way to a body whose middle line stays on one side; myelin and nuclei do not.
                stiff = inner[r] > 0 or core[r] > 0
                outside = outside and depth > (size + clear if stiff else 0)
                within = within and depth < (-(size + clear_within + inner[r]) if stiff else 0)
                within = within and (core[r] == 0 or depth + core[r] > size + clear_core)
            if not outside:
                found[t, r] = 1 if within else -1
    return found


@compiled
def _far(a: FloatArray, b: FloatArray) -> float:
    return float(np.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2))


@compiled
def _surface(point: FloatArray, nodes: FloatArray, radii: FloatArray) -> float:
    """Signed distance in nm of a point from a tube's surface."""
    nearest = 1e9
    for n in range(len(nodes) - 1):
        squared = dot = 0.0
        for k in range(3):
            squared += (nodes[n + 1, k] - nodes[n, k]) ** 2
            dot += (point[k] - nodes[n, k]) * (nodes[n + 1, k] - nodes[n, k])
        t = min(max(dot / squared, 0.0), 1.0) if squared > 0 else 0.0
        apart = 0.0
        for k in range(3):
            apart += (point[k] - nodes[n, k] - t * (nodes[n + 1, k] - nodes[n, k])) ** 2
        nearest = min(nearest, np.sqrt(apart) - radii[n] - t * (radii[n + 1] - radii[n]))
    return nearest


@compiled
def _deepest(
    nodes: FloatArray, radii: FloatArray, points: FloatArray
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    trunk, depth = np.zeros(len(points), np.int64), np.full(len(points), -1e9)
    for p in range(len(points)):
        for r in range(len(nodes)):
            inside = -_surface(points[p], nodes[r], radii[r])
            if inside > depth[p]:
                trunk[p], depth[p] = r, inside
    return trunk, depth
