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
from mitogen.geometry.jit import compiled
from mitogen.geometry.point_process import Box

FACES = 28
"""How many neighbours of a cell are kept, the nearest planes first: more than ever bound one."""
TILE, POOL = 16, 128
"""Edges of the tiles of pixels for which sites that are too far away are sorted out; first large ones, then small."""
_RING = 2
"""Neighbours lie at most so many nodes away."""
_NOT_YET = -2
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
        shape: (3,) int64 how many nodes the table holds along each axis.
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

    shape: NDArray[np.int64]
    centre: NDArray[np.float64]
    weight: NDArray[np.float64]
    key: NDArray[np.uint64]
    faces: NDArray[np.void]
    keep: float
    more: NDArray[np.float64]
    rounding: NDArray[np.float64]
    filled: NDArray[np.bool_]
    flat: bool


class Bodies(NamedTuple):
    """What the pixels of one section see of bodies; every array (Y, X).

    Attributes:
        distance: float32 signed distance in nm to the nearest body, large where none is within reach.
        nearest: int64 which body that is, -1 where none is within reach.
        normal: three float32 arrays: its surface's outward normal in the coordinates of the packing.
    """

    distance: FloatArray
    nearest: NDArray[np.int64]
    normal: tuple[FloatArray, FloatArray, FloatArray]


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
    faces["below"] = 1e9
    faces["other"] = -1
    faces["other"][:, 0] = _NOT_YET
    rounding = np.full(count, rounding_nm)
    filled = np.ones(count, np.bool_)
    return Packing(last - first + 1, centre, weight, key, faces, keep_nm, np.zeros(count), rounding, filled, flat)


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
    if packing.faces[n, 0].other != _NOT_YET:
        return
    packing.faces[n, 0].other = -1
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


@compiled
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
    for p in range(len(points)):
        least = 1e18
        for n in range(len(packing.weight)):
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


@compiled
def below_faces(
    faces: NDArray[np.void], n: int, aside: tuple[float, float, float], more: float, rounding: float,
    gradient: NDArray[np.float64],
) -> tuple[float, float]:  # fmt: skip
    """How a point lies below the faces of site `n`, each moved inwards by its `keep` and `more` nm.

    Args:
        faces: (N, F) see `FACE`.
        n: the site, whose faces are made.
        aside: where the point lies beside the site, in nm.
        more: how much further than `keep` the faces are moved.
        rounding: radius of rounded edges.
        gradient: (3,), filled with the sum of the normals, each times what is lacking.

    Returns:
        The sum of the squares of what is lacking to `rounding` below each face, and the least depth in nm: what
        `rounded_depth` needs.
    """
    squares, least = 0.0, 1e9
    a, b, c = aside
    away = np.sqrt(a * a + b * b + c * c) + rounding + more
    g0 = g1 = g2 = 0.0
    for f in range(FACES):
        face = faces[n, f]
        # Faces further on are out of reach.
        if face.other < 0 or face.below - face.keep > away:
            break
        depth = face.below - face.keep - more + face.n0 * a + face.n1 * b + face.n2 * c
        lacking = rounding - depth
        least = min(least, depth)
        if lacking > 0:
            squares += lacking * lacking
            g0 += lacking * face.n0
            g1 += lacking * face.n1
            g2 += lacking * face.n2
    gradient[0], gradient[1], gradient[2] = g0, g1, g2
    return squares, least


@compiled
def rounded_depth(squares: float, least: float, rounding: float) -> float:
    """Depth in nm below the surface of a convex body whose edges are rounded with a radius of `rounding`."""
    return float(rounding - np.sqrt(squares)) if squares > 0 else least


@compiled
def depth_in_cell(
    faces: NDArray[np.void], n: int, aside: tuple[float, float, float], shape: tuple[float, float], border: float,
    gradient: NDArray[np.float64],
) -> float:  # fmt: skip
    """Depth in nm of a point below the surface of the body in cell `n`.

    Args:
        faces: (N, F) see `FACE`.
        n: the cell, whose faces are made.
        aside: where the point lies beside the site, in nm.
        shape: `more` and `rounding` of the body.
        border: how deep the point lies in whatever holds all bodies, in nm.
        gradient: (3,), filled with the inward direction, as far as faces give it.
    """
    more, rounding = shape
    squares, least = below_faces(faces, n, aside, more, rounding, gradient)
    if border < rounding:
        squares, least = squares + (rounding - border) ** 2, min(least, border)
    return rounded_depth(squares, least, rounding)


