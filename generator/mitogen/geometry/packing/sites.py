"""Space shared out among the sites of a jittered lattice, and convex bodies with rounded edges within the shares.

The shares are the cells of a power diagram (Aurenhammer, SIAM Journal on Computing 16, 1987): a point belongs to the
site of least power, its squared distance less the site's weight. Cells are convex and bounded by planes, so the body of
all points that lie deep enough below every plane is convex too, hence one connected piece, and bodies never overlap.
That packs far more densely than random placement. A site depends on nothing but its place in the lattice.

A diagram may ignore the first coordinate: its cells are then columns along it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.hashing import mix, open_unit, place
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.point_process import Box

FACES = 28
"""How many neighbours of a cell are kept, the nearest planes first: more than ever bound one."""
TILE, POOL = 16, 128
"""Edges of the tiles of pixels for which sites that are too far away are sorted out; first large ones, then small."""
_RING = 2
"""Neighbours lie at most this many nodes away."""
NOT_YET = -2
"""Stands for the first neighbour of a site whose faces nobody asked for."""

FACE = np.dtype(
    [
        ("other", np.int64),  # index of the site beyond it, -1 for none
        ("below", np.float64),  # how far the site lies below it in nm
        ("n0", np.float64),  # unit normal, pointing into the cell
        ("n1", np.float64),
        ("n2", np.float64),
        ("keep", np.float64),  # how far bodies stay off it in nm
    ]
)
"""The plane between a site and another one."""


class Lattice(NamedTuple):
    """What the sites of a diagram follow.

    Attributes:
        key: names the lattice.
        spacing_nm: (3,) float64 distance of its nodes along each axis; 0 along the first for columns.
        jitter: how far sites stray from their nodes, in units of the spacing, 0 to 1.
        spread: scatter of the weights, relative to the squared spacing; large sites may swallow small ones.
    """

    key: np.uint64
    spacing_nm: NDArray[np.float64]
    jitter: float
    spread: float


class Packing(NamedTuple):
    """The cells of a diagram around a box, and the bodies in them; N sites.

    Attributes:
        first: (3,) int64 the first node of the table along each axis.
        shape: (3,) int64 how many nodes it holds.
        spacing_nm: (3,) float64 distance of the nodes along each axis.
        centre: (N, 3) float64 the sites in nm; 0 along a coordinate that is ignored.
        weight: (N,) float64 in nm2.
        key: (N,) uint64 names each site, whatever box it was found in.
        faces: (N, F) see `FACE`, the nearest first; they are made when they are needed.
        keep: how far bodies stay off the faces that are yet to be made, in nm.
        more: (N,) float64 how much further than `FACE.keep` a body stays off all faces, in nm.
        rounding: (N,) float64 radius in nm of its rounded edges.
        filled: (N,) bool, which cells hold a body.
        flat: whether the first coordinate is ignored.
    """

    first: NDArray[np.int64]
    shape: NDArray[np.int64]
    spacing_nm: NDArray[np.float64]
    centre: NDArray[np.float64]
    weight: NDArray[np.float64]
    key: NDArray[np.uint64]
    faces: NDArray[np.void]
    keep: float
    more: NDArray[np.float64]
    rounding: NDArray[np.float64]
    filled: NDArray[np.bool_]
    flat: bool


Coordinates = tuple[FloatArray, FloatArray, FloatArray]
"""Three arrays (Y, X) in nm: where the pixels of a section lie for a packing."""


def pack(lattice: Lattice, box_nm: Box, keep_nm: float = 0.0, rounding_nm: float = 0.0) -> Packing:
    """Find the sites whose cells may reach into a box, and fill all of them.

    Args:
        lattice: what they follow.
        box_nm: lower and upper corner in the coordinates of the packing.
        keep_nm: how far bodies stay off their faces.
        rounding_nm: radius of their rounded edges.
    """
    flat = bool(lattice.spacing_nm[0] <= 0)
    spacing = np.where(lattice.spacing_nm > 0, lattice.spacing_nm, 1.0)
    # Cells reach a spacing or two from their nodes, and their neighbours lie in a ring around them.
    first = np.floor(box_nm[0] / spacing).astype(np.int64) - 1 - _RING
    last = np.floor(box_nm[1] / spacing).astype(np.int64) + 1 + _RING
    if flat:
        first[0] = last[0] = 0
    centre, weight, key = _sites(lattice, first, last, flat)
    count = len(weight)
    faces = np.zeros((count, FACES), FACE)
    faces["other"][:, 0] = NOT_YET
    rounding = np.full(count, rounding_nm)
    filled = np.ones(count, np.bool_)
    return Packing(
        first,
        last - first + 1,
        lattice.spacing_nm,
        centre,
        weight,
        key,
        faces,
        keep_nm,
        np.zeros(count),
        rounding,
        filled,
        flat,
    )


@compiled
def _sites(
    lattice: Lattice, first: NDArray[np.int64], last: NDArray[np.int64], flat: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint64]]:
    shape = last - first + 1
    count = shape[0] * shape[1] * shape[2]
    centre, weight, key = np.empty((count, 3)), np.empty(count), np.empty(count, np.uint64)
    spacing = lattice.spacing_nm
    mean = spacing[1] * spacing[2] if flat else (spacing[0] * spacing[1] * spacing[2]) ** (2 / 3)
    n = 0
    for i in range(first[0], last[0] + 1):
        for j in range(first[1], last[1] + 1):
            for k in range(first[2], last[2] + 1):
                state = place(lattice.key, i, j, k)
                key[n] = state
                # Every other row is shifted by half a spacing.
                node = (float(i), j + 0.5 * (i & 1), k + 0.5 * (j & 1))
                for axis in range(3):
                    state = mix(state)
                    stray = lattice.jitter * (open_unit(state) - 0.5)
                    centre[n, axis] = (node[axis] + 0.5 + stray) * spacing[axis]
                weight[n] = lattice.spread * (open_unit(mix(state)) - 0.5) * mean
                n += 1
    return centre, weight, key


@compiled
def make_faces(packing: Packing, n: int) -> None:
    """Find the faces of site `n`, if nobody did before."""
    if packing.faces[n, 0].other != NOT_YET:
        return
    for f in range(FACES):
        face = packing.faces[n, f]
        face.other = -1
        face.below = 1e9
    depth, height, width = packing.shape[0], packing.shape[1], packing.shape[2]
    i, j, k = n // (height * width), n // width % height, n % width
    ring = 0 if packing.flat else _RING
    for a in range(max(i - ring, 0), min(i + ring + 1, depth)):
        for b in range(max(j - _RING, 0), min(j + _RING + 1, height)):
            for c in range(max(k - _RING, 0), min(k + _RING + 1, width)):
                m = (a * height + b) * width + c
                if m != n:
                    _add_face(packing, n, m)


@compiled
def _add_face(packing: Packing, n: int, m: int) -> None:
    """Put the plane between sites `n` and `m` among the nearest of `n`, if it is one of them."""
    centre, faces = packing.centre, packing.faces
    d0, d1, d2 = centre[n, 0] - centre[m, 0], centre[n, 1] - centre[m, 1], centre[n, 2] - centre[m, 2]
    distance = max(np.sqrt(d0 * d0 + d1 * d1 + d2 * d2), 1e-6)
    below = (distance * distance + packing.weight[n] - packing.weight[m]) / (2 * distance)
    at = FACES
    while at > 0 and faces[n, at - 1].below > below:
        at -= 1
        if at + 1 < FACES:
            faces[n, at + 1] = faces[n, at]
    if at < FACES:
        face = faces[n, at]
        face.other, face.below, face.keep = m, below, packing.keep
        face.n0, face.n1, face.n2 = d0 / distance, d1 / distance, d2 / distance


@inlined
def power(packing: Packing, n: int, a: float, b: float, c: float) -> float:
    """Power in nm2 of a point with respect to site `n`: the least decides whose cell it is in."""
    da, db, dc = a - packing.centre[n, 0], b - packing.centre[n, 1], c - packing.centre[n, 2]
    along = 0.0 if packing.flat else da * da
    return float(along + db * db + dc * dc - packing.weight[n])


@compiled
def owners(packing: Packing, first: FloatArray, second: FloatArray, third: FloatArray) -> NDArray[np.int64]:
    """Index (Y, X) of the site whose cell holds each pixel, which has the coordinates `first`, `second` and `third`.

    For tiles of pixels, sites that cannot be the nearest are sorted out first.
    """
    height, width = first.shape
    owner = np.empty((height, width), np.int64)
    every = np.arange(len(packing.weight))
    some, pool, pooled = np.empty_like(every), np.empty_like(every), 0
    for step in range(((height + POOL - 1) // POOL) * ((width + POOL - 1) // POOL) * (POOL // TILE) ** 2):
        # Tiles in the order of their pools, so that each pool is made once.
        number, within = step // (POOL // TILE) ** 2, step % (POOL // TILE) ** 2
        across = (width + POOL - 1) // POOL
        upper, lefter = number // across * POOL, number % across * POOL
        if within == 0:
            lower, righter = min(upper + POOL, height), min(lefter + POOL, width)
            large = (
                first[upper:lower, lefter:righter],
                second[upper:lower, lefter:righter],
                third[upper:lower, lefter:righter],
            )
            pooled = _rivals(packing, large, every, pool)
        top, left = upper + within // (POOL // TILE) * TILE, lefter + within % (POOL // TILE) * TILE
        bottom, right = min(top + TILE, height), min(left + TILE, width)
        if top < bottom and left < right:
            tile = (first[top:bottom, left:right], second[top:bottom, left:right], third[top:bottom, left:right])
            near = _rivals(packing, tile, pool[:pooled], some)
            for i in range(top, bottom):
                for j in range(left, right):
                    least = 1e18
                    for n in some[:near]:
                        own = power(packing, n, first[i, j], second[i, j], third[i, j])
                        if own < least:
                            least, owner[i, j] = own, n
    return owner


@compiled
def owners_at(packing: Packing, points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index (N,) of the site whose cell holds each point (N, 3)."""
    owner = np.empty(len(points), np.int64)
    first, shape, spacing = packing.first, packing.shape, packing.spacing_nm
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for p in range(len(points)):
        # The site of least power is that of a node close by.
        for axis in range(3):
            node = int(np.floor(points[p, axis] / max(spacing[axis], 1.0))) - first[axis]
            low[axis] = 0 if spacing[axis] <= 0 else min(max(node - _RING, 0), shape[axis] - 1)
            high[axis] = 0 if spacing[axis] <= 0 else min(max(node + _RING, 0), shape[axis] - 1)
        least = 1e18
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                for k in range(low[2], high[2] + 1):
                    n = (i * shape[1] + j) * shape[2] + k
                    own = power(packing, n, points[p, 0], points[p, 1], points[p, 2])
                    if own < least:
                        least, owner[p] = own, n
    return owner


@compiled
def _rivals(packing: Packing, tile: Coordinates, pool: NDArray[np.int64], some: NDArray[np.int64]) -> int:
    """Put the sites of `pool` that may hold a pixel of a tile into `some`, and count them."""
    first, second, third = tile
    i, j = first.shape[0] // 2, first.shape[1] // 2
    a, b, c = first[i, j], second[i, j], third[i, j]
    spread = 0.0
    for row in (0, first.shape[0] - 1):
        for column in (0, first.shape[1] - 1):
            away = (second[row, column] - b) ** 2 + (third[row, column] - c) ** 2
            spread = max(spread, away if packing.flat else away + (first[row, column] - a) ** 2)
    # Coordinates bend: a tile may reach a little further than its corners.
    spread = 1.1 * np.sqrt(spread) + 5.0
    best = 1e18
    for n in pool:
        middle = power(packing, n, a, b, c)
        best = min(best, middle + 2 * spread * np.sqrt(max(middle + packing.weight[n], 0.0)))
    near = 0
    best += spread * spread
    for n in pool:
        middle = power(packing, n, a, b, c)
        if middle - 2 * spread * np.sqrt(max(middle + packing.weight[n], 0.0)) <= best:
            some[near] = n
            near += 1
    return near
