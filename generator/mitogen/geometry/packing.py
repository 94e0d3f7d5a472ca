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
TILE = 16
"""Edge of the tiles of pixels for which sites that are too far away are sorted out."""
_RING = 2
"""Neighbours lie at most so many nodes away."""
_NOT_YET = -2
"""Stands for the first neighbour of a site whose planes nobody asked for."""


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
    """The cells of a diagram around a box; N sites with F planes each, which are made when they are needed.

    Attributes:
        shape: (3,) int64 how many nodes the table holds along each axis.
        centre: (N, 3) float64 the sites in nm.
        weight: (N,) float64 in nm2.
        key: (N,) uint64 names each site, whatever box it was found in.
        normal: (N, F, 3) float64 unit normals of the planes, pointing into the cell.
        offset: (N, F) float64 how far the site lies below each plane in nm, in ascending order.
        other: (N, F) int64 index of the site beyond each plane, -1 for none.
        flat: whether the first coordinate is ignored.
    """

    shape: NDArray[np.int64]
    centre: NDArray[np.float64]
    weight: NDArray[np.float64]
    key: NDArray[np.uint64]
    normal: NDArray[np.float64]
    offset: NDArray[np.float64]
    other: NDArray[np.int64]
    flat: bool


class Inset(NamedTuple):
    """How far the bodies in N cells stay off their faces.

    Attributes:
        keep: (N, F) float64 from each face, in nm.
        more: (N,) float64 from every face of a cell beyond that.
        rounding: (N,) float64 radius of rounded edges in nm.
    """

    keep: NDArray[np.float64]
    more: NDArray[np.float64]
    rounding: NDArray[np.float64]


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


def pack(lattice: Lattice, box_nm: Box) -> Packing:
    """Find the sites whose cells may reach into a box, and their neighbours."""
    flat = bool(lattice.spacing_nm[0] <= 0)
    spacing = np.where(lattice.spacing_nm > 0, lattice.spacing_nm, 1.0)
    # Cells reach a spacing or two from their nodes, and their neighbours lie in a ring around them.
    first = np.floor(box_nm[0] / spacing).astype(np.int64) - 1 - _RING
    last = np.floor(box_nm[1] / spacing).astype(np.int64) + 1 + _RING
    if flat:
        first[0] = last[0] = 0
    centre, weight, key = _sites(lattice, first, last, flat)
    count = len(weight)
    other = np.full((count, FACES), -1)
    other[:, 0] = _NOT_YET
    normal, offset = np.zeros((count, FACES, 3)), np.full((count, FACES), 1e9)
    return Packing(last - first + 1, centre, weight, key, normal, offset, other, flat)


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
def make_planes(packing: Packing, n: int) -> None:
    """Find the planes of site `n`, if nobody did before."""
    if packing.other[n, 0] != _NOT_YET:
        return
    packing.other[n, 0] = -1
    depth, height, width = packing.shape[0], packing.shape[1], packing.shape[2]
    i, j, k = n // (height * width), n // width % height, n % width
    ring = 0 if packing.flat else _RING
    for a in range(max(i - ring, 0), min(i + ring + 1, depth)):
        for b in range(max(j - _RING, 0), min(j + _RING + 1, height)):
            for c in range(max(k - _RING, 0), min(k + _RING + 1, width)):
                m = (a * height + b) * width + c
                if m != n:
                    _add_plane(packing, n, m)


@compiled
def _add_plane(packing: Packing, n: int, m: int) -> None:
    """Put the plane between sites `n` and `m` among the nearest of `n`, if it is one of them."""
    centre, offset, other, normal = packing.centre, packing.offset[n], packing.other[n], packing.normal[n]
    squared = 0.0
    for axis in range(3):
        squared += (centre[n, axis] - centre[m, axis]) ** 2
    distance = max(np.sqrt(squared), 1e-6)
    below = (squared + packing.weight[n] - packing.weight[m]) / (2 * distance)
    if below >= offset[-1]:
        return
    at = FACES - 1
    while at > 0 and offset[at - 1] > below:
        offset[at], other[at] = offset[at - 1], other[at - 1]
        normal[at] = normal[at - 1]
        at -= 1
    offset[at], other[at] = below, m
    for axis in range(3):
        normal[at, axis] = (centre[n, axis] - centre[m, axis]) / distance


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
    some = np.empty(len(packing.weight), np.int64)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            tile = (first[top:bottom, left:right], second[top:bottom, left:right], third[top:bottom, left:right])
            near = _rivals(packing, tile, some)
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
def _rivals(packing: Packing, tile: tuple[FloatArray, FloatArray, FloatArray], some: NDArray[np.int64]) -> int:
    """Put the sites that may hold a pixel of a tile into `some`, and count them."""
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
    for n in range(len(packing.weight)):
        middle = power(packing, n, a, b, c)
        best = min(best, middle + 2 * spread * np.sqrt(max(middle + packing.weight[n], 0.0)))
    near = 0
    best += spread * spread
    for n in range(len(packing.weight)):
        middle = power(packing, n, a, b, c)
        if middle - 2 * spread * np.sqrt(max(middle + packing.weight[n], 0.0)) <= best:
            some[near] = n
            near += 1
    return near