@compiled
def cut_bodies(
    packing: Packing, owner: NDArray[np.int64], coordinates: Coordinates, border: FloatArray, reach: float
) -> Bodies:  # fmt: skip
    """Find the nearest body of each pixel (Y, X).

    Args:
        packing: the cells and what is in them.
        owner: (Y, X) the cell of each pixel, see `owners`.
        coordinates: of the pixels.
        border: (Y, X) how deep each pixel lies in whatever holds all bodies, in nm.
        reach: how far outside bodies pixels know of them.
    """
    first, second, third = coordinates
    bodies = no_bodies(owner.shape)
    gradient, best = np.empty(3), np.zeros(3)
    centre, faces, filled = packing.centre, packing.faces, packing.filled
    more, rounding, flat = packing.more, packing.rounding, packing.flat
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            n, edge = owner[i, j], np.float64(border[i, j])
            if faces[n, 0].other == _NOT_YET:
                make_faces(packing, n)
            closest, found = reach, -1
            a = 0.0 if flat else first[i, j] - centre[n, 0]
            b, c = second[i, j] - centre[n, 1], third[i, j] - centre[n, 2]
            away = np.sqrt(a * a + b * b + c * c) + reach
            # The pixel's own cell first, then those whose bodies it may lie close to.
            for f in range(-1, FACES):
                other = n
                if f >= 0:
                    face = faces[n, f]
                    other = face.other
                    if other < 0 or closest < 0 or face.below > away:
                        break
                    if not filled[other] or face.below + face.n0 * a + face.n1 * b + face.n2 * c > reach:
                        continue
                    if faces[other, 0].other == _NOT_YET:
                        make_faces(packing, other)
                if filled[other]:
                    aside = (
                        0.0 if flat else first[i, j] - centre[other, 0], second[i, j] - centre[other, 1],
                        third[i, j] - centre[other, 2],
                    )  # fmt: skip
                    depth = depth_in_cell(faces, other, aside, (more[other], rounding[other]), edge, gradient)
                    if -depth < closest:
                        closest, found = -depth, other
                        best[0], best[1], best[2] = gradient[0], gradient[1], gradient[2]
            if found >= 0:
                note(bodies, i, j, closest, found, best)
    return bodies


@compiled
def note(bodies: Bodies, i: int, j: int, distance: float, nearest: int, inward: NDArray[np.float64]) -> None:
    """Note what a pixel sees; `inward` (3,) need not have length 1."""
    bodies.distance[i, j], bodies.nearest[i, j] = distance, nearest
    norm = -max(np.sqrt(inward[0] ** 2 + inward[1] ** 2 + inward[2] ** 2), 1e-6)
    n0, n1, n2 = bodies.normal
    n0[i, j], n1[i, j], n2[i, j] = inward[0] / norm, inward[1] / norm, inward[2] / norm


@compiled
def no_bodies(shape: tuple[int, int]) -> Bodies:
    """What pixels (Y, X) see where there is no body."""
    normal = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    return Bodies(np.full(shape, 1e6, np.float32), np.full(shape, -1), normal)


@compiled
def cut_cells(
    packing: Packing, owner: NDArray[np.int64], coordinates: Coordinates
) -> tuple[NDArray[np.int64], Bodies]:  # fmt: skip
    """Find the cell beyond the nearest face of each pixel, and how deep it lies in the body of its own cell.

    Args:
        packing: the cells, each of which holds a body.
        owner: (Y, X) the cell of each pixel, see `owners`.
        coordinates: of the pixels.

    Returns:
        (Y, X) the cell beyond, and what pixels see of the body in their own cell.
    """
    first, second, third = coordinates
    bodies = no_bodies(owner.shape)
    beyond = np.empty(owner.shape, np.int64)
    gradient = np.empty(3)
    centre, faces, flat, rounding, more = packing.centre, packing.faces, packing.flat, packing.rounding, packing.more
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            n = owner[i, j]
            if faces[n, 0].other == _NOT_YET:
                make_faces(packing, n)
            a = 0.0 if flat else first[i, j] - centre[n, 0]
            b, c = second[i, j] - centre[n, 1], third[i, j] - centre[n, 2]
            away = np.sqrt(a * a + b * b + c * c)
            least, near = 1e18, 0
            for f in range(FACES):
                face = faces[n, f]
                if face.other < 0 or face.below - away > least:
                    break
                depth = face.below + face.n0 * a + face.n1 * b + face.n2 * c
                if depth < least:
                    least, near = depth, f
            face = faces[n, near]
            beyond[i, j] = face.other
            depth = least - face.keep - more[n]
            gradient[0], gradient[1], gradient[2] = face.n0, face.n1, face.n2
            # Deep inside, where nothing is rounded, the nearest face decides.
            if depth < rounding[n]:
                depth = depth_in_cell(faces, n, (a, b, c), (more[n], rounding[n]), 1e9, gradient)
            note(bodies, i, j, -depth, n, gradient)
    return beyond, bodies


def distances_at(packing: Packing, points: NDArray[np.float64], reach_nm: float) -> FloatArray:
    """Distance (N,) of points (N, 3) from the nearest body in nm, negative inside; large beyond `reach_nm`."""
    border = np.full((len(points), 1), 1e9, np.float32)
    return cut_bodies(packing, owners_at(packing, points)[:, None], columns_of(points), border, reach_nm).distance[:, 0]


def columns_of(points: NDArray[np.float64]) -> Coordinates:
    """Points (N, 3) as three arrays (N, 1), as if they were an image."""
    s, u, v = (np.ascontiguousarray(column[:, None], np.float32) for column in points.T)
    return s, u, v
