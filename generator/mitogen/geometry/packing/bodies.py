"""Convex bodies with rounded edges in the cells of a packing: how pixels and points lie to them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled, inlined
from mitogen.geometry.packing.sites import FACES, NOT_YET, Coordinates, Packing, make_faces, owners_at


class BodyMap(NamedTuple):
    """What the pixels of one section see of bodies; every array (Y, X).

    Attributes:
        distance: float32 signed distance in nm to the nearest body, large where none is within reach.
        nearest: int64 which body that is, -1 where none is within reach.
        normal: three float32 arrays: its surface's outward normal in the coordinates of the packing.
    """

    distance: FloatArray
    nearest: NDArray[np.int64]
    normal: tuple[FloatArray, FloatArray, FloatArray]


@inlined
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


@inlined
def rounded_depth(squares: float, least: float, rounding: float) -> float:
    """Depth in nm below the surface of a convex body whose edges are rounded with a radius of `rounding`."""
    return float(rounding - np.sqrt(squares)) if squares > 0 else least


@inlined
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
) -> BodyMap:  # fmt: skip
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
            if faces[n, 0].other == NOT_YET:
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
                    if faces[other, 0].other == NOT_YET:
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


@inlined
def note(bodies: BodyMap, i: int, j: int, distance: float, nearest: int, inward: NDArray[np.float64]) -> None:
    """Note what a pixel sees; `inward` (3,) need not have length 1."""
    bodies.distance[i, j], bodies.nearest[i, j] = distance, nearest
    norm = -max(np.sqrt(inward[0] ** 2 + inward[1] ** 2 + inward[2] ** 2), 1e-6)
    n0, n1, n2 = bodies.normal
    n0[i, j], n1[i, j], n2[i, j] = inward[0] / norm, inward[1] / norm, inward[2] / norm


@compiled
def no_bodies(shape: tuple[int, int]) -> BodyMap:
    """What pixels (Y, X) see where there is no body."""
    normal = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    return BodyMap(np.full(shape, 1e6, np.float32), np.full(shape, -1), normal)


@compiled
def cut_cells(
    packing: Packing, owner: NDArray[np.int64], coordinates: Coordinates
) -> tuple[NDArray[np.int64], BodyMap]:  # fmt: skip
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
            if faces[n, 0].other == NOT_YET:
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


def oblique_plane(edge_nm: NDArray[np.float64], count: int) -> Coordinates:
    """Points (count, count) in three arrays on a plane that runs through a box from corner to corner, to measure it.

    Args:
        edge_nm: (3,) edges of the box.
        count: how many points there are along either side of the plane.
    """
    place = (np.arange(count) + 0.5) / count
    second, third = np.meshgrid(place, place, indexing="ij")
    first = (0.37 * second + 0.63 * third) * edge_nm[0]
    u, v = second * edge_nm[1], third * edge_nm[2]
    return first.astype(np.float32), u.astype(np.float32), v.astype(np.float32)


def points_of(coordinates: Coordinates) -> NDArray[np.float64]:
    """The points (N, 3) of three arrays."""
    return np.stack([array.ravel() for array in coordinates], axis=1).astype(np.float64)


def columns_of(points: NDArray[np.float64]) -> Coordinates:
    """Points (N, 3) as three arrays (N, 1), as if they were an image."""
    s, u, v = (np.ascontiguousarray(column[:, None], np.float32) for column in points.T)
    return s, u, v