@compiled
def below_faces(
    packing: Packing, n: int, point: tuple[float, float, float], keep: NDArray[np.float64], more: float,
    rounding: float, gradient: NDArray[np.float64],
) -> tuple[float, float]:  # fmt: skip
    """How a point lies below the planes of site `n`, each moved inwards by `keep` (N, F) and `more` nm.

    Returns:
        The sum of the squares of what is lacking to `rounding` below each plane, and the least depth in nm: what
        `rounded_depth` needs. `gradient` (3,) becomes the sum of the normals, each times what is lacking.
    """
    squares, least = 0.0, 1e9
    offset, normal, other = packing.offset, packing.normal, packing.other
    a = 0.0 if packing.flat else point[0] - packing.centre[n, 0]
    b, c = point[1] - packing.centre[n, 1], point[2] - packing.centre[n, 2]
    away = np.sqrt(a * a + b * b + c * c) + rounding + more
    gradient[0] = gradient[1] = gradient[2] = 0.0
    for f in range(FACES):
        # Planes further on are out of reach.
        if other[n, f] < 0 or offset[n, f] - keep[n, f] > away:
            break
        depth = offset[n, f] - keep[n, f] - more + normal[n, f, 0] * a + normal[n, f, 1] * b + normal[n, f, 2] * c
        lacking = rounding - depth
        least = min(least, depth)
        if lacking > 0:
            squares += lacking * lacking
            gradient[0] += lacking * normal[n, f, 0]
            gradient[1] += lacking * normal[n, f, 1]
            gradient[2] += lacking * normal[n, f, 2]
    return squares, least


@compiled
def rounded_depth(squares: float, least: float, rounding: float) -> float:
    """Depth in nm below the surface of a convex body whose edges are rounded with a radius of `rounding`."""
    return float(rounding - np.sqrt(squares)) if squares > 0 else least


@compiled
def depth_in_cell(
    packing: Packing, inset: Inset, n: int, point: tuple[float, float, float], border: float,
    gradient: NDArray[np.float64],
) -> float:  # fmt: skip
    """Depth in nm of a point below the surface of the body in cell `n`.

    Args:
        packing: the cells.
        inset: how far bodies stay off their faces.
        n: the cell.
        point: its coordinates in nm.
        border: how deep the point lies in whatever holds all bodies, in nm.
        gradient: (3,), filled with the inward direction, as far as faces give it.
    """
    rounding = inset.rounding[n]
    squares, least = below_faces(packing, n, point, inset.keep, inset.more[n], rounding, gradient)
    if border < rounding:
        squares, least = squares + (rounding - border) ** 2, min(least, border)
    return rounded_depth(squares, least, rounding)


@compiled
def cut_bodies(
    packing: Packing, inset: Inset, filled: NDArray[np.bool_], owner: NDArray[np.int64],
    coordinates: tuple[FloatArray, FloatArray, FloatArray], border: FloatArray, reach: float,
) -> Bodies:  # fmt: skip
    """Find the nearest body of each pixel (Y, X).

    Args:
        packing: the cells.
        inset: how far bodies stay off their faces.
        filled: (N,) which cells hold one.
        owner: (Y, X) the cell of each pixel, see `owners`.
        coordinates: three arrays (Y, X) in nm.
        border: (Y, X) how deep each pixel lies in whatever holds all bodies, in nm.
        reach: how far outside bodies pixels know of them.
    """
    first, second, third = coordinates
    bodies = no_bodies(owner.shape)
    n0, n1, n2 = bodies.normal
    gradient, best = np.empty(3), np.zeros(3)
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            point = np.float64(first[i, j]), np.float64(second[i, j]), np.float64(third[i, j])
            n, edge = owner[i, j], np.float64(border[i, j])
            make_planes(packing, n)
            closest, found = reach, -1
            # The pixel's own cell first, then those whose bodies it may lie close to.
            for f in range(-1, FACES):
                other = n
                if f >= 0:
                    other = packing.other[n, f]
                    if other < 0 or closest < 0:
                        break
                    if not filled[other] or beyond(packing, n, f, point) > reach:
                        continue
                    make_planes(packing, other)
                if filled[other]:
                    depth = depth_in_cell(packing, inset, other, point, edge, gradient)
                    if -depth < closest:
                        closest, found = -depth, other
                        best[:] = gradient
            if found >= 0:
                bodies.distance[i, j], bodies.nearest[i, j] = closest, found
                norm = max(np.sqrt(best[0] ** 2 + best[1] ** 2 + best[2] ** 2), 1e-6)
                n0[i, j], n1[i, j], n2[i, j] = -best[0] / norm, -best[1] / norm, -best[2] / norm
    return bodies


@compiled
def no_bodies(shape: tuple[int, int]) -> Bodies:
    """What pixels (Y, X) see where there is no body."""
    normal = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    return Bodies(np.full(shape, 1e6, np.float32), np.full(shape, -1), normal)


@compiled
def beyond(packing: Packing, n: int, f: int, point: tuple[float, float, float]) -> float:
    """Depth in nm of a point below plane `f` of site `n`, hence its distance from the cell beyond it at least."""
    normal, centre = packing.normal, packing.centre
    depth = packing.offset[n, f]
    depth += normal[n, f, 1] * (point[1] - centre[n, 1]) + normal[n, f, 2] * (point[2] - centre[n, 2])
    return float(depth if packing.flat else depth + normal[n, f, 0] * (point[0] - centre[n, 0]))


@compiled
def cells_of(
    packing: Packing, inset: Inset, owner: NDArray[np.int64], coordinates: tuple[FloatArray, FloatArray, FloatArray],
) -> tuple[NDArray[np.int64], Bodies]:  # fmt: skip
    """Find the cell beyond the nearest face of each pixel, and how deep it lies in the body of its own cell.

    Args:
        packing: the cells, all of which hold a body.
        inset: how far bodies stay off their faces.
        owner: (Y, X) the cell of each pixel, see `owners`.
        coordinates: three arrays (Y, X) in nm.

    Returns:
        (Y, X) the cell beyond, and what pixels see of the body in their own cell.
    """
    first, second, third = coordinates
    bodies = no_bodies(owner.shape)
    next_one = np.empty(owner.shape, np.int64)
    gradient = np.empty(3)
    for i in range(owner.shape[0]):
        for j in range(owner.shape[1]):
            point = np.float64(first[i, j]), np.float64(second[i, j]), np.float64(third[i, j])
            n = owner[i, j]
            make_planes(packing, n)
            least, near = 1e18, 0
            for f in range(FACES):
                if packing.other[n, f] < 0:
                    break
                depth = beyond(packing, n, f, point)
                if depth < least:
                    least, near = depth, f
            next_one[i, j] = packing.other[n, near]
            depth = depth_in_cell(packing, inset, n, point, 1e9, gradient)
            bodies.distance[i, j], bodies.nearest[i, j] = -depth, n
            norm = np.sqrt(gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2)
            for axis in range(3):
                # Deep inside, where nothing is rounded, the nearest face decides.
                inward = gradient[axis] / norm if norm > 0 else packing.normal[n, near, axis]
                bodies.normal[axis][i, j] = -inward
    return next_one, bodies


def distances_at(
    packing: Packing, inset: Inset, filled: NDArray[np.bool_], points: NDArray[np.float64], reach_nm: float
) -> FloatArray:
    """Distance (N,) of points (N, 3) from the nearest body in nm, negative inside; large beyond `reach_nm`."""
    s, u, v = (np.ascontiguousarray(column[:, None], np.float32) for column in points.T)
    border = np.full((len(points), 1), 1e9, np.float32)
    owner = owners_at(packing, points)[:, None]
    return cut_bodies(packing, inset, filled, owner, (s, u, v), border, reach_nm).distance[:, 0]
